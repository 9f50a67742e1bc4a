"""What TAB offers: commands, options, words that an option takes, and live names from the store.

What a parameter wants is told by its name and its metavar, so a new command is completed without a word said: lower-case
words in a metavar (`draft|active`) are its choices, FILE is a file, SKU, N, CART … are names of things. The names of a
list's fields come from the reference, which is generated from the commands.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from typer._click.core import ParameterSource
from typer._click.shell_completion import _resolve_context
from typer.core import TyperArgument, TyperOption

from shopctl.commands import shells
from shopctl.commands.face import Noun, choices
from shopctl.core.db import peek
from shopctl.core.db.peek import Name
from shopctl.core.domain import lifecycle
from shopctl.core.domain.safe import safe

SECONDS = 0.12
"""From here on; Python needs the rest of the 200 ms to get here. SHOPCTL_COMPLETION_SECONDS says otherwise."""

_CALLED: Mapping[str, str] = {
    "sku": "SKU",
    "handle": "HANDLE",
    "cart": "CART FROM INTO OWNER",
    "customer": "EMAIL CUSTOMER",
    "warehouse": "CODE WAREHOUSE",
    "category": "PATH CATEGORY",
    "brand": "BRAND",
    "shipping": "METHOD SHIPPING_METHOD",
    "order": "ORDER NUMBER NUMBERS",
    "reservation": "RESERVATION_ID",
    "sale": "SALE",
    "ticket": "TICKET",
    "setting": "KEY",
    "timezone": "TIMEZONE",
    "command": "COMMAND",
    "shell": "SHELL",
}
KINDS: Mapping[str, str] = {word: kind for kind, words in _CALLED.items() for word in words.split()}
"""What a parameter or a field is called → what its names are; a parameter's own name counts before its metavar."""
_IN_NOUN: Mapping[tuple[str, str], str] = {
    ("reservations", "ID"): "reservation",
    ("orders", "N"): "order",
    ("payments", "N"): "order",
    ("customers addresses", "ID"): "address",
    ("store tax", "ID"): "tax",
    ("store shipping", "ID"): "rate",
    ("checkout", "KEY"): "",
}
"""Names that mean something else, or nothing, in some noun."""
_NEW = {"catalog add", "customers add", "sales create", "stock warehouses add", "store tax add", "store shipping add"}
"""Commands whose own names are new ones: what is there already is no answer."""


def answer(root: Any, ctx_args: dict[str, Any]) -> int:
    """Answer the shell that asks; the exit status. After the time is up, and whatever goes wrong: nothing."""
    shell = os.environ["_SHOPCTL_COMPLETE"].removeprefix("complete_")
    text = os.environ.get("COMP_LINE", os.environ.get("COMP_WORDS", ""))  # the latter is Click's own
    line = shells.parse(text, os.environ.get("COMP_WORDBREAKS", "\"'@><=;|&(:"))
    said: list[list[Name] | None] = []
    worker = threading.Thread(target=lambda: said.append(offers(root, ctx_args, line)), daemon=True)
    worker.start()
    worker.join(_seconds())
    if not said:
        return 0
    if said[0] is None:
        return 1
    ctx_args["obj"].out.raw([line.answer(shell, [(name.value, name.about) for name in said[0]])])
    return 0


def offers(root: Any, ctx_args: dict[str, Any], line: shells.Line) -> list[Name] | None:
    """What could stand at the cursor; None for a file."""
    try:
        found = _offers(root, ctx_args, list(line.words[1:]), line.value)
    except Exception:  # a mistake in the line, or ours: nobody wants a traceback at TAB
        return []
    if found is None:
        return None
    dash = line.value.startswith("-")  # a name that looks like an option would be taken for one
    return [
        name
        for name in found
        if name.value.startswith(line.value) and safe(name.value) == name.value and dash >= name.value.startswith("-")
    ]


def _offers(root: Any, ctx_args: dict[str, Any], args: list[str], value: str) -> list[Name] | None:
    ctx = _resolve_context(root, ctx_args, "shopctl", args)
    parameter, before = _asked(ctx, args, value)
    if parameter is None:
        return list(_options(ctx, value) if value.startswith("-") else _commands(ctx))
    metavar = parameter.metavar or ""
    if "FILE" in metavar.split("|"):
        return None
    *done, typed = value.removeprefix(before).split(",") if parameter.name == "fields" else [value.removeprefix(before)]
    start = before + "".join(f"{name}," for name in done)
    found = _names(ctx, parameter, typed)
    return [Name(start + name.value, safe(name.about, 60)) for name in found if name.value not in done]


def _asked(ctx: Any, args: Sequence[str], value: str) -> tuple[Any, str]:
    """The parameter that the cursor is at, and what of the word is not its value; None for an option or a command."""
    options = "--" not in args
    if options and value.startswith("--") and "=" in value:
        flag, equals, _ = value.partition("=")
        return _option(ctx, flag), flag + equals
    if options and args and (found := _option(ctx, args[-1])):
        return found, ""
    if options and value.startswith("-"):
        return None, ""
    for parameter in ctx.command.get_params(ctx):
        if isinstance(parameter, TyperArgument) and _is_open(ctx, parameter):
            return parameter, ""
    return None, ""


def _option(ctx: Any, flag: str) -> Any:
    for parameter in ctx.command.get_params(ctx):
        if isinstance(parameter, TyperOption) and not parameter.is_flag and flag in parameter.opts:
            return parameter
    return None


def _is_open(ctx: Any, argument: TyperArgument) -> bool:
    return argument.nargs == -1 or not _is_given(ctx, argument)


def _is_given(ctx: Any, parameter: Any) -> bool:
    return ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE


def _commands(ctx: Any) -> Iterator[Name]:
    if isinstance(ctx.command, Noun) and not ctx._protected_args:  # else: a command that is not there
        for name, summary in ctx.command.summaries(ctx):
            yield Name(name, summary)


def _options(ctx: Any, value: str) -> Iterator[Name]:
    for parameter in ctx.command.get_params(ctx):
        if not isinstance(parameter, TyperOption) or (_is_given(ctx, parameter) and not parameter.multiple):
            continue
        for flag in (*parameter.opts, *parameter.secondary_opts):
            if flag.startswith("--") or value == "-":
                yield Name(flag, parameter.help or "")


def _names(ctx: Any, parameter: Any, typed: str) -> list[Name]:
    command = ctx.command_path.removeprefix("shopctl").strip()
    if words := choices(parameter):
        return [Name(word) for word in words]
    if parameter.name in ("fields", "sort", "filter"):
        return _of_list(command, parameter.name, typed, _store(ctx))
    if parameter.name == "profile":
        from shopctl.config import profiles

        return [Name(name) for name in profiles()]
    if parameter.name == "value" and "key" in ctx.params:
        return _setting_values(ctx, ctx.params["key"])
    if command in _NEW and isinstance(parameter, TyperArgument):
        return []
    found: list[Name] = []
    for kind in _kinds(command, parameter):
        found += _of_kind(ctx, kind, typed, command.rpartition(" ")[2])
    return found


def _kinds(command: str, parameter: Any) -> list[str]:
    """What the names of a parameter are: by its own name, else by its metavar, of which each part counts."""
    if parameter.type.name in ("integer", "int range"):
        return []
    noun, metavar = command.rpartition(" ")[0], parameter.metavar or ""
    parts = metavar.strip("[].…").split("|")
    known = [kind for word in (str(parameter.name).upper(), *parts) if (kind := _kind(noun, word))]
    return known if len(parts) > 1 else known[:1]


def _kind(noun: str, word: str) -> str:
    return _IN_NOUN.get((noun, word), KINDS.get(word, ""))


def _of_list(command: str, asked: str, typed: str, store: str) -> list[Name]:
    """Names of a list's fields, to show, to sort by (-total), to filter by (status:confirmed, !status:cancelled)."""
    from shopctl.commands import reference

    if asked == "fields":
        return [Name(field) for field in reference.fields(command)]
    filters = reference.filters(command)
    sign = typed[:1] if typed[:1] in ("-", "!") else ""
    if asked == "sort":
        return [Name(sign + field) for field in filters]
    field, colon, begun = typed.removeprefix(sign).partition(":")
    if not colon:
        return [Name(f"{sign}{field}:") for field in filters]
    kind = _kind(command.rpartition(" ")[0], field.upper())
    names = [Name(word) for word in filters.get(field, ())] or (peek.names(store, kind, begun) if kind else [])
    return [Name(f"{sign}{field}:{name.value}", name.about) for name in names]


def _of_kind(ctx: Any, kind: str, typed: str, verb: str = "") -> list[Name]:
    match kind:
        case "setting":
            from shopctl.core.domain.facts import EDITABLE

            return [Name(key) for key in EDITABLE]
        case "shell":
            return [Name(shell) for shell in shells.SCRIPTS]
        case "command":
            found = ctx.find_root().command
            for word in ctx.params.get("command") or ():
                found = found.get_command(ctx, word)
            return [Name(name, summary) for name, summary in found.summaries(ctx)] if isinstance(found, Noun) else []
        case "timezone":
            from zoneinfo import available_timezones

            return [Name(zone) for zone in sorted(available_timezones())]
        case "order":
            able = [status for status, moves in lifecycle.ORDER.items() if verb in moves]
            return peek.names(_store(ctx), kind, typed, able)
        case _:
            return peek.names(_store(ctx), kind, typed)


def _store(ctx: Any) -> str:
    return str(ctx.find_root().obj.settings().store.value)


def _setting_values(ctx: Any, key: str) -> list[Name]:
    if key == "timezone":
        return _of_kind(ctx, "timezone", "")
    return [Name(word) for word in _EITHER.get(key, ())]


def _seconds() -> float:
    try:
        return float(os.environ.get("SHOPCTL_COMPLETION_SECONDS", SECONDS))
    except ValueError:
        return SECONDS


_EITHER = {"hold_at": ("cart", "checkout"), "capture": ("order", "shipment")}
"""Settings that are one of two words."""
