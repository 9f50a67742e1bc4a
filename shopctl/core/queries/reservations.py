"""Reads of reservations: what is held, for whom, for how long still, and why a SKU is held at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db import dialects
from shopctl.core.db.tables import reservations
from shopctl.core.db.types import Instant
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import NotFound
from shopctl.core.queries import stock
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.stock import HISTORY, Movement, StockRow

r = reservations.c
LIVE = r.state == sa.literal_column("'held'")
"""A constant, not a parameter: a plan for any value could not use the indexes of live holds."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """`owner` is a cart's handle or an order's number, as `owner_kind` says.

    `left_seconds` is negative for a hold past its time, None for a resolved or pinned one.
    """

    id: str
    owner: str
    owner_kind: str
    sku: str
    warehouse: str
    quantity: int
    state: str
    pinned: bool
    age_seconds: int
    left_seconds: int | None
    created_at: datetime
    expires_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReservationView(Reservation):
    """A reservation with what it did to the stock, newest first."""

    movements: Sequence[Movement]


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold of a SKU, and why it is held."""

    id: str
    owner: str
    owner_kind: str
    warehouse: str
    quantity: int
    since: datetime
    until: datetime
    left_seconds: int | None
    pinned: bool
    why: str


@dataclass(frozen=True, slots=True)
class WhyHeld:
    """Where the units of a SKU are. The counters are those of `levels`, and `reserved` adds up the `holds`.

    `can_be_had` is what a new buyer gets now: over the active warehouses, what is available, less safety stock, plus the
    backorder limit, plus the holds past their time (`expired`), which give way to whoever needs their units.
    """

    sku: str
    tracked: bool
    quantity: int
    committed: int
    reserved: int
    expired: int
    available: int
    safety_stock: int
    backorder_limit: int
    can_be_had: int | None
    levels: Sequence[StockRow]
    holds: Sequence[Hold]


_now = sa.bindparam("now", type_=Instant())
_owner = sa.func.substr(r.reference, sa.func.length(r.owner_kind) + 2)  # the reference is "cart c1", "order 1001"
_age = dialects.seconds_between(r.created_at, _now)
_left = sa.case((sa.and_(LIVE, sa.not_(r.pinned)), dialects.seconds_between(_now, r.expires_at)))


def _build(tx: UnitOfWork, rows: Sequence[Row]) -> list[Reservation]:
    return [
        Reservation(
            id=row.id,
            owner=row.reference.removeprefix(f"{row.owner_kind} "),
            owner_kind=row.owner_kind,
            sku=row.sku,
            warehouse=row.warehouse,
            quantity=row.quantity,
            state=row.state,
            pinned=row.pinned,
            age_seconds=int((tx.now - row.created_at).total_seconds()),
            left_seconds=None if row.pinned or row.state != "held" else int((row.expires_at - tx.now).total_seconds()),
            created_at=row.created_at,
            expires_at=row.expires_at,
            resolved_at=row.resolved_at,
        )
        for row in rows
    ]


LIST: Listing[Reservation] = Listing(
    sa.select(reservations),
    {
        "id": r.id,
        "owner": sa.type_coerce(_owner, r.reference.type),
        "owner_kind": r.owner_kind,
        "sku": r.sku,
        "warehouse": r.warehouse,
        "quantity": r.quantity,
        "state": r.state,
        "pinned": r.pinned,
        "age": _age,
        "age_seconds": _age,
        "left": _left,
        "left_seconds": _left,
        "created_at": r.created_at,
        "expires_at": r.expires_at,
    },
    ("owner", "owner_kind", "sku"),
    (r.id.desc(),),  # a UUIDv7: by time of creation
    _build,
    given=lambda tx: {"now": tx.now},
)


def find(tx: UnitOfWork, reservation_id: str) -> Row:
    """A reservation's row, or NotFound(unknown_reservation)."""
    row = tx.row(sa.select(reservations).where(r.id == reservation_id))
    if row is None:
        raise NotFound(
            "unknown_reservation",
            f"There is no reservation {reservation_id!r}",
            hint="See `shopctl reservations list --all`.",
            id=reservation_id,
        )
    return row


def show(tx: UnitOfWork, reservation_id: str) -> Reservation:
    """One reservation; NotFound(unknown_reservation)."""
    return _build(tx, [find(tx, reservation_id)])[0]


def detail(tx: UnitOfWork, reservation_id: str) -> ReservationView:
    """One reservation with its movements; NotFound(unknown_reservation)."""
    found = show(tx, reservation_id)
    return ReservationView(**asdict(found), movements=HISTORY.rows(tx, where=[stock.m.reservation_id == found.id]))


def why(tx: UnitOfWork, sku: str, limit: int = -1) -> WhyHeld:
    """Why units of a SKU cannot be had: what is sold, held for whom, kept back; NotFound(unknown_sku).

    At most `limit` of the holds, those that end first; -1 is all.
    """
    tracked = find_variant(tx, sku).tracked
    levels = stock.show(tx, sku)
    here = (LIVE, r.sku == sku)
    live = LIST.rows(tx, where=here, sort="expires_at", limit=limit)
    overdue = sa.select(sa.func.coalesce(sa.func.sum(r.quantity), 0)).where(
        *here, sa.not_(r.pinned), r.expires_at <= tx.now
    )
    return WhyHeld(
        sku=sku,
        tracked=tracked,
        quantity=sum(level.quantity for level in levels),
        committed=sum(level.committed for level in levels),
        reserved=sum(level.reserved for level in levels),
        expired=int(tx.execute(overdue).scalar_one()),
        available=sum(level.available for level in levels),
        safety_stock=sum(level.safety_stock for level in levels),
        backorder_limit=sum(level.backorder_limit for level in levels),
        can_be_had=stock.can_be_had(tx, [sku]).get(sku, 0) if tracked else None,
        levels=levels,
        holds=[_hold(tx, found) for found in (live if limit < 0 else live[:limit])],
    )


def _hold(tx: UnitOfWork, found: Reservation) -> Hold:
    if found.pinned:
        why = "its payment is not resolved: it does not expire"
    elif found.expires_at <= tx.now:
        why = "past its time: whoever needs the units gets them"
    else:
        why = "in a cart" if found.owner_kind == "cart" else "in a checkout"
    return Hold(
        found.id,
        found.owner,
        found.owner_kind,
        found.warehouse,
        found.quantity,
        found.created_at,
        found.expires_at,
        found.left_seconds,
        found.pinned,
        why,
    )
