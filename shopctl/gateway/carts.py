"""Carts. A guest's is opened by its handle, which nobody can guess; a customer's only by the token of who has logged in."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Path
from fastapi.responses import Response
from pydantic import BaseModel, Field

from shopctl import core
from shopctl.core.errors import BadInput, NotPermitted
from shopctl.core.queries.carts import CartView
from shopctl.gateway.answers import answer, documented, keyed
from shopctl.gateway.callers import Caller, Seller
from shopctl.gateway.models import Given

router = keyed("carts")
Handle = Annotated[str, Path(description="The cart's handle, as `POST /v1/carts` gave it.", max_length=200)]
Sku = Annotated[str, Path(max_length=200)]


class Line(BaseModel):
    """A SKU, and how many units of it."""

    model_config = Given
    sku: str
    quantity: int = Field(1, ge=1)


class Quantity(BaseModel):
    """Exactly so many units; 0 takes the SKU out."""

    model_config = Given
    quantity: int = Field(ge=0)


@router.post("/carts", **documented(CartView, 409, status=201))
def create(caller: Seller) -> Response:
    """A new empty cart of a guest. Who has its handle has the cart."""
    return answer(core.cart.make(caller.shop, handle=secrets.token_hex(16)), 201)


@router.get("/carts/{cart}", **documented(CartView, 404))
def show(caller: Seller, cart: Handle) -> Response:
    """A cart with live prices and availability, and what changed."""
    return answer(core.cart.show(caller.shop, name=theirs(caller, cart)))


@router.post("/carts/{cart}/lines", **documented(CartView, 404, 409))
def add(caller: Seller, cart: Handle, line: Line) -> Response:
    """Put more units of a SKU in. Not to be repeated blindly: it adds again; `PUT` does not."""
    handle = theirs(caller, cart)
    return answer(core.cart.add(caller.shop, handle=handle, sku=line.sku, quantity=line.quantity))


@router.delete("/carts/{cart}/lines", **documented(CartView, 404, 409))
def clear(caller: Seller, cart: Handle) -> Response:
    """Empty the cart, and give back what it held."""
    return answer(core.cart.clear(caller.shop, handle=theirs(caller, cart)))


@router.put("/carts/{cart}/lines/{sku:path}", **documented(CartView, 404, 409))
def set_quantity(caller: Seller, cart: Handle, sku: Sku, wanted: Quantity) -> Response:
    """Make it exactly so many units of a SKU."""
    handle = theirs(caller, cart)
    return answer(core.cart.set_quantity(caller.shop, handle=handle, sku=sku, quantity=wanted.quantity))


@router.delete("/carts/{cart}/lines/{sku:path}", **documented(CartView, 404, 409))
def remove(caller: Seller, cart: Handle, sku: Sku) -> Response:
    """Take a SKU out."""
    return answer(core.cart.remove(caller.shop, handle=theirs(caller, cart), sku=sku))


def theirs(caller: Caller, cart: str) -> str:
    """The handle itself; NotPermitted(cart_of_another) where it leads to the cart of a customer who has not logged in."""
    if core.queries.carts.is_address(cart):
        raise BadInput("bad_cart", "A cart is named by its handle here; a shopper's own is at /v1/me/cart", cart=cart)
    with caller.shop.read() as tx:
        owner = core.queries.carts.owner(tx, cart)
    if owner is not None and (caller.shopper is None or caller.shopper.id != owner):
        raise NotPermitted(
            "cart_of_another", "The cart is a customer's, who has to log in", hint="X-Shopper-Token: TOKEN"
        )
    return cart
