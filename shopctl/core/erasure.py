"""Erasure: a customer asks to be forgotten (GDPR, article 17). Owns no table; composes the steps of others.

Gone are name, e-mail address, addresses, password, carts, places in queues, notes, tracking numbers, what imports said
besides, and kept letters. What the shop's own books need stays without a person: amounts, tax, country and region, stock, the
gateway's references.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core import accounts, cart, customers, orders, outbox, payments, sales
from shopctl.core.db import tables, upkeep
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import Refused
from shopctl.core.ports import Keeping
from shopctl.core.queries.customers import customer_id, is_customer
from shopctl.core.shop import Shop

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Erased:
    """`customer` is the id that is left, `orders` how many they were in, `letters` the kept copies that were destroyed."""

    customer: str
    orders: int
    letters: int


def erase(shop: Shop, *, email: str) -> Erased:
    """Forget a customer, whose e-mail address may register anew. Refused while an order, a refund or a checkout is open.

    Letters lie outside the store. They go before it, after a rehearsal that may still refuse: killed in between, the
    command can be repeated, whereas nothing would lead to them any more once the address is gone.
    """
    if (guest := _erase_guest(shop, email)) is not None:
        return guest
    rehearsed, recipients = _erase(shop.but(dry_run=True), email)
    if shop.dry_run:
        return rehearsed
    letters = shop.notifier.forget(recipients) if isinstance(shop.notifier, Keeping) else 0
    done, _ = cart.in_database(shop, [email], lambda hot: _erase(shop, email, hot))
    upkeep.fold_log(shop.engine)
    return Erased(done.customer, done.orders, letters)


def _erase_guest(shop: Shop, email: str) -> Erased | None:
    """Somebody who has never bought, and waits or waited at sales; None for a customer, and for whom nobody knows."""
    with shop.work("customers.erase") as tx:
        upkeep.overwrite_deleted(tx.connection)
        if is_customer(tx, email) or not sales.forget(tx, [text.fold(email)]):
            return None
        tx.commit()
    if not shop.dry_run:
        upkeep.fold_log(shop.engine)
    return Erased("", 0, 0)


def _erase(shop: Shop, email: str, hot: cart.Closed = cart.NOTHING) -> tuple[Erased, frozenset[str]]:
    """The unit of work, and whom letters were sent to."""
    with shop.work("customers.erase") as tx:
        upkeep.overwrite_deleted(tx.connection)
        account = tx.target = customer_id(tx, email)
        recipients = _recipients(tx, account)
        cart.forget(tx, account, hot)
        accounts.forget(tx, account)
        sales.forget(tx, sorted(map(text.fold, recipients)))
        placeholder = customers.forget(tx, account)
        theirs = orders.forget(tx, account, recipients, placeholder)
        for papers in (orders.credits, orders.returns, orders.invoices):
            papers.forget(tx, theirs)
        for refund in payments.pending_refunds(tx):
            if refund.order_id in theirs:
                raise _owed(refund.number)
        outbox.forget(tx, [*theirs, *_payments(tx, theirs)])
        tx.commit()
    return Erased(account, len(theirs), 0), recipients


def _recipients(tx: UnitOfWork, account: str) -> frozenset[str]:
    """Every address that the customer was written to."""
    ordered = sa.select(tables.orders.c.email).where(tables.orders.c.customer_id == account)
    own = sa.select(tables.customers.c.email).where(tables.customers.c.id == account)
    return frozenset(row.email for row in tx.rows(ordered.union(own)))


def _payments(tx: UnitOfWork, orders: Sequence[str]) -> list[str]:
    """The payments of these orders: letters are about them, too."""
    p = tables.payments.c
    chunks = (orders[i : i + CHUNK] for i in range(0, len(orders), CHUNK))
    return [row.id for chunk in chunks for row in tx.rows(sa.select(p.id).where(p.order_id.in_(chunk)).order_by(p.id))]


def _owed(number: int) -> Refused:
    return Refused(
        "refund_unresolved",
        f"A refund of order {number} is not confirmed yet: its customer cannot be erased",
        hint="Run `shopctl store recover` first.",
        number=str(number),
    )
