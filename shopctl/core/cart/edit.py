"""Changing what is in a cart. CART is its handle, or its customer's e-mail address.

A line is changed in the cart's hot copy where that will do; whatever it will not do, the database does, or refuses.
"""

from __future__ import annotations

from collections.abc import Callable

from shopctl.core.cart.hot import Closed, Wanted, change, in_database
from shopctl.core.cart.life import done, take
from shopctl.core.cart.lines import empty_out, put_line, quantity_of
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import BadInput, NotFound
from shopctl.core.queries.carts import CartView
from shopctl.core.shop import Shop, retried


@retried
def make(shop: Shop, *, handle: str) -> CartView:
    """The cart of this handle, an empty one if there is none yet."""
    return _in_database(shop, "cart.make", handle, lambda _tx, _cart: None, make=True)


@retried
def add(shop: Shop, *, handle: str, sku: str, quantity: int) -> CartView:
    """Put `quantity` more of a SKU in, if that many can be had."""
    if quantity <= 0:
        raise BadInput("bad_quantity", f"A quantity to add is 1 or more, not {quantity}", quantity=quantity)

    def more(tx: UnitOfWork, cart: Row) -> None:
        put_line(tx, cart, sku, quantity_of(tx, cart.id, sku) + quantity)

    wanted = Wanted(sku, quantity, more=True)
    return change(shop, handle, wanted) or _in_database(shop, "cart.add", handle, more, make=True)


@retried
def set_quantity(shop: Shop, *, handle: str, sku: str, quantity: int) -> CartView:
    """Make it exactly `quantity` of a SKU; 0 takes it out."""
    if quantity < 0:
        raise BadInput("bad_quantity", f"A quantity is 0 or more, not {quantity}", quantity=quantity)

    def exactly(tx: UnitOfWork, cart: Row) -> None:
        put_line(tx, cart, sku, quantity)

    wanted = Wanted(sku, quantity)
    return change(shop, handle, wanted) or _in_database(shop, "cart.set", handle, exactly, make=quantity > 0)


@retried
def remove(shop: Shop, *, handle: str, sku: str) -> CartView:
    """Take a SKU out; NotFound(not_in_cart) when it is not in."""

    def out(tx: UnitOfWork, cart: Row) -> None:
        if not quantity_of(tx, cart.id, sku):
            raise NotFound("not_in_cart", f"{sku!r} is not in cart {handle!r}", sku=sku, cart=handle)
        put_line(tx, cart, sku, 0)

    wanted = Wanted(sku, 0, needs_line=True)
    return change(shop, handle, wanted) or _in_database(shop, "cart.remove", handle, out)


@retried
def clear(shop: Shop, *, handle: str) -> CartView:
    """Empty a cart and give back what it held."""
    return _in_database(shop, "cart.clear", handle, lambda tx, cart: empty_out(tx, cart.id))


# --- how it works --------------------------------------------------------------------------------------------------
Step = Callable[[UnitOfWork, Row], None]


def _in_database(shop: Shop, action: str, handle: str, step: Step, *, make: bool = False) -> CartView:
    return in_database(shop, [handle], lambda hot: _changed(shop, hot, action, handle, step, make))


@retried
def _changed(shop: Shop, hot: Closed, action: str, handle: str, step: Step, make: bool) -> CartView:
    with shop.work(action) as tx:
        cart = take(tx, handle, hot, make=make)
        step(tx, cart)
        return done(tx, cart)
