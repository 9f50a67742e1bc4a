"""The queue of a sale: one ticket per customer, numbered in the order in which they came; many at a time in one commit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from shopctl.core import cart, customers, outbox
from shopctl.core.db.tables import sale_items, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle, money, text
from shopctl.core.domain.money import Money
from shopctl.core.errors import BadInput, Refused, ShopError
from shopctl.core.queries import sales as sale_reads
from shopctl.core.queries import tickets as reads
from shopctl.core.queries.tickets import Ticket
from shopctl.core.sales import asking, turns
from shopctl.core.sales.registered import Judge
from shopctl.core.sales.terms import items_of, locked
from shopctl.core.shop import Shop, retried

i, t = sale_items.c, tickets.c


@dataclass(frozen=True, slots=True)
class Joining:
    """Who wants what. `sku` may be left out where a sale has only one. With an address and a payment token the ticket is bought
    with one word; `agreed` is the price (a decimal string) that the shopper has seen; `source` is where the shopper asks from (a
    network address, as who sees it says), which is counted and not kept. An e-mail address proves nothing: who asks for a
    shopper gives a `key` of theirs, with which alone a ticket is found again. None is an operator's, who needs no proof.
    """

    email: str
    sku: str | None = None
    quantity: int = 1
    address: Mapping[str, str] | None = None
    token: str | None = None
    agreed: str | None = None
    source: str | None = None
    key: str | None = None


# --- use cases -----------------------------------------------------------------------------------------------------
def join(shop: Shop, *, sale: str, wanted: Joining) -> Ticket:
    """A ticket; the one that the customer has already, if they come again: with what they register now, while it waits.

    Errors: sale_over, sold_out, over_limit, not_in_sale, price_changed, has_ticket, rate_limited.
    """
    found = join_all(shop, sale=sale, wanted=[wanted])[0]
    if isinstance(found, ShopError):
        raise found
    return found


def join_all(shop: Shop, *, sale: str, wanted: Sequence[Joining]) -> list[Ticket | ShopError]:
    """Tickets for many, in their order, in one commit; for each a ticket, or why not. Errors of the sale are raised."""
    answers: list[Ticket | ShopError | None] = [*asking.refused(shop, sale, wanted)]
    heard = [_checked(one) for one, refused in zip(wanted, answers, strict=True) if refused is None]
    served = iter((_told_all(shop, sale, heard) or _join_all(shop, sale, heard)) if heard else ())
    return [answer or next(served) for answer in answers]


@retried
def _told_all(shop: Shop, sale: str, asked: Sequence[_Asked | ShopError]) -> list[Ticket | ShopError]:
    """The answers of a sale that is sold out: they change nothing, so nobody waits for a turn to write. Nothing of a sale that is not."""
    with shop.read() as tx:
        row = sale_reads.row_by_name(tx, sale)
        if row.sold_out_at is None:
            return []
        desk = _Desk(tx, row, asked)
        return [] if desk.changed else desk.answers()


@retried
def _join_all(shop: Shop, sale: str, asked: Sequence[_Asked | ShopError]) -> list[Ticket | ShopError]:
    with shop.work("sales.join", sale) as tx:
        desk = _Desk(tx, locked(tx, sale), asked)
        desk.write()
        answers = desk.answers()
        if desk.new or desk.changed:
            tx.commit()
    return answers


@retried
def leave(shop: Shop, *, ticket: str) -> Ticket:
    """Wait no more, or give a turn back to the next. Errors: invalid_state, cart_in_checkout."""
    with shop.work("sales.leave", ticket) as tx:
        row = tx.rows(sa.select(tickets).where(t.id == reads.find(tx, ticket).id).with_for_update())[0]
        _left(tx, row)
        shown = reads.position(tx, row.id)
        tx.commit()
    return shown


# --- steps ---------------------------------------------------------------------------------------------------------
def forget(tx: UnitOfWork, emails_folded: Sequence[str]) -> int:
    """A customer is erased: whoever waits leaves, and no ticket leads to anybody; how many. Refused(cart_in_checkout)."""
    mine = sa.select(tickets).where(t.email_folded.in_(emails_folded)).order_by(t.id)
    rows = tx.rows(mine.with_for_update())
    for row in rows:
        if "leave" in lifecycle.TICKET[row.state]:
            _left(tx, row)
        nobody = {"email": "", "email_folded": row.id, "address": None, "token": None, "key_digest": None}
        tx.execute(sa.update(tickets).where(t.id == row.id).values(**nobody))
    return len(rows)


# --- how it works --------------------------------------------------------------------------------------------------
def _left(tx: UnitOfWork, row: Row) -> None:
    after = lifecycle.step(lifecycle.TICKET, row.state, "leave", "The ticket")
    if row.cart_id is None:
        tx.execute(sa.update(tickets).where(t.id == row.id).values(state=after, ended_at=tx.now))
    elif cart.unclaimed(tx, [row.cart_id]):
        turns.end(tx, [row], after)
    else:
        raise cart.in_checkout(cart.handle_of(row.id))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A joining as it is checked: `email` folded, the address valid."""

    email: str
    said: Joining
    address: Mapping[str, str] | None


def _checked(wanted: Joining) -> _Asked | ShopError:
    """What can be told without the store."""
    try:
        email = customers.email_address(wanted.email)
        if wanted.quantity < 1:
            raise BadInput("bad_quantity", f"A quantity is 1 or more, not {wanted.quantity}", quantity=wanted.quantity)
        if wanted.token is not None:
            text.refuse_card_number(wanted.token, "payment token")
            if not wanted.token.isprintable() or not 1 <= len(wanted.token) <= 255:
                raise BadInput("bad_token", "A payment token has 1 to 255 visible characters")
        address = None if wanted.address is None else customers.parse_address(wanted.address)
    except ShopError as error:
        return error
    return _Asked(text.fold(email), wanted, address)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class _Desk:
    """Serves those who join one sale; who writes has locked it, so that nobody else draws its numbers meanwhile."""

    def __init__(self, tx: UnitOfWork, sale: Row, asked: Sequence[_Asked | ShopError]) -> None:
        if sale.status not in ("scheduled", "open", "paused") or (sale.ends_at is not None and sale.ends_at <= tx.now):
            raise Refused("sale_over", f"Sale {sale.name} is over", sale=sale.name)
        self._tx, self._sale = tx, sale
        self._items = {item.sku: item for item in items_of(tx, sale.id)}
        self._judge = Judge(tx, sale.id)
        emails = list(dict.fromkeys(one.email for one in asked if isinstance(one, _Asked)))
        self._had = reads.of_sale(tx, sale.id, emails)
        self.new: dict[str, dict[str, Any]] = {}
        self.changed: list[dict[str, Any]] = []
        self._served = [one if isinstance(one, ShopError) else self._serve(one) for one in asked]

    def answers(self) -> list[Ticket | ShopError]:
        """For each a ticket, as it is now, or why there is none."""
        written = reads.just_written(self._tx, self._sale, self._items, self.new.values())
        shown = {**written, **reads.of_sale(self._tx, self._sale.id, list(self._had))}
        return [one if isinstance(one, ShopError) else shown[one] for one in self._served]

    def _serve(self, asked: _Asked) -> str | ShopError:
        """The (folded) address of whom a ticket is for, or why there is none."""
        try:
            if asked.email in self._had:
                self._again(self._had[asked.email], asked)
            elif asked.email not in self.new:  # the first of each address counts
                self.new[asked.email] = self._ticket(asked)
        except ShopError as error:
            return error
        return asked.email

    def _again(self, had: Ticket, asked: _Asked) -> None:
        """Somebody who has a ticket: while it waits, they may register anew what was missing or went bad."""
        kept = self._tx.rows(sa.select(t.address, t.key_digest).where(t.id == had.ticket))[0]
        if asked.said.key is not None and _digest(asked.said.key) != kept.key_digest:
            why = f"This customer has a ticket of sale {self._sale.name} already"
            raise Refused("has_ticket", why, hint="It is known by its id, or by the key that it was asked for with.")
        said = {"address": asked.address, "token": asked.said.token}
        said = {name: value for name, value in said.items() if value is not None}
        if had.state != "waiting" or not (said or asked.said.agreed):
            return
        price = self._price(had.sku, asked.said)
        problem = self._judge.problem(had.sku, had.quantity, price, asked.address or kept.address)
        self.changed.append({"k_id": had.ticket, "agreed_price": price, "problem": problem, **said})

    def _ticket(self, asked: _Asked) -> dict[str, Any]:
        said, sale = asked.said, self._sale
        sku = said.sku or (next(iter(self._items)) if len(self._items) == 1 else None)
        if sku is None or sku not in self._items:
            known = ", ".join(self._items)
            raise BadInput("not_in_sale", f"Sale {sale.name} has {known}: say which", hint="--sku SKU")
        if said.quantity > sale.per_customer:
            limit = f"A customer can have {sale.per_customer} of sale {sale.name}, not {said.quantity}"
            raise Refused("over_limit", limit, limit=sale.per_customer)
        if sale.sold_out_at is not None:
            raise Refused("sold_out", f"Sale {sale.name} is sold out", sale=sale.name)
        price = self._price(sku, said)
        return {
            "id": str(uuid4()),  # whoever has it may use it: nobody guesses it from another
            "sale_id": sale.id,
            "sku": sku,
            "email": said.email.strip(),
            "email_folded": asked.email,
            "quantity": said.quantity,
            "state": "waiting",
            "address": asked.address,
            "token": said.token,
            "key_digest": None if said.key is None else _digest(said.key),
            "agreed_price": price,
            "problem": self._judge.problem(sku, said.quantity, price, asked.address),
            "joined_at": self._tx.now,
        }

    def _price(self, sku: str, said: Joining) -> int:
        """What the shopper agrees to: the price, which they have seen if they say one."""
        price, currency = int(self._items[sku].price), self._tx.facts.currency
        if said.agreed is not None and money.parse_amount(said.agreed, currency) != price:
            costs = Money(price, currency)
            raise Refused("price_changed", f"{sku} costs {costs} {currency} in this sale, not {said.agreed}", sku=sku)
        return price

    def write(self) -> None:
        """Numbers in the order of coming."""
        tails = {sku: item.tail for sku, item in self._items.items()}
        for ticket in self.new.values():
            tails[ticket["sku"]] += 1
            ticket["seq"] = tails[ticket["sku"]]
        self._tx.insert(tickets, list(self.new.values()))
        for sku in sorted({ticket["sku"] for ticket in self.new.values()}):
            mine = sa.update(sale_items).where(i.sale_id == self._sale.id, i.sku == sku)
            self._tx.execute(mine.values(tail=tails[sku]))
        if self.new:
            outbox.add(self._tx, "sale.joined", self._sale.id, name=self._sale.name, tickets=len(self.new))
        for change in self.changed:
            values = {name: value for name, value in change.items() if name != "k_id"}
            self._tx.execute(sa.update(tickets).where(t.id == change["k_id"]).values(**values))
