"""Quotes, orders, and what has become of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from shopctl import core
from shopctl.core.checkout import Placement
from shopctl.core.domain.address import Address
from shopctl.core.errors import BadInput
from shopctl.core.queries.orders import Order, Quote
from shopctl.core.queries.tracking import TrackedOrder
from shopctl.gateway.answers import answer, documented, keyed
from shopctl.gateway.callers import Seller
from shopctl.gateway.carts import theirs
from shopctl.gateway.models import Given

router = keyed("checkout")
Method = Annotated[str | None, Field(max_length=200, description="How to ship it; default: the cheapest that fits.")]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Made by the caller: the same key is the same order, however often it is sent.",
    ),
]
LOOKS_RATE, LOOKS = 0.2, 20
"""How often somebody may ask for one order as a guest, and how many times at once."""


class Wanted(BaseModel):
    """What is to be quoted."""

    model_config = Given
    cart: str = Field(max_length=200)
    ship_to: Address | None = None
    shipping: Method = None


class Purchase(BaseModel):
    """What is to be bought. `expect_total` refuses another total; `payment` is the gateway's token, never a card number."""

    model_config = Given
    cart: str = Field(max_length=200)
    email: str | None = Field(None, max_length=254, description="A customer's own when missing.")
    ship_to: Address
    payment: str | None = Field(None, max_length=255)
    expect_total: str | None = Field(None, max_length=40)
    shipping: Method = None


@router.post("/quotes", **documented(Quote, 404, 409))
def quote(caller: Seller, wanted: Wanted) -> Response:
    """What a cart costs now, sent there; without an address an estimate. Holds nothing."""
    cart, address = theirs(caller, wanted.cart), _address(wanted.ship_to)
    return answer(core.checkout.quote(caller.shop, cart=cart, address=address, method=wanted.shipping))


@router.post("/orders", **documented(Order, 202, 402, 404, 409, status=201))
def place(caller: Seller, wanted: Purchase, key: Key) -> Response:
    """Buy a cart: all or nothing, once per key. 202 names the page where the shopper confirms the payment (`details.url`)."""
    asked = Placement(
        cart=theirs(caller, wanted.cart),
        email=wanted.email,
        address=_address(wanted.ship_to) or {},
        token=wanted.payment,
        key=key,
        expect_total=wanted.expect_total,
        method=wanted.shipping,
    )
    return answer(core.checkout.place(caller.shop, asked), 201)


@router.get("/orders/{number}", **documented(TrackedOrder, 404))
def order(
    caller: Seller,
    number: str,
    email: Annotated[str | None, Query(max_length=254, description="A guest's, as the order was placed.")] = None,
) -> Response:
    """An order with its parcels: the shopper's own, or a guest's by its e-mail address."""
    tracking = core.queries.tracking
    if email is not None:
        core.limits.take(caller.shop, core.limits.Limit("looks at an order", number, LOOKS_RATE, LOOKS))
        with caller.shop.read() as tx:
            return answer(tracking.of_guest(tx, number, email))
    if caller.shopper is None:
        raise BadInput("email_missing", "Name the e-mail address of the order, or log in", hint="?email=E")
    with caller.shop.read() as tx:
        return answer(tracking.of_customer(tx, number, caller.shopper.id))


def _address(given: Address | None) -> dict[str, Any] | None:
    """An address that pydantic has validated, by the core's own model, as the core takes it."""
    return None if given is None else given.model_dump()
