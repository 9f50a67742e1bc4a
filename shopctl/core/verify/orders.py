"""The books of orders: sums, keys, history, and the stock behind what was paid for. Checks 8, 9, 15 to 19 and 22."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from shopctl.core import outbox as facts
from shopctl.core.db.tables import (
    idempotency_keys,
    order_allocations,
    order_events,
    order_lines,
    orders,
    outbox,
    payments,
    reservations,
    shipment_lines,
    stock_movements,
)
from shopctl.core.db.types import Instant
from shopctl.core.domain import lifecycle
from shopctl.core.domain.lifecycle import MANUAL
from shopctl.core.verify.findings import Rule

PATIENCE = timedelta(minutes=10)
"""How long a checkout may be in flight."""

order, line, owed, moved = orders.c, order_lines.c, order_allocations.c, stock_movements.c
_ORDER = "order {number}"


def _units(units: sa.ColumnElement[int], *which: sa.ColumnElement[bool], of: sa.FromClause) -> sa.ScalarSelect[int]:
    """The sum of `units` over the rows of `of` that belong to the row around it; 0 where it has none."""
    return sa.select(sa.func.coalesce(sa.func.sum(units), 0)).select_from(of).where(*which).scalar_subquery()


def _wrong_subtotals() -> sa.Select[Any]:
    sums = (
        sa.select(
            line.order_id,
            sa.func.sum(line.total_price).label("lines"),
            sa.func.sum(line.quantity * line.unit_price).label("products"),
        )
        .group_by(line.order_id)
        .subquery()
    )
    s = sums.c
    return (
        sa.select(order.number, order.subtotal, s.lines, s.products)
        .outerjoin_from(orders, sums, s.order_id == order.id)
        .where(sa.or_(s.lines.is_(None), order.subtotal != s.lines, s.lines != s.products))
    )


def _uncovered_lines() -> sa.Select[Any]:
    """Tracked lines of paid orders whose shares of committed reservations are not of exactly their units."""
    covered = _units(
        owed.quantity,
        owed.order_line_id == line.id,
        reservations.c.state == "committed",
        reservations.c.owner_id == line.order_id,
        of=order_allocations.join(reservations, reservations.c.id == owed.reservation_id),
    )
    return (
        sa.select(order.number, line.sku, line.quantity, covered.label("covered"))
        .join_from(order_lines, orders, order.id == line.order_id)
        .where(line.tracked, order.status.in_(lifecycle.PAID_ORDERS), line.quantity != covered)
    )


def _unsold_allocations() -> sa.Select[Any]:
    """Reservations of paid orders that are not what their allocations share out, or without the movements of their sale
    and of what was shipped of them. Lines of one SKU share a reservation.
    """
    shares = (
        sa.select(
            owed.order_id,
            owed.reservation_id,
            sa.func.min(owed.sku).label("sku"),
            sa.func.sum(owed.quantity).label("quantity"),
            sa.func.sum(owed.shipped).label("shipped"),
        )
        .group_by(owed.order_id, owed.reservation_id)
        .subquery()
    )
    s = shares.c
    mine = moved.reservation_id == s.reservation_id
    sold = _units(sa.case((moved.kind == "commit", moved.committed), else_=0), mine, of=stock_movements)
    sent = _units(sa.case((moved.kind == "ship", -moved.quantity), else_=0), mine, of=stock_movements)
    held = reservations.c
    return (
        sa.select(order.number, s.sku, s.quantity, s.shipped, sold.label("sold"), sent.label("sent"))
        .join_from(shares, orders, order.id == s.order_id)
        .outerjoin(reservations, held.id == s.reservation_id)
        .where(
            order.status.in_(lifecycle.PAID_ORDERS),
            sa.or_(sold != s.quantity, sent != s.shipped, held.quantity != s.quantity),
        )
    )


_SENT = (
    sa.select(shipment_lines.c.order_line_id, sa.func.sum(shipment_lines.c.quantity).label("units"))
    .group_by(shipment_lines.c.order_line_id)
    .subquery()
)
"""How many units of a line have left."""


def _sent_otherwise() -> sa.Select[Any]:
    """Lines of paid orders whose shipments hold more than was not cancelled, or of shipped ones another number of units."""
    sent, due = sa.func.coalesce(_SENT.c.units, 0), line.quantity - line.cancelled
    return (
        sa.select(order.number, order.status, line.sku, due.label("owed"), sent.label("sent"))
        .join_from(order_lines, orders, order.id == line.order_id)
        .outerjoin(_SENT, _SENT.c.order_line_id == line.id)
        .where(
            order.status.in_(lifecycle.PAID_ORDERS),
            sa.or_(sent > due, sa.and_(order.status != "confirmed", sent != due)),
        )
    )


def _moved_otherwise() -> sa.Select[Any]:
    """Tracked lines of paid orders of which another number is cancelled or has left than of their allocations."""
    sent = sa.func.coalesce(_SENT.c.units, 0)
    given_up = _units(owed.cancelled, owed.order_line_id == line.id, of=order_allocations)
    shipped = _units(owed.shipped, owed.order_line_id == line.id, of=order_allocations)
    found = (sent.label("sent"), given_up.label("given_up"), shipped.label("shipped"))
    return (
        sa.select(order.number, line.sku, line.cancelled, *found)
        .join_from(order_lines, orders, order.id == line.order_id)
        .outerjoin(_SENT, _SENT.c.order_line_id == line.id)
        .where(
            line.tracked,
            order.status.in_(lifecycle.PAID_ORDERS),
            sa.or_(line.cancelled != given_up, sent != shipped),
        )
    )


_PATH = [(state, verb, after) for state, moves in lifecycle.ORDER.items() for verb, after in moves.items()]


def _broken_histories() -> sa.Select[Any]:
    """Events that do not follow from the one before, and last events that are not where their order is."""
    of_order: dict[str, Any] = {"partition_by": order_events.c.order_id, "order_by": order_events.c.seq}
    history = sa.select(
        *order_events.c,
        sa.func.lag(order_events.c.to_status).over(**of_order).label("before"),
        sa.func.lead(order_events.c.to_status).over(**of_order).label("after"),
    ).subquery()
    h = history.c
    begins = sa.or_(
        sa.and_(order.source == "checkout", h.verb == "place", h.to_status == "pending"),
        sa.and_(order.source == "import", h.verb == "import", h.to_status != "pending"),
    )
    first = sa.and_(h.before.is_(None), h.from_status.is_(None), begins)
    step = sa.and_(h.before == h.from_status, sa.tuple_(h.from_status, h.verb, h.to_status).in_(_PATH))
    remark = sa.and_(h.before == h.from_status, h.from_status == h.to_status, h.verb.in_(lifecycle.REMARKS))
    follows = sa.func.coalesce(sa.or_(first, step, remark), sa.false())
    return (
        sa.select(order.number, order.status, h.seq, h.from_status, h.verb, h.to_status)
        .join_from(history, orders, order.id == h.order_id)
        .where(sa.or_(sa.not_(follows), sa.and_(h.after.is_(None), h.to_status != order.status)))
    )


_AWAITS_PEOPLE = sa.exists().where(
    payments.c.order_id == order.id, sa.or_(payments.c.state == "requires_action", payments.c.gateway == MANUAL)
)
"""The shopper has to confirm the payment, or somebody here that they have it."""
_HAS_HISTORY = sa.exists().where(order_events.c.order_id == order.id)
_WAS_TOLD = sa.exists().where(outbox.c.subject == sa.cast(order.id, sa.Text), outbox.c.topic == facts.ORDER_CONFIRMED)
_CONFIRMED_SINCE = sa.exists().where(
    order_events.c.order_id == order.id,
    order_events.c.verb == "confirm",
    order_events.c.at >= sa.bindparam("events_kept_since", type_=Instant),
)

RULES = (
    Rule(
        8,
        "total_adds_up",
        sa.select(
            order.number, order.total, order.subtotal, order.discount, order.shipping, order.tax, order.tax_included
        ).where(
            sa.or_(
                order.total != order.subtotal - order.discount + order.shipping + order.tax - order.tax_included,
                *(order[name] < 0 for name in ("total", "subtotal", "discount", "shipping", "tax", "tax_included")),
            )
        ),
        _ORDER,
        "Order {number}: {total} is not {subtotal} − {discount} + {shipping} + {tax} − {tax_included}, "
        "or one of them is negative",
    ),
    Rule(
        9,
        "subtotal_is_lines",
        _wrong_subtotals(),
        _ORDER,
        "Order {number} has a subtotal of {subtotal}; its lines sum to {lines}, quantity × price to {products}",
    ),
    Rule(
        15,
        "key_has_one_order",
        sa.select(order.number, sa.func.count().label("keys"))
        .join_from(idempotency_keys, orders, order.id == idempotency_keys.c.order_id)
        .group_by(order.id, order.number)
        .having(sa.func.count() > 1),
        _ORDER,
        "Order {number} was made under {keys} idempotency keys",
    ),
    Rule(
        16,
        "key_finished_with_order",
        sa.select(order.number, order.status, order.in_flight)
        .join_from(idempotency_keys, orders, order.id == idempotency_keys.c.order_id)
        .where(
            sa.or_(
                sa.and_(order.in_flight, idempotency_keys.c.finished_at.is_not(None)),
                sa.and_(sa.not_(order.in_flight), idempotency_keys.c.finished_at.is_(None)),
            )
        ),
        _ORDER,
        "Order {number} is {status}, in flight: {in_flight}; its key says the opposite",
    ),
    Rule(
        17,
        "paid_is_covered",
        _uncovered_lines(),
        _ORDER,
        "Order {number} sold {quantity} {sku}, and its committed reservations are of {covered}",
    ),
    Rule(
        17,
        "paid_is_moved",
        _unsold_allocations(),
        _ORDER,
        "Order {number} owes {quantity} {sku} and shipped {shipped}; the ledger sold {sold} and shipped {sent}",
    ),
    Rule(
        17,
        "shipped_is_sent",
        _sent_otherwise(),
        _ORDER,
        "Order {number} is {status} and owes {owed} {sku}; its shipments hold {sent}",
    ),
    Rule(
        17,
        "sent_is_allocated",
        _moved_otherwise(),
        _ORDER,
        "Order {number} has {cancelled} {sku} cancelled and {sent} sent; its allocations say {given_up} and {shipped}",
    ),
    Rule(
        18,
        "in_flight_briefly",
        sa.select(order.number, order.process).where(
            order.in_flight, order.created_at < sa.bindparam("patience", type_=Instant), sa.not_(_AWAITS_PEOPLE)
        ),
        _ORDER,
        f"Order {{number}} has been in flight for more than {PATIENCE // timedelta(minutes=1)} minutes",
    ),
    Rule(
        19,
        "history_is_a_path",
        _broken_histories(),
        _ORDER,
        "Order {number} is {status}; its event {seq} ({from_status} → {verb} → {to_status}) does not lead there",
    ),
    Rule(
        19,
        "history_exists",
        sa.select(order.number, order.status).where(sa.not_(_HAS_HISTORY)),
        _ORDER,
        "Order {number} is {status} and has no history",
    ),
    Rule(
        22,
        "confirmation_written",
        sa.select(order.number, order.status).where(
            order.status.in_(lifecycle.PAID_ORDERS), _CONFIRMED_SINCE, sa.not_(_WAS_TOLD)
        ),
        _ORDER,
        f"Order {{number}} is {{status}} and has no {facts.ORDER_CONFIRMED} in the outbox",
    ),
)
