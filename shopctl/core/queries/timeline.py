"""What happened to one order, in the order in which it happened: its own history and that of its money; credits, papers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db.tables import (
    credit_lines,
    credits,
    invoices,
    order_events,
    order_lines,
    payment_attempts,
    payments,
    refunds,
)
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.money import Money


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the order's history; one of its money has no status. The note of a `note` is its text, of an `address` what was
    changed."""

    at: datetime
    verb: str
    from_status: str | None
    to_status: str | None
    actor: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Credit:
    """What the order is not owed any more; `credit` is its number in the order, `note` that of its credit note, `key` the
    caller's."""

    credit: int
    kind: str
    items: Money
    shipping: Money
    tax: Money
    total: Money
    currency: str
    units: str
    reason: str
    key: str | None
    note: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Paper:
    """An invoice or a credit note that was issued."""

    number: str
    kind: str
    issued_at: datetime


def of_order(tx: UnitOfWork, order_id: str) -> list[Event]:
    e = order_events.c
    own = tx.rows(sa.select(*(e[f.name] for f in fields(Event))).where(e.order_id == order_id).order_by(e.seq))
    told = [*_asked(tx, order_id), *(Event(*row) for row in own), *_given_back(tx, order_id)]
    # what was written together stays as it is here, after the order itself
    return sorted(told, key=lambda event: (event.at, event.verb != "place"))


def credits_of(tx: UnitOfWork, order_id: str) -> list[Credit]:
    c, cl, line = credits.c, credit_lines.c, order_lines.c
    lines = tx.rows(
        sa.select(cl.credit_id, cl.quantity, line.sku)
        .join(credits, c.id == cl.credit_id)
        .join(order_lines, line.id == cl.order_line_id)
        .where(c.order_id == order_id)
        .order_by(line.position)
    )
    found = tx.rows(
        sa.select(credits, invoices.c.number)
        .outerjoin(invoices, invoices.c.credit_id == c.id)
        .where(c.order_id == order_id)
        .order_by(c.at, c.id)
    )
    return [
        Credit(
            credit=i,
            kind=row.kind,
            items=Money(row.items, row.currency),
            shipping=Money(row.shipping, row.currency),
            tax=Money(row.tax, row.currency),
            total=Money(row.total, row.currency),
            currency=row.currency,
            units=", ".join(f"{one.quantity} × {one.sku}" for one in lines if one.credit_id == row.id),
            reason=row.reason,
            key=row.key,
            note=None if row.number is None else str(row.number),
            at=row.at,
        )
        for i, row in enumerate(found, 1)
    ]


def papers_of(tx: UnitOfWork, order_id: str) -> list[Paper]:
    i = invoices.c
    found = sa.select(i.number, i.kind, i.issued_at).where(i.order_id == order_id).order_by(i.number)
    return [Paper(str(number), kind, at) for number, kind, at in tx.rows(found)]


# --- how it works --------------------------------------------------------------------------------------------------
def _asked(tx: UnitOfWork, order_id: str) -> Sequence[Event]:
    """What the gateway was asked, or people did by hand, and what came of it."""
    a, p = payment_attempts.c, payments.c
    found = sa.select(a.at, a.verb, a.outcome, p.gateway).join(payments, p.id == a.payment_id)
    rows = tx.rows(found.where(p.order_id == order_id).order_by(a.at, a.id))
    return [Event(row.at, row.verb, None, None, None, f"{row.outcome} by {row.gateway}") for row in rows]


def _given_back(tx: UnitOfWork, order_id: str) -> Sequence[Event]:
    """Refunds, when they were written and when they were answered."""
    r = refunds.c
    events = []
    for row in tx.rows(sa.select(refunds).where(r.order_id == order_id).order_by(r.created_at, r.id)):
        amount = f"{Money(row.amount, row.currency)} {row.currency}"
        events.append(Event(row.created_at, "refund", None, None, None, amount))
        if row.state != "pending":
            verb = "refunded" if row.state == "succeeded" else "refund_failed"
            events.append(Event(row.updated_at, verb, None, None, None, amount))
    return events
