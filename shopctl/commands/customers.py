"""Accounts, addresses, order history."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Destroying, Listed, Reading, Writing, face, noun
from shopctl.core.errors import BadInput

app = noun("Accounts, addresses, order history.")
addresses = noun("Where a customer's parcels go.")
app.add_typer(addresses, name="addresses")
Email = Annotated[str, typer.Argument(metavar="EMAIL")]
Many = Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's, or - to read rows from stdin.")]
AddressId = Annotated[str | None, typer.Argument(metavar="ID", help="See addresses list.")]
AddressFile = Annotated[str | None, typer.Argument(metavar="FILE|-", help="The address as JSON.")]


@app.command(cls=Writing)
def add(
    ctx: typer.Context, email: Many, name: Annotated[str | None, typer.Option(help="The customer's name.")] = None
) -> None:
    """Open an account. Rows of -: {"email", "name"?, "addresses"?: [{…}]}, as export writes them."""

    def one(shop: Any, row: Any) -> object:
        places = row.get("addresses") or []
        if not isinstance(places, list):
            raise BadInput("bad_row", "'addresses' must be a list of addresses", field="addresses")
        return core.customers.add(shop, email=row["email"], name=row.get("name") or name, places=places)

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


@app.command(cls=Writing)
def edit(
    ctx: typer.Context,
    email: Many,
    name: Annotated[str | None, typer.Option(help="Another name; empty takes it away.")] = None,
    new_email: Annotated[str | None, typer.Option(metavar="E", help="Another e-mail address.")] = None,
) -> None:
    """Rename a customer or change the e-mail address. Rows of -: {"email", "name"?, "new_email"?}."""

    def one(shop: Any, row: Any) -> object:
        return core.customers.edit(shop, email=row["email"], name=row.get("name"), new_email=row.get("new_email"))

    face(ctx).each(email, ("email",), one, {"email": email, "name": name, "new_email": new_email})


@app.command(cls=Listed)
def orders(ctx: typer.Context, email: Email) -> None:
    """What a customer ordered, the latest first."""
    columns = ("number", "status", "total", "currency", "created_at")
    queries = core.queries.orders
    face(ctx).listed(queries.LIST, columns, where=lambda tx: queries.which(tx, email=email))


@app.command(cls=Reading)
def export(
    ctx: typer.Context,
    email: Annotated[str | None, typer.Argument(metavar="EMAIL", help="Of one customer; without it, of all.")] = None,
    format: Annotated[str | None, typer.Option(help="All: jsonl (default) or csv; -o says the same.")] = None,
) -> None:
    """Everything the shop knows about one customer, as JSON; or all accounts with their addresses, losslessly."""
    me = face(ctx)
    if me.out.fields:
        raise BadInput("usage", "An export has every field; --fields is for lists")
    wanted = format or (me.out.format if me.format_chosen else None)
    if email is None:
        with me.shop() as shop:
            me.out.raw(core.imports.customers.export_customers(shop, format=wanted or "jsonl"))
        return
    if wanted not in (None, "json", "jsonl"):
        raise BadInput("unknown_format", f"One customer is exported as json or jsonl, not {wanted}", value=wanted)
    me.out.format = wanted or "json"
    me.show(lambda tx: core.queries.access.known(tx, email), first=lambda shop: core.cart.persist_one(shop, name=email))


@app.command(cls=Destroying)
def erase(ctx: typer.Context, email: Many) -> None:
    """Forget a customer: name, addresses, carts, letters; amounts, tax and stock stay. Rows of -: {"email"}."""
    me = face(ctx)
    whom = "the customers read from stdin" if email == "-" else f"{email}"
    me.confirm(f"Erase {whom} for good?")

    def one(shop: Any, row: Any) -> object:
        return core.erasure.erase(shop, email=row["email"])

    me.each(email, ("email",), one, {"email": email}, alone=True)


@addresses.command("list", cls=Reading)
def list_addresses(ctx: typer.Context, email: Email) -> None:
    """A customer's addresses with their ids."""
    me = face(ctx)
    with me.shop() as shop, shop.read() as tx:
        me.out.many(core.queries.customers.show(tx, email).addresses)


@addresses.command("add", cls=Writing)
def add_address(ctx: typer.Context, email: Many, file: AddressFile = None) -> None:
    """Keep an address for later orders. Rows of -: {"email", "address": {…}}."""

    def one(shop: Any, row: Any) -> object:
        return core.customers.add_address(shop, email=row["email"], data=_address(row))

    face(ctx).each(email, ("email",), one, {"email": email, "file": file})


@addresses.command("edit", cls=Writing)
def edit_address(ctx: typer.Context, email: Many, id: AddressId = None, file: AddressFile = None) -> None:
    """Put another address in the place of one; orders keep theirs. Rows of -: {"email", "id", "address": {…}}."""

    def one(shop: Any, row: Any) -> object:
        return core.customers.edit_address(shop, email=row["email"], address_id=row["id"], data=_address(row))

    face(ctx).each(email, ("email", "id"), one, {"email": email, "id": id, "file": file})


@addresses.command("remove", cls=Destroying)
def remove_address(ctx: typer.Context, email: Many, id: AddressId = None) -> None:
    """Forget an address; orders keep theirs. Rows of -: {"email", "id"}."""

    def one(shop: Any, row: Any) -> object:
        return core.customers.remove_address(shop, email=row["email"], address_id=row["id"])

    me = face(ctx)
    me.confirm("Remove the addresses read from stdin?" if email == "-" else f"Remove address {id} of {email}?")
    me.each(email, ("email", "id"), one, {"email": email, "id": id})


def _address(row: Any) -> object:
    """The address of a row, or of the file that the command line names."""
    if "file" not in row:
        return row.get("address")
    file = row["file"]
    if file is None:
        raise BadInput("usage", "Missing argument 'FILE|-'")
    try:
        return json.loads(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput("unreadable_file", f"The address in {file} cannot be read: {reason}", file=file) from None
