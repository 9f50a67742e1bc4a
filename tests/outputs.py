"""Everything that a shop says: all commands that only read, with each format, sort order and filter that they offer.

    python -m tests.outputs STORE STORE…     what two or more copies of a shop say differently; nothing, if they are right
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

from shopctl import cli
from shopctl.commands.face import Face
from shopctl.commands.output import Output

Words = tuple[str, ...]
FEW = 6
"""Of each kind of thing, how many are shown one by one."""
_NOT_ALIKE = {"dashboard", "store info", "store backup", "orders watch", "spec", "version"}
"""They say which store it is, or never end, or have nothing to do with it."""


def say(store: str, *words: str) -> tuple[int, str]:
    """Run a command in this process; its status and its stdout."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    argv = ["shopctl", *words, "--store", store]
    with mock.patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(io.StringIO()):
        status = cli._run(Face(cli._open_shop, Output()))
        out.flush()
    return status, out.buffer.getvalue().decode()  # type: ignore[attr-defined]


def commands(store: str) -> Iterator[Words]:
    """The command lines, with what the shop of a store has for their arguments."""
    spec = json.loads(say(store, "spec", "-o", "json")[1])
    known = _known(store)
    for command in spec["commands"]:
        name = command["command"]
        if command["writes"] or name in _NOT_ALIKE:
            continue
        words = tuple(name.split())
        argument = next((argument["name"] for argument in command["arguments"]), None)
        yield from _lines(words, command, known.get(argument or "", ()))


def _lines(words: Words, command: Mapping[str, Any], values: Sequence[str]) -> Iterator[Words]:
    needed = any(argument["required"] for argument in command["arguments"])
    starts = [(*words, value) for value in values]
    starts += [] if needed else [words]
    for start in starts:
        yield from ((*start, "-o", format) for format in ("jsonl", "table"))
        for option in command["options"]:
            yield from ((*start, option["names"][0], choice) for choice in option["choices"] or ())
            if option["value"] is None and option["names"][0] not in ("--follow", "--plot"):
                yield (*start, option["names"][0], "-o", "jsonl")
    for start in starts[:1]:
        for field, choices in (command["filters"] or {}).items():
            for sign in ("", "-"):
                yield (*start, "--limit", "7", "--sort", sign + field, "-o", "jsonl")
                yield (*start, "--limit", "-1", "--sort", sign + field, "-o", "csv")
            for choice in [*choices, "a", "É", "1", "today", "no"]:
                yield (*start, "--filter", f"{field}:{choice}", "-o", "jsonl")
                yield (*start, "--filter", f"!{field}:{choice}", "-o", "jsonl")


def _known(store: str) -> dict[str, list[str]]:
    """By the name of an argument, values that the shop has: first, middle and last ones."""

    def column(field: str, *words: str) -> list[str]:
        found = [json.loads(line)[field] for line in say(store, *words, "--limit", "-1", "-o", "jsonl")[1].splitlines()]
        distinct = sorted({str(value) for value in found if value is not None})
        return distinct[:: max(1, len(distinct) // FEW)]

    skus = column("sku", "catalog", "list")
    numbers = column("number", "orders", "list")
    return {
        "SKU": skus,
        "HANDLE|SKU": [*skus, *column("handle", "catalog", "list")],
        "N": numbers,
        "N|ID": numbers,
        "[N…]": numbers,
        "CART": column("cart", "cart", "list"),
        "EMAIL": column("email", "customers", "list"),
        "ID": column("id", "reservations", "list", "--all"),
        "QUERY": ["a", "shirt", "wool", "tee red"],
    }


def differences(*places: str) -> Iterator[Words]:
    """The commands of which the shops say different things."""
    for words in commands(places[0]):
        if len({say(place, *words) for place in places}) > 1:
            yield words


if __name__ == "__main__":
    for found in differences(*sys.argv[1:]):
        print(" ".join(found), flush=True)
