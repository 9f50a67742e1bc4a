"""Low stock: the facts `stock.low` and `stock.recovered`, written with the change that crosses a SKU's threshold.

What counts is on hand and not sold, over all active warehouses: holds come and go, and tell nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core import outbox
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import stock_levels, variants, warehouses
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.queries.stock import THRESHOLD, given

_CHUNK = 500
_UNITS = (
    sa.select(
        stock_levels.c.sku,
        stock_levels.c.warehouse,
        THRESHOLD.label("threshold"),
        sa.func.sum(stock_levels.c.quantity - stock_levels.c.committed).label("units"),
        sa.func.sum(stock_levels.c.reserved).label("reserved"),
    )
    .join(variants, variants.c.sku == stock_levels.c.sku)
    .join(warehouses, warehouses.c.code == stock_levels.c.warehouse)
    .where(
        stock_levels.c.sku.in_(sa.bindparam("skus", expanding=True)),
        variants.c.tracked,
        THRESHOLD.is_not(None),
        warehouses.c.active,
    )
    .group_by(stock_levels.c.sku, stock_levels.c.warehouse, variants.c.low_stock)
)


def tell(tx: UnitOfWork, changes: Iterable[tuple[str, str, int]]) -> None:
    """Write a fact for each SKU that changes just made, (sku, warehouse, units), took across its threshold.

    One statement, and none for changes that move no units: holds, releases, a shipment of what was sold.
    """
    by_place: dict[tuple[str, str], int] = {}
    for sku, warehouse, units in changes:
        by_place[sku, warehouse] = by_place.get((sku, warehouse), 0) + units
    skus = sorted({sku for (sku, _), units in by_place.items() if units})
    for start in range(0, len(skus), _CHUNK):
        _tell(tx, skus[start : start + _CHUNK], by_place)


@dataclass(slots=True)
class _Change:
    """A SKU's units before and after a change, and what others, who have not committed yet, may be selling of it."""

    threshold: int
    before: int = 0
    now: int = 0
    reserved: int = 0

    @property
    def crosses(self) -> bool:
        return (self.now <= self.threshold) != (self.before <= self.threshold)

    @property
    def near(self) -> bool:
        return min(self.before, self.now - self.reserved) <= self.threshold


def _tell(tx: UnitOfWork, skus: Sequence[str], changed: Mapping[tuple[str, str], int]) -> None:
    """Changes in other rows of a SKU are not seen before they are committed. Near its threshold it has one change at a
    time: together they might cross it, and each of them not.
    """
    changes = _changes(tx, skus, changed)
    near = sorted(sku for sku, change in changes.items() if change.near)
    if near and stores.has_rivals(tx.connection):
        for sku in near:
            stores.one_at_a_time(tx.connection, f"low {sku}")
        changes |= _changes(tx, near, changed)
    for sku, change in sorted(changes.items()):
        if change.crosses:
            crossed(tx, sku, change.now, change.threshold)


def _changes(tx: UnitOfWork, skus: Sequence[str], changed: Mapping[tuple[str, str], int]) -> dict[str, _Change]:
    found: dict[str, _Change] = {}
    for row in tx.rows(_UNITS, {**given(tx), "skus": skus}):
        change = found.setdefault(row.sku, _Change(row.threshold))
        change.now += int(row.units)
        change.before += int(row.units) - changed.get((row.sku, row.warehouse), 0)
        change.reserved += int(row.reserved)
    return found


def crossed(tx: UnitOfWork, sku: str, units: int, threshold: int) -> None:
    """Write the fact that a SKU has come to its threshold, or above it again."""
    topic = "stock.low" if units <= threshold else "stock.recovered"
    outbox.add(tx, topic, sku, sku=sku, units=units, threshold=threshold)
