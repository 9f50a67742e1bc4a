"""The queue of a sale: one ticket per customer, numbered in the order in which they came; many at a time in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from shopctl.core import cart, customers, outbox, reservations
from shopctl.core.db.tables import sale_items, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle, money, text
from shopctl.core.errors import BadInput, Refused, ShopError
from shopctl.core.queries import sales as reads
from shopctl.core.queries.sales import Ticket
from shopctl.core.sales.terms import items_of, locked
from shopctl.core.shop import Shop, retried

i, t = sale_items.c, tickets.c


@dataclass(frozen=True, slots=True)
class Joining:
    """Who wants what. `sku` may be left out where a sale has only one. With an address and a payment token the ticket is bought
    with one word; `agreed` is the price (a decimal string) that the shopper has seen.
    """

    email: str
    sku: str | None = None
    quantity: int = 1
    address: Mapping[str, str] | None = None
    token: str | None = None
    agreed: str | None = None


# --- use cases -----------------------------------------------------------------------------------------------------
def join(shop: Shop, *, sale: str, wanted: Joining) -> Ticket:
    """A ticket; the one that the customer has already, if they come again. Errors: sale_over, sold_out, over_limit, not_in_sale,
    price_changed."""
    found = join_all(shop, sale=sale, wanted=[wanted])[0]
    if isinstance(found, ShopError):
        raise found
    return found


@retried
def join_all(shop: Shop, *, sale: str, wanted: Sequence[Joining]) -> list[Ticket | ShopError]:
    """Tickets for many, in their order, in one commit; for each a ticket, or why not. Errors of the sale are raised."""
    checked = [_checked(one) for one in wanted]
    with shop.work("sales.join", sale) as tx:
        row = locked(tx, sale)
        if row.status not in ("scheduled", "open", "paused"):
            raise Refused("sale_over", f"Sale {row.name} is {row.status}", sale=row.name)
        mine = [one.email for one in checked if not isinstance(one, ShopError)]
        had = reads.of_sale(tx, row.id, mine)
        items = {item.sku: item for item in items_of(tx, row.id)}
        answers = [one if isinstance(one, ShopError) else _wanted(tx, row, items, had, one) for one in checked]
        new = {one.email: one for one in answers if isinstance(one, _New)}  # the first of each address
        _write(tx, row, items, list(new.values()))
        shown = {**had, **reads.of_sale(tx, row.id, list(new))}
        if new:
            tx.commit()
    return [shown[one.email] if isinstance(one, _New | _Had) else one for one in answers]


@retried
def leave(shop: Shop, *, ticket: str) -> Ticket:
    """Wait no more, or give a turn back to the next. Errors: invalid_state, cart_in_checkout."""
    with shop.work("sales.leave", ticket) as tx:
        row = tx.rows(sa.select(tickets).where(t.id == reads.ticket_row(tx, ticket).id).with_for_update())[0]
        after = lifecycle.step(lifecycle.TICKET, row.state, "leave", "The ticket")
        if row.cart_id:
            cart.give_up_turn(tx, row.cart_id)
            reservations.release_cart(tx, row.cart_id)
        tx.execute(sa.update(tickets).where(t.id == row.id).values(state=after, ended_at=tx.now))
        shown = reads.position(tx, row.id)
        tx.commit()
    return shown


def forget(tx: UnitOfWork, email_folded: str) -> None:
    """A customer is erased: their tickets lead to nobody."""
    mine = sa.select(t.id).where(t.email_folded == email_folded)
    for row in tx.rows(mine):
        values = {"email": "", "email_folded": row.id, "address": None, "token": None}
        tx.execute(sa.update(tickets).where(t.id == row.id).values(**values))


# --- how it works --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Asked:
    """A joining as it is checked; `email` folded."""

    email: str
    said: Joining


@dataclass(frozen=True, slots=True)
class _New:
    email: str
    sku: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Had:
    email: str


def _checked(wanted: Joining) -> _Asked | ShopError:
    """What can be told without the store."""
    try:
        email = customers.email_address(wanted.email)
        if wanted.quantity < 1:
            raise BadInput("bad_quantity", f"A quantity is 1 or more, not {wanted.quantity}", quantity=wanted.quantity)
        if wanted.token is not None:
            text.refuse_card_number(wanted.token, "payment token")
    except ShopError as error:
        return error
    return _Asked(text.fold(email), wanted)


def _wanted(
    tx: UnitOfWork, sale: Row, items: Mapping[str, Row], had: Mapping[str, Ticket], asked: _Asked
) -> _New | _Had | ShopError:
    if asked.email in had:
        return _Had(asked.email)
    said = asked.said
    sku = said.sku or (next(iter(items)) if len(items) == 1 else None)
    if sku is None or sku not in items:
        known = ", ".join(items)
        return BadInput("not_in_sale", f"Sale {sale.name} has {known}: say which", hint="--sku SKU")
    if said.quantity > sale.per_customer:
        limit = f"A customer can have {sale.per_customer} of sale {sale.name}, not {said.quantity}"
        return Refused("over_limit", limit, limit=sale.per_customer)
    if sale.sold_out_at is not None:
        return Refused("sold_out", f"Sale {sale.name} is sold out", sale=sale.name)
    price = items[sku].price
    if said.agreed is not None and money.parse_amount(said.agreed, tx.facts.currency) != price:
        shown = money.Money(price, tx.facts.currency)
        return Refused("price_changed", f"{sku} costs {shown} {tx.facts.currency} in this sale, not {said.agreed}")
    values = {
        "email": said.email.strip(),
        "quantity": said.quantity,
        "address": dict(said.address) if said.address else None,
        "token": said.token,
        "agreed_price": price,
    }
    return _New(asked.email, sku, values)


def _write(tx: UnitOfWork, sale: Row, items: Mapping[str, Row], new: Sequence[_New]) -> None:
    """Numbers in the order of coming; nobody else draws any, because the sale is locked."""
    tails = {sku: item.tail for sku, item in items.items()}
    rows = []
    for one in new:
        tails[one.sku] += 1
        rows.append(
            {
                "id": str(uuid4()),  # whoever has it may use it: nobody guesses it from another
                "sale_id": sale.id,
                "sku": one.sku,
                "seq": tails[one.sku],
                "email_folded": one.email,
                "state": "waiting",
                "joined_at": tx.now,
                **one.values,
            }
        )
    tx.insert(tickets, rows)
    for sku in sorted({one.sku for one in new}):
        tx.execute(sa.update(sale_items).where(i.sale_id == sale.id, i.sku == sku).values(tail=tails[sku]))
    if new:
        outbox.add(tx, "sale.joined", sale.id, name=sale.name, tickets=len(new))
