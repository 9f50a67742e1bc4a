"""Buying a turn: an ordinary checkout of its cart, with what the ticket knows already."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from shopctl.core import cart, checkout, customers, reservations
from shopctl.core.cart import Turn
from shopctl.core.checkout import Placement
from shopctl.core.db.tables import orders, tickets
from shopctl.core.db.unit_of_work import Row
from shopctl.core.errors import BadInput, Refused, ShopError, StillPending
from shopctl.core.queries import sales as reads
from shopctl.core.queries.orders import Order, Quote
from shopctl.core.shop import Shop, retried

t = tickets.c


def buy(
    shop: Shop,
    *,
    ticket: str,
    address: Mapping[str, str] | None = None,
    token: str | None = None,
    method: str | None = None,
) -> Order | Quote:
    """Buy the units whose turn it is: the confirmed order, the same one however often it is asked for.

    What is not said is what the ticket was registered with. Errors: not_your_turn, turn_over, sold_out, address_missing, and
    those of `checkout.place`; after one of them the turn goes on until its time is over.
    """
    with shop.read() as tx:
        row = reads.ticket_row(tx, ticket)
        attempts = sa.select(sa.func.count()).where(orders.c.cart_id == row.cart_id, orders.c.status == "cancelled")
        number = int(tx.execute(attempts).scalar_one()) if row.cart_id else 0
        in_time = row.hold_until is not None and row.hold_until > tx.now
    _may_buy(row, in_time=in_time)
    place = address or row.address
    if place is None:
        raise BadInput(
            "address_missing", "The ticket has no address yet: say where to send it", hint="--ship-to FILE|-"
        )
    wanted = Placement(
        cart=_handle(row),
        email=row.email,
        address=customers.parse_address(place),
        token=token or row.token,
        key=f"{ticket}:{number + 1}",
        method=method,
    )
    try:
        made = checkout.place(shop, wanted)
    except StillPending:
        raise
    except ShopError:
        if not shop.dry_run:
            _goes_on(shop, row.cart_id, row.hold_until)
        raise
    if isinstance(made, Order) and not shop.dry_run:
        _is_bought(shop, ticket)
    return made


def _may_buy(row: Row, *, in_time: bool) -> None:
    if row.order_number is not None:
        return  # the same answer again
    if row.state == "waiting":
        ahead = row.seq - row.head - 1
        raise Refused(
            "not_your_turn", f"{ahead} are before this ticket", hint="shopctl sales position TICKET", ahead=ahead
        )
    if row.state == "sold_out":
        raise Refused("sold_out", f"Sale {row.name} is sold out", sale=row.name)
    if row.state != "admitted" or not in_time:
        raise Refused("turn_over", "The turn of this ticket is over", state=row.state)


def _handle(row: Row) -> str:
    return Turn(row.cart_id, row.id, row.sku, row.quantity, row.price).handle


@retried
def _goes_on(shop: Shop, cart_id: str, until: datetime) -> None:
    """Nothing came of a checkout: what was held is held as long as it was before."""
    with shop.work("sales.turn", cart_id) as tx:
        cart.until(tx, cart_id, until)
        reservations.ends(tx, cart_id, until)
        tx.commit()


@retried
def _is_bought(shop: Shop, ticket: str) -> None:
    with shop.work("sales.bought", ticket) as tx:
        mine = sa.update(tickets).where(t.id == ticket, t.state == "admitted")
        if tx.execute(mine.values(state="bought", ended_at=tx.now)).rowcount:
            tx.commit()
