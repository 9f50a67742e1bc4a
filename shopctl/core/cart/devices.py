"""Carts across devices: a guest's cart becomes their own, or joins the one that they have already.

A merged cart stays as a signpost: while its handle is logged in, it leads to the customer's cart. Logging out takes the
signpost away, and the handle is free for a new guest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import sqlalchemy as sa

from shopctl.core import customers, outbox
from shopctl.core.cart.hot import Closed, in_database
from shopctl.core.cart.life import alive, done, take, unname
from shopctl.core.cart.lines import move_lines
from shopctl.core.db.tables import carts
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries.carts import CartView, MergedCart, cart_of, is_address, owner_email
from shopctl.core.shop import Shop, retried

c = carts.c


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """`cart` is what was logged out and is free again; the customer goes on finding `customer_cart`."""

    cart: str
    customer: str
    customer_cart: str


# --- use cases -----------------------------------------------------------------------------------------------------
def merge(shop: Shop, *, source: str, target: str) -> MergedCart:
    """Add one cart's lines to another's, as far as stock goes; the source ends as merged."""
    return in_database(shop, (source, target), lambda hot: _merge(shop, hot, source, target))


def login(shop: Shop, *, handle: str, email: str) -> MergedCart:
    """A device's cart becomes its customer's, who gets an account if there is none; the customer's cart.

    With a cart of their own already, the device's is merged into it. Repeating it changes nothing.
    """
    address = customers.email_address(email)
    if is_address(handle):
        raise BadInput("bad_cart", "A device logs in by its cart's handle, not by an e-mail address", cart=handle)
    return in_database(shop, (handle, address), lambda hot: _login(shop, hot, handle, address))


def logout(shop: Shop, *, handle: str) -> LoggedOut:
    """A device lets go of its customer's cart: its handle is free, the cart stays the customer's.

    By the customer's e-mail address: every device of theirs.
    """
    return in_database(shop, (handle,), lambda hot: _logout(shop, hot, handle))


# --- units of work -------------------------------------------------------------------------------------------------
@retried
def _merge(shop: Shop, hot: Closed, source: str, target: str) -> MergedCart:
    with shop.work("cart.merge") as tx:
        guest, into = take(tx, source, hot), take(tx, target, hot, make=True)
        if guest.id == into.id:
            raise BadInput("same_cart", "A cart cannot be merged into itself", cart=source)
        tx.target = guest.handle
        return _merged(shop, tx, into, _fold(tx, guest, into))


@retried
def _login(shop: Shop, hot: Closed, handle: str, address: str) -> MergedCart:
    with shop.work("cart.login") as tx:
        customer = customers.register(tx, address)  # locked: of two devices at once, the second merges
        guest = take(tx, handle, hot, make=True)
        if guest.customer_id not in (None, customer):
            raise _of_another(handle)
        theirs = guest if guest.customer_id else alive(tx, cart_of(tx, customer), hot)
        if theirs is None:
            tx.execute(sa.update(carts).where(c.id == guest.id).values(customer_id=customer))
            return _merged(shop, tx, guest, [])
        return _merged(shop, tx, theirs, [] if theirs.id == guest.id else _fold(tx, guest, theirs))


@retried
def _logout(shop: Shop, hot: Closed, handle: str) -> LoggedOut:
    with shop.work("cart.logout") as tx:
        cart = take(tx, handle, hot)
        if cart.customer_id is None:
            raise Refused("not_logged_in", f"Cart {handle!r} is no customer's", hint="cart login CART --email E")
        mine = sa.or_(c.id == cart.id, c.merged_into == cart.id)
        unname(tx, mine if is_address(handle) else sa.and_(mine, c.handle_folded == text.fold(handle)))
        kept = tx.execute(sa.select(c.handle).where(c.id == cart.id)).scalar_one()
        result = LoggedOut(handle, str(owner_email(tx, cart)), kept)
        tx.commit()
    return result


# --- how it works --------------------------------------------------------------------------------------------------
def _fold(tx: UnitOfWork, guest: Row, into: Row) -> list[str]:
    """Merge; sentences about what is not as it was."""
    said = move_lines(tx, guest, into)
    tx.execute(
        sa.update(carts)
        .where(c.id == guest.id)
        .values(state="merged", merged_into=into.id, updated_at=tx.now, version=c.version + 1)
    )
    outbox.add(tx, "cart.merged", guest.id, into=into.id)
    return said


def _merged(shop: Shop, tx: UnitOfWork, cart: Row, changes: list[str]) -> MergedCart:
    shown = done(tx, cart)
    for sentence in changes:
        shop.narrate(sentence)
    return MergedCart(**{field.name: getattr(shown, field.name) for field in fields(CartView)}, changes=changes)


def _of_another(handle: str) -> Refused:
    return Refused(
        "cart_of_another",
        f"Cart {handle!r} is another customer's",
        hint="Log it out first (shopctl cart logout CART), or log in with a handle of your own.",
        cart=handle,
    )
