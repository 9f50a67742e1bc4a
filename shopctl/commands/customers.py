"""Accounts, addresses, order history."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Listed, Reading, Writing, face, noun
from shopctl.core.errors import BadInput

app = noun("Accounts, addresses, order history.")
addresses = noun("Where a customer's parcels go.")
app.add_typer(addresses, name="addresses")
Email = Annotated[str, typer.Argument(metavar="EMAIL")]


@app.command(cls=Writing)
def add(
    ctx: typer.Context,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Or - to read rows from stdin.")],
    name: Annotated[str | None, typer.Option(help="The customer's name.")] = None,
) -> None:
    """Open an account. Rows of -: {"email", "name"?}."""

    def one(shop: Any, row: Any) -> object:
        return core.customers.add(shop, email=row["email"], name=row.get("name") or name)

    face(ctx).each(email, ("email",), one, {"email": email})


@app.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """Customers, the newest first."""
    columns = ("email", "name", "registered", "orders", "spent", "currency", "created_at")
    face(ctx).listed(core.queries.customers.LIST, columns)


@app.command(cls=Reading)
def show(ctx: typer.Context, email: Email) -> None:
    """One account with its addresses."""
    face(ctx).show(lambda tx: core.queries.customers.show(tx, email))


@app.command(cls=Listed)
def orders(ctx: typer.Context, email: Email) -> None:
    """What a customer ordered, the latest first."""
    columns = ("number", "status", "total", "currency", "created_at")
    queries = core.queries.orders
    face(ctx).listed(queries.LIST, columns, where=lambda tx: queries.which(tx, email=email))


@addresses.command("list", cls=Reading)
def list_addresses(ctx: typer.Context, email: Email) -> None:
    """A customer's addresses with their ids."""
    me = face(ctx)
    with me.shop() as shop, shop.read() as tx:
        me.out.many(core.queries.customers.show(tx, email).addresses)


@addresses.command("add", cls=Writing)
def add_address(
    ctx: typer.Context,
    email: Email,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The address as JSON.")],
) -> None:
    """Keep an address for later orders."""
    try:
        data = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput("unreadable_file", f"The address in {file} cannot be read: {error}", file=file) from None
    face(ctx).do(lambda shop: core.customers.add_address(shop, email=email, data=data))
