"""Changing what is in a cart. CART is its handle, or its customer's e-mail address."""

from __future__ import annotations

from shopctl.core.cart.life import done, take
from shopctl.core.cart.lines import empty_out, put_line, quantity_of
from shopctl.core.errors import BadInput, NotFound
from shopctl.core.queries.carts import CartView
from shopctl.core.shop import Shop, retried


@retried
def add(shop: Shop, *, handle: str, sku: str, quantity: int) -> CartView:
    """Put `quantity` more of a SKU in, if that many can be had."""
    if quantity <= 0:
        raise BadInput("bad_quantity", f"A quantity to add is 1 or more, not {quantity}", quantity=quantity)
    with shop.work("cart.add") as tx:
        cart = take(tx, handle, make=True)
        put_line(tx, cart, sku, quantity_of(tx, cart.id, sku) + quantity)
        return done(tx, cart)


@retried
def set_quantity(shop: Shop, *, handle: str, sku: str, quantity: int) -> CartView:
    """Make it exactly `quantity` of a SKU; 0 takes it out."""
    if quantity < 0:
        raise BadInput("bad_quantity", f"A quantity is 0 or more, not {quantity}", quantity=quantity)
    with shop.work("cart.set") as tx:
        cart = take(tx, handle, make=quantity > 0)
        put_line(tx, cart, sku, quantity)
        return done(tx, cart)


@retried
def remove(shop: Shop, *, handle: str, sku: str) -> CartView:
    """Take a SKU out; NotFound(not_in_cart) when it is not in."""
    with shop.work("cart.remove") as tx:
        cart = take(tx, handle)
        if not quantity_of(tx, cart.id, sku):
            raise NotFound("not_in_cart", f"{sku!r} is not in cart {handle!r}", sku=sku, cart=handle)
        put_line(tx, cart, sku, 0)
        return done(tx, cart)


@retried
def clear(shop: Shop, *, handle: str) -> CartView:
    """Empty a cart and give back what it held."""
    with shop.work("cart.clear") as tx:
        cart = take(tx, handle)
        empty_out(tx, cart.id)
        return done(tx, cart)
