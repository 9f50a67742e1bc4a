"""Buying a turn: an ordinary checkout of its cart, with what the ticket knows already."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import sqlalchemy as sa

from shopctl.core import cart, checkout, customers
from shopctl.core.checkout import Placement
from shopctl.core.db.tables import orders, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import money
from shopctl.core.domain.money import Money
from shopctl.core.errors import BadInput, NotFound, Refused
from shopctl.core.queries import tickets as reads
from shopctl.core.queries.orders import Order, Quote, as_confirmed, get
from shopctl.core.shop import Shop

t = tickets.c


def buy(
    shop: Shop,
    *,
    ticket: str,
    address: Mapping[str, str] | None = None,
    token: str | None = None,
    method: str | None = None,
    agreed: str | None = None,
) -> Order | Quote:
    """Buy the units whose turn it is: the confirmed order, the same one however often it is asked for.

    What is not said is what the ticket was registered with; `agreed` is a price (a decimal string) for one unit. Errors:
    not_your_turn, turn_over, sold_out, price_changed, address_missing, and those of `checkout.place`; after one of them the
    turn goes on until its time is over.
    """
    with shop.read() as tx:
        row = reads.find(tx, ticket)
        attempts = sa.select(sa.func.count()).where(orders.c.cart_id == row.cart_id, orders.c.status == "cancelled")
        number = int(tx.execute(attempts).scalar_one()) if row.cart_id else 0
        in_time = row.hold_until is not None and row.hold_until > tx.now
    if row.order_number is not None:
        with shop.read() as tx:
            return as_confirmed(get(tx, row.order_id))
    _must_be_its_turn(row, in_time=in_time)
    _must_be_agreed(row, agreed, shop.facts.currency)
    place = address or row.address
    if place is None:
        hint = "--ship-to FILE|-"
        raise BadInput("address_missing", "The ticket has no address yet: say where to send it", hint=hint)
    wanted = Placement(
        cart=cart.handle_of(row.id),
        email=row.email,
        address=customers.parse_address(place),
        token=token or row.token,
        key=f"{row.id}:{number + 1}",
        method=method,
        turn=True,
    )
    try:
        return checkout.place(shop, wanted, confirmed=partial(_is_bought, ticket=row.id))
    except NotFound as error:
        if error.code == "unknown_cart":  # it ended between two looks
            raise _over(row) from None
        raise


def _must_be_its_turn(row: Row, *, in_time: bool) -> None:
    if row.claimed_by is not None:
        return  # a checkout that has begun goes on
    if row.state == "waiting":
        ahead = row.seq - row.head - 1
        before = f"It is not the turn of this ticket yet; before it: {ahead}"
        raise Refused("not_your_turn", before, hint=f"shopctl sales position {row.id}", ahead=ahead)
    if row.state == "sold_out":
        raise Refused("sold_out", f"Sale {row.name} is sold out", sale=row.name)
    if row.state != "admitted" or not in_time:
        raise _over(row)


def _over(row: Row) -> Refused:
    if row.state == "bought":
        why = "This ticket was bought, and its order was cancelled since"
        return Refused("turn_over", why, hint="Its units are sold to whoever waits.", state=row.state)
    return Refused("turn_over", "The turn of this ticket is over", hint="Its units went to the next.", state=row.state)


def _must_be_agreed(row: Row, agreed: str | None, currency: str) -> None:
    """A price that has risen since the ticket was registered must be agreed to anew."""
    limit = row.agreed_price if agreed is None else money.parse_amount(agreed, currency)
    if limit is not None and row.price > limit:
        costs = Money(row.price, currency)
        raise Refused(
            "price_changed",
            f"One {row.sku} costs {costs} {currency} now, not {Money(limit, currency)}",
            hint=f"--agree {costs} buys it all the same.",
            sku=row.sku,
            expected=str(Money(limit, currency)),
            price=str(costs),
        )


def _is_bought(tx: UnitOfWork, *, ticket: str) -> None:
    """With its order; of a checkout that was killed and goes on without us, the next round sees it."""
    mine = sa.update(tickets).where(t.id == ticket, t.state == "admitted")
    tx.execute(mine.values(state="bought", ended_at=tx.now))
