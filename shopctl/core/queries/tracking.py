"""What shoppers may see of their orders. Whose they are not, they are told that there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa

from shopctl.core.db.tables import carts, orders, payments
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.queries.orders import Order, Shipment, get, row_by_number, shipments_of, unknown_order


@dataclass(frozen=True, slots=True)
class TrackedOrder(Order):
    """An order with its parcels. `action_url` is where its shopper has to confirm the payment; None when they need not."""

    shipments: Sequence[Shipment]
    action_url: str | None


def bought_by(customer: str) -> list[sa.ColumnElement[bool]]:
    """Orders of carts that were the customer's. Whoever registers an e-mail address gets none that a guest placed with it."""
    theirs = sa.select(carts.c.id).where(carts.c.customer_id == customer)
    return [orders.c.customer_id == customer, orders.c.cart_id.in_(theirs)]


def of_customer(tx: UnitOfWork, number: str, customer: str) -> TrackedOrder:
    """An order that a customer has bought, or NotFound(unknown_order)."""
    row = row_by_number(tx, number)
    if tx.row(sa.select(orders.c.id).where(orders.c.id == row.id, *bought_by(customer))) is None:
        raise unknown_order(number)
    return _tracked(tx, row)


def of_guest(tx: UnitOfWork, number: str, email: str) -> TrackedOrder:
    """An order by its number and the e-mail address it was placed with, or NotFound(unknown_order)."""
    row = row_by_number(tx, number)
    if text.fold(row.email) != text.fold(email):
        raise unknown_order(number)
    return _tracked(tx, row)


def _tracked(tx: UnitOfWork, row: Row) -> TrackedOrder:
    order = get(tx, row.id)
    p = payments.c
    waiting = sa.select(p.action_url).where(p.order_id == row.id, p.state == "requires_action")
    return TrackedOrder(
        **{field.name: getattr(order, field.name) for field in fields(Order)},
        shipments=shipments_of(tx, row.id),
        action_url=tx.execute(waiting.order_by(p.created_at.desc()).limit(1)).scalar(),
    )
