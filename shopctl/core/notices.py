"""What a gateway tells of its own accord. A notice is a reason to ask and never an answer: it may be late, repeated, out of
order, or forged; so it is verified, the gateway is asked, and what it says now is settled as after any other question.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core import payments
from shopctl.core.db.tables import payments as rows
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import UNRESOLVED_PAYMENTS
from shopctl.core.errors import Refused, StillPending
from shopctl.core.ports import Notice, Notifying, Rehearsing, Rejected
from shopctl.core.queries.orders import Order, get, row_by_number
from shopctl.core.settlement import settle
from shopctl.core.shop import Shop


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a notice: the order it is about and its status now; None when it is about nothing of this shop's."""

    id: str | None
    kind: str | None
    order: str | None = None
    status: str | None = None


# --- use cases -----------------------------------------------------------------------------------------------------
def heed(shop: Shop, *, body: bytes, signature: str) -> Heard:
    """Verify a notice, ask the gateway about its payment, and settle it; a repeated one changes nothing.

    Errors: no_notices; NotPermitted when it is not signed; StillPending when the gateway does not answer: it will be sent again.
    """
    gateway = shop.gateway
    if not isinstance(gateway, Notifying):
        raise Refused("no_notices", f"The gateway {gateway.name} sends no notices")
    notice = gateway.notice(body, {gateway.signature_header: signature})
    if notice is None:
        return Heard(None, None)
    with shop.read() as tx:
        payment = _payment(tx, gateway.name, notice)
    if payment is None or shop.dry_run:
        return Heard(notice.id, notice.kind, str(payment.number) if payment else None)
    if payment.state in (*UNRESOLVED_PAYMENTS, "voided"):  # of what is settled there is nothing to learn
        _asked(shop, payment)
    payments.finish_refunds(shop, order_id=payment.order_id)
    payments.finish_actions(shop, order_id=payment.order_id)
    with shop.read() as tx:
        order = get(tx, payment.order_id)
    return Heard(notice.id, notice.kind, order.number, order.status)


def confirm(shop: Shop, *, number: str, succeed: bool = True) -> Order:
    """Play the shopper of an order whose payment waits for them; where a gateway allows it.

    Errors: not_a_sandbox, invalid_state.
    """
    with shop.read() as tx:
        shown = get(tx, row_by_number(tx, number).id)
        payment = payments.of_order(tx, shown.id)
    if payment is None or payment.state != "requires_action":
        state = f"its payment is {payment.state}" if payment else "it has no payment"
        raise Refused("invalid_state", f"Order {number} does not wait for its shopper: {state}")
    gateway = payments.gateway_of(shop, payment.gateway)
    if not isinstance(gateway, Rehearsing):
        raise Refused(
            "not_a_sandbox",
            f"With {payment.gateway}, only the shopper can confirm the payment of order {number}",
            hint=f"They do it at {payment.action_url}",
        )
    if shop.dry_run:
        shop.narrate(f"Would confirm {payment.reference} at the gateway, and settle order {number}.")
        return shown
    shop.must_write("a confirmation")
    try:
        gateway.confirm(reference=payment.reference, succeed=succeed)
    except Rejected:  # they did before, and whoever played them was killed: it is settled as it was
        settled = _asked(shop, payment)
        if succeed == (settled.status == "confirmed"):
            return settled
        raise Refused(
            "invalid_state", f"The shopper of order {number} has decided already: it is {settled.status}", number=number
        ) from None
    return _asked(shop, payment)


def _asked(shop: Shop, payment: Row) -> Order:
    """The order, settled as the gateway says now."""
    outcome = payments.look_up(shop, payment)
    if outcome.charge is None and not outcome.known_absent:
        raise StillPending(
            "payment_unresolved",
            f"The gateway does not answer about the payment of order {payment.number}",
            hint="Send the notice again, or run `shopctl store recover`.",
            order=str(payment.number),
        )
    return settle(shop, order_id=payment.order_id, outcome=outcome)


def _payment(tx: UnitOfWork, gateway: str, notice: Notice) -> Row | None:
    named = rows.c.gateway_key == notice.key if notice.key else rows.c.reference == notice.reference
    found = tx.row(sa.select(rows.c.order_id).where(rows.c.gateway == gateway, named))
    return payments.of_order(tx, found.order_id) if found else None
