"""Everything that a shop says: all commands that only read, with each format, sort order and filter that they offer.

python -m tests.outputs STORE STORE…     what two or more copies of a shop say differently; nothing, if they are right
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from shopctl import cli, config
from shopctl.bootstrap import open_shop
from shopctl.commands.face import Face
from shopctl.commands.output import Output
from shopctl.core.db import engine as stores
from shopctl.core.shop import Shop

Words = tuple[str, ...]
NOW = datetime.now(UTC)
"""Ages and what is left of a time are told as of one moment."""
_NOT_ALIKE = {
    "dashboard",
    "doctor",
    "store info",
    "store metrics",
    "store backup",
    "orders watch",
    "sales watch",
    "sales rehearse",
    "gateway serve",
    "payments selftest",
    "spec",
    "version",
}
"""They say which store it is, or never end, or have nothing to do with it."""


def say(store: str, *words: str) -> tuple[int, str]:
    """Run a command in this process; its status and its stdout."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    argv = ["shopctl", *words, "--store", store]
    with (
        mock.patch.object(sys, "argv", argv),
        mock.patch.object(stores, "now", return_value=NOW),
        redirect_stdout(out),
        redirect_stderr(io.StringIO()),
    ):
        status = cli._run(Face(cli._open_shop, Output()))
        out.flush()
    return status, out.buffer.getvalue().decode()


def shop_of(store: str, data_dir: Path | None = None) -> Shop:
    """The shop of a store."""
    settings = config.resolve(store=store)
    return open_shop(replace(settings, data_dir=config.Value(str(data_dir), "test")) if data_dir else settings)


def commands(store: str, *, few: int = 6, brief: bool = False) -> Iterator[Words]:
    """The command lines; for an argument, a few of the things that the shop of a store has. `brief`: each list in one order."""
    spec = json.loads(say(store, "spec", "-o", "json")[1])
    known = _known(store, few)
    for command in spec["commands"]:
        name = command["command"]
        if command["writes"] or name in _NOT_ALIKE:
            continue
        words = tuple(name.split())
        argument = next((argument["name"] for argument in command["arguments"]), None)
        needed = any(argument["required"] for argument in command["arguments"])
        starts = [(*words, value) for value in known.get(argument or "", ())] + ([] if needed else [words])
        for start in starts:
            yield (*start, "--limit", "-1", "-o", "jsonl") if command["lists"] else (*start, "-o", "jsonl")
            yield from _with_options(start, command)
        if not brief:
            yield from _in_other_ways(starts, command)


def _with_options(start: Words, command: Mapping[str, Any]) -> Iterator[Words]:
    for option in command["options"]:
        yield from ((*start, option["names"][0], choice) for choice in option["choices"] or ())
        if option["value"] is None and option["names"][0] not in ("--follow", "--plot"):
            yield (*start, option["names"][0], "-o", "jsonl")


def _in_other_ways(starts: Sequence[Words], command: Mapping[str, Any]) -> Iterator[Words]:
    yield from ((*start, "-o", "table") for start in starts)
    for start in starts[:1]:
        for field, choices in (command["filters"] or {}).items():
            for sign in ("", "-"):
                yield (*start, "--limit", "7", "--sort", sign + field, "-o", "jsonl")
                yield (*start, "--limit", "-1", "--sort", sign + field, "-o", "csv")
            for choice in [*choices, "a", "É", "1", "today", "no"]:
                yield (*start, "--filter", f"{field}:{choice}", "-o", "jsonl")
                yield (*start, "--filter", f"!{field}:{choice}", "-o", "jsonl")


def _known(store: str, few: int) -> dict[str, list[str]]:
    """By the name of an argument, values that the shop has: first, middle and last ones."""

    def column(field: str, *words: str) -> list[str]:
        found = [json.loads(line)[field] for line in say(store, *words, "--limit", "-1", "-o", "jsonl")[1].splitlines()]
        distinct = sorted({str(value) for value in found if value is not None})
        return distinct[:: max(1, len(distinct) // few)][:few]

    skus = column("sku", "catalog", "list")
    numbers = column("number", "orders", "list")
    sales = column("name", "sales", "list")
    return {
        "SKU": skus,
        "HANDLE|SKU": [*skus, *column("handle", "catalog", "list")],
        "N": numbers,
        "N|ID": numbers,
        "[N…]": numbers,
        "CART": column("cart", "cart", "list"),
        "EMAIL": column("email", "customers", "list"),
        "ID": column("id", "reservations", "list", "--all"),
        "SALE": sales,
        "TICKET": [ticket for sale in sales for ticket in column("ticket", "sales", "tickets", sale)],
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
