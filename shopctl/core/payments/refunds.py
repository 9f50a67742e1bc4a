"""Money that goes back: written first, then asked for under its key, never more than was captured."""

from __future__ import annotations

import sqlalchemy as sa

from shopctl.core.db.tables import orders, payments, refunds
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.domain.money import Money
from shopctl.core.errors import Refused
from shopctl.core.payments.asking import gateway_of, give_back
from shopctl.core.payments.record import ASKABLE, kept, locked, tell
from shopctl.core.ports import Rejected, Repaid
from shopctl.core.queries.payments import PaymentRow
from shopctl.core.queries.payments import payment as payment_named
from shopctl.core.shop import Shop, retried

r, p = refunds.c, payments.c
PENDING = (
    sa.select(refunds, p.reference.label("charge_reference"), p.gateway, orders.c.number)
    .join(payments, p.id == r.payment_id)
    .join(orders, orders.c.id == r.order_id)
    .where(r.state == "pending")
    .order_by(r.created_at)
)


# --- steps ---------------------------------------------------------------------------------------------------------
def open_refund(tx: UnitOfWork, payment_id: str, *, reason: str, amount: int | None = None) -> str | None:
    """Write a refund before it is asked for: of `amount` (minor units), at most of all that is captured and not refunded yet,
    which it is without one; its id, None if there is nothing."""
    payment = locked(tx, payment_id)  # two refunds at once: the second one sees the first
    left = kept(tx, payment)
    amount = left if amount is None else min(amount, left)
    if amount <= 0:
        return None
    row = {"id": new_id(), "payment_id": payment_id, "order_id": payment.order_id, "amount": amount, "reason": reason}
    row |= {"gateway_key": f"refund-{row['id']}", "currency": payment.currency, "state": "pending"}
    tx.insert(refunds, [{**row, "created_at": tx.now, "updated_at": tx.now}])
    return str(row["id"])


def pending_refunds(tx: UnitOfWork, order_id: str | None = None) -> list[Row]:
    """Refunds that the gateway has not confirmed yet, with the reference of their charge and the order's number."""
    mine = PENDING if order_id is None else PENDING.where(r.order_id == order_id)
    return list(tx.rows(mine.where(ASKABLE)))


def refunds_elsewhere(tx: UnitOfWork, order_id: str) -> list[Row]:
    """Refunds that people have to make, and have not noted yet."""
    return list(tx.rows(PENDING.where(r.order_id == order_id, sa.not_(ASKABLE))))


def record_refund(tx: UnitOfWork, refund: Row, state: str, reference: str | None) -> None:
    """Write what became of a refund of `pending_refunds`; a second one records nothing new."""
    recorded = tx.execute(
        sa.update(refunds)
        .where(r.id == refund.id, r.state == "pending")
        .values(state=state, reference=reference, updated_at=tx.now)
    )
    if recorded.rowcount:
        tell(tx, "refunded" if state == "succeeded" else "refund_failed", refund.payment_id, refund)


# --- use cases -----------------------------------------------------------------------------------------------------
def finish_refunds(shop: Shop, *, order_id: str | None = None) -> int:
    """Ask the gateway for every refund that is written and not confirmed; how many it confirmed."""
    with shop.read() as tx:
        waiting = [(refund, tx.now - refund.created_at) for refund in pending_refunds(tx, order_id)]
    confirmed = 0
    for refund, age in waiting:
        try:
            answer = give_back(shop, refund, old=age * 2 > gateway_of(shop, refund.gateway).memory)
        except Rejected as rejected:
            answer = Repaid("failed", "", refund.amount, str(rejected))
        if answer is None or answer.status == "pending":
            continue
        _record(shop, refund, answer)
        confirmed += answer.status == "succeeded"
    return confirmed


@retried
def _record(shop: Shop, refund: Row, answer: Repaid) -> None:
    with shop.work("payments.refunded", refund.order_id) as tx:
        record_refund(tx, refund, answer.status, answer.reference or None)
        tx.commit()


@retried
def refunded(shop: Shop, *, name: str, reference: str | None = None) -> PaymentRow:
    """Money that was taken elsewhere was given back there; the payment (by number, id or reference)."""
    reference = reference if reference is None else text.reference(reference)
    with shop.work("payments.refunded", name) as tx:
        found = payment_named(tx, name)
        waiting = tx.row(PENDING.where(r.payment_id == found.id, sa.not_(ASKABLE)))
        if waiting is None:
            raise Refused(
                "nothing_to_refund",
                f"Order {found.order} has no refund that waits to be made elsewhere",
                hint="An order that was paid elsewhere has one when it is cancelled, or refunded.",
                number=found.order,
            )
        if reference is not None and tx.row(sa.select(r.id).where(r.reference == reference)):
            raise Refused("reference_used", f"Another refund has the reference {reference!r} already")
        record_refund(tx, waiting, "succeeded", reference)
        shown, others = payment_named(tx, found.id), refunds_elsewhere(tx, waiting.order_id)
        tx.commit()
    if others:  # each has a reference of its own
        noted, rest = (Money(amount, found.currency) for amount in (waiting.amount, sum(row.amount for row in others)))
        shop.narrate(
            f"{noted} {found.currency} is noted; {rest} {found.currency} of order {found.order} still waits to be given back "
            f"elsewhere, in {len(others)}: say so for each."
        )
    return shown
