"""Reads of sales' pools: what is free and held there, and what sales have sold out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from shopctl.core.db.tables import order_allocations, orders, stock_levels, tickets
from shopctl.core.db.unit_of_work import UnitOfWork

c, a, t = stock_levels.c, order_allocations.c, tickets.c


class Pool(NamedTuple):
    """Units that nobody has, and that are held for those who buy now."""

    free: int = 0
    held: int = 0


FREE = c.quantity - c.reserved - c.committed
_POOLS = (
    sa.select(c.sku, sa.func.sum(FREE).label("free"), sa.func.sum(c.reserved).label("held"))
    .where(c.sku.in_(sa.bindparam("pool_skus", expanding=True)), c.pool == sa.literal_column("'sale'"))
    .group_by(c.sku)
)
_UNITS = sa.case((a.sku == t.sku, a.quantity - a.cancelled), else_=0)
"""Compared here and not in the join: SQLite would look for the allocations of the SKU, for each ticket all of them."""
SOLD = (
    sa.select(t.sale_id, t.sku, sa.func.sum(_UNITS).label("units"))
    .join(orders, orders.c.cart_id == t.cart_id)
    .join(order_allocations, a.order_id == orders.c.id)
    .where(t.cart_id.is_not(None))
    .group_by(t.sale_id, t.sku)
)
"""Units of paid orders, less what was cancelled of them, by sale and SKU."""
_SOLD_IN = SOLD.where(t.sale_id.in_(sa.bindparam("sale_ids", expanding=True)))


def of_skus(tx: UnitOfWork, skus: Sequence[str]) -> dict[str, Pool]:
    """The pools of these SKUs, of those that have one."""
    return {row.sku: Pool(int(row.free), int(row.held)) for row in tx.rows(_POOLS, {"pool_skus": list(skus)})}


def of_sku(tx: UnitOfWork, sku: str) -> Pool:
    return of_skus(tx, [sku]).get(sku, Pool())


def sold(tx: UnitOfWork, sale_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """Units that these sales have sold, by sale and SKU."""
    return {(row.sale_id, row.sku): int(row.units) for row in tx.rows(_SOLD_IN, {"sale_ids": list(sale_ids)})}
