"""What each command prints, read from its source: commands are thin, so what they render is what one core call returns.

The expression that a command gives to its Face or Output (`listed`, `show`, `do`, `each`, `many`, `one` …) is followed to the
core function it calls, whose return annotation mypy checks; dict literals name their fields themselves.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import inspect
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

from shopctl.core import verify
from shopctl.core.domain.money import Money
from shopctl.core.imports import report
from shopctl.core.imports.orders import report as orders_report
from shopctl.core.queries import timeline
from shopctl.core.queries.listing import Listing

_CLASHES: Mapping[Any, str] = {
    verify.Report: "Verification",
    report.Report: "ImportReport",
    timeline.Event: "OrderEvent",
    orders_report.Report: "OrdersReport",
}
"""Classes of the same name in two modules."""
RENDERS = {"listed": 0, "page": 1, "show": 0, "do": 0, "each": 2, "rows": 1, "many": 0, "one": 0, "whole": 0, "line": 0}
"""A method that renders → which of its arguments is what it renders."""
_WORDS: Mapping[Any, str] = {
    str: "text",
    int: "integer",
    bool: "true or false",
    float: "number",
    Money: "amount",
    datetime: "time",
    type(None): "null",
    Any: "any",
    object: "any",
}
Shape: TypeAlias = Mapping[str, Any]
"""Fields of something printed → their types, annotations or shapes themselves."""


@dataclasses.dataclass(frozen=True)
class Scope:
    """Where an expression stands: its module, and the functions and values that are called something around it."""

    module: types.ModuleType
    names: Mapping[str, ast.AST]

    def inside(self, function: ast.FunctionDef) -> Scope:
        return Scope(self.module, {**self.names, **_bound(function)})


def printed(callback: Callable[..., Any]) -> list[Any]:
    """The types that a command prints, in the order of its source; a Shape for a dict literal."""
    module = inspect.getmodule(callback)
    assert module is not None
    function = _definition(callback)
    found: list[Any] = []
    for kind in _rendered(function, Scope(module, {}).inside(function), {function.name}):
        if kind is not None and kind not in found:
            found.append(kind)
    return found


def returned(function: Callable[..., Any]) -> list[Any]:
    """The types that a function of the core returns."""
    return list(_row(_of_callable(function)))


def listing_of(callback: Callable[..., Any]) -> Listing[Any] | None:
    """The Listing that a command lists."""
    module = inspect.getmodule(callback)
    for call in _calls(_definition(callback)):
        if _method(call) == "listed":
            scope = Scope(module, _bound(_definition(callback)))  # type: ignore[arg-type]
            found = _object(call.args[0], scope)
            return found if isinstance(found, Listing) else None
    return None


def row_name(kind: Any, command: str) -> str:
    if isinstance(kind, Mapping):
        return "".join(word.capitalize() for word in command.replace("-", " ").split()) + "Result"
    return called(kind)


def called(kind: Any) -> str:
    """The name of a dataclass in the reference."""
    return _CLASHES.get(kind, kind.__name__)


def fields(kind: Any) -> dict[str, str]:
    """The fields of something printed, with the words for their types."""
    return {name: word(part) for name, part in parts(kind).items()}


def nested(kind: Any) -> Iterator[type]:
    """The dataclasses inside something printed, at any depth."""
    for part in parts(kind).values():
        for inner in _dataclasses(part):
            yield inner
            yield from nested(inner)


def word(kind: Any) -> str:
    """The words for a type."""
    if isinstance(kind, Mapping):
        return "object"
    if kind in _WORDS:
        return _WORDS[kind]
    if dataclasses.is_dataclass(kind):
        return called(kind)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(word(arg) for arg in args))
    if origin is typing.Literal:
        return "text"
    if origin and issubclass(origin, Mapping):
        return "object"
    if origin and issubclass(origin, Iterable):
        return f"list of {word(args[0])}" if args else "list"
    return "text" if isinstance(kind, type) and issubclass(kind, str) else "any"


# --- following a command to what it prints ------------------------------------------------------------------------------
def _rendered(function: ast.FunctionDef, scope: Scope, seen: set[str]) -> Iterator[Any]:
    for call in _calls(function):
        method = _method(call)
        if method in RENDERS and len(call.args) > RENDERS[method]:
            argument = call.args[RENDERS[method]]
            yield from _row(
                _returned(argument, scope) if method in ("show", "do", "each", "rows") else _kind(argument, scope)
            )
        elif isinstance(call.func, ast.Name) and _takes_face(call):
            helper = getattr(scope.module, call.func.id, None)
            if (
                inspect.isfunction(helper)
                and helper.__module__ == scope.module.__name__
                and helper.__name__ not in seen
            ):
                definition = _definition(helper)
                yield from _rendered(definition, Scope(scope.module, {}).inside(definition), {*seen, helper.__name__})


def _row(kind: Any) -> Iterator[Any]:
    """One of what is printed: a list's rows, each side of a union."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, Listing):
        yield from _row(_row_of(kind))
    elif isinstance(kind, Mapping) or dataclasses.is_dataclass(kind):
        yield kind
    elif origin in (typing.Union, types.UnionType) or (origin and not issubclass(origin, Mapping) and args):
        for arg in args if origin in (typing.Union, types.UnionType) else args[:1]:
            yield from _row(arg)


def _row_of(listing: Listing[Any]) -> Any:
    """The row type of a Listing: its annotation where it is made says it."""
    from shopctl.core import queries

    for name in queries_modules():
        module = getattr(queries, name)
        for variable, hint in _hints(module).items():
            if getattr(module, variable, None) is listing:
                return typing.get_args(hint)[0]
    raise LookupError("a Listing is a module's annotated constant")


def queries_modules() -> list[str]:
    import pkgutil

    from shopctl.core import queries

    return [module.name for module in pkgutil.iter_modules(queries.__path__)]


def _returned(node: ast.AST, scope: Scope) -> Any:
    """What a function given by name or as a lambda returns."""
    if isinstance(node, ast.Lambda):
        return _kind(node.body, scope)
    if isinstance(node, ast.Name) and isinstance(scope.names.get(node.id), ast.FunctionDef):
        return _of_function(scope.names[node.id], scope)  # type: ignore[arg-type]
    found = _object(node, scope)
    return _of_callable(found) if callable(found) else None


def _of_function(function: ast.FunctionDef, scope: Scope) -> Any:
    """What a function returns by its source: the first of its returns that says it."""
    inside = scope.inside(function)
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None and (found := _kind(node.value, inside)) is not None:
            return found
    return None


def _of_callable(found: Any) -> Any:
    """What an object returns by its annotation; a function that says no more than dict or object is read itself."""
    if isinstance(found, type):
        return found
    told = _hints(found).get("return")
    vague = told is object or told is Any or (typing.get_origin(told) is dict) or typing.get_origin(told) is Mapping
    if vague and inspect.isfunction(found):
        return _of_function(_definition(found), Scope(inspect.getmodule(found), {})) or told  # type: ignore[arg-type]
    return told


def _kind(node: ast.AST, scope: Scope, depth: int = 0) -> Any:
    """The type, the Shape or the Listing that an expression stands for; None when the source does not say."""
    if depth > 20:
        return None
    match node:
        case ast.Dict():
            return _shape(node, scope, depth)
        case ast.BinOp(op=ast.BitOr()):
            return {**parts(_kind(node.left, scope, depth + 1)), **parts(_kind(node.right, scope, depth + 1))}
        case ast.GeneratorExp() | ast.ListComp():
            element = _kind(node.elt, scope, depth + 1)
            return element if element is None or isinstance(element, Mapping) else list[element]  # type: ignore[valid-type]
        case ast.IfExp():
            return _kind(node.body, scope, depth + 1) or _kind(node.orelse, scope, depth + 1)
        case ast.Starred():
            return next(_row(_kind(node.value, scope, depth + 1)), None)
        case ast.Constant():
            return type(node.value)
        case ast.JoinedStr():
            return str
        case ast.Call():
            return _of_call(node, scope, depth)
        case ast.Name() if node.id in scope.names:
            bound = scope.names[node.id]
            if isinstance(bound, ast.arg):
                found = _object(bound.annotation, scope) if bound.annotation else None
                return found if isinstance(found, type) else None
            return None if isinstance(bound, ast.FunctionDef) else _kind(bound, scope, depth + 1)
        case ast.Name():
            return type(_object(node, scope)) if _object(node, scope) is not None else None
        case ast.Compare():
            return bool
        case ast.Attribute():
            found = _object(node, scope)
            if found is not None:
                return found if isinstance(found, Listing) else type(found)
            return parts(_kind(node.value, scope, depth + 1)).get(node.attr)
    return None


def _of_call(node: ast.Call, scope: Scope, depth: int) -> Any:
    if isinstance(node.func, ast.Name):
        if node.func.id in ("plain", "dict", "list", "sorted", "asdict") and node.args:
            return _kind(node.args[0], scope, depth + 1)
        if isinstance(function := scope.names.get(node.func.id), ast.FunctionDef):
            return _of_function(function, scope)
    found = _object(node.func, scope)
    return _of_callable(found) if callable(found) else None


def _shape(node: ast.Dict, scope: Scope, depth: int) -> Shape:
    found: dict[str, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            found |= parts(_kind(value, scope, depth + 1))
        elif isinstance(key, ast.Constant):
            found[str(key.value)] = _kind(value, scope, depth + 1) or Any
    return found


def parts(kind: Any) -> dict[str, Any]:
    if isinstance(kind, Mapping):
        return dict(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    return {}


def _dataclasses(kind: Any) -> Iterator[type]:
    if kind is not Money and dataclasses.is_dataclass(kind) and isinstance(kind, type):
        yield kind
    for arg in typing.get_args(kind):
        yield from _dataclasses(arg)


# --- reading source -------------------------------------------------------------------------------------------------------
@cache
def _hints(thing: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(thing)
    except NameError:  # a name that only mypy imports
        return {}


def _definition(function: Callable[..., Any]) -> ast.FunctionDef:
    found = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body[0]
    assert isinstance(found, ast.FunctionDef)
    return found


def _bound(function: ast.FunctionDef) -> dict[str, ast.AST]:
    """What is called something in a function: its parameters, its inner functions, the last value of each name."""
    parameters = (*function.args.args, *function.args.kwonlyargs)
    found: dict[str, ast.AST] = {parameter.arg: parameter for parameter in parameters}
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef) and node is not function:
            found[node.name] = node
        elif isinstance(node, ast.comprehension) and isinstance(node.target, ast.Name):
            found[node.target.id] = ast.Starred(node.iter)  # one of what is gone through
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: node for alias in node.names}
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                found |= {name.id: value for name, value in pairs if isinstance(name, ast.Name)}
    return found


def _calls(function: ast.FunctionDef) -> list[ast.Call]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Call)]


def _method(call: ast.Call) -> str:
    """The method called on a Face or an Output: face(ctx).listed, me.show, me.out.many, out.one."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    base = call.func.value
    if isinstance(base, ast.Attribute) and base.attr == "out":
        base = base.value
    name = base.func if isinstance(base, ast.Call) else base
    return call.func.attr if isinstance(name, ast.Name) and name.id in ("face", "me", "out") else ""


def _takes_face(call: ast.Call) -> bool:
    return any(isinstance(arg, ast.Name) and arg.id in ("me", "ctx") for arg in call.args)


def _object(node: ast.AST, scope: Scope) -> Any:
    """The object that a dotted name means in a module; None when it is a local name."""
    if isinstance(node, ast.Attribute):
        if (base := _object(node.value, scope)) is None:
            return None
        return getattr(base, node.attr, None)
    if isinstance(node, ast.Name):
        if node.id in scope.names:
            bound = scope.names[node.id]
            if isinstance(bound, ast.ImportFrom):
                return getattr(import_module(bound.module or ""), node.id, None)
            return _object(bound, scope) if isinstance(bound, ast.Attribute) else None
        return getattr(scope.module, node.id, getattr(builtins, node.id, None))
    return None
