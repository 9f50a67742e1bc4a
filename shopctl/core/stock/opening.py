"""Opening stock: what SKUs begin with, set-based and without a guard, because nothing can be promised yet."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from shopctl.core.db import dialects
from shopctl.core.db.tables import stock_levels, stock_movements, variants
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.queries.warehouses import default_warehouse
from shopctl.core.stock.ledger import GENERAL


def open_stock(tx: UnitOfWork, openings: Mapping[str, int]) -> set[str]:
    """Book opening stock for SKUs without any movement; the SKUs that had some, whose opening is ignored.

    No threshold is crossed here: what has never been in stock has not run low, and does not recover.
    """
    if not openings:
        return set()
    skus = sorted(openings)
    here = dialects.among(tx.connection, stock_movements.c.sku, skus)
    moved = {row.sku for row in tx.rows(sa.select(stock_movements.c.sku).where(here).distinct())}
    fresh = {sku: openings[sku] for sku in skus if sku not in moved and openings[sku]}
    if fresh:
        _open(tx, fresh, default_warehouse(tx))
    return {sku for sku in moved if openings[sku]}


def _open(tx: UnitOfWork, fresh: Mapping[str, int], warehouse: str) -> None:
    """Levels and movements of SKUs that never moved, two statements for all. No guard: nothing can be promised yet."""
    opening, level, movement = dialects.pairs(tx.connection, fresh), stock_levels.c, stock_movements.c
    zero, now = sa.literal(0), sa.literal(tx.now, level.updated_at.type)
    place = (sa.literal(warehouse), sa.literal(GENERAL), zero)
    rows = (
        sa.select(
            variants.c.sku,
            *place,
            opening.c.value,
            zero,
            zero,
            variants.c.tracked,
            variants.c.backorder_limit,
            zero,
            now,
            sa.literal(1),
        )
        .where(variants.c.sku == opening.c.key)
        .order_by(variants.c.sku)
    )
    insert = dialects.insert_new(tx.connection, stock_levels).from_select([c.name for c in level], rows)
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=list(stock_levels.primary_key),
            set_={
                "quantity": level.quantity + insert.excluded.quantity,
                "updated_at": insert.excluded.updated_at,
            },
        )
    )
    fixed = {
        "kind": sa.literal("receive"),
        "reserved": zero,
        "committed": zero,
        "reason": sa.literal("opening stock"),
        "actor": sa.literal(tx.actor),
        "request_id": sa.literal(tx.request_id, movement.request_id.type),
        "at": now,
    }
    columns = ["sku", "warehouse", "pool", "bucket", "quantity", *fixed]
    entries = sa.select(opening.c.key, *place, opening.c.value, *fixed.values()).order_by(opening.c.key)
    tx.execute(sa.insert(stock_movements).from_select(columns, entries))
