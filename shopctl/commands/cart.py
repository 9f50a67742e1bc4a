"""Carts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Destroying, Listed, Reading, Writing, face, noun, whole

app = noun("Carts: what somebody means to buy.")
Cart = Annotated[str, typer.Argument(help="The cart's handle, or - to read rows from stdin.")]
Sku = Annotated[str | None, typer.Argument(metavar="SKU")]
Quantity = Annotated[str | None, typer.Argument(metavar="QTY")]
Into = Annotated[str | None, typer.Argument(metavar="INTO")]
SIGNED = {"ignore_unknown_options": True}


@app.command(cls=Writing, context_settings=SIGNED)
def add(ctx: typer.Context, cart: Cart, sku: Sku = None, quantity: Quantity = "1") -> None:
    """Put more of a SKU in, if it can be had. Rows of -: {"cart", "sku", "quantity"}."""

    def one(shop: Any, row: Any) -> object:
        return core.cart.add(shop, handle=row["cart"], sku=row["sku"], quantity=whole(row["quantity"], "quantity"))

    face(ctx).each(cart, ("cart", "sku", "quantity"), one, {"cart": cart, "sku": sku, "quantity": quantity})


@app.command("set", cls=Writing, context_settings=SIGNED)
def set_(ctx: typer.Context, cart: Cart, sku: Sku = None, quantity: Quantity = None) -> None:
    """Make it exactly so many; 0 takes it out. Rows of -: {"cart", "sku", "quantity"}."""

    def one(shop: Any, row: Any) -> object:
        return core.cart.set_quantity(
            shop, handle=row["cart"], sku=row["sku"], quantity=whole(row["quantity"], "quantity")
        )

    face(ctx).each(cart, ("cart", "sku", "quantity"), one, {"cart": cart, "sku": sku, "quantity": quantity})


@app.command(cls=Destroying)
def remove(ctx: typer.Context, cart: Cart, sku: Sku = None) -> None:
    """Take a SKU out. Rows of -: {"cart", "sku"}."""

    def one(shop: Any, row: Any) -> object:
        return core.cart.remove(shop, handle=row["cart"], sku=row["sku"])

    me = face(ctx)
    me.confirm("Remove what stdin names from its carts?" if cart == "-" else f"Remove {sku} from cart {cart}?")
    me.each(cart, ("cart", "sku"), one, {"cart": cart, "sku": sku})


@app.command(cls=Reading)
def show(ctx: typer.Context, cart: Annotated[str, typer.Argument()]) -> None:
    """A cart with live prices and availability, and what changed."""
    face(ctx).show(lambda tx: core.queries.carts.show(tx, cart))


@app.command(cls=Destroying)
def clear(ctx: typer.Context, cart: Cart) -> None:
    """Empty a cart and give back what it held. Rows of -: {"cart"}."""
    me = face(ctx)
    me.confirm(f"Empty cart {cart}?")
    me.each(cart, ("cart",), lambda shop, row: core.cart.clear(shop, handle=row["cart"]), {"cart": cart})


@app.command(cls=Writing)
def merge(ctx: typer.Context, source: Annotated[str, typer.Argument(metavar="FROM")], into: Into = None) -> None:
    """Add one cart's lines to another's, as far as stock goes. Rows of -: {"from", "into"}."""

    def one(shop: Any, row: Any) -> object:
        return core.cart.merge(shop, source=row["from"], target=row["into"])

    face(ctx).each(source, ("from", "into"), one, {"from": source, "into": into})


@app.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """Carts, the latest first."""
    columns = ("cart", "state", "customer", "lines", "units", "in_checkout", "updated_at", "expires_at")
    face(ctx).listed(core.queries.carts.LIST, columns)
