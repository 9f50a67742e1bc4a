"""The books of money inside the store: payments, refunds and credits against orders. Checks 10 to 14.

An order is owed its total less its credits, and keeps captured − refunds. While goods are still to be captured with their
shipments it keeps at most what it is owed, and the rest is authorized; from then on it keeps exactly that. A refund counts from
the moment that it is written: its money is on the way. The money of an imported order was taken elsewhere, in part or in full
or not at all, and only what the file said of it is in the books.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import credits, orders, payment_actions, payments, refunds
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.payments import EXTERNAL
from shopctl.core.verify.findings import Rule

order, payment, refund = orders.c, payments.c, refunds.c
_ORDER = "order {number}"


def _sum(amount: sa.ColumnElement[int], which: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """The sum of `amount` over a table's rows of the row around it; 0 where it has none."""
    return sa.select(sa.func.coalesce(sa.func.sum(amount), 0)).where(which).scalar_subquery()


# The states are looked at inside the sums: as a condition, SQLite would search by them, and not by the order.
_KEPT = sa.case((payment.state == "captured", payment.captured), else_=0)
_RETURNED = sa.case((refund.state != "failed", refund.amount), else_=0)
_CAPTURED = _sum(_KEPT, payment.order_id == order.id)
_REFUNDED = _sum(_RETURNED, refund.order_id == order.id)
_GIVEN_BACK = _sum(_RETURNED, refund.payment_id == payment.id)
_OPEN = _sum(payment.open, payment.order_id == order.id)
_CREDITED = _sum(credits.c.total, credits.c.order_id == order.id)
_OURS = payment.gateway != EXTERNAL
_BEING_LET_GO = sa.exists().where(
    payment_actions.c.order_id == order.id, payment_actions.c.verb == "void", payment_actions.c.state == "pending"
)
_HAS_PAYMENT = sa.exists().where(payment.order_id == order.id)


def _twice(column: str, tables: tuple[sa.Table, ...]) -> sa.Select[Any]:
    """Values of a column that more than one row of these tables has."""
    rows = sa.union_all(*(sa.select(table.c[column].label("value")) for table in tables)).subquery()
    return (
        sa.select(rows.c.value, sa.func.count().label("times"))
        .where(rows.c.value.is_not(None))
        .group_by(rows.c.value)
        .having(sa.func.count() > 1)
    )


RULES = (
    Rule(
        10,
        "paid_is_total",
        sa.select(
            order.number,
            order.status,
            order.total,
            _CREDITED.label("credited"),
            _CAPTURED.label("captured"),
            _OPEN.label("open"),
            _REFUNDED.label("refunded"),
        ).where(
            order.source == "checkout",
            order.status.in_(PAID_ORDERS),
            sa.or_(
                order.total - _CREDITED < _CAPTURED - _REFUNDED,
                order.total - _CREDITED > _CAPTURED - _REFUNDED + _OPEN,
                sa.and_(
                    sa.or_(order.status != "confirmed", _OPEN == 0), order.total - _CREDITED != _CAPTURED - _REFUNDED
                ),
                sa.and_(order.status != "confirmed", _OPEN != 0, sa.not_(_BEING_LET_GO)),
            ),
        ),
        _ORDER,
        "Order {number} is {status} and costs {total} less {credited}; "
        "captured {captured}, still authorized {open}, refunded {refunded}",
    ),
    Rule(
        10,
        "imported_paid_at_most",
        sa.select(order.number, order.total, _CAPTURED.label("captured")).where(
            order.source == "import", order.total < _CAPTURED
        ),
        _ORDER,
        "Order {number} was imported and costs {total}; captured {captured}",
    ),
    Rule(
        10,
        "nothing_to_pay",
        sa.select(order.number, order.total).where(order.total == 0, _HAS_PAYMENT),
        _ORDER,
        "Order {number} costs nothing and has a payment",
    ),
    Rule(
        11,
        "no_money_without_order",
        sa.select(
            payment.id, payment.order_id, order.number, order.status, payment.captured, _GIVEN_BACK.label("refunded")
        )
        .outerjoin_from(payments, orders, order.id == payment.order_id)
        .where(
            payment.captured > 0,
            _OURS,
            sa.or_(order.id.is_(None), order.status.not_in(PAID_ORDERS)),
            payment.captured > _GIVEN_BACK,
        ),
        "payment {id}",
        "Payment {id} captured {captured} and gave back {refunded}, but its order {number} is {status}",
    ),
    Rule(
        12,
        "paid_once",
        sa.select(order.number, sa.func.count().label("payments"))
        .join_from(payments, orders, order.id == payment.order_id)
        .where(payment.state.in_(("authorized", "captured")))
        .group_by(order.id, order.number)
        .having(sa.func.count() > 1),
        _ORDER,
        "Order {number} has {payments} successful payments",
    ),
    Rule(
        12,
        "imported_paid_elsewhere",
        sa.select(payment.id, payment.gateway, order.number, order.source)
        .join_from(payments, orders, order.id == payment.order_id)
        .where((order.source == "import") == _OURS),
        "payment {id}",
        "Payment {id} of order {number} is of the gateway {gateway}, and the order came by {source}",
    ),
    Rule(
        13,
        "keys_unique",
        _twice("gateway_key", (payments, refunds)),
        "gateway key {value}",
        "The gateway key {value} belongs to {times} payments and refunds",
    ),
    Rule(
        13,
        "references_unique",
        _twice("reference", (payments, refunds)),
        "reference {value}",
        "The gateway's reference {value} belongs to {times} payments and refunds",
    ),
    Rule(
        14,
        "refunded_within_captured",
        sa.select(payment.id, payment.captured, _GIVEN_BACK.label("refunded")).where(payment.captured < _GIVEN_BACK),
        "payment {id}",
        "Payment {id} captured {captured} and gave back {refunded}",
    ),
    Rule(
        14,
        "refund_positive",
        sa.select(refund.id, refund.amount).where(refund.amount <= 0),
        "refund {id}",
        "Refund {id} is of {amount}",
    ),
)
