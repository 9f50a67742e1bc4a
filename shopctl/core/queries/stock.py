"""Reads of stock: levels, the ledger, and what it says about a moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db.tables import reservations, stock_levels, warehouses
from shopctl.core.db.types import Id, Instant
from shopctl.core.db.unit_of_work import UnitOfWork

c = stock_levels.c
LEVEL = sa.select(
    c.sku,
    c.warehouse,
    sa.func.sum(c.quantity).label("quantity"),
    sa.func.sum(c.reserved).label("reserved"),
    sa.func.sum(c.committed).label("committed"),
    sa.func.sum(c.quantity - c.reserved - c.committed).label("available"),
    sa.func.max(c.updated_at).label("updated_at"),
).group_by(c.sku, c.warehouse)


@dataclass(frozen=True, slots=True)
class StockRow:
    """One SKU in one warehouse, over all pools and buckets. Units; available = quantity − reserved − committed."""

    sku: str
    warehouse: str
    quantity: int
    reserved: int
    committed: int
    available: int
    updated_at: datetime


def level_of(tx: UnitOfWork, sku: str, warehouse: str) -> StockRow:
    return StockRow(*tx.rows(LEVEL.where(c.sku == sku, c.warehouse == warehouse))[0])


def can_be_had(tx: UnitOfWork, skus: Iterable[str], *, owner_id: str | None = None) -> dict[str, int]:
    """Units by SKU that a new hold could get: available, plus backorder, plus expired holds, plus the owner's own holds."""
    wanted = {"skus": sorted(set(skus))}
    units = {row.sku: int(row.units) for row in tx.rows(_FREE, wanted)}
    for row in tx.rows(_RECLAIMABLE, {**wanted, "now": tx.now, "owner_id": owner_id}):
        units[row.sku] = units.get(row.sku, 0) + int(row.units)
    return units


_FREE = (
    sa.select(c.sku, sa.func.sum(c.quantity + c.backorder_limit - c.reserved - c.committed).label("units"))
    .join(warehouses, warehouses.c.code == c.warehouse)
    .where(c.sku.in_(sa.bindparam("skus", expanding=True)), c.pool == "general", warehouses.c.active)
    .group_by(c.sku)
)
_RECLAIMABLE = (
    sa.select(reservations.c.sku, sa.func.sum(reservations.c.quantity).label("units"))
    .where(
        reservations.c.sku.in_(sa.bindparam("skus", expanding=True)),
        reservations.c.state == "held",
        reservations.c.pool == "general",
        sa.or_(
            sa.and_(
                sa.not_(reservations.c.pinned),
                reservations.c.expires_at <= sa.bindparam("now", type_=Instant),
            ),
            reservations.c.owner_id == sa.bindparam("owner_id", type_=Id),
        ),
    )
    .group_by(reservations.c.sku)
)
