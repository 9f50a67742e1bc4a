"""`spec`: the whole command line as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from shopctl import __version__
from shopctl.commands import reference
from shopctl.commands.face import Destroying, Listed, Reading, Writing, choices, common_options, face, noun
from shopctl.commands.output import unknown

TOP_LEVEL = True
app = noun("The command line as data.")
ROWS = "Rows of -: "
COMMON = frozenset(option.name for option in common_options())


@app.command(cls=Reading)
def spec(
    ctx: typer.Context,
    command: Annotated[list[str] | None, typer.Argument(help="A noun, or a noun and a verb; default: all.")] = None,
) -> None:
    """Print every command with its options and the fields that it prints, and every error and setting; JSON by default."""
    me = face(ctx)
    found = whole(ctx.find_root().command, command or ())
    if not found["commands"]:
        known = [entry["command"] for entry in commands(ctx.find_root().command)]
        raise unknown("command", " ".join(command or ()), known)
    if not me.format_chosen:
        me.out.format = "json"
    if me.out.format == "json":
        me.out.one(found)
    else:
        me.out.many(found["commands"], ("command", "summary"))


def whole(root: Any, words: Sequence[str] = ()) -> dict[str, Any]:
    """Everything there is, or what concerns the commands that begin with these words."""
    from shopctl.config import ENVIRONMENT, Settings
    from shopctl.core.errors import EXIT_STATUSES

    chosen = [entry for entry in commands(root) if entry["command"].split(" ")[: len(words)] == list(words)]
    rows = reference.load()["rows"]
    wanted = rows if not words else _with_inner({row for entry in chosen for row in entry["prints"]}, rows)
    return {
        "version": __version__,
        "commands": chosen,
        "common_options": [_option(option) for option in common_options()],
        "rows": {name: rows[name] for name in rows if name in wanted},
        "exit_statuses": {str(status): meaning for status, meaning in EXIT_STATUSES.items()},
        "errors": reference.load()["errors"],
        "settings": [
            {"setting": name, "environment": f"SHOPCTL_{name.upper()}", "help": meaning}
            for name, meaning in Settings.MEANINGS.items()
        ],
        "shop_settings": _shop_settings(),
        "environment": [{"name": name, "help": meaning} for name, meaning in ENVIRONMENT.items()],
    }


def commands(root: Any) -> list[dict[str, Any]]:
    """Every command with what it takes and prints."""
    return [_command(name, command) for name, command in walk(root)]


def walk(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command below a group by its whole name: stock warehouses add."""
    ctx = typer.Context(group)
    for name in group.list_commands(ctx):
        found = group.get_command(ctx, name)
        if isinstance(found, TyperGroup):
            yield from walk(found, (*path, name))
        else:
            yield " ".join((*path, name)), found


def _command(name: str, command: Any) -> dict[str, Any]:
    ctx = typer.Context(command, info_name=f"shopctl {name}")
    summary, _, rows = " ".join((command.help or "").split()).partition(ROWS)
    answer = reference.load()["answers"].get(name, {})
    return {
        "command": name,
        "summary": summary.strip(),
        "usage": " ".join((ctx.info_name or "", *command.collect_usage_pieces(ctx))),
        "rows_of_stdin": rows.rstrip(".") or None,
        "writes": isinstance(command, Writing),
        "asks": isinstance(command, Destroying),
        "lists": isinstance(command, Listed),
        "arguments": [_argument(found) for found in command.params if isinstance(found, TyperArgument)],
        "options": [
            _option(found) for found in command.params if isinstance(found, TyperOption) and found.name not in COMMON
        ],
        "prints": answer.get("rows", []),
        "filters": answer.get("filters"),
    }


def _argument(argument: Any) -> dict[str, Any]:
    return {
        "name": argument.metavar,
        "help": argument.help,
        "type": _type(argument),
        "choices": choices(argument) or None,
        "required": argument.required,
        "default": argument.default,
        "many": argument.nargs == -1,
    }


def _option(option: Any) -> dict[str, Any]:
    return {
        "names": [*option.opts, *option.secondary_opts],
        "value": None if option.is_flag else option.metavar,
        "help": option.help,
        "type": _type(option),
        "choices": choices(option) or None,
        "default": option.default,
        "repeated": option.multiple,
    }


def _type(parameter: Any) -> str:
    """text, integer, number or boolean; a range is what it is a range of."""
    kind = str(parameter.type.name)
    return {"str": "text", "int range": "integer", "float": "number", "float range": "number"}.get(kind, kind)


def _with_inner(names: set[str], rows: Any) -> set[str]:
    """Rows and the rows that their fields are made of: `list of OrderLine`."""
    inner = {word for name in names for kind in rows[name].values() for word in kind.split() if word in rows}
    return names if inner <= names else _with_inner(names | inner, rows)


def _shop_settings() -> list[dict[str, Any]]:
    from dataclasses import MISSING, fields

    from shopctl.core.domain.facts import EDITABLE, Facts

    return [
        {
            "setting": field.name,
            "default": None if field.default is MISSING else field.default,
            "changed_by": "store set" if field.name in EDITABLE else None,
        }
        for field in fields(Facts)
    ]
