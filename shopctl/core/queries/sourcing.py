"""Which warehouses a cart would ship from now, and why not the others: the plan of a hold, without holding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from shopctl.core.db.tables import reservations, stock_levels, variants
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.sourcing import Level, Place, explain, plan
from shopctl.core.queries.carts import LINES, open_cart, unknown_cart
from shopctl.core.queries.catalog import unknown_sku
from shopctl.core.queries.stock import FREE
from shopctl.core.queries.warehouses import in_order

c, r = stock_levels.c, reservations.c
_SKUS: sa.BindParameter[list[str]] = sa.bindparam("skus", expanding=True)
_LEVELS = (
    sa.select(c.sku, c.warehouse, sa.func.sum(FREE).label("free"), sa.func.sum(c.safety_stock).label("kept"))
    .where(c.sku.in_(_SKUS), c.pool == "general")
    .group_by(c.sku, c.warehouse)
)
_HELD = sa.select(r.sku, r.warehouse, r.owner_id, r.quantity, r.pinned, r.expires_at).where(
    r.sku.in_(_SKUS), r.state == "held", r.pool == "general"
)
_Place = tuple[str, str]  # sku, warehouse


@dataclass(frozen=True, slots=True)
class Sourced:
    """One line at one warehouse. Without a warehouse: its stock is not counted, and it ships from anywhere."""

    sku: str
    quantity: int
    warehouse: str | None
    take: int
    available: int | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Sourcing:
    """The rows; `short` maps each SKU that there is too little of to what there is of the `missing` units."""

    rows: Sequence[Sourced]
    missing: Mapping[str, int]
    short: Mapping[str, int]


def of_cart(tx: UnitOfWork, handle: str) -> Sourcing:
    """What a checkout of this cart would hold, its own holds first; NotFound(unknown_cart)."""
    cart = open_cart(tx, handle)
    if cart is None or (cart.expires_at <= tx.now and cart.claimed_by is None):
        raise unknown_cart(tx, handle)
    lines = tx.rows(LINES, {"cart_id": cart.id})
    owner = cart.id if cart.claimed_by is None else cart.claimed_by
    return of_skus(tx, {line.sku: line.quantity for line in lines}, owner_id=owner)


def of_skus(tx: UnitOfWork, wanted: Mapping[str, int], *, owner_id: str | None = None) -> Sourcing:
    """What a hold of these units would take, all or nothing; NotFound(unknown_sku)."""
    tracked = _tracked(tx, wanted)
    counted = {sku: units for sku, units in wanted.items() if tracked[sku]}
    levels = tx.rows(_LEVELS, {"skus": sorted(counted)})
    free = {(row.sku, row.warehouse): int(row.free) for row in levels}
    kept = {(row.sku, row.warehouse): int(row.kept) for row in levels}
    own, over = _holds(tx, sorted(counted), owner_id)
    for sku, units in counted.items():
        if _of(own, sku) > units:  # as checkout does with a hold that fits no line: given back, and held anew
            for place in [place for place in own if place[0] == sku]:
                free[place] += own.pop(place)
    missing = {sku: units - _of(own, sku) for sku, units in counted.items() if units > _of(own, sku)}
    ranked = in_order(tx)
    active = [row.code for row in ranked if row.active]
    decided = plan(missing, _levels(missing, free, active))
    if decided.short:  # a hold would reclaim what is past its time
        for place, units in over.items():
            free[place] += units if place[0] in decided.short else 0
        decided = plan(missing, _levels(missing, free, active))
    places = [
        Place(
            sku,
            row.code,
            row.active,
            (sku, row.code) in free,
            free.get((sku, row.code), 0),
            own.get((sku, row.code), 0),
            kept.get((sku, row.code), 0),
        )
        for sku in counted
        for row in ranked
    ]
    rows = [Sourced(**asdict(verdict)) for verdict in explain(missing, places, decided)]
    rows += [Sourced(sku, n, None, n, None, "stock is not counted") for sku, n in wanted.items() if not tracked[sku]]
    return Sourcing(rows, missing, decided.short)


def _tracked(tx: UnitOfWork, wanted: Mapping[str, int]) -> dict[str, bool]:
    rows = tx.rows(sa.select(variants.c.sku, variants.c.tracked).where(variants.c.sku.in_(sorted(wanted))))
    tracked = {row.sku: row.tracked for row in rows}
    for sku in wanted:
        if sku not in tracked:
            raise unknown_sku(tx, sku)
    return tracked


def _holds(tx: UnitOfWork, skus: Sequence[str], owner_id: str | None) -> tuple[dict[_Place, int], dict[_Place, int]]:
    """Units held by place: the owner's own, and others' that are past their time."""
    own: dict[_Place, int] = {}
    over: dict[_Place, int] = {}
    for row in tx.rows(_HELD, {"skus": skus}):
        if row.owner_id == owner_id or (row.expires_at <= tx.now and not row.pinned):
            found = own if row.owner_id == owner_id else over
            found[row.sku, row.warehouse] = found.get((row.sku, row.warehouse), 0) + row.quantity
    return own, over


def _levels(missing: Mapping[str, int], free: Mapping[_Place, int], active: Sequence[str]) -> list[Level]:
    return [
        Level(sku, code, "general", 0, free[sku, code]) for code in active for sku in missing if (sku, code) in free
    ]


def _of(units: Mapping[_Place, int], sku: str) -> int:
    return sum(n for (of, _), n in units.items() if of == sku)
