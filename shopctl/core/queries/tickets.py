"""Reads of tickets: a place in the queue of a sale, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import dialects
from shopctl.core.db.tables import carts, orders, sale_items, sales, tickets
from shopctl.core.db.types import Money as Amount
from shopctl.core.db.types import Word
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound
from shopctl.core.queries import pools, waits
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.pools import Pool
from shopctl.core.queries.sales import row_by_name
from shopctl.core.queries.waits import Forecast

s, i, t = sales.c, sale_items.c, tickets.c
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the queue of a sale: its `number` in that of its SKU. `ahead` are those before it, None when it does not wait;
    `wait_seconds` is an estimate (waits.py), None while there is none; `chance` is good, unlikely or none. `problem` is what
    keeps it from being bought as it is registered.
    """

    ticket: str
    number: int
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


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A ticket as an operator sees it: whose it is, and its number in the queue of its SKU."""

    ticket: str
    number: int
    email: str
    sku: str
    quantity: int
    state: str
    problem: str | None
    hold_until: datetime | None
    order: str | None
    joined_at: datetime


_BOUGHT = sa.and_(orders.c.cart_id == t.cart_id, orders.c.status.in_(PAID_ORDERS))
_PRICE = sa.func.coalesce(t.price, i.price, type_=Amount())
_STATE = sa.case((orders.c.number.is_not(None), sa.literal("bought", Word())), else_=t.state)
"""A paid order is the last word on a ticket, whether or not it was written down already."""
_STATE.info = t.state.info  # type: ignore[attr-defined]  # the words it may be
_TICKET = (
    sa.select(
        *(column for column in t if column.name not in ("price", "state")),
        s.name,
        s.status.label("sale_status"),
        s.per_customer,
        _STATE.label("state"),
        _PRICE.label("price"),
        i.head,
        i.allotment,
        carts.c.claimed_by,
        orders.c.id.label("order_id"),
        orders.c.number.label("order_number"),
    )
    .join(sales, s.id == t.sale_id)
    .join(sale_items, sa.and_(i.sale_id == t.sale_id, i.sku == t.sku))
    .outerjoin(carts, carts.c.id == t.cart_id)
    .outerjoin(orders, _BOUGHT)
)
_ONE = _TICKET.where(t.id == sa.bindparam("ticket_id", type_=t.id.type))


def find(tx: UnitOfWork, ticket_id: str) -> Row:
    """A ticket with all that is around it; NotFound(unknown_ticket)."""
    row = tx.row(_ONE, {"ticket_id": ticket_id.strip()})
    if row is None:
        raise unknown(ticket_id)
    return row


def unknown(ticket_id: str) -> NotFound:
    return NotFound("unknown_ticket", f"There is no ticket {ticket_id!r}", ticket=ticket_id)


def position(tx: UnitOfWork, ticket_id: str) -> Ticket:
    """Where a ticket is now; NotFound(unknown_ticket)."""
    return _placed_all(tx, [find(tx, ticket_id)])[0]


def positions(tx: UnitOfWork, ticket_ids: Sequence[str]) -> dict[str, Ticket]:
    """Where tickets are now, by ticket; those that there are."""
    return {ticket.ticket: ticket for ticket in _placed_all(tx, _some(tx, [one.strip() for one in ticket_ids]))}


def of_sale(tx: UnitOfWork, sale_id: str, emails: Sequence[str]) -> dict[str, Ticket]:
    """The tickets that these (folded) addresses have, by address."""
    return _by_address(tx, _some(tx, _ids(tx, sale_id, emails)))


def just_written(
    tx: UnitOfWork, sale: Row, items: Mapping[str, Row], tickets: Iterable[Mapping[str, Any]]
) -> dict[str, Ticket]:
    """What `of_sale` would find of tickets that wait, and were written in this transaction; by address."""
    of_sale = {"name": sale.name, "sale_status": sale.status, "per_customer": sale.per_customer}
    of_item = {
        sku: {"price": item.price, "head": item.head, "allotment": item.allotment} for sku, item in items.items()
    }
    no_turn = {"hold_until": None, "order_number": None}
    return _by_address(
        tx, [SimpleNamespace(**ticket, **of_sale, **of_item[ticket["sku"]], **no_turn) for ticket in tickets]
    )


def _by_address(tx: UnitOfWork, rows: Sequence[Any]) -> dict[str, Ticket]:
    return {row.email_folded: ticket for row, ticket in zip(rows, _placed_all(tx, rows), strict=True)}


_ASKED = dialects.json_rows(sa.bindparam("asked", type_=sa.Text), {"email": t.email_folded.type}).subquery()
_HAS = sa.select(
    sa.select(t.id)
    .where(t.sale_id == sa.bindparam("asked_sale", type_=t.sale_id.type), t.email_folded == _ASKED.c.email)
    .scalar_subquery()
    .label("id")
).select_from(_ASKED)
"""Looked up one by one: a server that has planned it when the queue was empty would read all of the queue each time."""


def _ids(tx: UnitOfWork, sale_id: str, emails: Sequence[str]) -> list[str]:
    asked = json.dumps([[email] for email in emails])
    return [row.id for row in tx.rows(_HAS, {"asked": asked, "asked_sale": sale_id}) if row.id is not None]


def _some(tx: UnitOfWork, ids: Sequence[str]) -> list[Row]:
    chunks = (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
    return [row for some in chunks for row in tx.rows(_TICKET.where(t.id.in_(some)))]


def _placed_all(tx: UnitOfWork, rows: Sequence[Any]) -> list[Ticket]:
    waiting = [row for row in rows if row.state == "waiting"]
    ahead = {sale: waits.forecasts(tx, sale) for sale in sorted({row.sale_id for row in waiting})}
    in_pools = pools.of_skus(tx, sorted({row.sku for row in waiting})) if waiting else {}
    each = _units_each(tx, waiting)
    return [
        _placed(tx, row, ahead.get(row.sale_id, {}).get(row.sku), in_pools, each.get((row.sale_id, row.sku), 1.0))
        for row in rows
    ]


def _units_each(tx: UnitOfWork, waiting: Sequence[Any]) -> dict[tuple[str, str], float]:
    """How many units those want who wait before the last of these tickets, each on average, where one may want more than one."""
    last: dict[tuple[str, str], int] = {}
    for row in waiting:
        if row.per_customer > 1:
            last[row.sale_id, row.sku] = max(row.seq, last.get((row.sale_id, row.sku), 0))
    found = {}
    for (sale, sku), seq in last.items():
        before = (t.sale_id == sale, t.sku == sku, t.state == "waiting", t.seq < seq)
        mean = tx.execute(sa.select(sa.func.avg(t.quantity)).where(*before)).scalar()
        found[sale, sku] = float(mean or 1)
    return found


def _placed(
    tx: UnitOfWork, row: Any, forecast: Forecast | None, in_pools: Mapping[str, Pool], units_each: float
) -> Ticket:
    ahead = row.seq - row.head - 1 if row.state == "waiting" else None
    units = round((ahead or 0) * units_each)
    bought = row.order_number is not None
    return Ticket(
        ticket=row.id,
        number=row.seq,
        sale=row.name,
        sku=row.sku,
        quantity=row.quantity,
        price=Money(row.price, tx.facts.currency),
        currency=tx.facts.currency,
        state=row.state,
        ahead=ahead,
        wait_seconds=forecast.seconds(ahead, units) if forecast and ahead is not None else None,
        chance=_chance(row, None if ahead is None else units, in_pools.get(row.sku, Pool())),
        problem=_problem(row),
        hold_until=row.hold_until if row.state == "admitted" else None,
        order=str(row.order_number) if bought else None,
        joined_at=row.joined_at,
    )


def _problem(row: Any) -> str | None:
    """What keeps it from being bought as it is registered; that the price has risen is seen at once."""
    if row.state not in ("waiting", "admitted"):
        return None
    risen = row.agreed_price is not None and row.price > row.agreed_price
    return row.problem or ("price_changed" if risen else None)


def _chance(row: Any, wanted: int | None, pool: Pool) -> str | None:
    """Unlikely once those ahead want all that is left, though some of them may not buy."""
    if row.state == "sold_out":
        return "none"
    if wanted is None:
        return None
    left = row.allotment if row.sale_status == "scheduled" else sum(pool)
    return "good" if wanted < left else "unlikely"


# --- the queue as a list -------------------------------------------------------------------------------------------
def of(tx: UnitOfWork, sale: str) -> list[sa.ColumnElement[bool]]:
    """What narrows LIST to the queue of one sale; NotFound(unknown_sale)."""
    return [t.sale_id == row_by_name(tx, sale).id]


def _rows(_: UnitOfWork, rows: Sequence[Row]) -> list[QueueRow]:
    return [
        QueueRow(
            row.id,
            row.seq,
            row.email,
            row.sku,
            row.quantity,
            row.state,
            row.problem,
            row.hold_until if row.state == "admitted" else None,
            None if row.order_number is None else str(row.order_number),
            row.joined_at,
        )
        for row in rows
    ]


LIST: Listing[QueueRow] = Listing(
    _TICKET,
    {"ticket": t.id, "number": t.seq, "email": t.email_folded, "sku": t.sku, "quantity": t.quantity}
    | {"state": _STATE, "problem": t.problem, "order": orders.c.number, "joined_at": t.joined_at},
    ("email", "ticket"),
    (t.sku, t.seq),
    _rows,
)
