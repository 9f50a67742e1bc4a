"""Reads of payments: what was asked for, taken and given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db.tables import idempotency_keys, orders, payments, refunds
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound
from shopctl.core.queries.listing import Listing


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


_refunded = (
    sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount), 0))
    .where(refunds.c.payment_id == payments.c.id, refunds.c.state == "succeeded")
    .scalar_subquery()
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


LIST: Listing[PaymentRow] = Listing(
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


def payment(tx: UnitOfWork, name: str) -> PaymentRow:
    """A payment by its order's number, its id or the gateway's reference."""
    by = (
        payments.c.id == name,
        payments.c.reference == name,
        sa.cast(orders.c.number, sa.Text) == name.removeprefix("#"),
    )
    found = LIST.rows(tx, where=[sa.or_(*by)])
    if not found:
        raise NotFound("unknown_payment", f"There is no payment {name!r}", name=name)
    return found[0]


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
