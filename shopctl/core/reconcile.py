"""Reconcile: the gateway's ledger and the payments, both ways, and how to mend what differs.

The comparison is verify's (verify/ledger.py); here each difference gets the word that people use for it, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import orders, payment_actions, payments, refunds
from shopctl.core.domain.lifecycle import UNRESOLVED_PAYMENTS
from shopctl.core.domain.money import Money
from shopctl.core.errors import Unavailable
from shopctl.core.shop import Shop
from shopctl.core.verify import ledger
from shopctl.core.verify.findings import Note, stream


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing in which the gateway and the shop differ, and the `mend`. `order` is None where no order knows of it."""

    kind: str
    order: str | None
    gateway: str
    key: str | None
    reference: str | None
    amount: Money | None
    currency: str | None
    message: str
    mend: str


_AT_THE_GATEWAY = "Refund {reference} at the gateway."
_RECOVER = "Run `shopctl store recover`; if it stays, look at {reference} at the gateway."
KINDS: Mapping[str, tuple[str, str]] = {
    "charge_without_payment": ("charge_without_order", _AT_THE_GATEWAY + " No order of this store knows of it."),
    "charge_not_recorded": (
        "charge_without_order",
        "Run `shopctl store recover`; if it stays, refund {reference} there.",
    ),
    "authorization_left": (
        "charge_without_order",
        "Run `shopctl store recover`; if it stays, cancel {reference} there.",
    ),
    "payment_without_charge": ("order_without_charge", "Ask the gateway for {reference}; else cancel order {order}."),
    "charge_was_declined": ("order_without_charge", "Nothing was taken for order {order}: cancel it, or have it paid."),
    "charged_twice": ("double_charge", _AT_THE_GATEWAY + " Order {order} has another charge."),
    "amounts_differ": ("amount_drift", "Compare {reference} at the gateway with `shopctl payments show {order}`."),
    "refund_unknown": ("refund_without_order", "It was made at the gateway: `shopctl payments show` does not have it."),
    "refund_not_recorded": ("refund_without_order", _RECOVER),
    "refund_without_entry": ("order_without_refund", "Order {order} says it was refunded: refund it at the gateway."),
    "refund_came_back": ("order_without_refund", "The bank sent it back: pay the customer of order {order} otherwise."),
    "refunded_twice": ("double_refund", "Order {order} was refunded twice: ask the customer for {reference} back."),
    "refund_of_another": (
        "amount_drift",
        "The refund of order {order} was made of another charge: look at {reference}.",
    ),
    "authorization_lapsed": ("authorization_lapsed", "Cancel order {order}, or have it paid by hand."),
    "ledger_unreadable": ("ledger_unreadable", "Mend or restore the gateway's ledger."),
}
"""Verify's name of a difference → the word for it here, and its mend."""

_FORGOTTEN = (
    "The key may have left the gateway's memory: `shopctl store recover` looks before it asks, and repeats nothing."
)


def find(shop: Shop, *, since: datetime | None = None) -> Iterator[Drift]:
    """What differs, as it is found, in bounded memory; with `since`, of what was made from then on.

    Unavailable when a gateway cannot be read.
    """
    with shop.read() as tx:
        for found in ledger.gateways(shop, tx, since=since):
            if isinstance(found, Note) and found.name == "gateway_unread":
                raise Unavailable("gateway_unread", found.message, hint="`shopctl doctor` says how the gateway is.")
            yield _drift(found.name, found.message, found.details)
        for gateway in (shop.gateway, *shop.other_gateways):
            for row in stream(tx, _waiting(gateway.name, tx.now - gateway.memory, since)):
                message = f"The {row.verb} of order {row.number} has waited for the gateway since {row.created_at:%Y-%m-%d %H:%M}"
                about = {**row._mapping, "key": row.gateway_key, "gateway": gateway.name, "number": str(row.number)}
                yield _drift("key_forgotten", message, about)


def _drift(name: str, message: str, about: Mapping[str, Any]) -> Drift:
    kind, mend = KINDS.get(name, (name, _FORGOTTEN))
    amount, currency = about.get("amount"), about.get("currency")
    order, reference = about.get("number"), about.get("reference")
    return Drift(
        kind,
        order,
        about.get("gateway", ""),
        about.get("key"),
        reference,
        Money(amount, currency) if amount is not None and currency else None,
        currency,
        message,
        mend.format(order=order or "?", reference=reference or "the charge"),
    )


def _waiting(gateway: str, limit: datetime, since: datetime | None) -> sa.Select[Any]:
    """What the gateway was asked for longer ago than it remembers keys, and has not answered."""
    p, r, a = payments.c, refunds.c, payment_actions.c
    parts = (
        (payments, sa.literal("payment"), p.reference, p.state.in_(UNRESOLVED_PAYMENTS)),
        (refunds, sa.literal("refund"), r.reference, r.state == "pending"),
        (payment_actions, a.verb, p.reference, a.state == "pending"),
    )
    selects = []
    for table, verb, reference, waits in parts:
        said = {"verb": verb, "reference": reference, "number": orders.c.number}
        said |= {name: table.c[name] for name in ("gateway_key", "amount", "currency", "created_at")}
        found = sa.select(*(column.label(name) for name, column in said.items())).join_from(table, orders)
        if table is not payments:
            found = found.join(payments, p.id == table.c.payment_id)
        when = [table.c.created_at < limit, *([table.c.created_at >= since] if since else [])]
        selects.append(found.where(waits, p.gateway == gateway, *when))
    every = sa.union_all(*selects).subquery()
    return sa.select(every).order_by(every.c.created_at, every.c.gateway_key)
