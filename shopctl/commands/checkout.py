"""Quote a cart, place an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.addresses import SHIP_TO, address_of
from shopctl.commands.face import Reading, Writing, face, noun
from shopctl.core.errors import BadInput

app = noun("Quote a cart, place an order.")
Address = Annotated[str | None, SHIP_TO]
Shipping = Annotated[str | None, typer.Option("--shipping", metavar="METHOD", help="Default: the cheapest that fits.")]


@app.command(cls=Reading)
def quote(
    ctx: typer.Context,
    cart: Annotated[str, typer.Argument(help="The cart's handle, or its customer's e-mail address.")],
    ship_to: Address = None,
    shipping: Shipping = None,
) -> None:
    """What the cart costs now: items, tax, shipping. Holds nothing."""
    me = face(ctx)
    with me.shop() as shop:
        address = address_of(shop, ship_to) if ship_to else None
        if address is None:
            me.out.say(f"Without --ship-to this is an estimate for {shop.facts.country}.")
        me.out.one(core.checkout.quote(shop, cart=cart, address=address, method=shipping))


@app.command(cls=Writing)
def place(
    ctx: typer.Context,
    cart: Annotated[
        str, typer.Argument(help="Its handle, its customer's e-mail address, or - to read rows from stdin.")
    ],
    email: Annotated[str | None, typer.Option(help="The shopper's; a customer's own when missing.")] = None,
    ship_to: Address = None,
    payment: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN", help="From the gateway, never a card number; or manual: it waits for `orders pay`."
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Yours to make; the same key is the same order.")] = None,
    expect_total: Annotated[str | None, typer.Option(metavar="TOTAL", help="Refuse if it costs anything else.")] = None,
    shipping: Shipping = None,
) -> None:
    """Buy the cart: reserve, charge, confirm; all or nothing, once per key.

    Rows of -: {"cart", "email"?, "ship_to": {…} or an address id, "payment"?, "key", "expect_total"?, "shipping"?}.
    """
    row = {"cart": cart, "email": email, "ship_to": ship_to, "payment": payment, "key": key}
    row |= {"expect_total": expect_total, "shipping": shipping}
    if cart != "-":
        for name in ("ship_to", "key"):
            if row[name] is None:
                raise BadInput("usage", f"Missing option '--{name.replace('_', '-')}'")
    face(ctx).each(cart, ("cart", "ship_to", "key"), _place, row, alone=True)


def _place(shop: Any, row: Mapping[str, Any]) -> object:
    wanted = core.checkout.Placement(
        cart=row["cart"],
        email=row.get("email"),
        address=address_of(shop, row["ship_to"]),
        token=row.get("payment"),
        key=row["key"],
        expect_total=row.get("expect_total"),
        method=row.get("shipping"),
    )
    return core.checkout.place(shop, wanted)
