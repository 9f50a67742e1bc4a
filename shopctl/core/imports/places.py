"""Whose stock a row of an inventory file is about, and where: SKUs by handle and options, warehouses by code or name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from shopctl.core import stock
from shopctl.core.db.tables import products, variants
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.imports.read.inventory import RawRow
from shopctl.core.queries.warehouses import in_order

_CHUNK = 500


@dataclass(slots=True)
class Places:
    """The shop's warehouses by what they are called, folded. A code beats a name; a name of several means none."""

    codes: dict[str, str] = field(default_factory=dict)
    names: dict[str, str | None] = field(default_factory=dict)
    first: str | None = None

    @classmethod
    def of(cls, tx: UnitOfWork) -> Places:
        found = cls()
        for row in in_order(tx):
            found.add(row.code, row.name)
            if row.active and found.first is None:
                found.first = row.code
        return found

    def add(self, code: str, name: str) -> None:
        self.codes[text.fold(code)] = code
        self.names[text.fold(name)] = None if text.fold(name) in self.names else code

    def code_of(self, place: str) -> str | None:
        """The warehouse that is meant, the first one by ""; None when none is, or more than one."""
        folded = text.fold(place)
        return self.codes.get(folded) or self.names.get(folded) if place else self.first

    def is_ambiguous(self, place: str) -> bool:
        """Whether more than one warehouse has this name."""
        return self.names.get(text.fold(place), "") is None

    def why_not(self, place: str) -> str:
        if self.is_ambiguous(place):
            return "several warehouses have this name; use a code"
        return "there is no such warehouse; --make-warehouses makes it"

    def make(self, tx: UnitOfWork, place: str) -> str:
        """Open a warehouse of this name, under a code made of it."""
        code = text.slug(place, "place").upper()
        if text.fold(code) in self.codes:
            code = text.told_apart(code, place).upper()
        stock.make_warehouse(tx, code=code, name=place)
        self.add(code, place)
        return code


@dataclass(frozen=True, slots=True)
class Found:
    """The SKU that a row means, or the reason why it means none."""

    sku: str = ""
    problem: str = ""


def whose(tx: UnitOfWork, rows: Sequence[RawRow]) -> list[Found]:
    """For each row the SKU that it names, or that its handle and option values do."""
    named = sorted({row.sku for row in rows if row.sku})
    known = {sku for chunk in _chunks(named) for (sku,) in tx.rows(_SKUS, {"skus": chunk})}
    by_options = _by_options(tx, sorted({row.handle for row in rows if row.handle and not row.sku}))
    return [_found(row, known, by_options) for row in rows]


_SKUS = sa.select(variants.c.sku).where(variants.c.sku.in_(sa.bindparam("skus", expanding=True)))
_Variants = dict[tuple[str, tuple[str, ...]], str]


def _found(row: RawRow, known: set[str], by_options: _Variants) -> Found:
    if row.sku:
        return Found(row.sku) if row.sku in known else Found(problem="there is no such SKU")
    if not row.handle:
        return Found(problem="a row needs a SKU")
    sku = by_options.get((row.handle, row.options))
    if sku is None:
        spelled = " / ".join(row.options)
        return Found(problem=f"{row.handle} has no variant {spelled}" if spelled else f"{row.handle} is no one variant")
    return Found(sku)


def _by_options(tx: UnitOfWork, handles: Sequence[str]) -> _Variants:
    """SKUs by handle and the values of their options, in order. A product has no two variants with the same options."""
    found: _Variants = {}
    statement = sa.select(products.c.handle, variants.c.options, variants.c.sku).join(
        variants, variants.c.product_id == products.c.id
    )
    for chunk in _chunks(handles):
        for row in tx.rows(statement.where(products.c.handle.in_(chunk))):
            found[row.handle, tuple(row.options.values())] = row.sku
    return found


def _chunks(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK)]
