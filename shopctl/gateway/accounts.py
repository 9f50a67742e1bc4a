"""Shoppers: their account, logging in and out, their cart and orders."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from shopctl import core
from shopctl.core.accounts import Session, Shopper
from shopctl.core.queries import orders
from shopctl.core.queries.carts import CartView
from shopctl.core.queries.orders import Order
from shopctl.gateway.answers import answer, documented, keyed
from shopctl.gateway.callers import Caller, Seller
from shopctl.gateway.carts import theirs
from shopctl.gateway.models import Given
from shopctl.gateway.paging import Paged, Paginated, page

router = keyed("shoppers")
ORDERS = Paginated(orders.LIST, lambda row: (int(row.number),), (int,))
TRIES_RATE, TRIES = 0.1, 10
"""How often somebody may try a password of one account, and how many times at once."""


class Registration(BaseModel):
    """Who opens an account."""

    model_config = Given
    email: str = Field(max_length=254)
    password: str
    name: str | None = Field(None, max_length=200)


class Credentials(BaseModel):
    """Who logs in; the cart of their device becomes theirs, or is merged into theirs."""

    model_config = Given
    email: str = Field(max_length=254)
    password: str
    cart: str | None = Field(None, max_length=200, description="The handle of the device's cart.")


@router.post("/accounts", **documented(Shopper, 409, status=201))
def register(caller: Seller, wanted: Registration) -> Response:
    """Open an account with a password."""
    _try(caller, wanted.email)
    made = core.accounts.register(caller.shop, email=wanted.email, password=wanted.password, name=wanted.name)
    return answer(made, 201)


@router.post("/sessions", **documented(Session, 404, 409, status=201))
def log_in(caller: Seller, given: Credentials) -> Response:
    """Log in: a token for `X-Shopper-Token`, for 30 days."""
    _try(caller, given.email)
    made = core.accounts.log_in(caller.shop, email=given.email, password=given.password, cart=given.cart)
    return answer(made, 201)


@router.delete("/sessions", **documented(None, 404, 409, status=204))
def log_out(
    caller: Seller,
    cart: Annotated[
        str | None, Query(max_length=200, description="The handle of the device's cart: it is let go.")
    ] = None,
) -> Response:
    """Log out: the token opens nothing any more. The cart stays its shopper's."""
    caller.must_be_shopper()
    core.accounts.log_out(caller.shop, token=caller.token, cart=theirs(caller, cart) if cart else None)
    return Response(status_code=204)


@router.get("/me", **documented(Shopper))
def me(caller: Seller) -> Response:
    """Who has logged in."""
    return answer(caller.must_be_shopper())


@router.get("/me/cart", **documented(CartView, 404))
def my_cart(caller: Seller) -> Response:
    """The shopper's open cart, from whatever device."""
    return answer(core.cart.show(caller.shop, name=caller.must_be_shopper().email))


@router.get("/me/orders", **documented(Order, page=True))
def my_orders(caller: Seller, paged: Paged) -> Response:
    """What the shopper has bought since they have the account, the latest first."""
    mine = core.queries.tracking.bought_by(caller.must_be_shopper().id)
    return page(caller.shop, ORDERS, paged, lambda _: mine)


def _try(caller: Caller, email: str) -> None:
    """Guessing passwords takes years, and so does asking who has an account."""
    core.limits.take(caller.shop, core.limits.Limit("tries of an account", email, TRIES_RATE, TRIES))
