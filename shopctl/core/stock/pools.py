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
from shopctl.core.stock.buckets import book
from shopctl.core.stock.ledger import Move, books_disagree, lock_levels

SALE = "sale"
c = stock_levels.c
_SKU = sa.bindparam("pool_sku", type_=c.sku.type)
_FREE = c.quantity - c.reserved - c.committed
_IN_ORDER = (warehouses.c.priority, warehouses.c.code)
_POOL = (
    sa.select(c.warehouse, c.bucket, _FREE.label("free"), c.reserved)
    .join(warehouses, warehouses.c.code == c.warehouse)
    .where(c.sku == _SKU, c.pool == sa.literal_column("'sale'"))
    .order_by(*_IN_ORDER, c.bucket)
)
_ON_HAND = (
    sa.select(c.warehouse, sa.func.sum(_FREE - c.safety_stock).label("free"))
    .join(warehouses, warehouses.c.code == c.warehouse)
    .where(c.sku == _SKU, c.pool == sa.literal_column("'general'"), warehouses.c.active)
    .group_by(c.warehouse, *_IN_ORDER)
    .order_by(*_IN_ORDER)
)
"""What lies there and nobody was promised: what is still to come cannot be set aside, and safety stock is not."""


def of_pool(tx: UnitOfWork, sku: str) -> Sequence[Row]:
    """The levels of a SKU's pool, in the order in which they are sold from: warehouse, bucket, free and reserved units."""
    return tx.rows(_POOL, {"pool_sku": sku})


def set_aside(tx: UnitOfWork, sku: str, units: int, *, reference: str) -> None:
    """Move units that nobody has, from the warehouses in their order, into the pool. Refused(insufficient_stock)."""
    lock_levels(tx, [sku])
    taken: dict[str, int] = {}
    for level in tx.rows(_ON_HAND, {"pool_sku": sku}):
        taken[level.warehouse] = min(units - sum(taken.values()), max(int(level.free), 0))
    if (available := sum(taken.values())) < units:
        raise Refused(
            "insufficient_stock",
            f"Only {available} of {sku} can be set aside, {units} asked for",
            hint="Receive stock first, or allot fewer.",
            sku=sku,
            requested=units,
            available=available,
        )
    _make_levels(tx, sku, [warehouse for warehouse, count in taken.items() if count])
    moved = [(warehouse, 0, count) for warehouse, count in taken.items() if count]
    _move(tx, sku, moved, reference=reference, reason="set aside")


def put_back(tx: UnitOfWork, sku: str, *, most: int | None = None, reference: str) -> int:
    """Move what is free of a pool, or so many units of it, back to where it came from; how many."""
    lock_levels(tx, [sku])
    left: int = sum(level.free for level in of_pool(tx, sku)) if most is None else most
    back = []
    for level in of_pool(tx, sku):
        if (units := min(level.free, left)) > 0:
            back.append((level.warehouse, level.bucket, -units))
            left -= units
    _move(tx, sku, back, reference=reference, reason="put back")
    return -sum(int(units) for _, _, units in back)


def _move(tx: UnitOfWork, sku: str, moved: Sequence[tuple[str, int, int]], *, reference: str, reason: str) -> None:
    """Units by warehouse and bucket of the pool: into it, or out of it where they are below zero."""
    pool = [Move(sku, place, SALE, bucket, quantity=units, reference=reference) for place, bucket, units in moved]
    general = [Move(sku, place, quantity=-units, reference=reference) for place, _, units in moved]
    if not book(tx, "transfer", [*general, *pool], reason=reason):
        raise books_disagree(reference)


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
