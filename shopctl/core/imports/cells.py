"""What one CSV cell means: formula quoting, words for yes and no, lists and mappings."""

from __future__ import annotations

import json
import re
from typing import Any

from shopctl.core.domain import text

_STARTS_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED_FORMULA = re.compile(r"'+[=+\-@\t\r]")
_NEEDS_QUOTES = re.compile(r'[",;\r\n\t]|^\s|\s$')
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; `unguarded` gives back exactly the cell."""
    return "'" + cell if _STARTS_FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    return cell[1:] if _QUOTED_FORMULA.match(cell) else cell


def csv_cell(text: str) -> str:
    """A cell as CSV has it, between quotes where it must be."""
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if _NEEDS_QUOTES.search(text) else text


def flag(cell: str) -> bool | str:
    """True or false for the words that mean it; any other text as it is, for validation to refuse."""
    word = cell.strip().casefold()
    return _FLAGS.get(word, cell)


def listed(cell: str) -> list[Any]:
    """A JSON array, or words between commas. ValueError for what begins like JSON and is none."""
    value = _json(cell)
    if value is None:
        return plain_list(cell)
    if not isinstance(value, list):
        raise ValueError("is a JSON object where a list belongs")
    return value


def plain_list(cell: str) -> list[str]:
    """Words between commas, trimmed, without the empty ones."""
    return [word for part in cell.split(",") if (word := part.strip())]


def mapped(cell: str) -> dict[str, Any]:
    """A JSON object, or `Size=M; Colour=Red`. ValueError for anything else, also for a name that stands twice."""
    value = _json(cell)
    if isinstance(value, list):
        raise ValueError("is a JSON list where names and values belong")
    if value is not None:
        return value
    pairs: list[tuple[str, Any]] = []
    for part in cell.split(";"):
        name, equals, content = part.partition("=")
        if equals:
            pairs.append((name.strip(), content.strip()))
        elif part.strip():
            raise ValueError(f"{part.strip()!r} is no name=value; write Size=M; Colour=Red")
    return _once(pairs)


def _json(cell: str) -> dict[str, Any] | list[Any] | None:
    if not cell.lstrip().startswith(("[", "{")):
        return None
    try:
        found: dict[str, Any] | list[Any] = json.loads(cell, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ValueError(f"begins like JSON and is none: {error}") from None
    except RecursionError:
        raise ValueError("nests too deeply") from None
    if "\\u" in cell and not text.is_text(found):
        raise ValueError("is not valid Unicode text")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the name {name!r} stands twice")
    return dict(pairs)
