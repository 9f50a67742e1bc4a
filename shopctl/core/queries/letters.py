"""Reads for letters: the orders that facts are about, what was sent of them, where a payment waits for its shopper; and which
letters wait, are sent, or were put aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db.tables import order_lines, orders, outbox, payment_attempts, payments, shipment_lines, shipments
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.facts import LETTERS
from shopctl.core.domain.lifecycle import MANUAL
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.orders import ORDERS, Order, of_rows


@dataclass(frozen=True, slots=True)
class Parcel:
    """What was sent, when, under which tracking number. `lines` are (quantity, product name, SKU)."""

    shipped_at: datetime
    tracking: str | None
    lines: Sequence[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class About:
    """What a letter is about. `waited`: its shopper has left the checkout with something to do about the payment, which is
    done at `action_url` while that is there.
    """

    order: Order
    parcels: Sequence[Parcel] = ()
    action_url: str | None = None
    waited: bool = False


def about(tx: UnitOfWork, subjects: Sequence[str]) -> Mapping[str, About]:
    """What is known of these orders and payments, by their ids; a few statements, however many."""
    paid = {row.id: row for row in tx.rows(_PAYMENTS.where(payments.c.id.in_(subjects)))}
    ids = sorted({*subjects} - paid.keys() | {row.order_id for row in paid.values()})
    rows = tx.rows(ORDERS.where(orders.c.id.in_(ids)).order_by(orders.c.number))
    known = {order.id: order for order in of_rows(tx, rows)}
    sent, waited = _parcels(tx, ids), set(tx.execute(_WAITED.where(payments.c.order_id.in_(ids))).scalars())
    found = {id_: About(order, sent.get(id_, ()), waited=id_ in waited) for id_, order in known.items()}
    of_payments = {id_: About(known[row.order_id], (), row.action_url) for id_, row in paid.items()}
    return found | of_payments


_PAYMENTS = sa.select(payments.c.id, payments.c.order_id, payments.c.action_url)
_SENT_AWAY = sa.exists().where(
    payment_attempts.c.payment_id == payments.c.id, payment_attempts.c.outcome == "requires_action"
)
_WAITED = sa.select(payments.c.order_id).where(sa.or_(payments.c.gateway == MANUAL, _SENT_AWAY))


def _parcels(tx: UnitOfWork, order_ids: Sequence[str]) -> Mapping[str, Sequence[Parcel]]:
    rows = tx.rows(
        sa.select(shipments, shipment_lines.c.quantity, order_lines.c.product_name, order_lines.c.sku)
        .join(shipment_lines, shipment_lines.c.shipment_id == shipments.c.id)
        .join(order_lines, order_lines.c.id == shipment_lines.c.order_line_id)
        .where(shipments.c.order_id.in_(order_ids))
        .order_by(shipments.c.id, order_lines.c.position)
    )
    by_shipment: dict[str, list[Row]] = {}
    for row in rows:
        by_shipment.setdefault(row.id, []).append(row)
    found: dict[str, list[Parcel]] = {}
    for lines in by_shipment.values():
        first = lines[0]
        contents = [(line.quantity, line.product_name, line.sku) for line in lines]
        found.setdefault(first.order_id, []).append(Parcel(first.shipped_at, first.tracking, contents))
    return found


def states(tx: UnitOfWork, events: Sequence[str]) -> Mapping[str, str]:
    """What became of the letters of these events; an event without one is not there."""
    mine = sa.select(outbox.c.id, outbox.c.state).where(outbox.c.id.in_(events), outbox.c.topic.in_(LETTERS))
    return {row.id: row.state for row in tx.rows(mine)}


# --- what became of letters ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Sent:
    """A letter: the event that it tells of, and what became of it. `state` is pending, taken, done or dead."""

    id: str
    at: datetime
    topic: str
    order: str
    state: str
    attempts: int
    problem: str | None
    due_at: datetime
    done_at: datetime | None


def _build(_: UnitOfWork, rows: Sequence[Row]) -> list[Sent]:
    return [
        Sent(
            id=row.id,
            at=row.created_at,
            topic=row.topic,
            order=str(row.payload["number"]),
            state=row.state,
            attempts=row.attempts,
            problem=row.problem,
            due_at=row.due_at,
            done_at=row.done_at,
        )
        for row in rows
    ]


LIST: Listing[Sent] = Listing(
    sa.select(outbox).where(outbox.c.topic.in_(LETTERS)),
    {
        "at": outbox.c.created_at,
        "topic": outbox.c.topic,
        "data": outbox.c.payload,
        "state": outbox.c.state,
        "attempts": outbox.c.attempts,
        "problem": outbox.c.problem,
    },
    ("topic", "data", "problem"),  # an order is known by the number in its data
    (outbox.c.created_at.desc(), outbox.c.id.desc()),
    _build,
)
