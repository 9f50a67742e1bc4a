"""Checkout: cart → paid order, all or nothing. Owns no table; reads like the story that it is.

Two units of work with the gateway call between them; no transaction is open across the call. Killed anywhere, the same
command with the same key goes on from what is recorded, and so does `recover` (recovery.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from shopctl.core import cart as carts
from shopctl.core import customers, orders, pause, payments, process, rates, reservations
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import money, pricing, text
from shopctl.core.domain.money import Money
from shopctl.core.domain.pricing import BasketLine, Totals
from shopctl.core.errors import BadInput, NotFound, Refused, StillPending
from shopctl.core.ports import ChargeRequest
from shopctl.core.queries.carts import basket, unknown_cart
from shopctl.core.queries.orders import Order, OrderLine, Quote, as_confirmed, get, row_by_number, tax_part
from shopctl.core.queries.pause import of_kept
from shopctl.core.queries.stock import can_be_had
from shopctl.core.reservations import Owner
from shopctl.core.settlement import FREE, Step, settle
from shopctl.core.shop import Shop, retried


@dataclass(frozen=True, slots=True)
class Placement:
    """What a shopper asks for. `address` is validated; `expect_total` a decimal string; `token` None when nothing is to pay.

    A customer's cart is bought with their own e-mail address when `email` is None. `turn`: the cart is one at a sale, which only
    who sells turns may buy.
    """

    cart: str
    email: str | None
    address: Mapping[str, str]
    token: str | None
    key: str
    expect_total: str | None = None
    method: str | None = None
    turn: bool = False

    def fingerprint(self) -> str:
        """What a key stands for: repeating it with anything else is a mistake, not a retry."""
        email = None if self.email is None else text.fold(self.email)
        meant = [text.fold(self.cart), email, dict(self.address), self.token]
        return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Begun:
    """An order that waits for its payment, and what the gateway is to be asked; None when there is nothing to pay, or when it
    is paid `by_hand`."""

    order_id: str
    request: ChargeRequest | None
    by_hand: bool = False


# --- use cases -----------------------------------------------------------------------------------------------------
def quote(shop: Shop, *, cart: str, address: Mapping[str, str] | None = None, method: str | None = None) -> Quote:
    """What the cart costs now, sent to `address` (the shop's own country without one). Holds nothing.

    What could not be had is narrated, not refused: stock may come before the order does.
    """
    carts.persist_one(shop, name=cart)
    with shop.read() as tx:
        found = _basket(tx, cart)
        lines, totals = _priced(shop, tx, found, address or {"country": tx.facts.country}, method)
        if paused := of_kept(found[0].paused):
            shop.narrate(f"{pause.refused(paused).message}.")
        units = can_be_had(tx, [line.sku for line in lines], owner_id=found[0].id)
        for line in lines:
            if line.tracked and units.get(line.sku, 0) < line.quantity:
                shop.narrate(f"Only {units.get(line.sku, 0)} of {line.sku} can be had, {line.quantity} asked for.")
        return _quote(tx, lines, totals, address or {}, None)


def place(shop: Shop, wanted: Placement, *, confirmed: Step | None = None) -> Order | Quote:
    """Buy the cart: the confirmed order. In a dry run nothing is charged, and the answer is the quote. `confirmed`: see `settle`.

    Errors: insufficient_stock, payment_declined, price_changed, cart_in_checkout, cart_empty, not_for_sale, key_reused,
    no_shipping_rate, shop_paused; StillPending when the gateway does not answer: repeat it with the same key, or recover.
    """
    _check(wanted)
    if carts.is_turn(wanted.cart) and not wanted.turn:
        raise Refused("turn_at_sale", "That cart is a turn at a sale", hint="shopctl sales buy TICKET")
    if wanted.token not in (None, payments.MANUAL) and not shop.dry_run:
        shop.gateway.ready()
    begun = _begin(shop, wanted)
    if isinstance(begun, Quote):
        return begun
    if isinstance(begun, _Begun) and not begun.by_hand:
        outcome = FREE if begun.request is None else payments.charge(shop, begun.request)
        begun = settle(shop, order_id=begun.order_id, outcome=outcome, confirmed=confirmed)
    return _answer(shop, begun.order_id if isinstance(begun, _Begun) else begun)


def _begin(shop: Shop, wanted: Placement) -> _Begun | Quote | Order:
    """What unit of work 1 has begun, now or before. Another process may have been faster with the same key, and left
    nothing to claim."""
    try:
        gateway = payments.MANUAL if wanted.token == payments.MANUAL else shop.gateway.name
        begun = carts.in_database(shop, [wanted.cart], lambda hot: _reserve(shop, wanted, gateway, hot))
    except (Refused, NotFound):
        with shop.read() as tx:
            if orders.find_by_key(tx, wanted.key) is None:
                raise
        begun = None
    return begun or _resume(shop, wanted)


@retried
def _reserve(shop: Shop, wanted: Placement, gateway: str, hot: carts.Closed) -> _Begun | Quote | None:
    """Unit of work 1: claim, revalidate, price, hold, and write the order PENDING with its payment's key, to be paid by this
    gateway. None when the key has an order already.
    """
    with shop.work("checkout.reserve") as tx:
        if orders.find_by_key(tx, wanted.key) is not None:
            return None
        found = _basket(tx, wanted.cart, hot)
        cart = found[0]
        tx.target = cart.handle
        pause.check(cart.paused)
        email = wanted.email or cart.email
        if email is None:
            raise BadInput(
                "email_missing", f"Cart {cart.handle!r} is a guest's: name an e-mail address", hint="--email E"
            )
        lines, totals = _priced(shop, tx, found, wanted.address, wanted.method)
        _check_total(wanted, totals, tx.facts.currency)
        if totals.total and wanted.token is None:
            raise BadInput("payment_missing", "There is something to pay: name a payment token", hint="--payment TOKEN")
        order = Owner("order", new_id(), f"order {(number := orders.next_number(tx))}")
        carts.claim(tx, cart, order.id)
        _hold(tx, cart, order, lines)
        customer_id = cart.customer_id or customers.ensure(tx, email, name=wanted.address.get("name"))
        customers.remember_address(tx, customer_id, wanted.address)
        orders.create(
            tx,
            orders.NewOrder(
                id=order.id,
                number=number,
                cart_id=cart.id,
                customer_id=customer_id,
                email=email,
                lines=lines,
                totals=totals,
                shipping_address=wanted.address,
                key=wanted.key,
                fingerprint=wanted.fingerprint(),
            ),
        )
        request, by_hand = None, gateway == payments.MANUAL
        if totals.total and wanted.token:
            request = payments.open_payment(
                tx, order_id=order.id, gateway=gateway, token=wanted.token, amount=totals.total
            )
            if by_hand:
                orders.leave(tx, order.id)
        tx.commit()
        return (
            _quote(tx, lines, totals, wanted.address, email)
            if shop.dry_run
            else _Begun(order.id, request, by_hand and request is not None)
        )


def _resume(shop: Shop, wanted: Placement) -> _Begun | Order:
    """The order that this key has made already; this process goes on with it when no other is at work on it."""
    with shop.read() as tx:
        seen = orders.find_by_key(tx, wanted.key)
        assert seen, "a key stays"
        _same(seen, wanted)
        order = get(tx, seen.order_id)
        payment = payments.of_order(tx, order.id)
        abandoned = not process.is_alive(row_by_number(tx, order.number).process)
    if order.status != "pending" or shop.dry_run or (payment and payment.gateway == payments.MANUAL):
        return order
    if abandoned:
        with shop.work("checkout.resume", order.number) as tx:
            orders.adopt(tx, order.id)
            tx.commit()
    return _Begun(order.id, payments.request_for(payment) if payment else None)


def _answer(shop: Shop, made: Order | str) -> Order:
    """The same answer for everyone who holds the key: the order (or its id), or the problem that ended it. One that is paid by
    hand is pending until then."""
    if isinstance(made, Order) and made.status not in ("pending", "cancelled"):
        # What happened to it since (shipped, delivered, cancelled by an operator) does not change the first answer.
        return as_confirmed(made)
    with shop.read() as tx:
        order = made if isinstance(made, Order) else get(tx, made)
        payment, problem = payments.of_order(tx, order.id), row_by_number(tx, order.number).problem
    if order.status == "pending":
        if payment and payment.gateway == payments.MANUAL:
            return order
        if payment and payment.state == "requires_action":
            raise StillPending(
                "action_required",
                f"The shopper has to confirm the payment of order {order.number} at {payment.action_url}",
                hint="Then repeat the command with the same key.",
                order=order.number,
                url=payment.action_url,
            )
        raise StillPending(
            "payment_unresolved",
            f"The payment of order {order.number} is unresolved: the gateway does not answer",
            hint="Repeat the command with the same key, or run `shopctl store recover`.",
            order=order.number,
        )
    if problem:
        raise Refused(problem["code"], problem["message"], hint=problem.get("hint"), **problem.get("details", {}))
    return as_confirmed(order)


# --- unit of work 1, step by step ----------------------------------------------------------------------------------
def _check(wanted: Placement) -> None:
    if wanted.email is not None:
        customers.email_address(wanted.email)
    text.key(wanted.key)
    if wanted.token is not None:
        text.refuse_card_number(wanted.token, "payment token")
        if not wanted.token.isprintable() or not 1 <= len(wanted.token) <= 255:
            raise BadInput("bad_token", "A payment token has 1 to 255 visible characters")


def _same(seen: Row, wanted: Placement) -> None:
    if seen.fingerprint != wanted.fingerprint():
        raise Refused(
            "key_reused",
            f"The key {wanted.key!r} was used for another cart, e-mail, address or token",
            hint="Make a new key for a new checkout.",
            key=wanted.key,
        )


def _basket(tx: UnitOfWork, name: str, hot: carts.Closed = carts.NOTHING) -> Sequence[Row]:
    """The cart with its lines, see queries/carts.py."""
    found = basket(tx, name)
    if found and hot.bring(tx, found[0]):
        found = basket(tx, name)
    if not found or (found[0].expires_at <= tx.now and found[0].claimed_by is None):
        raise unknown_cart(tx, name)
    if found[0].claimed_by is not None and tx.action:
        raise carts.in_checkout(found[0].handle)
    return found


def _priced(
    shop: Shop, tx: UnitOfWork, found: Sequence[Row], address: Mapping[str, str], method: str | None
) -> tuple[Sequence[Row], Totals]:
    """The lines of a basket, all of them for sale, and what they cost at this address."""
    lines = [row for row in found if row.sku is not None]
    if not lines:
        raise carts.empty(found[0].handle)
    for line in lines:
        if line.status != "active":
            raise Refused("not_for_sale", f"{line.sku} is {line.status} and cannot be bought", sku=line.sku)
    place = (address["country"], address.get("region", ""))
    taxes, shipping = rates.rates_for(tx, *place)
    if not taxes and shipping is None:
        shop.narrate("The shop has no tax and shipping rates: no tax is added and shipping is free.")
    elif shipping is None:
        shop.narrate("The shop has no shipping rates: shipping is free.")
    elif not taxes:
        shop.narrate(f"No tax rate covers {' '.join(place).strip()}: no tax is added.")
    basket = [
        BasketLine(line.sku, line.quantity, line.price, line.taxable, line.requires_shipping, line.weight_grams)
        for line in lines
    ]
    return lines, pricing.price(basket, taxes, shipping, method=method)


def _check_total(wanted: Placement, totals: Totals, currency: str) -> None:
    if wanted.expect_total is None:
        return
    expected = money.parse_amount(wanted.expect_total, currency)
    if expected != totals.total:
        raise Refused(
            "price_changed",
            f"The total is {Money(totals.total, currency)} {currency}, not {Money(expected, currency)}",
            hint="Quote again and confirm the new total.",
            expected=str(Money(expected, currency)),
            total=str(Money(totals.total, currency)),
        )


def _hold(tx: UnitOfWork, cart: Row, order: Owner, lines: Sequence[Row]) -> None:
    """Take over what the cart holds and hold the rest, pinned until the payment is resolved.

    A hold that fits no line any more (the SKU was untracked for a while, the line is smaller) is given back.
    """
    wanted = {line.sku: line.quantity for line in lines if line.tracked}
    mine = _taken_over(tx, cart.id, order, wanted) if cart.holds else {}
    missing = {sku: units - mine.get(sku, 0) for sku, units in wanted.items()}
    for line in lines:
        if line.agreed_price is not None and missing.get(line.sku, 0) > 0:
            raise Refused("turn_over", f"What was held of {line.sku} at this price is not held any more", sku=line.sku)
    reservations.hold(tx, order, {sku: n for sku, n in missing.items() if n > 0}, origin="checkout", pinned=True)


def _taken_over(tx: UnitOfWork, cart_id: str, order: Owner, wanted: Mapping[str, int]) -> Mapping[str, int]:
    for sku, units in reservations.held_by_cart(tx, cart_id).items():
        if units > wanted.get(sku, 0):
            reservations.release_cart(tx, cart_id, sku)
    return reservations.take_over(tx, cart_id, order)


def _quote(
    tx: UnitOfWork,
    lines: Sequence[Row],
    totals: Totals,
    address: Mapping[str, str],
    email: str | None,
) -> Quote:
    currency = tx.facts.currency
    return Quote(
        customer=None,
        email=email,
        lines=[
            OrderLine(
                line.sku,
                line.title,
                line.options,
                line.quantity,
                Money(line.price, currency),
                Money(line.price * line.quantity, currency),
            )
            for line in lines
        ],
        subtotal=Money(totals.subtotal, currency),
        discount=Money(totals.discount, currency),
        tax=Money(totals.tax, currency),
        tax_included=Money(totals.tax_included, currency),
        taxes=[tax_part(**asdict(part), currency=currency) for part in totals.taxes],
        shipping=Money(totals.shipping, currency),
        total=Money(totals.total, currency),
        currency=currency,
        shipping_method=totals.shipping_method,
        shipping_address=address,
        created_at=tx.now,
    )
