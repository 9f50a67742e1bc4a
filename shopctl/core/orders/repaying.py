"""Asking the gateway for what the books of an order say: money goes back, authorizations are let go."""

from __future__ import annotations

from shopctl.core import payments
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import Money
from shopctl.core.errors import Refused, StillPending
from shopctl.core.orders import credits
from shopctl.core.queries.orders import Order, get, row_by_number
from shopctl.core.shop import Shop


def money_back(shop: Shop, order_id: str) -> Order:
    """Ask the gateway for what is written to go back and to be let go; the order, when that is confirmed.

    Errors: refund_failed when the gateway refuses; StillPending when it does not answer.
    """
    payments.finish_refunds(shop, order_id=order_id)
    payments.finish_actions(shop, order_id=order_id)
    with shop.read() as tx:
        shown, waiting = get(tx, order_id), going_back(tx, order_id)
        above, elsewhere = credits.above(tx, row_by_number(tx, shown.number)), payments.refunds_elsewhere(tx, order_id)
    if waiting:
        raise StillPending(
            "refund_unresolved",
            f"The refund of order {shown.number} is written, and not confirmed by the gateway yet",
            hint="Run `shopctl store recover`, or leave it to the worker; repeat it only with the key that it had.",
            order=shown.number,
        )
    if above > 0:
        raise Refused(
            "refund_failed",
            f"The gateway refuses to refund {Money(above, shown.currency)} {shown.currency} of order {shown.number}",
            hint="Give it back another way, and see `shopctl payments show`.",
            number=shown.number,
        )
    if elsewhere:
        owed = Money(sum(row.amount for row in elsewhere), shown.currency)
        where = f" ({elsewhere[0].charge_reference})" if elsewhere[0].charge_reference else ""
        each = ", ".join(str(Money(row.amount, shown.currency)) for row in elsewhere)
        times = f", once for each of {each}" if len(elsewhere) > 1 else ""
        shop.narrate(
            f"Order {shown.number} was paid elsewhere{where}: give back {owed} {shown.currency} there, "
            f"then say so with `shopctl payments refunded {shown.number}`{times}."
        )
    return shown


def going_back(tx: UnitOfWork, order_id: str | None = None) -> list[Row]:
    """Refunds and voids that the gateway has not confirmed yet."""
    return payments.pending_refunds(tx, order_id) + [
        action for action in payments.pending_actions(tx, order_id) if action.verb == "void"
    ]


def finish(shop: Shop, number: str) -> None:
    """Finish what the gateway was asked before: nobody knows how much is captured until then."""
    if shop.dry_run:
        return
    with shop.read() as tx:
        order_id = row_by_number(tx, number).id
        waiting = payments.pending_actions(tx, order_id)
    if waiting:
        payments.finish_actions(shop, order_id=order_id)
