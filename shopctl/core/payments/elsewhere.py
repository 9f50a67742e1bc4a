"""Money that was taken elsewhere: before its order was imported, or by hand (cash, a transfer). Nobody here can ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db.tables import orders, payments, refunds
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.lifecycle import EXTERNAL


@dataclass(frozen=True, slots=True)
class External:
    """What is known of a payment that was made elsewhere; `refunded` is part of what was captured."""

    state: str
    amount: int
    captured: int
    refunded: int
    reference: str | None
    created_at: datetime


# --- steps ---------------------------------------------------------------------------------------------------------
def take_in(tx: UnitOfWork, paid: Mapping[str, External]) -> None:
    """Write payments that were made elsewhere, by order, with what has been given back of them."""
    ids = {order_id: new_id() for order_id in paid}
    same = {"currency": tx.facts.currency, "updated_at": tx.now}
    tx.insert(
        payments,
        [
            {
                "id": ids[order_id],
                "order_id": order_id,
                "gateway": EXTERNAL,
                "gateway_key": f"{EXTERNAL}-{order_id}",
                "token": "",
                "amount": one.amount,
                "captured": one.captured,
                "state": one.state,
                "reference": one.reference,
                "created_at": one.created_at,
                **same,
            }
            for order_id, one in paid.items()
        ],
    )
    tx.insert(
        refunds,
        [
            {
                "id": new_id(),
                "payment_id": ids[order_id],
                "order_id": order_id,
                "gateway_key": f"refund-{EXTERNAL}-{order_id}",
                "amount": one.refunded,
                "state": "succeeded",
                "reason": "refunded before the import",
                "created_at": tx.now,
                **same,
            }
            for order_id, one in paid.items()
            if one.refunded
        ],
    )


def known_references(tx: UnitOfWork, names: Sequence[str]) -> dict[str, int]:
    """Which of these references payments have already, and of which order."""
    return {
        row.reference: row.number
        for row in tx.rows(
            sa.select(payments.c.reference, orders.c.number)
            .join(orders, orders.c.id == payments.c.order_id)
            .where(payments.c.reference.in_(names))
        )
    }
