"""Payments: what the gateway was asked and what it answered. The only writer of payments, attempts and refunds.

The key of every foreign call is written before the call, and repeated on each retry. No answer is UNKNOWN, never a guess:
only asking with the same key can tell.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core import outbox
from shopctl.core.db.tables import orders, payment_attempts, payments, refunds
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle
from shopctl.core.domain.money import Money
from shopctl.core.errors import BadInput, Refused
from shopctl.core.ports import Charge, ChargeRequest, NoAnswer
from shopctl.core.queries.orders import PaymentRow
from shopctl.core.queries.orders import payment as payment_named
from shopctl.core.shop import Shop, retried

EXTERNAL = "external"
"""The gateway of money that was taken elsewhere, before its order was imported. Nobody here can ask it for anything."""
TRIES = 3
BACKOFF_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known after asking: a charge (captured or declined), or that nothing is known."""

    charge: Charge | None
    known_absent: bool = False  # the gateway says that it has never seen the key


@dataclass(frozen=True, slots=True)
class External:
    """What is known of a payment that was made elsewhere; `refunded` is part of what was captured."""

    state: str
    amount: int
    captured: int
    refunded: int
    reference: str | None
    created_at: datetime


# --- calls to the gateway, outside any transaction -----------------------------------------------------------------
def charge(shop: Shop, request: ChargeRequest) -> Outcome:
    """Authorize and capture; without an answer ask again with the same key, a bounded number of times."""
    for attempt in range(TRIES):
        try:
            return Outcome(shop.gateway.authorize(request))
        except NoAnswer:
            found = look_up(shop, request.key)
            if found.charge is not None:
                return found
            time.sleep(BACKOFF_SECONDS * 2**attempt)
    return Outcome(None)


def look_up(shop: Shop, key: str) -> Outcome:
    """Ask the gateway what became of a key, without asking for anything new."""
    try:
        found = shop.gateway.find(key)
    except NoAnswer:
        return Outcome(None)
    return Outcome(found, known_absent=found is None)


def give_back(shop: Shop, refund: Row) -> str | None:
    """Ask for a refund under its stored key; the gateway's reference, or None when it did not answer."""
    for attempt in range(TRIES):
        try:
            return shop.gateway.refund(key=refund.gateway_key, reference=refund.charge_reference, amount=refund.amount)
        except NoAnswer:
            time.sleep(BACKOFF_SECONDS * 2**attempt)
    return None


# --- steps ---------------------------------------------------------------------------------------------------------
def open_payment(tx: UnitOfWork, *, order_id: str, gateway: str, token: str, amount: int) -> ChargeRequest:
    """Write what is about to be asked, with the key that it will be asked under; the question."""
    row = {
        "id": new_id(),
        "order_id": order_id,
        "gateway": gateway,
        "token": token,
        "amount": amount,
        "captured": 0,
    }
    asked = ChargeRequest(f"order-{order_id}", amount, tx.facts.currency, token, order_id)
    row |= {"gateway_key": asked.key, "currency": asked.currency, "state": "pending"}
    tx.insert(payments, [{**row, "created_at": tx.now, "updated_at": tx.now}])
    return asked


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
    return {row.reference: row.number for row in tx.rows(_NUMBERED.where(payments.c.reference.in_(names)))}


def of_order(tx: UnitOfWork, order_id: str) -> Row | None:
    """The order's payment, with the order's number; None when its total was 0."""
    return tx.row(_OF_ORDER, {"k_id": order_id})


def request_for(payment: Row) -> ChargeRequest:
    return ChargeRequest(payment.gateway_key, payment.amount, payment.currency, payment.token, payment.order_id)


def record(tx: UnitOfWork, payment: Row, outcome: Outcome, *, give_up: bool = False) -> str:
    """Write the answer; the payment's state after it. `give_up` voids a payment that the gateway has never seen."""
    verb = _verb(payment, outcome, give_up)
    if payment.state == "captured" or (verb == "lose" and payment.state in ("voided", "failed")):
        return str(payment.state)
    if verb in ("void", "fail") and payment.state in ("voided", "failed"):
        return str(payment.state)
    state = lifecycle.step(lifecycle.PAYMENT, payment.state, verb, "The payment")
    found = outcome.charge
    tx.execute(
        _ANSWERED,
        {
            "k_id": payment.id,
            "state": state,
            "reference": found.reference if found and verb != "lose" else payment.reference,
            "captured": found.amount if found and state == "captured" else 0,
            "decline_code": found.decline_code if found else None,
            "updated_at": tx.now,
        },
    )
    attempt = {"id": new_id(), "payment_id": payment.id, "verb": verb, "outcome": state, "at": tx.now}
    tx.insert(payment_attempts, [attempt])
    if state != payment.state:
        _tell(tx, _TOPICS.get(state, state), payment.id, payment)
    return state


def _verb(payment: Row, outcome: Outcome, give_up: bool) -> str:
    """What an answer does to a payment. A charge of another amount than was asked for is no answer to our question."""
    found = outcome.charge
    if found is None:
        return "void" if give_up else "lose"
    if found.status == "declined":
        return "fail"
    return "capture" if (found.amount, found.currency) == (payment.amount, payment.currency) else "lose"


def doubtful(tx: UnitOfWork, *, since: datetime | None = None) -> Sequence[Row]:
    """Voided payments, with their order's number: a process that hung at the gateway may have charged after all.

    They are few (the gateway had never seen their key) and stay doubtful for as long as it might still see it.
    """
    which = [payments.c.state == "voided", _ASKABLE, *([] if since is None else [payments.c.created_at > since])]
    return tx.rows(_NUMBERED.where(*which).order_by(payments.c.created_at))


def kept(tx: UnitOfWork, payment: Row) -> int:
    """What is captured and not given back; a refund counts from when it is written."""
    given = sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount), 0)).where(
        refunds.c.payment_id == payment.id, refunds.c.state != "failed"
    )
    return int(payment.captured) - int(tx.execute(given).scalar_one())


def open_refund(tx: UnitOfWork, payment_id: str, *, reason: str) -> str | None:
    """Write a refund of all that is captured and not refunded yet, before it is asked for; its id, None if there is nothing."""
    payment = tx.rows(sa.select(payments).where(payments.c.id == payment_id))[0]
    amount = kept(tx, payment)
    if amount <= 0:
        return None
    row = {
        "id": new_id(),
        "payment_id": payment_id,
        "order_id": payment.order_id,
        "amount": amount,
        "reason": reason,
    }
    row |= {"gateway_key": f"refund-{row['id']}", "currency": payment.currency, "state": "pending"}
    tx.insert(refunds, [{**row, "created_at": tx.now, "updated_at": tx.now}])
    return str(row["id"])


def pending_refunds(tx: UnitOfWork, order_id: str | None = None) -> list[Row]:
    """Refunds that the gateway has not confirmed yet, with the reference of their charge and the order's number."""
    mine = _PENDING if order_id is None else _PENDING.where(refunds.c.order_id == order_id)
    return list(tx.rows(mine.where(_ASKABLE)))


def record_refund(tx: UnitOfWork, refund: Row, reference: str | None) -> None:
    """Write the confirmation of a refund of `pending_refunds`; a second one records nothing new."""
    recorded = tx.execute(
        sa.update(refunds)
        .where(refunds.c.id == refund.id, refunds.c.state == "pending")
        .values(state="succeeded", reference=reference, updated_at=tx.now)
    )
    if recorded.rowcount:
        _tell(tx, "refunded", refund.payment_id, refund)


def _tell(tx: UnitOfWork, what: str, payment_id: str, of: Row) -> None:
    """The fact for everybody else; `of` is the payment or the refund, with its order's number."""
    amount = str(Money(of.amount, of.currency))
    outbox.add(tx, f"payment.{what}", payment_id, number=str(of.number), amount=amount, currency=of.currency)


_TOPICS = {"failed": "declined"}
"""The state of a payment as people call what happened, where that is another word."""
_ASKABLE = payments.c.gateway != EXTERNAL
_id = sa.bindparam("k_id", type_=payments.c.id.type)
_NUMBERED = sa.select(payments, orders.c.number).join(orders, orders.c.id == payments.c.order_id)
_OF_ORDER = _NUMBERED.where(payments.c.order_id == _id)
_ANSWERED = sa.update(payments).where(payments.c.id == _id)
_PENDING = (
    sa.select(refunds, payments.c.reference.label("charge_reference"), orders.c.number)
    .join(payments, payments.c.id == refunds.c.payment_id)
    .join(orders, orders.c.id == refunds.c.order_id)
    .where(refunds.c.state == "pending")
    .order_by(refunds.c.created_at)
)


# --- use cases -----------------------------------------------------------------------------------------------------
@retried
def refunded(shop: Shop, *, name: str, reference: str | None = None) -> PaymentRow:
    """The money of an imported order was given back where it was charged; the payment (by number, id or reference)."""
    if reference is not None and (not reference.isprintable() or not 1 <= len(reference) <= 255):
        raise BadInput("bad_reference", "A reference has 1 to 255 visible characters", value=reference)
    with shop.work("payments.refunded", name) as tx:
        found = payment_named(tx, name)
        waiting = tx.row(_PENDING.where(refunds.c.payment_id == found.id, sa.not_(_ASKABLE)))
        if waiting is None:
            raise Refused(
                "nothing_to_refund",
                f"Order {found.order} has no refund that waits to be made elsewhere",
                hint="An imported order has one when it is cancelled after it was paid.",
                number=found.order,
            )
        if reference is not None and tx.row(sa.select(refunds.c.id).where(refunds.c.reference == reference)):
            raise Refused("reference_used", f"Another refund has the reference {reference!r} already")
        record_refund(tx, waiting, reference)
        shown = payment_named(tx, found.id)
        tx.commit()
    return shown


def finish_refunds(shop: Shop, *, order_id: str | None = None) -> int:
    """Ask the gateway for every refund that is written and not confirmed; how many it confirmed."""
    with shop.read() as tx:
        waiting = pending_refunds(tx, order_id)
    confirmed = 0
    for refund in waiting:
        shop.fault("refund.before_gateway")
        reference = give_back(shop, refund)
        shop.fault("refund.after_gateway")
        if reference is None:
            continue
        with shop.work("payments.refunded", refund.order_id) as tx:
            record_refund(tx, refund, reference)
            shop.fault("refund.before_record")
            tx.commit()
        shop.fault("refund.after_record")
        confirmed += 1
    return confirmed
