"""Everything that the shop knows about one customer, for when they ask for it (GDPR, article 15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import cart_lines, carts, orders, outbox, refunds, sale_items, sales, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.domain.money import Money
from shopctl.core.queries.customers import CustomerDetail, show
from shopctl.core.queries.orders import OrderDetail, detail

CHUNK = 500


@dataclass(frozen=True, slots=True)
class KeptCart:
    """A cart of the customer, or one that was merged into it, with what is in it."""

    cart: str
    id: str
    state: str
    created_at: datetime
    updated_at: datetime
    lines: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Refund:
    amount: Money
    currency: str
    state: str
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """An order with its payments, shipments and history; `extra` is what an import said besides."""

    order: OrderDetail
    source: str
    reference: str | None
    refunds: Sequence[Refund]
    extra: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class KeptTicket:
    """A place in the queue of a flash sale, with what was registered."""

    ticket: str
    sale: str
    sku: str
    quantity: int
    state: str
    email: str
    address: Mapping[str, str] | None
    price: Money
    currency: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Fact:
    at: datetime
    topic: str
    subject: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    account: CustomerDetail
    carts: Sequence[KeptCart]
    orders: Sequence[KeptOrder]
    tickets: Sequence[KeptTicket]
    events: Sequence[Fact]


def known(tx: UnitOfWork, email: str) -> Known:
    """Account, addresses, carts, orders, tickets and events of a customer, or NotFound(unknown_customer)."""
    account = show(tx, email)
    theirs = tx.rows(sa.select(orders).where(orders.c.customer_id == account.id).order_by(orders.c.number))
    kept = _carts(tx, account.id)
    subjects = [account.id, *(cart.id for cart in kept), *(row.id for row in theirs)]
    return Known(account, kept, [_order(tx, row) for row in theirs], _tickets(tx, account.email), _events(tx, subjects))


def _carts(tx: UnitOfWork, customer: str) -> list[KeptCart]:
    mine = sa.select(carts.c.id).where(carts.c.customer_id == customer)
    which = sa.or_(carts.c.customer_id == customer, carts.c.merged_into.in_(mine))
    c = carts.c
    found = tx.rows(
        sa.select(c.handle.label("cart"), c.id, c.state, c.created_at, c.updated_at).where(which).order_by(c.id)
    )
    return [KeptCart(**row._mapping, lines=_lines(tx, row.id)) for row in found]


def _lines(tx: UnitOfWork, cart_id: str) -> list[Mapping[str, Any]]:
    wanted = sa.select(cart_lines.c.sku, cart_lines.c.quantity, cart_lines.c.added_at)
    found = wanted.where(cart_lines.c.cart_id == cart_id).order_by(cart_lines.c.added_at, cart_lines.c.sku)
    return [dict(row._mapping) for row in tx.rows(found)]


def _order(tx: UnitOfWork, row: Row) -> KeptOrder:
    r = refunds.c
    given = tx.rows(
        sa.select(r.amount, r.currency, r.state, r.reason, r.created_at).where(r.order_id == row.id).order_by(r.id)
    )
    back = [Refund(Money(one.amount, one.currency), *one[1:]) for one in given]
    return KeptOrder(detail(tx, str(row.number)), row.source, row.reference, back, row.extra)


def _tickets(tx: UnitOfWork, email: str) -> list[KeptTicket]:
    t, i = tickets.c, sale_items.c
    columns = (t.id.label("ticket"), sales.c.name.label("sale"), t.sku, t.quantity, t.state, t.email, t.address)
    price = sa.func.coalesce(t.price, i.price).label("price")
    found = tx.rows(
        sa.select(*columns, t.joined_at, price)
        .join(sales, sales.c.id == t.sale_id)
        .join(sale_items, sa.and_(i.sale_id == t.sale_id, i.sku == t.sku))
        .where(t.email_folded == text.fold(email))
        .order_by(t.joined_at, t.id)
    )
    currency = tx.facts.currency
    return [
        KeptTicket(**{**row._mapping, "price": Money(int(row.price), currency)}, currency=currency) for row in found
    ]


def _events(tx: UnitOfWork, subjects: Sequence[str]) -> list[Fact]:
    o = outbox.c
    found: list[Row] = []
    for i in range(0, len(subjects), CHUNK):
        about = sa.select(o.id, o.created_at, o.topic, o.subject, o.payload).where(
            o.subject.in_(subjects[i : i + CHUNK])
        )
        found += tx.rows(about)
    return [Fact(*row[1:]) for row in sorted(found, key=lambda row: (row.created_at, row.id))]
