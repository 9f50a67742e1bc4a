"""Every error code in the source, with its exit status and its sentence."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import shopctl
from shopctl.core import errors

ROOT = Path(shopctl.__file__).parent
CLASSES: dict[str, type[errors.ShopError]] = {
    name: found
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, errors.ShopError)
}


def collect() -> list[dict[str, Any]]:
    """The errors by code and status; what several places raise is told once, with the first sentence."""
    found: dict[tuple[str, int], str] = {}
    for path in sorted(ROOT.rglob("*.py")):
        for code, status, sentence in _raised(ast.parse(path.read_text(encoding="utf-8"))):
            found[code, status] = found.get((code, status)) or sentence
    return [{"code": code, "exit_status": status, "message": found[code, status]} for code, status in sorted(found)]


def unnamed() -> list[str]:
    """Places that raise an error whose code cannot be read from the source: each must be a re-raise or a table's row."""
    return [
        f"{path.relative_to(ROOT)}: {ast.unparse(call)}"
        for path in sorted(ROOT.rglob("*.py"))
        for call in _calls(ast.parse(path.read_text(encoding="utf-8")))
        if call.args and _text(call.args[0]) is None
    ]


def _raised(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    for call in _calls(tree):
        code = _text(call.args[0]) if call.args else None
        if code:
            yield code, CLASSES[_name(call.func)].exit_status, _sentence(call.args[1:])
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "unknown" and node.args and (noun := _text(node.args[0])):
            yield f"unknown_{noun}", 2, f"There is no {noun} …"
        elif isinstance(node, ast.Tuple) and len(node.elts) == 3 and _name(node.elts[0]) in CLASSES:
            yield _text(node.elts[1]) or "", CLASSES[_name(node.elts[0])].exit_status, _sentence(node.elts[2:])
        elif isinstance(node, ast.Dict):  # what an order ended with, to be said again to whoever repeats its key
            parts = {_text(key): value for key, value in zip(node.keys, node.values, strict=True) if key}
            if "code" in parts and "message" in parts and (code := _text(parts["code"])):
                yield code, errors.Refused.exit_status, _sentence([parts["message"]])
            pairs = [value.elts for value in node.values if isinstance(value, ast.Tuple) and len(value.elts) == 2]
            for (
                left,
                right,
            ) in pairs:  # what a constraint of the database refuses (the summary of a noun ends with a stop)
                said = _text(right) or ""
                if (_text(left) or " ").isidentifier() and " " in said and not said.endswith("."):
                    yield _text(left) or "", errors.Refused.exit_status, _sentence([right])


def _calls(tree: ast.Module) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) in CLASSES]


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _sentence(args: list[ast.expr]) -> str:
    """The sentence as it is written, with … for what is filled in."""
    if not args:
        return ""
    if isinstance(args[0], ast.JoinedStr):
        return "".join(_text(part) or "…" for part in args[0].values)
    return _text(args[0]) or ""
