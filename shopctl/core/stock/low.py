"""Low stock: the facts `stock.low` and `stock.recovered`, written with the change that crosses a SKU's threshold.

What counts is on hand and not sold, over all active warehouses: holds come and go, and tell nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from shopctl.core import outbox
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


def _tell(tx: UnitOfWork, skus: Sequence[str], changed: Mapping[tuple[str, str], int]) -> None:
    now: dict[str, int] = {}
    before: dict[str, int] = {}
    thresholds: dict[str, int] = {}
    for row in tx.rows(_UNITS, {**given(tx), "skus": skus}):
        units = int(row.units)
        now[row.sku] = now.get(row.sku, 0) + units
        before[row.sku] = before.get(row.sku, 0) + units - changed.get((row.sku, row.warehouse), 0)
        thresholds[row.sku] = row.threshold
    for sku, threshold in sorted(thresholds.items()):
        if (now[sku] <= threshold) != (before[sku] <= threshold):
            topic = "stock.low" if now[sku] <= threshold else "stock.recovered"
            outbox.add(tx, topic, sku, sku=sku, units=now[sku], threshold=threshold)
