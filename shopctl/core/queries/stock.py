"""Reads of stock: levels, the ledger, and what it says about a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import reservations, stock_levels, stock_movements, warehouses
from shopctl.core.db.types import Id, Instant
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.listing import Listing

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


def owed(tx: UnitOfWork, skus: Iterable[str]) -> dict[str, int]:
    """Units by SKU that are held or sold beyond what is on hand: what a backorder limit must still allow."""
    beyond = sa.func.max(c.reserved + c.committed - c.quantity)
    found = sa.select(c.sku, beyond.label("units")).where(c.sku.in_(sorted(set(skus)))).group_by(c.sku)
    return {row.sku: int(row.units) for row in tx.rows(found.having(beyond > 0))}


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


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the ledger: what changed by how much, who did it, when and why."""

    seq: int
    at: datetime
    sku: str
    warehouse: str
    kind: str
    quantity: int
    reserved: int
    committed: int
    reason: str | None
    reference: str | None
    reservation_id: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class Explained:
    """One warehouse at a moment, as the sums of its movements until then, and the same by kind of movement."""

    sku: str
    warehouse: str
    at: datetime
    quantity: int
    reserved: int
    committed: int
    available: int
    by_kind: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Warehouse:
    code: str
    name: str
    priority: int
    active: bool
    skus: int
    units: int


m = stock_movements.c
_SUMS = ("quantity", "reserved", "committed", "available", "updated_at")
LIST: Listing[StockRow] = Listing(
    LEVEL,
    {"sku": c.sku, "warehouse": c.warehouse}
    | {label.name: label.element for label in LEVEL.selected_columns if isinstance(label, sa.Label)},
    ("sku",),
    (c.sku, c.warehouse),  # the primary key begins so: a page is read without grouping the others
    lambda _, rows: [StockRow(*row) for row in rows],
    sums=frozenset(_SUMS),
)
HISTORY: Listing[Movement] = Listing(
    sa.select(*(m[field.name] for field in fields(Movement))),
    {field.name: m[field.name] for field in fields(Movement) if field.name != "reservation_id"},
    ("reference", "reason"),
    (m.seq.desc(),),
    lambda _, rows: [Movement(*row) for row in rows],
)


def show(tx: UnitOfWork, sku: str) -> list[StockRow]:
    """The levels of a SKU, by warehouse; NotFound(unknown_sku)."""
    find_variant(tx, sku)
    return LIST.rows(tx, where=[c.sku == sku])


def explain(tx: UnitOfWork, sku: str, at: datetime | None = None) -> list[Explained]:
    """Why a SKU stood (or stands) as it does: the sums of its movements until a moment."""
    find_variant(tx, sku)
    moment = at or tx.now
    sums = [sa.func.sum(m[name]).label(name) for name in ("quantity", "reserved", "committed")]
    found = tx.rows(
        sa.select(m.warehouse, m.kind, sa.func.count().label("movements"), *sums)
        .where(m.sku == sku, m.at <= moment)
        .group_by(m.warehouse, m.kind)
        .order_by(m.warehouse, m.kind)
    )
    places = dict.fromkeys(row.warehouse for row in found)
    return [_explained(sku, place, moment, [row for row in found if row.warehouse == place]) for place in places]


def warehouse_rows(tx: UnitOfWork) -> list[Warehouse]:
    """The warehouses in priority order, with what they hold."""
    found = tx.rows(
        sa.select(
            warehouses.c.code,
            warehouses.c.name,
            warehouses.c.priority,
            warehouses.c.active,
            sa.func.count(sa.distinct(c.sku)),
            sa.func.coalesce(sa.func.sum(c.quantity), 0),
        )
        .outerjoin(stock_levels, c.warehouse == warehouses.c.code)
        .group_by(warehouses.c.code, warehouses.c.name, warehouses.c.priority, warehouses.c.active)
        .order_by(warehouses.c.priority, warehouses.c.code)
    )
    return [Warehouse(*row) for row in found]


def _explained(sku: str, warehouse: str, at: datetime, rows: Sequence[Row]) -> Explained:
    names = ("quantity", "reserved", "committed")
    total = {name: sum(int(row._mapping[name]) for row in rows) for name in names}
    return Explained(
        sku=sku,
        warehouse=warehouse,
        at=at,
        **total,
        available=total["quantity"] - total["reserved"] - total["committed"],
        by_kind=[
            {"kind": row.kind, "movements": row.movements, **{name: int(row._mapping[name]) for name in names}}
            for row in rows
        ],
    )
