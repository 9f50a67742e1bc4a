"""Reads of stock: levels, the ledger, and what it says about a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import products, reservations, stock_levels, stock_movements, variants, warehouses
from shopctl.core.db.types import Count, Flag, Id, Instant
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.sourcing import Level
from shopctl.core.errors import NotFound
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.listing import Listing

c, v, r = stock_levels.c, variants.c, reservations.c
LEVEL = sa.select(
    c.sku,
    c.warehouse,
    sa.func.sum(c.quantity).label("quantity"),
    sa.func.sum(c.reserved).label("reserved"),
    sa.func.sum(c.committed).label("committed"),
    sa.func.sum(sa.case((c.pool == "general", c.quantity - c.reserved - c.committed), else_=0)).label("available"),
    sa.func.sum(c.safety_stock).label("safety_stock"),
    sa.func.sum(c.backorder_limit).label("backorder_limit"),
    sa.func.max(c.updated_at).label("updated_at"),
    sa.func.max(c.buckets).label("buckets"),
).group_by(c.sku, c.warehouse)
FREE = c.quantity + c.backorder_limit - c.safety_stock - c.reserved - c.committed
"""What a level may promise to a new shopper; negative when it has promised more, or keeps more back than it has."""


# --- low stock -----------------------------------------------------------------------------------------------------
THRESHOLD: sa.ColumnElement[int] = sa.func.coalesce(
    v.low_stock, sa.bindparam("low_stock", type_=Count()), type_=Count()
)
"""At how many units a SKU is low: its own threshold, or the shop's."""


def given(tx: UnitOfWork) -> dict[str, object]:
    """The values that statements with THRESHOLD ask for."""
    return {"low_stock": tx.facts.low_stock}


def _unsold() -> sa.Select[Any]:
    """Units on hand and not sold over the active warehouses, with its threshold, of each tracked SKU that has one."""
    level = stock_levels.alias("unsold")
    units = sa.func.sum(sa.case((warehouses.c.active, level.c.quantity - level.c.committed), else_=0))
    return (
        sa.select(v.sku, units.label("units"), THRESHOLD.label("threshold"))
        .select_from(level)
        .join(variants, v.sku == level.c.sku)
        .join(warehouses, warehouses.c.code == level.c.warehouse)
        .where(v.tracked, THRESHOLD.is_not(None))
        .group_by(v.sku, v.low_stock)
    )


def _low() -> sa.CompoundSelect[Any]:
    """Every SKU that is low, found without adding up a million that cannot be: those with a threshold of their own, and those
    with a level that is at the shop's or below, or that lies where nothing is sold from.
    """
    level = stock_levels.alias("perhaps")
    few = level.c.quantity - level.c.committed <= sa.bindparam("low_stock", type_=Count())
    idle = level.c.warehouse.in_(sa.select(warehouses.c.code).where(sa.not_(warehouses.c.active)))
    perhaps = sa.select(level.c.sku).where(sa.or_(few, idle))
    return sa.union_all(
        *(
            _UNSOLD.where(*which).having(_UNSOLD.selected_columns.units <= THRESHOLD)
            for which in ([v.low_stock.is_not(None)], [v.low_stock.is_(None), v.sku.in_(perhaps)])
        )
    )


_UNSOLD = _unsold()
_UNSOLD_OF = _UNSOLD.where(v.sku.in_(sa.bindparam("skus", expanding=True)))
_CHUNK = 500
_LOW = _low().subquery("low")
LOW_SKUS = sa.select(sa.func.count()).select_from(_LOW)
"""How many SKUs are low; it needs the values of `given`."""
IS_LOW: sa.ColumnElement[bool] = sa.type_coerce(c.sku.in_(sa.select(_LOW.c.sku)), Flag())
"""Whether the SKU of a level is low; it needs the values of `given`."""


def thresholds(tx: UnitOfWork, skus: Sequence[str]) -> dict[str, Row]:
    """(sku, units, threshold) of those of the SKUs that have a threshold and a level, by SKU."""
    chunks = (skus[start : start + _CHUNK] for start in range(0, len(skus), _CHUNK))
    return {row.sku: row for chunk in chunks for row in tx.rows(_UNSOLD_OF, {**given(tx), "skus": chunk})}


@dataclass(frozen=True, slots=True)
class StockRow:
    """One SKU in one warehouse, over all pools and buckets. Units; available = quantity − reserved − committed, without what is
    set aside for a sale.

    `safety_stock` is never held for a shopper, `backorder_limit` may be promised beyond what is here. `low_stock` is the
    SKU's threshold (None: it has none), and `low` says whether all active warehouses together are at it or below. `buckets`
    is over how many rows the level is spread.
    """

    sku: str
    warehouse: str
    quantity: int
    reserved: int
    committed: int
    available: int
    safety_stock: int
    backorder_limit: int
    low_stock: int | None
    low: bool
    updated_at: datetime
    buckets: int


def _build(tx: UnitOfWork, rows: Sequence[Row]) -> list[StockRow]:
    found = thresholds(tx, list(dict.fromkeys(row.sku for row in rows)))
    return [_stock_row(row, found.get(row.sku)) for row in rows]


def _stock_row(row: Row, threshold: Row | None) -> StockRow:
    return StockRow(
        sku=row.sku,
        warehouse=row.warehouse,
        quantity=int(row.quantity),
        reserved=int(row.reserved),
        committed=int(row.committed),
        available=int(row.available),
        safety_stock=int(row.safety_stock),
        backorder_limit=int(row.backorder_limit),
        low_stock=None if threshold is None else threshold.threshold,
        low=threshold is not None and int(threshold.units) <= threshold.threshold,
        updated_at=row.updated_at,
        buckets=row.buckets,
    )


def level_of(tx: UnitOfWork, sku: str, warehouse: str) -> StockRow:
    return _build(tx, tx.rows(LEVEL.where(c.sku == sku, c.warehouse == warehouse)))[0]


# --- what can be had -----------------------------------------------------------------------------------------------
def can_be_had(tx: UnitOfWork, skus: Iterable[str], *, owner_id: str | None = None) -> dict[str, int]:
    """Units by SKU that a new hold could get: what is free, plus backorder, less safety stock, plus expired holds.

    The owner's own holds are counted in, wherever they lie: a checkout takes them over.
    """
    wanted = {"skus": sorted(set(skus)), "now": tx.now, "owner_id": owner_id}
    return {row.sku: int(row.units) for row in tx.rows(_CAN_BE_HAD, wanted)}


@dataclass(frozen=True, slots=True)
class Availability:
    """How many units of a SKU a shopper can have now; None when it is not tracked, and there is always enough."""

    sku: str
    available: int | None


def availability(tx: UnitOfWork, skus: Sequence[str]) -> list[Availability]:
    """The same for shoppers, in the order asked; NotFound(unknown_sku) for what is not for sale."""
    found = sa.select(v.sku, v.tracked).join(products, products.c.id == v.product_id)
    rows = tx.rows(found.where(v.sku.in_(sorted(set(skus))), products.c.status == "active"))
    tracked, units = {row.sku: row.tracked for row in rows}, can_be_had(tx, skus)
    for sku in skus:
        if sku not in tracked:
            raise NotFound("unknown_sku", f"There is no SKU {sku!r}", sku=sku)
    return [Availability(sku, max(units.get(sku, 0), 0) if tracked[sku] else None) for sku in dict.fromkeys(skus)]


def free_levels(tx: UnitOfWork, skus: Sequence[str]) -> list[Level]:
    """What active warehouses may promise of these SKUs, in priority order."""
    if len(skus) == 1:  # as a rule; a list of any length costs more to ask with
        return [Level(*row) for row in tx.rows(_FREE_OF_ONE, {"one_sku": skus[0]})]
    return [Level(*row) for row in tx.rows(_FREE_LEVELS, {"skus": sorted(skus)})]


def owed(tx: UnitOfWork, skus: Iterable[str]) -> dict[str, int]:
    """Units by SKU that are held or sold beyond what is on hand: what a backorder limit must still allow."""
    beyond = sa.func.sum(c.reserved + c.committed - c.quantity)
    found = sa.select(c.sku, beyond.label("units")).where(c.sku.in_(sorted(set(skus)))).group_by(c.sku, c.warehouse)
    most: dict[str, int] = {}
    for row in tx.rows(found.having(beyond > 0)):
        most[row.sku] = max(most.get(row.sku, 0), int(row.units))
    return most


def _can_be_had() -> sa.Select[Any]:
    here = [r.sku == c.sku, r.warehouse == c.warehouse, r.pool == c.pool, r.bucket == c.bucket, r.state == "held"]
    mine = r.owner_id == sa.bindparam("owner_id", type_=Id())
    over = sa.and_(sa.not_(r.pinned), r.expires_at <= sa.bindparam("now", type_=Instant()))

    def held(which: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        units = sa.select(sa.func.coalesce(sa.func.sum(r.quantity), 0)).where(*here, which).correlate(stock_levels)
        return sa.case((c.reserved > 0, units.scalar_subquery()), else_=0)

    own, all_in = held(mine), FREE + held(sa.or_(mine, over))
    level = (  # as a whole: what one bucket lacks of its safety stock, the others keep for it
        sa.select(c.sku, warehouses.c.active, sa.func.sum(own).label("own"), sa.func.sum(all_in).label("all_in"))
        .join(warehouses, warehouses.c.code == c.warehouse)
        .where(c.sku.in_(sa.bindparam("skus", expanding=True)), c.pool == "general")
        .group_by(c.sku, c.warehouse, warehouses.c.active)
        .subquery()
    ).c
    units = sa.case((sa.and_(level.active, level.all_in > level.own), level.all_in), else_=level.own)
    return sa.select(level.sku, sa.func.sum(units).label("units")).group_by(level.sku)


_CAN_BE_HAD = _can_be_had()
_FREE = (
    sa.select(c.sku, c.warehouse, c.pool, c.bucket, FREE.label("available"))
    .join(warehouses, warehouses.c.code == c.warehouse)
    .where(c.pool == sa.literal_column("'general'"), warehouses.c.active)
    .order_by(warehouses.c.priority, warehouses.c.code, c.bucket)
)
_FREE_LEVELS = _FREE.where(c.sku.in_(sa.bindparam("skus", expanding=True)))
_FREE_OF_ONE = _FREE.where(c.sku == sa.bindparam("one_sku"))


@dataclass(frozen=True, slots=True)
class BucketRow:
    """One row of a level."""

    sku: str
    warehouse: str
    bucket: int
    quantity: int
    reserved: int
    committed: int
    available: int
    safety_stock: int
    backorder_limit: int
    updated_at: datetime


def buckets(tx: UnitOfWork, sku: str) -> list[BucketRow]:
    """The rows of a SKU's levels, by warehouse; NotFound(unknown_sku)."""
    find_variant(tx, sku)
    columns = [
        (c.quantity - c.reserved - c.committed).label("available") if f.name == "available" else c[f.name]
        for f in fields(BucketRow)
    ]
    rows = tx.rows(sa.select(*columns).where(c.sku == sku, c.pool == "general").order_by(c.warehouse, c.bucket))
    return [BucketRow(*row) for row in rows]


# --- lists ---------------------------------------------------------------------------------------------------------
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


m = stock_movements.c
_SUMS = ("quantity", "reserved", "committed", "available", "safety_stock", "backorder_limit", "updated_at")
LIST: Listing[StockRow] = Listing(
    LEVEL,
    {"sku": c.sku, "warehouse": c.warehouse}
    | {label.name: label.element for label in LEVEL.selected_columns if isinstance(label, sa.Label)}
    | {"low": IS_LOW, "low_stock": sa.select(THRESHOLD).where(v.sku == c.sku).scalar_subquery()},
    ("sku",),
    (c.sku, c.warehouse),  # the primary key begins so: a page is read without grouping the others
    _build,
    sums=frozenset(_SUMS),
    given=given,
)
HISTORY: Listing[Movement] = Listing(
    sa.select(*(m[field.name] for field in fields(Movement))),
    {field.name: m[field.name] for field in fields(Movement) if field.name != "reservation_id"},
    ("reference", "reason"),
    (m.seq.desc(),),
    lambda _, rows: [Movement(*row) for row in rows],
)


def history(
    tx: UnitOfWork, sku: str, *, limit: int, filters: Iterable[str] = (), after: Sequence[Any] = ()
) -> list[Movement]:
    """The latest movements of a SKU, one more than `limit`; `after` as in a Listing.

    Level by level, each from the end of an index: one SKU may have a million.
    """
    words = list(filters)
    found: list[Movement] = []
    for level in tx.rows(sa.select(c.warehouse, c.pool, c.bucket).where(c.sku == sku)):
        here = [m.sku == sku, m.warehouse == level.warehouse, m.pool == level.pool, m.bucket == level.bucket]
        found += HISTORY.rows(tx, filters=words, limit=limit, where=here, after=after)
    return sorted(found, key=lambda movement: movement.seq, reverse=True)[: limit + 1]


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
