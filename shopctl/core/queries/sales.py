"""Reads of flash sales: a sale with its items, a ticket with its place in the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shopctl.core.db.tables import orders, sale_items, sales, stock_levels, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound
from shopctl.core.queries.listing import Listing

s, i, t = sales.c, sale_items.c, tickets.c
MEASURED = timedelta(seconds=60)
"""Over how long the rate of admission is measured."""


@dataclass(frozen=True, slots=True)
class SaleItem:
    """A SKU of a sale. Units: `held` by those whose turn it is, `sold` to those who have paid, `left` for those who wait."""

    sku: str
    price: Money
    allotment: int
    left: int
    held: int
    sold: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Sale:
    """`rate` is the most admitted a minute, None without a limit; `admitted_per_second` what was measured."""

    name: str
    id: str
    status: str
    items: Sequence[SaleItem]
    per_customer: int
    batch: int
    rate: int | None
    hold_seconds: int
    waiting: int
    admitted: int
    bought: int
    admitted_per_second: float
    sold_out_at: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the queue of a sale. `ahead` are those before it, None when it does not wait; `wait_seconds` is an estimate
    from the measured rate, None while there is none; `chance` is good, unlikely or none.
    """

    ticket: str
    sale: str
    sku: str
    quantity: int
    price: Money
    currency: str
    state: str
    ahead: int | None
    wait_seconds: int | None
    chance: str | None
    problem: str | None
    hold_until: datetime | None
    order: str | None
    joined_at: datetime


# --- one sale ------------------------------------------------------------------------------------------------------
def row_by_name(tx: UnitOfWork, name: str) -> Row:
    row = tx.row(sa.select(sales).where(s.name == name.strip().lower()))
    if row is None:
        raise NotFound("unknown_sale", f"There is no sale {name!r}", hint="See `shopctl sales list`.", name=name)
    return row


def get(tx: UnitOfWork, name: str) -> Sale:
    return _sales(tx, [row_by_name(tx, name)])[0]


def rate_of(tx: UnitOfWork, sale_id: str) -> float:
    """Admissions a second, over the last minute, or since the first of them."""
    row = tx.rows(
        sa.select(sa.func.count().label("tickets"), sa.func.min(t.admitted_at).label("first")).where(
            t.sale_id == sale_id, t.admitted_at > tx.now - MEASURED
        )
    )[0]
    if not row.tickets:
        return 0.0
    return float(row.tickets) / max(1.0, (tx.now - row.first).total_seconds())


_POOL = sa.select(
    sa.func.coalesce(
        sa.func.sum(stock_levels.c.quantity - stock_levels.c.reserved - stock_levels.c.committed), 0
    ).label("free"),
    sa.func.coalesce(sa.func.sum(stock_levels.c.reserved), 0).label("held"),
).where(stock_levels.c.sku == sa.bindparam("pool_sku"), stock_levels.c.pool == sa.literal_column("'sale'"))
_SOLD = (
    sa.select(sa.func.coalesce(sa.func.sum(t.quantity), 0))
    .join(orders, orders.c.cart_id == t.cart_id)
    .where(t.sale_id == sa.bindparam("sold_sale"), t.sku == sa.bindparam("sold_sku"), orders.c.status.in_(PAID_ORDERS))
)


def units_of(tx: UnitOfWork, sku: str) -> tuple[int, int]:
    """Units of a pool that nobody has, and that are held."""
    row = tx.rows(_POOL, {"pool_sku": sku})[0]
    return int(row.free), int(row.held)


def _sales(tx: UnitOfWork, rows: Sequence[Row]) -> list[Sale]:
    ids = [row.id for row in rows]
    found: dict[str, list[Row]] = {}
    for item in tx.rows(sa.select(sale_items).where(i.sale_id.in_(ids)).order_by(i.sku)):
        found.setdefault(item.sale_id, []).append(item)
    counted = sa.select(t.sale_id, t.sku, t.state, sa.func.count().label("tickets")).where(t.sale_id.in_(ids))
    states = {
        (row.sale_id, row.sku, row.state): int(row.tickets)
        for row in tx.rows(counted.group_by(t.sale_id, t.sku, t.state))
    }
    return [_sale(tx, row, found.get(row.id, []), states) for row in rows]


def _sale(tx: UnitOfWork, row: Row, items: Sequence[Row], states: Mapping[tuple[str, str, str], int]) -> Sale:
    currency = tx.facts.currency
    running = row.status in ("open", "paused")

    def of_state(state: str) -> int:
        return sum(states.get((row.id, item.sku, state), 0) for item in items)

    told = []
    for item in items:
        free, held = units_of(tx, item.sku) if running else (0, 0)
        sold = int(tx.execute(_SOLD, {"sold_sale": row.id, "sold_sku": item.sku}).scalar_one())
        waiting = states.get((row.id, item.sku, "waiting"), 0)
        told.append(SaleItem(item.sku, Money(item.price, currency), item.allotment, free, held, sold, waiting))
    return Sale(
        name=row.name,
        id=row.id,
        status=row.status,
        items=told,
        per_customer=row.per_customer,
        batch=row.batch,
        rate=row.rate,
        hold_seconds=row.hold_seconds,
        waiting=of_state("waiting"),
        admitted=of_state("admitted"),
        bought=of_state("bought"),
        admitted_per_second=round(rate_of(tx, row.id), 2) if running else 0.0,
        sold_out_at=row.sold_out_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        currency=currency,
        created_at=row.created_at,
    )


LIST: Listing[Sale] = Listing(
    sa.select(sales),
    {"name": s.name, "status": s.status, "starts_at": s.starts_at, "ends_at": s.ends_at, "created_at": s.created_at},
    ("name",),
    (s.created_at.desc(), s.id.desc()),
    _sales,
)


# --- one ticket ----------------------------------------------------------------------------------------------------
_TICKET = (
    sa.select(
        tickets,
        s.name,
        s.status.label("sale_status"),
        s.sold_out_at,
        i.price,
        i.head,
        orders.c.number.label("order_number"),
    )
    .join(sales, s.id == t.sale_id)
    .join(sale_items, sa.and_(i.sale_id == t.sale_id, i.sku == t.sku))
    .outerjoin(orders, sa.and_(orders.c.cart_id == t.cart_id, orders.c.status.in_(PAID_ORDERS)))
)
_ONE = _TICKET.where(t.id == sa.bindparam("ticket_id", type_=t.id.type))


def ticket_row(tx: UnitOfWork, ticket_id: str) -> Row:
    row = tx.row(_ONE, {"ticket_id": ticket_id})
    if row is None:
        raise NotFound("unknown_ticket", f"There is no ticket {ticket_id!r}", ticket=ticket_id)
    return row


def position(tx: UnitOfWork, ticket_id: str) -> Ticket:
    """Where a ticket is now; NotFound(unknown_ticket)."""
    row = ticket_row(tx, ticket_id)
    return _placed(tx, row, rate_of(tx, row.sale_id) if row.state == "waiting" else 0.0)


def of_sale(tx: UnitOfWork, sale_id: str, emails: Sequence[str]) -> dict[str, Ticket]:
    """The tickets that these (folded) addresses have, by address."""
    rate = rate_of(tx, sale_id)
    told: dict[str, Ticket] = {}
    for start in range(0, len(emails), 500):
        some = t.email_folded.in_(emails[start : start + 500])
        told |= {row.email_folded: _placed(tx, row, rate) for row in tx.rows(_TICKET.where(t.sale_id == sale_id, some))}
    return told


def _placed(tx: UnitOfWork, row: Row, rate: float) -> Ticket:
    waits = row.state == "waiting"
    ahead = row.seq - row.head - 1 if waits else None
    chance = None
    if ahead is not None:
        free, held = units_of(tx, row.sku)
        running = row.sale_status in ("open", "paused")
        chance = "good" if not running or ahead < free + held else "unlikely"
    bought = row.order_number is not None
    return Ticket(
        ticket=row.id,
        sale=row.name,
        sku=row.sku,
        quantity=row.quantity,
        price=Money(row.price, tx.facts.currency),
        currency=tx.facts.currency,
        state="bought" if bought else row.state,
        ahead=ahead,
        wait_seconds=round(ahead / rate) if ahead is not None and rate else None,
        chance=chance,
        problem=row.problem,
        hold_until=None if bought else row.hold_until,
        order=str(row.order_number) if bought else None,
        joined_at=row.joined_at,
    )
