"""Carts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Destroying, Listed, Reading, Writing, face, noun, whole
from shopctl.core.errors import BadInput

app = noun("Carts: what somebody means to buy. CART is a cart's handle, or its customer's e-mail address.")
NAMED = "The cart's handle, its customer's e-mail address, or - to read rows from stdin."
Cart = Annotated[str, typer.Argument(help=NAMED)]
Device = Annotated[str, typer.Argument(metavar="CART", help="The device's cart, or - to read rows from stdin.")]
Sku = Annotated[str | None, typer.Argument(metavar="SKU")]
Quantity = Annotated[str | None, typer.Argument(metavar="QTY")]
Into = Annotated[str | None, typer.Argument(metavar="INTO")]
SIGNED = {"ignore_unknown_options": True}


@app.command(cls=Writing, context_settings=SIGNED)
def add(ctx: typer.Context, cart: Cart, sku: Sku = None, quantity: Quantity = "1") -> None:
    """Put more of a SKU in, if it can be had. Rows of -: {"cart", "sku", "quantity"}."""

    def one(shop: Any, row: Any) -> object:
        return core.cart.add(shop, handle=row["cart"], sku=row["sku"], quantity=whole(row["quantity"], "quantity"))

    face(ctx).each(
        cart, ("cart", "sku", "quantity"), one, {"cart": cart, "sku": sku, "quantity": quantity}, alone=_alone(ctx)
    )


@app.command("set", cls=Writing, context_settings=SIGNED)
def set_(ctx: typer.Context, cart: Cart, sku: Sku = None, quantity: Quantity = None) -> None:
    """Make it exactly so many; 0 takes it out. Rows of -: {"cart", "sku", "quantity"}."""

    def one(shop: Any, row: Any) -> object:
        return core.cart.set_quantity(
            shop, handle=row["cart"], sku=row["sku"], quantity=whole(row["quantity"], "quantity")
        )

    face(ctx).each(
        cart, ("cart", "sku", "quantity"), one, {"cart": cart, "sku": sku, "quantity": quantity}, alone=_alone(ctx)
    )


@app.command(cls=Destroying)
def remove(ctx: typer.Context, cart: Cart, sku: Sku = None) -> None:
    """Take a SKU out. Rows of -: {"cart", "sku"}."""

    def one(shop: Any, row: Any) -> object:
        return core.cart.remove(shop, handle=row["cart"], sku=row["sku"])

    question = "Remove what stdin names from its carts?" if cart == "-" else f"Remove {sku} from cart {cart}?"
    face(ctx).confirm(question)
    face(ctx).each(cart, ("cart", "sku"), one, {"cart": cart, "sku": sku}, alone=_alone(ctx))


@app.command(cls=Reading)
def show(
    ctx: typer.Context,
    cart: Annotated[str | None, typer.Argument(help="The cart's handle, or its customer's e-mail address.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="EMAIL", help="The open cart of a customer.")] = None,
) -> None:
    """A cart with live prices and availability, and what changed."""
    named = [name for name in (cart, customer) if name is not None]
    if len(named) != 1:
        raise BadInput("usage", "Name one cart: CART or --customer EMAIL")
    me = face(ctx)
    with me.shop() as shop:
        me.out.one(core.cart.show(shop, name=named[0]))


@app.command(cls=Destroying)
def clear(ctx: typer.Context, cart: Cart) -> None:
    """Empty a cart and give back what it held. Rows of -: {"cart"}."""
    face(ctx).confirm("Empty the carts read from stdin?" if cart == "-" else f"Empty cart {cart}?")
    face(ctx).each(
        cart, ("cart",), lambda shop, row: core.cart.clear(shop, handle=row["cart"]), {"cart": cart}, alone=_alone(ctx)
    )


@app.command(cls=Writing)
def merge(ctx: typer.Context, source: Annotated[str, typer.Argument(metavar="FROM")], into: Into = None) -> None:
    """Add one cart's lines to another's, as far as stock goes. Rows of -: {"from", "into"}."""

    def one(shop: Any, row: Any) -> object:
        return core.cart.merge(shop, source=row["from"], target=row["into"])

    face(ctx).each(source, ("from", "into"), one, {"from": source, "into": into}, alone=_alone(ctx))


@app.command(cls=Writing)
def login(
    ctx: typer.Context,
    cart: Device,
    email: Annotated[str | None, typer.Option(metavar="E", help="Whose it is; a new address gets an account.")] = None,
) -> None:
    """Make a device's cart its customer's, or merge it into the one they have. Rows of -: {"cart", "email"}."""

    def one(shop: Any, row: Any) -> object:
        return core.cart.login(shop, handle=row["cart"], email=row["email"])

    if cart != "-" and email is None:
        raise BadInput("usage", "Missing option '--email'")
    face(ctx).each(cart, ("cart", "email"), one, {"cart": cart, "email": email}, alone=_alone(ctx))


@app.command(cls=Writing)
def logout(ctx: typer.Context, cart: Device) -> None:
    """Let a device go of its customer's cart; by e-mail address, all of their devices. Rows of -: {"cart"}."""
    face(ctx).each(
        cart, ("cart",), lambda shop, row: core.cart.logout(shop, handle=row["cart"]), {"cart": cart}, alone=_alone(ctx)
    )


@app.command("list", cls=Listed)
def list_(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="open, merged or expired.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="EMAIL", help="Of one customer.")] = None,
) -> None:
    """Carts, the latest first."""
    from shopctl.commands.output import unknown
    from shopctl.core.domain.lifecycle import CART_STATES

    if state is not None and state not in CART_STATES:
        raise unknown("state", state, CART_STATES)
    columns = ("cart", "state", "customer", "lines", "units", "in_checkout", "updated_at", "expires_at")
    face(ctx).listed(
        core.queries.carts.LIST,
        columns,
        where=lambda tx: core.queries.carts.which(tx, state=state, email=customer),
        first=core.cart.persist_all,
    )


def _alone(ctx: typer.Context) -> bool:
    """With Redis, rows do not share a transaction: it is asked between theirs, and what is hot costs none anyway."""
    return bool(face(ctx).settings().redis_url)
