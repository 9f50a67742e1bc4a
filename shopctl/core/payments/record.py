"""A payment, and each answer of the gateway to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from shopctl.core import outbox
from shopctl.core.db.tables import orders, payment_attempts, payments, refunds
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle
from shopctl.core.domain.lifecycle import MANUAL, UNASKED
from shopctl.core.domain.money import Money
from shopctl.core.payments.asking import Outcome
from shopctl.core.ports import Charge, ChargeRequest

p = payments.c
ASKABLE = p.gateway.not_in(UNASKED)
"""Payments of a gateway that can be asked."""
NUMBERED = sa.select(payments, orders.c.number).join(orders, orders.c.id == p.order_id)
_id = sa.bindparam("k_id", type_=p.id.type)
_OF_ORDER = NUMBERED.where(p.order_id == _id)
_ANSWERED = sa.update(payments).where(p.id == _id)
_TOPICS = {"failed": "declined", "requires_action": "action_required"}
"""The state of a payment as people call what happened, where that is another word."""


def open_payment(tx: UnitOfWork, *, order_id: str, gateway: str, token: str, amount: int) -> ChargeRequest:
    """Write what is about to be asked, with the key that it will be asked under; the question."""
    capture = tx.facts.capture
    asked = ChargeRequest(
        f"order-{order_id}",
        amount,
        tx.facts.currency,
        token,
        order_id,
        at=tx.now,
        gateway=gateway,
        capture=capture == "order",
    )
    row = {
        "id": new_id(),
        "order_id": order_id,
        "gateway": gateway,
        "gateway_key": asked.key,
        "token": token,
        "amount": amount,
        "currency": asked.currency,
        "captured": 0,
        "capture": capture,
        "state": "pending",
    }
    tx.insert(payments, [{**row, "created_at": tx.now, "updated_at": tx.now}])
    if gateway == MANUAL and (payment := of_order(tx, order_id)):
        tell(tx, "awaited", payment.id, payment)
    return asked


def of_order(tx: UnitOfWork, order_id: str) -> Row | None:
    """The order's payment, with the order's number; None when its total was 0."""
    return tx.row(_OF_ORDER, {"k_id": order_id})


def request_for(payment: Row) -> ChargeRequest:
    """What was asked, to be asked again."""
    return ChargeRequest(
        payment.gateway_key,
        payment.amount,
        payment.currency,
        payment.token,
        payment.order_id,
        at=payment.created_at,
        gateway=payment.gateway,
        capture=payment.capture == "order",
    )


def record(tx: UnitOfWork, payment: Row, outcome: Outcome, *, give_up: bool = False) -> str:
    """Write the answer; the payment's state after it. `give_up` voids a payment that the gateway has never seen."""
    verb = _verb(payment, outcome, give_up)
    if payment.state in ("authorized", "captured") or (verb == "lose" and payment.state in ("voided", "failed")):
        return str(payment.state)  # what comes after an authorization is asked for, and answered, in actions.py
    if verb in ("void", "fail") and payment.state in ("voided", "failed"):
        return str(payment.state)
    state = lifecycle.step(lifecycle.PAYMENT, payment.state, verb, "The payment")
    found = outcome.charge if verb != "lose" else None
    answer = {
        "state": state,
        "reference": (found and found.reference) or payment.reference,
        "captured": found.captured if found and state == "captured" else 0,
        "open": found.amount if found and state == "authorized" else 0,
        "expires_at": found.expires_at if found and state == "authorized" else None,
        "action_url": found.action_url if found and state == "requires_action" else None,
        "decline_code": outcome.charge.decline_code if outcome.charge else None,
    }
    tx.execute(_ANSWERED, {"k_id": payment.id, **answer, "updated_at": tx.now})
    attempted(tx, payment.id, verb, state)
    if state != payment.state:
        tell(tx, _TOPICS.get(state, state), payment.id, payment)
    return state


def _verb(payment: Row, outcome: Outcome, give_up: bool) -> str:
    """What an answer does to a payment. A charge of another amount than was asked for is no answer to our question."""
    found = outcome.charge
    if found is None:
        return "void" if give_up else "lose"
    if found.status in _VERBS:
        return _VERBS[found.status]
    return found.status.removesuffix("d") if _as_asked(payment, found) else "lose"


_VERBS = {"declined": "fail", "voided": "void", "requires_action": "challenge"}


def _as_asked(payment: Row, found: Charge) -> bool:
    if (found.amount, found.currency) != (payment.amount, payment.currency):
        return False
    return found.status == "authorized" or found.captured == found.amount


def attempted(tx: UnitOfWork, payment_id: str, verb: str, outcome: str) -> None:
    """The gateway was asked, and this came of it."""
    attempt = {"id": new_id(), "payment_id": payment_id, "verb": verb, "outcome": outcome, "at": tx.now}
    tx.insert(payment_attempts, [attempt])


def doubtful(tx: UnitOfWork, *, since: datetime | None = None) -> Sequence[Row]:
    """Voided payments, with their order's number: a process that hung at the gateway may have charged after all.

    They are few (the gateway had never seen their key) and stay doubtful for as long as it might still see it.
    """
    which = [p.state == "voided", ASKABLE, *([] if since is None else [p.created_at > since])]
    return tx.rows(NUMBERED.where(*which).order_by(p.created_at))


def kept(tx: UnitOfWork, payment: Row) -> int:
    """What is captured and not given back; a refund counts from when it is written."""
    given = sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount), 0)).where(
        refunds.c.payment_id == payment.id, refunds.c.state != "failed"
    )
    return int(payment.captured) - int(tx.execute(given).scalar_one())


def locked(tx: UnitOfWork, payment_id: str) -> Row:
    """A payment with its order's number, ours until the transaction ends."""
    return tx.rows(_LOCKED, {"k_id": payment_id})[0]


_LOCKED = NUMBERED.where(p.id == _id).with_for_update(of=payments)


def tell(tx: UnitOfWork, what: str, payment_id: str, of: Row) -> None:
    """The fact for everybody else; `of` is the payment, the refund or the action, with its order's number."""
    amount = str(Money(of.amount, of.currency))
    outbox.add(tx, f"payment.{what}", payment_id, number=str(of.number), amount=amount, currency=of.currency)
