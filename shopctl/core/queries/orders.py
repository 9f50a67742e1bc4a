"""Reads of orders: the order as the contract has it, and everything that happened to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import (
    idempotency_keys,
    order_events,
    order_lines,
    orders,
    payments,
    refunds,
    reservations,
    shipment_lines,
    shipments,
)
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound
from shopctl.core.queries.customers import customer_id
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.rates import percent


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
    number: str
    id: str
    status: str
    customer: str
    email: str
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
    source: str
    reference: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the order's history. The note of a `note` is its text, of an `address` what was changed."""

    at: datetime
    verb: str
    from_status: str | None
    to_status: str
    actor: str
    note: str | None


@dataclass(frozen=True, slots=True)
class PaymentRow:
    order: str
    id: str
    gateway: str
    state: str
    amount: Money
    captured: Money
    refunded: Money
    currency: str
    reference: str | None
    decline_code: str | None
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
    timeline: Sequence[Event]


def tax_part(*, name: str, parts_per_million: int, included: bool, amount: int, currency: str) -> Tax:
    return Tax(name, percent(parts_per_million), included, Money(amount, currency))


def row_by_number(tx: UnitOfWork, number: str) -> Row:
    """The order's row; people write 1001 or #1001."""
    digits = number.strip().removeprefix("#")
    row = None
    if digits.isascii() and digits.isdigit() and len(digits) < 18:
        row = tx.row(sa.select(orders).where(orders.c.number == int(digits)))
    if row is None:
        raise NotFound("unknown_order", f"There is no order {number!r}", number=number)
    return row


def get(tx: UnitOfWork, order_id: str) -> Order:
    row = tx.rows(sa.select(orders).where(orders.c.id == order_id))[0]
    return of_rows(tx, [row])[0]


def of_rows(tx: UnitOfWork, rows: Sequence[Row]) -> list[Order]:
    """Orders with their lines, in the order of the rows: two statements, however many."""
    lines = _lines(tx, [row.id for row in rows])
    return [built(row, lines.get(row.id, [])) for row in rows]


def detail(tx: UnitOfWork, number: str) -> OrderDetail:
    """One order with its payments, shipments, reservations and timeline."""
    row = row_by_number(tx, number)
    order = of_rows(tx, [row])[0]
    held = sa.select(*(reservations.c[f.name] for f in fields(HoldRow))).where(reservations.c.owner_id == row.id)
    happened = sa.select(*(order_events.c[f.name] for f in fields(Event))).where(order_events.c.order_id == row.id)
    return OrderDetail(
        **{f.name: getattr(order, f.name) for f in fields(Order)},
        payments=PAYMENTS.rows(tx, where=[payments.c.order_id == row.id]),
        shipments=_shipments(tx, row.id),
        reservations=[
            HoldRow(*found) for found in tx.rows(held.order_by(reservations.c.sku, reservations.c.warehouse))
        ],
        timeline=[Event(*found) for found in tx.rows(happened.order_by(order_events.c.seq))],
    )


def _payment(row: Row) -> PaymentRow:
    return PaymentRow(
        order=str(row.number),
        id=row.id,
        gateway=row.gateway,
        state=row.state,
        amount=Money(row.amount, row.currency),
        captured=Money(row.captured, row.currency),
        refunded=Money(int(row.refunded), row.currency),
        currency=row.currency,
        reference=row.reference,
        decline_code=row.decline_code,
        created_at=row.created_at,
    )


def _lines(tx: UnitOfWork, order_ids: Sequence[str]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    for i in range(0, len(order_ids), 500):
        chunk = order_ids[i : i + 500]
        found = sa.select(order_lines).where(order_lines.c.order_id.in_(chunk)).order_by(order_lines.c.position)
        for row in tx.rows(found):
            grouped.setdefault(row.order_id, []).append(row)
    return grouped


def built(row: Row, lines: Sequence[Row]) -> Order:
    """An order from its row and its lines."""

    def money(amount: int) -> Money:
        return Money(amount, row.currency)

    return Order(
        number=str(row.number),
        id=row.id,
        status=row.status,
        customer=row.customer_id,
        email=row.email,
        lines=[
            OrderLine(
                line.sku,
                line.product_name,
                line.options,
                line.quantity,
                money(line.unit_price),
                money(line.total_price),
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


def _shipments(tx: UnitOfWork, order_id: str) -> list[Shipment]:
    found = tx.rows(sa.select(shipments).where(shipments.c.order_id == order_id).order_by(shipments.c.id))
    sent = tx.rows(
        sa.select(shipment_lines.c.shipment_id, order_lines.c.sku, shipment_lines.c.quantity)
        .join(order_lines, order_lines.c.id == shipment_lines.c.order_line_id)
        .where(order_lines.c.order_id == order_id)
        .order_by(order_lines.c.position)
    )
    return [
        Shipment(
            row.warehouse,
            row.tracking,
            row.shipped_at,
            row.delivered_at,
            [{"sku": line.sku, "quantity": line.quantity} for line in sent if line.shipment_id == row.id],
        )
        for row in found
    ]


LIST: Listing[Order] = Listing(
    sa.select(orders),
    {
        "number": orders.c.number,
        "status": orders.c.status,
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
_refunded = (
    sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount), 0))
    .where(refunds.c.payment_id == payments.c.id, refunds.c.state == "succeeded")
    .scalar_subquery()
)


def ends_by_key(tx: UnitOfWork, keys: Sequence[str]) -> dict[str, tuple[str, int]]:
    """What became of checkouts, by key: the order's status, and what is captured and not given back (minor units)."""
    kept = sa.func.coalesce(sa.func.sum(payments.c.captured - _refunded), 0)
    found = (
        sa.select(idempotency_keys.c.key, orders.c.status, kept.label("kept"))
        .join(orders, orders.c.id == idempotency_keys.c.order_id)
        .join(payments, payments.c.order_id == orders.c.id, isouter=True)
        .where(idempotency_keys.c.key.in_(keys))
        .group_by(idempotency_keys.c.key, orders.c.status)
    )
    return {row.key: (row.status, int(row.kept)) for row in tx.rows(found)}


PAYMENTS: Listing[PaymentRow] = Listing(
    sa.select(payments, orders.c.number, _refunded.label("refunded")).join(orders, orders.c.id == payments.c.order_id),
    {
        "order": orders.c.number,
        "state": payments.c.state,
        "amount": payments.c.amount,
        "reference": payments.c.reference,
        "decline_code": payments.c.decline_code,
        "created_at": payments.c.created_at,
    },
    ("reference", "state"),
    (orders.c.number.desc(), payments.c.id),
    lambda _, rows: [_payment(row) for row in rows],
)


def which(tx: UnitOfWork, *, status: str | None = None, email: str | None = None) -> list[sa.ColumnElement[bool]]:
    """Conditions for a list of orders: a status, a customer (NotFound when there is no such customer)."""
    conditions: list[sa.ColumnElement[bool]] = [] if status is None else [orders.c.status == status]
    if email is not None:
        conditions.append(orders.c.customer_id == customer_id(tx, email))
    return conditions


def payment(tx: UnitOfWork, name: str) -> PaymentRow:
    """A payment by its order's number, its id or the gateway's reference."""
    by = (
        payments.c.id == name,
        payments.c.reference == name,
        sa.cast(orders.c.number, sa.Text) == name.removeprefix("#"),
    )
    found = PAYMENTS.rows(tx, where=[sa.or_(*by)])
    if not found:
        raise NotFound("unknown_payment", f"There is no payment {name!r}", name=name)
    return found[0]
