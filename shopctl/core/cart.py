"""Carts: what somebody means to buy. The only writer of carts and their lines.

Stock is held at checkout, or already here, by the shop's rule or the SKU's own (`hold_at`). A cart lives seven days after
its last change. While a checkout has claimed a cart, it cannot be changed.
"""

from __future__ import annotations

import sqlalchemy as sa

from shopctl.core import outbox, reservations
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import MAX_QUANTITY, cart_lines, carts
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, NotFound, Refused
from shopctl.core.queries.carts import CartView, open_cart, unknown_cart, view
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.stock import can_be_had
from shopctl.core.reservations import Owner
from shopctl.core.shop import Shop


def owner(cart: Row) -> Owner:
    """The cart as the owner of holds."""
    return Owner("cart", cart.id, f"cart {cart.handle}")


# --- use cases -----------------------------------------------------------------------------------------------------
def add(shop: Shop, *, handle: str, sku: str, quantity: int) -> CartView:
    """Put `quantity` more of a SKU in, if that many can be had."""
    if quantity <= 0:
        raise BadInput("bad_quantity", f"A quantity to add is 1 or more, not {quantity}", quantity=quantity)
    with shop.work("cart.add", handle) as tx:
        cart = _take(tx, handle, make=True)
        put_line(tx, cart, sku, _quantity_of(tx, cart.id, sku) + quantity)
        return _done(tx, cart)


def set_quantity(shop: Shop, *, handle: str, sku: str, quantity: int) -> CartView:
    """Make it exactly `quantity` of a SKU; 0 takes it out."""
    if quantity < 0:
        raise BadInput("bad_quantity", f"A quantity is 0 or more, not {quantity}", quantity=quantity)
    with shop.work("cart.set", handle) as tx:
        cart = _take(tx, handle, make=quantity > 0)
        put_line(tx, cart, sku, quantity)
        return _done(tx, cart)


def remove(shop: Shop, *, handle: str, sku: str) -> CartView:
    """Take a SKU out; NotFound(not_in_cart) when it is not in."""
    with shop.work("cart.remove", handle) as tx:
        cart = _take(tx, handle)
        if not _quantity_of(tx, cart.id, sku):
            raise NotFound("not_in_cart", f"{sku!r} is not in cart {handle!r}", sku=sku, cart=handle)
        put_line(tx, cart, sku, 0)
        return _done(tx, cart)


def clear(shop: Shop, *, handle: str) -> CartView:
    """Empty a cart and give back what it held."""
    with shop.work("cart.clear", handle) as tx:
        cart = _take(tx, handle)
        _empty(tx, cart.id)
        return _done(tx, cart)


def merge(shop: Shop, *, source: str, target: str) -> CartView:
    """Add one cart's lines to another's, as far as stock goes; the source ends as merged."""
    if text.fold(source) == text.fold(target):
        raise BadInput("same_cart", "A cart cannot be merged into itself", cart=source)
    with shop.work("cart.merge", source) as tx:
        guest, into = _take(tx, source), _take(tx, target, make=True)
        lines = tx.rows(sa.select(cart_lines.c.sku, cart_lines.c.quantity).where(cart_lines.c.cart_id == guest.id))
        _empty(tx, guest.id)
        for line in lines:
            for sentence in _merge_line(tx, into, line.sku, line.quantity):
                shop.narrate(sentence)
        tx.execute(
            sa.update(carts)
            .where(carts.c.id == guest.id)
            .values(state="merged", merged_into=into.id, updated_at=tx.now, version=carts.c.version + 1)
        )
        outbox.add(tx, "cart.merged", guest.id, into=into.id)
        return _done(tx, into)


def sweep(shop: Shop, *, batch: int = 500) -> int:
    """End carts past their term, in batches; how many."""
    total = 0
    while True:
        with shop.work("cart.sweep") as tx:
            count = expire_carts(tx, batch)
            tx.commit()
        total += count
        if count < batch or shop.dry_run:
            return total


# --- steps ---------------------------------------------------------------------------------------------------------
def claim(tx: UnitOfWork, cart: Row, order_id: str) -> None:
    """Take a cart for one checkout, at the version that was read; Refused(cart_in_checkout) for the second."""
    claimed = tx.execute(
        sa.update(carts)
        .where(carts.c.id == cart.id, carts.c.version == cart.version, carts.c.claimed_by.is_(None))
        .values(claimed_by=order_id, version=carts.c.version + 1, updated_at=tx.now)
    )
    if claimed.rowcount != 1:
        raise in_checkout(cart.handle)


def unclaim(tx: UnitOfWork, cart_id: str, order_id: str) -> Row:
    """Give a cart back to its shopper with a new term; the cart."""
    tx.execute(
        sa.update(carts)
        .where(carts.c.id == cart_id, carts.c.claimed_by == order_id)
        .values(
            claimed_by=None,
            version=carts.c.version + 1,
            updated_at=tx.now,
            expires_at=tx.now + tx.facts.cart_ttl,
        )
    )
    return tx.rows(sa.select(carts).where(carts.c.id == cart_id))[0]


def drop_lines(tx: UnitOfWork, cart_id: str) -> None:
    """The claimed lines were bought. (A claimed cart cannot have grown others.)"""
    tx.execute(sa.delete(cart_lines).where(cart_lines.c.cart_id == cart_id))


def put_line(tx: UnitOfWork, cart: Row, sku: str, quantity: int) -> None:
    """Make a line exactly `quantity`; holds follow the rule of the SKU or the shop."""
    if quantity > MAX_QUANTITY:
        raise BadInput("bad_quantity", f"{quantity} is more than a cart can hold", quantity=quantity)
    if quantity == 0:
        reservations.release_cart(tx, cart.id, sku)
        tx.execute(sa.delete(cart_lines).where(cart_lines.c.cart_id == cart.id, cart_lines.c.sku == sku))
        return
    variant = find_variant(tx, sku)
    if variant.status != "active":
        raise Refused("not_for_sale", f"{sku} is {variant.status} and cannot be bought", sku=sku, status=variant.status)
    reservations.release_cart(tx, cart.id, sku)  # an earlier hold, by whatever rule, makes room for what is wanted now
    if variant.tracked:
        _secure(tx, cart, sku, quantity, at_once=(variant.hold_at or tx.facts.hold_at) == "cart")
    statement = stores.insert_new(tx.connection, cart_lines).values(
        cart_id=cart.id, sku=sku, quantity=quantity, seen_price=variant.price, added_at=tx.now
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["cart_id", "sku"],
            set_={"quantity": statement.excluded.quantity, "seen_price": statement.excluded.seen_price},
        )
    )


def expire_carts(tx: UnitOfWork, limit: int) -> int:
    """End carts past their term and give back what they held; how many."""
    overdue = tx.rows(
        sa.select(carts.c.id)
        .where(carts.c.state == "open", carts.c.expires_at <= tx.now, carts.c.claimed_by.is_(None))
        .order_by(carts.c.expires_at)
        .limit(limit)
    )
    for row in overdue:
        _end(tx, row.id)
    return len(overdue)


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
def _take(tx: UnitOfWork, handle: str, *, make: bool = False) -> Row:
    """The open cart of a handle, made if asked; a cart past its term has ended, and its handle is free again."""
    cart = open_cart(tx, handle)
    if cart is not None and cart.expires_at <= tx.now and cart.claimed_by is None:
        _end(tx, cart.id)
        cart = None
    if cart is not None:
        if cart.claimed_by is not None:
            raise in_checkout(handle)
        return cart
    if not make:
        raise unknown_cart(tx, handle)
    name = _valid_handle(handle)
    row = {"id": new_id(), "handle": name, "handle_folded": text.fold(name), "state": "open", "version": 1}
    tx.insert(carts, [{**row, "expires_at": tx.now + tx.facts.cart_ttl, "created_at": tx.now, "updated_at": tx.now}])
    return tx.rows(sa.select(carts).where(carts.c.id == row["id"]))[0]


def _valid_handle(handle: str) -> str:
    try:
        return text.sku(handle.strip())
    except ValueError as error:
        raise BadInput("bad_cart", f"A cart handle {error}", cart=handle) from None


def _quantity_of(tx: UnitOfWork, cart_id: str, sku: str) -> int:
    found = sa.select(cart_lines.c.quantity).where(cart_lines.c.cart_id == cart_id, cart_lines.c.sku == sku)
    return int(tx.execute(found).scalar() or 0)


def _secure(tx: UnitOfWork, cart: Row, sku: str, quantity: int, *, at_once: bool) -> None:
    """Hold the units now, or make sure that they could be held."""
    if at_once:
        reservations.hold(tx, owner(cart), {sku: quantity}, origin="cart")
        return
    available = can_be_had(tx, [sku], owner_id=cart.id).get(sku, 0)
    if available < quantity:
        raise reservations.short({sku: quantity}, {sku: available})


def _merge_line(tx: UnitOfWork, into: Row, sku: str, quantity: int) -> list[str]:
    """Add a line as far as it can be bought; sentences about what could not."""
    before = _quantity_of(tx, into.id, sku)
    wanted = before + quantity
    variant = find_variant(tx, sku)
    if variant.status != "active":
        return [f"{sku} is {variant.status} and was left out."]
    possible = wanted
    if variant.tracked:
        possible = min(wanted, max(before, can_be_had(tx, [sku], owner_id=into.id).get(sku, 0)))
    if possible > before:
        put_line(tx, into, sku, possible)
    return [f"Only {possible} of {sku} are in the cart; {wanted} were wanted."] if possible < wanted else []


def _empty(tx: UnitOfWork, cart_id: str) -> None:
    reservations.release_cart(tx, cart_id)
    tx.execute(sa.delete(cart_lines).where(cart_lines.c.cart_id == cart_id))


def _end(tx: UnitOfWork, cart_id: str) -> None:
    reservations.release_cart(tx, cart_id)
    tx.execute(
        sa.update(carts)
        .where(carts.c.id == cart_id)
        .values(state="expired", updated_at=tx.now, version=carts.c.version + 1)
    )


def _done(tx: UnitOfWork, cart: Row) -> CartView:
    """Touch the cart, give its holds a new term, commit, and show it."""
    until = tx.now + tx.facts.cart_ttl
    tx.execute(
        sa.update(carts)
        .where(carts.c.id == cart.id)
        .values(expires_at=until, updated_at=tx.now, version=carts.c.version + 1)
    )
    reservations.extend_cart(tx, cart.id)
    shown = view(tx, tx.rows(sa.select(carts).where(carts.c.id == cart.id))[0])
    tx.commit()
    return shown
