"""How an order's payment ends: settle it, take money by hand, cancel it. Owns no table; composes the steps of others.

Everything here may be killed at any line and run again: the second run finds what the first recorded, and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from shopctl.core import cart, orders, payments, reservations, stock
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.domain.lifecycle import UNRESOLVED_PAYMENTS
from shopctl.core.domain.money import Money
from shopctl.core.errors import Refused
from shopctl.core.orders import Units
from shopctl.core.payments import Outcome
from shopctl.core.ports import Charge
from shopctl.core.queries.orders import Order, built, get, row_by_number
from shopctl.core.reservations import Owner
from shopctl.core.shop import Shop, retried

FREE = Outcome(None)
"""The outcome of an order that costs nothing: there is nobody to ask."""
Step = Callable[[UnitOfWork], None]


# --- unit of work 2 ------------------------------------------------------------------------------------------------
def settle(
    shop: Shop, *, order_id: str, outcome: Outcome, give_up: bool = False, confirmed: Step | None = None
) -> Order:
    """Record the gateway's answer: CONFIRMED with committed stock, CANCELLED with everything given back, or still pending.

    `give_up` turns "the gateway has never seen the key" into a cancellation. A second settling records nothing new; money
    that comes in after the order was cancelled is refunded. `confirmed` is done with the confirmation, if it comes to it here:
    who is killed before must not need it.
    """
    settled = _recorded(shop, order_id, outcome, give_up, confirmed)
    if settled.status == "cancelled":
        _return_money(shop, order_id)
    return settled


@retried
def _recorded(shop: Shop, order_id: str, outcome: Outcome, give_up: bool, confirmed: Step | None) -> Order:
    with shop.work("checkout.settle", order_id) as tx:
        order, lines = orders.lock(tx, order_id), orders.lines_of(tx, order_id)
        tx.target = str(order.number)
        payment = payments.of_order(tx, order_id)
        status = order.status
        state = "captured" if payment is None else payments.record(tx, payment, outcome, give_up=give_up)
        if order.in_flight and state not in UNRESOLVED_PAYMENTS:
            if state in ("authorized", "captured"):
                status = _confirm(tx, order, lines, payment)
                if confirmed and status == "confirmed":
                    confirmed(tx)
            else:
                status = _give_up(tx, order, _problem(order, payment, outcome))
        elif not order.in_flight and order.status == "cancelled" and payment is not None:
            if _give_back(tx, payment, "the money came after the order was cancelled"):
                orders.correct(tx, order.id, _late(order))
        elif order.in_flight:
            orders.leave(tx, order.id)
        tx.commit()
    return replace(built(order, lines, None if payment is None else state), status=status)


def _confirm(tx: UnitOfWork, order: Row, lines: Sequence[Row], payment: Row | None) -> str:
    """The order's new status."""
    owner = _owner(order)
    committed = list(reservations.commit(tx, order.id))
    missing = _missing(lines, committed)
    if missing:
        try:
            with tx.savepoint():
                reservations.hold(tx, owner, missing, origin="checkout")
        except Refused:
            return _give_up_paid(tx, order, lines, payment, committed)
        committed += reservations.commit(tx, order.id)
    orders.allocate(tx, order.id, lines, committed)
    if order.cart_id:
        cart.drop_lines(tx, order.cart_id)
        cart.unclaim(tx, order.cart_id, order.id)
    return orders.advance(tx, order, "confirm")


def _missing(lines: Sequence[Row], committed: Sequence[Row]) -> dict[str, int]:
    """Units that were paid for and are not held any more: none, unless somebody tampered with a pinned hold."""
    needed = {line.sku: line.quantity for line in lines if line.tracked}
    for row in committed:
        needed[row.sku] = needed.get(row.sku, 0) - row.quantity
    return {sku: units for sku, units in needed.items() if units > 0}


def _give_up_paid(
    tx: UnitOfWork, order: Row, lines: Sequence[Row], payment: Row | None, committed: Sequence[Row]
) -> str:
    """Paid, but the goods are gone: the money goes back, and the order says so."""
    orders.allocate(tx, order.id, lines, committed)
    stock.uncommitted_units(tx, order.id, f"order {order.number}")
    orders.cancel_allocations(tx, order.id)
    message = f"The stock of order {order.number} was gone when its payment arrived; the payment is refunded"
    if payment is not None:
        _give_back(tx, payment, "the stock was gone")
    return _give_up(tx, order, {"code": "insufficient_stock", "message": message})


def _give_back(tx: UnitOfWork, payment: Row, reason: str) -> bool:
    """Write that the money of a payment goes back, or is let go where it was only authorized; whether there was any."""
    now = payments.of_order(tx, payment.order_id)
    assert now, "a payment stays"
    return bool(payments.open_refund(tx, now.id, reason=reason)) or payments.let_go(tx, now)


def _return_money(shop: Shop, order_id: str) -> None:
    """Ask the gateway for what is written to go back, and to be let go."""
    payments.finish_refunds(shop, order_id=order_id)
    payments.finish_actions(shop, order_id=order_id)


def _give_up(tx: UnitOfWork, order: Row, problem: Mapping[str, object]) -> str:
    claimed = cart.unclaim(tx, order.cart_id, order.id)
    its_turn = claimed.expires_at if claimed.ticket_id else None
    reservations.give_back(tx, order.id, cart.owner(claimed), until=its_turn)
    return orders.advance(tx, order, "cancel", note=str(problem["code"]), problem=problem)


def _problem(order: Row, payment: Row | None, outcome: Outcome) -> dict[str, object]:
    decline = outcome.charge.decline_code if outcome.charge else payment.decline_code if payment else None
    if decline:
        return {
            "code": "payment_declined",
            "message": f"The payment of order {order.number} was declined ({decline})",
            "hint": "Nothing was charged. Try another card, with a new key.",
            "details": {"decline_code": decline, "order": str(order.number)},
        }
    return {
        "code": "order_cancelled",
        "message": f"Order {order.number} was cancelled before it was paid",
        "hint": "Nothing was charged. Place it again with a new key.",
        "details": {"order": str(order.number)},
    }


def _late(order: Row) -> dict[str, object]:
    return {
        "code": "order_cancelled",
        "message": f"Order {order.number} was cancelled before its payment arrived; the payment is refunded",
        "hint": "Place it again with a new key.",
        "details": {"order": str(order.number)},
    }


def _owner(order: Row) -> Owner:
    return Owner("order", order.id, f"order {order.number}")


# --- use cases -----------------------------------------------------------------------------------------------------
def pay(shop: Shop, *, number: str, reference: str | None = None) -> Order:
    """An order that is paid by hand (cash, a transfer) is paid: it is confirmed.

    `reference` says where the money can be found. Errors: not_by_hand, invalid_state, reference_used.
    """
    reference = reference and text.reference(reference)
    with shop.read() as tx:
        order = row_by_number(tx, number)
        payment = payments.of_order(tx, order.id)
        used = payments.known_references(tx, [reference]) if reference else {}
    if payment is None or payment.gateway != payments.MANUAL:
        raise Refused(
            "not_by_hand",
            f"Order {order.number} is not paid by hand",
            hint="Only what was placed with --payment manual is.",
            number=str(order.number),
        )
    if payment.state != "pending":
        raise Refused("invalid_state", f"Order {order.number} is {order.status}: its payment is {payment.state}")
    if used:
        raise Refused("reference_used", f"Another payment has the reference {reference!r} already")
    known = reference or f"{payments.MANUAL}-{order.number}"
    charge = Charge("captured", known, payment.amount, payment.currency, captured=payment.amount)
    return settle(shop, order_id=order.id, outcome=Outcome(charge))


def cancel(shop: Shop, *, number: str, lines: Units | None = None) -> Order:
    """Cancel what of an order has not been shipped, or these units of it: stock returns exactly, money is refunded.

    One whose payment is unresolved is resolved first, by asking the gateway; it can only be cancelled whole.
    """
    with shop.read() as tx:
        order = row_by_number(tx, number)
        payment = payments.of_order(tx, order.id)
        shown, owed = get(tx, order.id), orders.going_back(tx, order.id)
    if order.status == "cancelled" and owed:  # killed or refused on the way: only the refund is left
        return shown if shop.dry_run else orders.money_back(shop, order.id)
    if order.in_flight and lines is not None:
        raise Refused(
            "invalid_state",
            f"Order {order.number} is not paid: it can only be cancelled whole",
            number=str(order.number),
        )
    if order.in_flight and not shop.dry_run:
        settled = settle_by_asking(shop, order.id, payment, give_up=True)
        if settled.status == "cancelled":
            return settled
        if settled.status == "pending":
            raise Refused(
                "payment_unresolved",
                f"The gateway does not answer for order {order.number}; it cannot be cancelled yet",
                hint="Try again, or run `shopctl store recover`.",
                number=str(order.number),
            )
    orders.finish(shop, number)
    shown, elsewhere = _cancelled(shop, order.id, number, payment, lines, unheard=order.in_flight)
    if (
        elsewhere and payment and payment.state == "authorized"
    ):  # of money that was taken, what goes back is told with it
        shop.narrate(f"Order {shown.number} {elsewhere}.")
    return shown if shop.dry_run else orders.money_back(shop, order.id)


@retried
def _cancelled(
    shop: Shop, order_id: str, number: str, payment: Row | None, lines: Units | None, *, unheard: bool
) -> tuple[Order, str | None]:
    """The order, cancelled with its refund asked for; and what people must do elsewhere. `unheard`: its checkout was never told
    that it was confirmed, and will not be."""
    with shop.work("orders.cancel", number) as tx:
        order = orders.lock(tx, order_id)
        elsewhere = _to_do_elsewhere(tx, payment) if lines is None else None
        if order.in_flight:  # in a dry run nobody was asked about its payment
            orders.advance(tx, order, "cancel")
        else:
            orders.cancel(tx, order, lines, note=elsewhere)
            if unheard:
                orders.correct(tx, order.id, _late(order))
        shown = get(tx, order.id)
        tx.commit()
    return shown, elsewhere


def _to_do_elsewhere(tx: UnitOfWork, payment: Row | None) -> str | None:
    """What people must do about an imported order's money, which was taken where we cannot ask for anything."""
    if payment is None or payment.gateway != payments.EXTERNAL or payment.state not in ("authorized", "captured"):
        return None
    where = f" ({payment.reference})" if payment.reference else ""
    if payment.state == "authorized":
        return f"was authorized elsewhere{where}: void the authorization there"
    kept = payments.kept(tx, payment)
    if not kept:
        return None
    return f"was paid elsewhere{where}: refund {Money(kept, payment.currency)} {payment.currency} there"


def settle_by_asking(shop: Shop, order_id: str, payment: Row | None, *, give_up: bool = False) -> Order:
    """`give_up` lets go of a payment that waits for its shopper."""
    outcome = payments.look_up(shop, payment) if payment else FREE
    settled = settle(shop, order_id=order_id, outcome=outcome, give_up=outcome.known_absent)
    if payment and give_up and settled.status == "pending" and _let_go(shop, order_id):
        settled = settle(shop, order_id=order_id, outcome=payments.look_up(shop, payment))
    return settled


def _let_go(shop: Shop, order_id: str) -> bool:
    """Whether a payment that waits for its shopper is void now."""
    with shop.work("payments.void", order_id) as tx:
        payment = payments.of_order(tx, order_id)
        if payment is None or not payments.let_go(tx, payment):
            return False
        tx.commit()
    return not payments.finish_actions(shop, order_id=order_id)
