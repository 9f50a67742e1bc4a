"""A sale's pool: units that are set aside for it, where ordinary checkout does not look, and what is left of them put back.

A level of the pool stands in the warehouse that its units came from. It has no backorder limit, and no safety stock.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from shopctl.core.db import dialects
from shopctl.core.db.tables import stock_levels, variants, warehouses
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import Refused
from shopctl.core.queries.stock import free_levels
from shopctl.core.stock.buckets import book
from shopctl.core.stock.ledger import Move, books_disagree, lock_levels, move

SALE = "sale"
c = stock_levels.c
_SKU = sa.bindparam("pool_sku", type_=c.sku.type)
_POOL = (
    sa.select(c.warehouse, c.bucket, (c.quantity - c.reserved - c.committed).label("free"), c.reserved)
    .join(warehouses, warehouses.c.code == c.warehouse)
    .where(c.sku == _SKU, c.pool == sa.literal_column("'sale'"))
    .order_by(warehouses.c.priority, c.warehouse, c.bucket)
)


def of_pool(tx: UnitOfWork, sku: str) -> Sequence[Row]:
    """The levels of a SKU's pool, in the order in which they are sold from: warehouse, bucket, free and reserved units."""
    return tx.rows(_POOL, {"pool_sku": sku})


def set_aside(tx: UnitOfWork, sku: str, units: int, *, reference: str) -> None:
    """Move units that nobody has, from the warehouses in their order, into the pool. Refused(insufficient_stock)."""
    lock_levels(tx, [sku])
    free: dict[str, int] = {}
    for level in free_levels(tx, [sku]):
        free[level.warehouse] = free.get(level.warehouse, 0) + level.available
    out, missing = [], units
    for warehouse, available in free.items():
        taken = min(missing, max(available, 0))
        if taken:
            out.append(Move(sku, warehouse, quantity=-taken, reference=reference))
        missing -= taken
    if missing:
        raise Refused(
            "insufficient_stock",
            f"Only {units - missing} of {sku} can be set aside, {units} asked for",
            hint="Receive stock first, or allot fewer.",
            sku=sku,
            requested=units,
            available=units - missing,
        )
    _make_levels(tx, sku, [m.warehouse for m in out])
    into = [Move(sku, m.warehouse, SALE, quantity=-m.quantity, reference=reference) for m in out]
    if not book(tx, "transfer", out, reason="set aside") or not move(tx, "transfer", into, reason="set aside"):
        raise books_disagree(reference)


def put_back(tx: UnitOfWork, sku: str, *, most: int | None = None, reference: str) -> int:
    """Move what is free of a pool, or so many units of it, back to where it came from; how many."""
    lock_levels(tx, [sku])
    out, left = [], most
    for level in of_pool(tx, sku):
        units = level.free if left is None else min(level.free, left)
        if units > 0:
            out.append(Move(sku, level.warehouse, SALE, level.bucket, quantity=-units, reference=reference))
            left = None if left is None else left - units
    back = [Move(sku, m.warehouse, quantity=-m.quantity, reference=reference) for m in out]
    if not move(tx, "transfer", out, reason="put back") or not book(tx, "transfer", back, reason="put back"):
        raise books_disagree(reference)
    return -sum(m.quantity for m in out)


def _make_levels(tx: UnitOfWork, sku: str, places: Sequence[str]) -> None:
    zero = sa.literal(0, c.quantity.type)
    values = {
        "sku": variants.c.sku,
        "warehouse": warehouses.c.code,
        "pool": sa.literal(SALE),
        **dict.fromkeys(("bucket", "quantity", "reserved", "committed"), zero),
        "tracked": variants.c.tracked,
        "backorder_limit": zero,
        "updated_at": sa.literal(tx.now, c.updated_at.type),
    }
    rows = sa.select(*values.values()).join_from(variants, warehouses, warehouses.c.code.in_(places))
    insert = dialects.insert_new(tx.connection, stock_levels).from_select(
        list(values), rows.where(variants.c.sku == sku).order_by(warehouses.c.code)
    )
    tx.execute(insert.on_conflict_do_nothing())
