"""Stock out: our own CSV and JSONL, a row a level; Shopify's, a row a variant (wide) or a variant and location (tall)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shopctl.core.errors import BadInput
from shopctl.core.imports.cells import csv_cell, guarded
from shopctl.core.imports.read.inventory import (
    NOT_STOCKED,
    OPTIONS,
    OWN_COLUMNS,
    PRODUCT_COLUMNS,
    TALL_COLUMNS,
    is_place,
)


@dataclass(frozen=True, slots=True)
class Level:
    """What one warehouse has of a variant."""

    quantity: int
    reserved: int
    committed: int
    safety_stock: int


@dataclass(frozen=True, slots=True)
class Stocked:
    """A variant with its levels, by warehouse code."""

    sku: str
    handle: str
    title: str
    options: Mapping[str, str]
    levels: Mapping[str, Level]


Places = Mapping[str, str]
"""Warehouse codes in order, with the name of each."""
Writer = Callable[[Iterator[Stocked], Places], Iterator[str]]


def csv(found: Iterator[Stocked], places: Places) -> Iterator[str]:
    yield _line(OWN_COLUMNS)
    for row in _own(found, places):
        yield _line(row)


def jsonl(found: Iterator[Stocked], places: Places) -> Iterator[str]:
    for row in _own(found, places):
        yield json.dumps(dict(zip(OWN_COLUMNS, row, strict=True)), ensure_ascii=True) + "\n"


def wide(found: Iterator[Stocked], places: Places) -> Iterator[str]:
    for code, name in places.items():
        if not is_place(name):
            raise BadInput(
                "unnamed_place",
                f"The warehouse {code} is called like a column of Shopify's file",
                hint="Rename it: shopctl stock warehouses edit CODE --name NAME; or export csv.",
            )
    yield _line([*PRODUCT_COLUMNS, *places.values()])
    for one in found:
        yield _line(
            [
                *_product(one),
                *(one.levels[code].quantity if code in one.levels else NOT_STOCKED for code in places),
            ]
        )


def tall(found: Iterator[Stocked], places: Places) -> Iterator[str]:
    """On hand (new) stays blank, as in Shopify's own exports: it is for who edits the file."""
    yield _line(TALL_COLUMNS)
    for one in found:
        for code, name in places.items():
            level = one.levels.get(code)
            yield _line([*_product(one), name, "", *(_told(level) if level else [NOT_STOCKED] * 5), ""])


WRITERS: Mapping[str, Writer] = {"csv": csv, "jsonl": jsonl, "shopify-wide": wide, "shopify-tall": tall}


def _own(found: Iterator[Stocked], places: Places) -> Iterator[tuple[str, str, int, int]]:
    for one in found:
        for code in places:
            if level := one.levels.get(code):
                yield one.sku, code, level.quantity, level.safety_stock


def _product(one: Stocked) -> list[str]:
    pairs = list(one.options.items())[: len(OPTIONS)] or [("Title", "Default Title")]
    pairs += [("", "")] * (len(OPTIONS) - len(pairs))
    return [one.handle, one.title, *(cell for pair in pairs for cell in pair), one.sku, "", ""]


def _told(level: Level) -> list[int]:
    """Incoming, unavailable, committed, available, on hand: the middle three add up to the last."""
    kept = level.reserved + level.safety_stock
    return [0, kept, level.committed, level.quantity - level.committed - kept, level.quantity]


def _line(cells: Sequence[str | int]) -> str:
    return ",".join(str(cell) if isinstance(cell, int) else csv_cell(guarded(cell)) for cell in cells) + "\n"
