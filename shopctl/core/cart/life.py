"""A cart from its first line to its end: found by a name, made, claimed by one checkout, expired."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from shopctl.core import reservations
from shopctl.core.cart.hot import Closed, persist_these
from shopctl.core.cart.lines import empty_out
from shopctl.core.cart.turns import RESERVED
from shopctl.core.db.tables import carts
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries.carts import CartView, is_address, open_cart, unknown_cart, view
from shopctl.core.queries.customers import customer_id
from shopctl.core.shop import Shop

c = carts.c
_id, _order = sa.bindparam("k_id", type_=c.id.type), sa.bindparam("k_order", type_=c.claimed_by.type)
_CLAIMED = (
    sa.update(carts)
    .where(c.id == _id, c.version == sa.bindparam("k_version"), c.claimed_by.is_(None))
    .values(version=c.version + 1)
)
_GIVEN_BACK = (
    sa.update(carts)
    .where(c.id == _id, c.claimed_by == _order)
    .values(
        claimed_by=None,
        version=c.version + 1,
        updated_at=sa.bindparam("k_now", type_=c.updated_at.type),
        expires_at=sa.case(
            (c.ticket_id.is_not(None), c.expires_at), else_=sa.bindparam("k_until", type_=c.expires_at.type)
        ),
    )
    .returning(c.id, c.handle, c.ticket_id, c.expires_at)
)


# --- use cases -----------------------------------------------------------------------------------------------------
def sweep(shop: Shop, *, batch: int = 500) -> int:
    """End carts past their term, in batches; how many.

    What the database takes for old may be hot: it is persisted first, and with Redis away nothing is ended.
    """
    total = 0
    while True:
        if shop.carts.kept:
            with shop.read() as tx:
                old = [row.id for row in overdue(tx, batch)]
            if not persist_these(shop, old):
                return total
        with shop.work("cart.sweep") as tx:
            count = expire_carts(tx, batch)
            tx.commit()
        total += count
        if count < batch or shop.dry_run:
            return total


# --- steps ---------------------------------------------------------------------------------------------------------
def take(tx: UnitOfWork, name: str, hot: Closed, *, make: bool = False) -> Row:
    """The open cart of a name, ours until the transaction ends; made if asked. NotFound, or Refused(cart_in_checkout).

    The audit log gets its handle, whatever it was called by: an e-mail address has no place there.
    """
    cart = alive(tx, open_cart(tx, name), hot)
    if cart is None:
        if not make:
            raise unknown_cart(tx, name)
        cart = _made(tx, name)
    tx.target = cart.handle
    return cart


def alive(tx: UnitOfWork, found: Row | None, hot: Closed) -> Row | None:
    """The cart, locked, if it may be changed; one past its term ends here, and its handle is free again."""
    if found is None:
        return None
    hot.bring(tx, found)
    cart = tx.row(sa.select(carts).where(c.id == found.id, c.state == "open").with_for_update())
    if cart is None:
        return None
    if cart.claimed_by is not None:
        raise in_checkout(cart.handle)
    if cart.expires_at <= tx.now:
        _end(tx, cart.id)
        return None
    return cart


def done(tx: UnitOfWork, cart: Row) -> CartView:
    """Touch the cart, give its holds a new term, commit, and show it."""
    until = tx.now + tx.facts.cart_ttl
    tx.execute(
        sa.update(carts).where(c.id == cart.id).values(expires_at=until, updated_at=tx.now, version=c.version + 1)
    )
    reservations.extend_cart(tx, cart.id)
    shown = view(tx, tx.rows(sa.select(carts).where(c.id == cart.id))[0])
    tx.commit()
    return shown


def claim(tx: UnitOfWork, cart: Row, order_id: str) -> None:
    """Take a cart for one checkout, at the version that was read; Refused(cart_in_checkout) for the second."""
    at = {"k_id": cart.id, "k_version": cart.version}
    if tx.execute(_CLAIMED, {**at, "claimed_by": order_id, "updated_at": tx.now}).rowcount != 1:
        raise in_checkout(cart.handle)


def unclaim(tx: UnitOfWork, cart_id: str, order_id: str) -> Row:
    """Give a cart back to its shopper with a new term, but a turn at a sale with the one that it had; the cart."""
    until = tx.now + tx.facts.cart_ttl
    given_back = tx.row(_GIVEN_BACK, {"k_id": cart_id, "k_order": order_id, "k_now": tx.now, "k_until": until})
    return given_back or tx.rows(sa.select(carts).where(c.id == cart_id))[0]


def expire_carts(tx: UnitOfWork, limit: int) -> int:
    """End carts past their term and give back what they held; how many."""
    ended = overdue(tx, limit)
    for row in ended:
        _end(tx, row.id)
    return len(ended)


def overdue(tx: UnitOfWork, limit: int) -> Sequence[Row]:
    """Open carts past their term, the oldest first."""
    return tx.rows(
        sa.select(c.id)
        .where(c.state == "open", c.expires_at <= tx.now, c.claimed_by.is_(None))
        .order_by(c.expires_at)
        .limit(limit)
    )


def forget(tx: UnitOfWork, customer: str, hot: Closed) -> None:
    """A customer is erased: their carts end empty, and no handle leads to them. Refused(cart_in_checkout)."""
    mine = sa.select(c.id).where(c.customer_id == customer)
    for row in tx.rows(sa.select(carts).where(c.customer_id == customer).order_by(c.id)):
        if row.claimed_by is not None:
            raise in_checkout(row.handle)
        if row.state == "open":
            hot.bring(tx, row)
            _end(tx, row.id)
        empty_out(tx, row.id)
    unname(tx, sa.or_(c.customer_id == customer, c.merged_into.in_(mine)))


def unname(tx: UnitOfWork, which: sa.ColumnElement[bool]) -> None:
    """Give carts a handle of our own making, so that theirs is free."""
    for row in tx.rows(sa.select(c.id).where(which).order_by(c.id)):
        made = _handle_of(row.id)
        tx.execute(sa.update(carts).where(c.id == row.id).values(handle=made, handle_folded=made, updated_at=tx.now))


def in_checkout(handle: str) -> Refused:
    return Refused(
        "cart_in_checkout",
        f"Cart {handle!r} is in a checkout",
        hint="Wait for it, or repeat it with its key; `shopctl store recover` finishes one that died.",
        cart=handle,
    )


def empty(handle: str) -> Refused:
    return Refused("cart_empty", f"Cart {handle!r} is empty", hint="shopctl cart add CART SKU QTY", cart=handle)


# --- how it works --------------------------------------------------------------------------------------------------
def _made(tx: UnitOfWork, name: str) -> Row:
    """A new cart: a guest's under their handle, a customer's (named by e-mail address) under one of our making."""
    new = new_id()
    customer = customer_id(tx, name) if is_address(name) else None
    handle = _handle_of(new) if customer else _valid_handle(name)
    row = {"id": new, "handle": handle, "handle_folded": text.fold(handle), "customer_id": customer, "state": "open"}
    until = tx.now + tx.facts.cart_ttl
    tx.insert(carts, [{**row, "version": 1, "expires_at": until, "created_at": tx.now, "updated_at": tx.now}])
    return tx.rows(sa.select(carts).where(c.id == new))[0]


def _handle_of(cart_id: str) -> str:
    """A handle that is a cart's alone: the random end of its id."""
    return f"cart-{cart_id[24:]}"


def _valid_handle(handle: str) -> str:
    if text.fold(handle).startswith(RESERVED):
        raise BadInput("bad_cart", f"A cart cannot be called {handle!r}: that is a turn at a sale", cart=handle)
    try:
        return text.sku(handle.strip())
    except ValueError as error:
        raise BadInput("bad_cart", f"A cart handle {error}", cart=handle) from None


def _end(tx: UnitOfWork, cart_id: str) -> None:
    reservations.release_cart(tx, cart_id)
    tx.execute(
        sa.update(carts).where(c.id == cart_id).values(state="expired", updated_at=tx.now, version=c.version + 1)
    )
