"""Reads of orders: the order as the contract has it, and everything that happened to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import (
    order_lines,
    orders,
    payments,
    reservations,
    shipment_lines,
    shipments,
)
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import MANUAL
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound
from shopctl.core.queries import payments as payment_reads
from shopctl.core.queries import returns, timeline
from shopctl.core.queries.customers import customer_id
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.payments import PaymentRow
from shopctl.core.queries.rates import percent
from shopctl.core.queries.returns import Return
from shopctl.core.queries.timeline import Credit, Event, Paper


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A snapshot of what was sold."""

    sku: str
    product_name: str
    options: Mapping[str, str]
    quantity: int
    unit_price: Money
    total_price: Money


@dataclass(frozen=True, slots=True)
class SoldLine(OrderLine):
    """A line of an order, and what has become of its units."""

    shipped: int
    cancelled: int
    returned: int


@dataclass(frozen=True, slots=True)
class Tax:
    """One tax of an order; the amounts sum to `tax`."""

    name: str
    percent: str
    included: bool
    amount: Money


@dataclass(frozen=True, slots=True)
class Quote:
    """What a cart would cost now, sent there: an order without number, id and status."""

    customer: str | None
    email: str | None
    lines: Sequence[OrderLine]
    subtotal: Money
    discount: Money
    tax: Money
    tax_included: Money
    taxes: Sequence[Tax]
    shipping: Money
    total: Money
    currency: str
    shipping_method: str | None
    shipping_address: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """`fulfilment` is none, partial or complete; `payment` the state of its payment, `awaited` while it is to be made by hand,
    None when it costs nothing."""

    number: str
    id: str
    status: str
    fulfilment: str
    payment: str | None
    customer: str
    email: str
    lines: Sequence[SoldLine]
    subtotal: Money
    discount: Money
    tax: Money
    tax_included: Money
    taxes: Sequence[Tax]
    shipping: Money
    total: Money
    currency: str
    shipping_method: str | None
    shipping_address: Mapping[str, str]
    source: str
    reference: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A reservation of the order."""

    id: str
    sku: str
    warehouse: str
    quantity: int
    state: str
    expires_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel; `shipment` is its number in the order."""

    shipment: int
    warehouse: str | None
    tracking: str | None
    shipped_at: datetime
    delivered_at: datetime | None
    lines: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class OrderDetail(Order):
    payments: Sequence[PaymentRow]
    shipments: Sequence[Shipment]
    reservations: Sequence[HoldRow]
    credits: Sequence[Credit]
    returns: Sequence[Return]
    papers: Sequence[Paper]
    timeline: Sequence[Event]


_SENT = (
    sa.select(sa.cast(sa.func.coalesce(sa.func.sum(shipment_lines.c.quantity), 0), sa.BigInteger))
    .join_from(shipments, shipment_lines, shipment_lines.c.shipment_id == shipments.c.id)
    .where(shipments.c.order_id == order_lines.c.order_id, shipment_lines.c.order_line_id == order_lines.c.id)
    .scalar_subquery()
)
LINES = sa.select(order_lines, _SENT.label("shipped"))
"""Lines of orders, each with how many of its units have left."""
_STATE = (
    sa.select(
        sa.case(
            (sa.and_(payments.c.gateway == MANUAL, payments.c.state == "pending"), "awaited"), else_=payments.c.state
        )
    )
    .where(payments.c.order_id == orders.c.id)
    .order_by(payments.c.created_at.desc())
    .limit(1)
    .scalar_subquery()
)
ORDERS = sa.select(orders, _STATE.label("payment"))
"""Orders, each with the state of its payment."""


def tax_part(*, name: str, parts_per_million: int, included: bool, amount: int, currency: str) -> Tax:
    return Tax(name, percent(parts_per_million), included, Money(amount, currency))


def row_by_number(tx: UnitOfWork, number: str) -> Row:
    """The order's row; people write 1001 or #1001."""
    digits = number.strip().removeprefix("#")
    row = None
    if digits.isascii() and digits.isdigit() and len(digits) < 18:
        row = tx.row(sa.select(orders).where(orders.c.number == int(digits)))
    if row is None:
        raise unknown_order(number)
    return row


def unknown_order(number: str) -> NotFound:
    return NotFound("unknown_order", f"There is no order {number!r}", number=number)


def get(tx: UnitOfWork, order_id: str) -> Order:
    return of_rows(tx, tx.rows(ORDERS.where(orders.c.id == order_id)))[0]


def of_rows(tx: UnitOfWork, rows: Sequence[Row]) -> list[Order]:
    """Orders with their lines, in the order of the rows of ORDERS: two statements, however many."""
    lines = _lines(tx, [row.id for row in rows])
    return [built(row, lines.get(row.id, []), row.payment) for row in rows]


def detail(tx: UnitOfWork, number: str) -> OrderDetail:
    """One order with everything that belongs to it."""
    row = row_by_number(tx, number)
    order = get(tx, row.id)
    held = sa.select(*(reservations.c[f.name] for f in fields(HoldRow))).where(reservations.c.owner_id == row.id)
    return OrderDetail(
        **{f.name: getattr(order, f.name) for f in fields(Order)},
        payments=payment_reads.LIST.rows(tx, where=[payments.c.order_id == row.id]),
        shipments=shipments_of(tx, row.id),
        reservations=[
            HoldRow(*found) for found in tx.rows(held.order_by(reservations.c.sku, reservations.c.warehouse))
        ],
        credits=timeline.credits_of(tx, row.id),
        returns=returns.of_order(tx, row.id),
        papers=timeline.papers_of(tx, row.id),
        timeline=timeline.of_order(tx, row.id),
    )


def _lines(tx: UnitOfWork, order_ids: Sequence[str]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    for i in range(0, len(order_ids), 500):
        chunk = order_ids[i : i + 500]
        found = LINES.where(order_lines.c.order_id.in_(chunk)).order_by(order_lines.c.position)
        for row in tx.rows(found):
            grouped.setdefault(row.order_id, []).append(row)
    return grouped


def built(row: Row, lines: Sequence[Row], payment: str | None) -> Order:
    """An order from its row, its LINES, and the state of its payment."""

    def money(amount: int) -> Money:
        return Money(amount, row.currency)

    return Order(
        number=str(row.number),
        id=row.id,
        status=row.status,
        fulfilment=_fulfilment(row.status, lines),
        payment=payment,
        customer=row.customer_id,
        email=row.email,
        lines=[
            SoldLine(
                line.sku,
                line.product_name,
                line.options,
                line.quantity,
                money(line.unit_price),
                money(line.total_price),
                line.shipped,
                line.cancelled,
                line.returned,
            )
            for line in lines
        ],
        subtotal=money(row.subtotal),
        discount=money(row.discount),
        tax=money(row.tax),
        tax_included=money(row.tax_included),
        taxes=[tax_part(**part, currency=row.currency) for part in row.taxes],
        shipping=money(row.shipping),
        total=money(row.total),
        currency=row.currency,
        shipping_method=row.shipping_method,
        shipping_address=row.shipping_address,
        source=row.source,
        reference=row.reference,
        created_at=row.created_at,
    )


def as_confirmed(order: Order) -> Order:
    """The order as it was when it was confirmed, whatever happened to it since."""
    lines = [replace(line, shipped=0, cancelled=0, returned=0) for line in order.lines]
    return replace(order, status="confirmed", fulfilment="none", lines=lines)


def _fulfilment(status: str, lines: Sequence[Row]) -> str:
    if status in ("shipped", "delivered"):
        return "complete"
    return "partial" if any(line.shipped for line in lines) else "none"


def shipments_of(tx: UnitOfWork, order_id: str) -> list[Shipment]:
    found = tx.rows(sa.select(shipments).where(shipments.c.order_id == order_id).order_by(shipments.c.id))
    sent = tx.rows(
        sa.select(shipment_lines.c.shipment_id, order_lines.c.sku, shipment_lines.c.quantity)
        .join(order_lines, order_lines.c.id == shipment_lines.c.order_line_id)
        .where(order_lines.c.order_id == order_id)
        .order_by(order_lines.c.position)
    )
    return [
        Shipment(
            i,
            row.warehouse,
            row.tracking,
            row.shipped_at,
            row.delivered_at,
            [{"sku": line.sku, "quantity": line.quantity} for line in sent if line.shipment_id == row.id],
        )
        for i, row in enumerate(found, 1)
    ]


_PARCELS = sa.exists().where(shipments.c.order_id == orders.c.id)
_FULFILMENT = sa.case((orders.c.status.in_(("shipped", "delivered")), "complete"), (_PARCELS, "partial"), else_="none")
LIST: Listing[Order] = Listing(
    ORDERS,
    {
        "number": orders.c.number,
        "status": orders.c.status,
        "fulfilment": _FULFILMENT,
        "payment": _STATE,
        "email": orders.c.email,
        "total": orders.c.total,
        "created_at": orders.c.created_at,
        "shipping_method": orders.c.shipping_method,
        "in_flight": orders.c.in_flight,
        "source": orders.c.source,
        "reference": orders.c.reference,
        "sku": order_lines.c.sku,
    },
    ("email", "number"),
    (orders.c.number.desc(),),
    of_rows,
    among={"sku": sa.select(order_lines.c.id).where(order_lines.c.order_id == orders.c.id)},
)


def which(tx: UnitOfWork, *, status: str | None = None, email: str | None = None) -> list[sa.ColumnElement[bool]]:
    """Conditions for a list of orders: a status, a customer (NotFound when there is no such customer)."""
    conditions: list[sa.ColumnElement[bool]] = [] if status is None else [orders.c.status == status]
    if email is not None:
        conditions.append(orders.c.customer_id == customer_id(tx, email))
    return conditions
