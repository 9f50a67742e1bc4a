"""Orders. Their papers are in orders_papers.py, watching them in orders_watch.py."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import orders_files, orders_papers, orders_watch
from shopctl.commands.addresses import SHIP_TO, address_of
from shopctl.commands.face import Destroying, Listed, Reading, Writing, face, noun
from shopctl.commands.output import unknown
from shopctl.core.domain.lifecycle import ORDER_STATUSES
from shopctl.core.errors import BadInput

app = noun("Orders: list, show, ship, deliver, cancel; notes, papers, watching.")
Number = Annotated[str, typer.Argument(metavar="N", help="The order's number, or - to read rows from stdin.")]
COLUMNS = ("number", "status", "email", "total", "currency", "shipping_method", "created_at")


@app.command("list", cls=Listed)
def list_(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(metavar="|".join(ORDER_STATUSES), help="Only those.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="EMAIL", help="Of one customer.")] = None,
) -> None:
    """Orders, the latest first."""
    if status is not None and status not in ORDER_STATUSES:
        raise unknown("status", status, ORDER_STATUSES)
    face(ctx).listed(
        core.queries.orders.LIST, COLUMNS, where=lambda tx: core.queries.orders.which(tx, status=status, email=customer)
    )


@app.command(cls=Reading)
def show(ctx: typer.Context, number: Annotated[str, typer.Argument(metavar="N")]) -> None:
    """An order with its payments, shipments, reservations and timeline: what happened, notes, former addresses."""
    face(ctx).show(lambda tx: core.queries.orders.detail(tx, number))


@app.command(cls=Writing)
def note(
    ctx: typer.Context,
    number: Number,
    text: Annotated[str | None, typer.Argument(help="What to remember about it.")] = None,
) -> None:
    """Keep a note in an order's history. Rows of -: {"number", "note"}."""
    face(ctx).each(
        number,
        ("number", "note"),
        lambda shop, row: core.orders.note(shop, number=row["number"], note=row["note"]),
        {"number": number, "note": text},
    )


@app.command(cls=Writing)
def edit(
    ctx: typer.Context,
    number: Number,
    ship_to: Annotated[str | None, SHIP_TO] = None,
    keep_totals: Annotated[
        bool, typer.Option("--keep-totals", help="Even where it would have cost other tax or shipping.")
    ] = False,
) -> None:
    """Send a confirmed order to another address, until it is shipped. Rows of -: {"number", "ship_to": {…} or an id, or "shipping_address" as lists print it}.

    What was charged stays as it is. An address where tax or shipping would have been other is refused without --keep-totals.
    """

    def one(shop: Any, row: Any) -> object:
        given = row.get("ship_to") or row.get("shipping_address")
        if given is None:
            raise BadInput("bad_row", "The row has no 'ship_to'", field="ship_to")
        address = address_of(shop, given)
        return core.orders.readdress(shop, number=row["number"], address=address, keep_totals=keep_totals)

    if number != "-" and ship_to is None:
        raise BadInput("nothing_to_change", "Say what to change", hint="--ship-to FILE|-|ID")
    face(ctx).each(number, ("number",), one, {"number": number, "ship_to": ship_to})


@app.command(cls=Writing)
def ship(
    ctx: typer.Context,
    number: Number,
    tracking: Annotated[str | None, typer.Option(help="The carrier's tracking number.")] = None,
) -> None:
    """Send all that the order owes. Rows of -: {"number", "tracking"?}."""

    def one(shop: Any, row: Any) -> object:
        return core.orders.ship(shop, number=row["number"], tracking=row.get("tracking") or tracking)

    face(ctx).each(number, ("number",), one, {"number": number})


@app.command(cls=Writing)
def deliver(ctx: typer.Context, number: Number) -> None:
    """It has arrived. Rows of -: {"number"}."""
    face(ctx).each(
        number,
        ("number",),
        lambda shop, row: core.orders.deliver(shop, number=row["number"]),
        {"number": number},
    )


@app.command(cls=Destroying)
def cancel(ctx: typer.Context, number: Number) -> None:
    """Cancel before it is shipped: stock returns, money is refunded. Rows of -: {"number"}."""
    me = face(ctx)
    me.confirm(
        "Cancel and refund the orders read from stdin?" if number == "-" else f"Cancel and refund order {number}?"
    )
    me.each(
        number,
        ("number",),
        lambda shop, row: core.settlement.cancel(shop, number=row["number"]),
        {"number": number},
        alone=True,
    )


app.command("import", cls=Writing)(orders_files.import_)
app.command(cls=Reading)(orders_files.export)
app.command(cls=Reading)(orders_papers.picklist)
app.command(cls=Reading)(orders_papers.slip)
app.command(cls=Reading)(orders_watch.watch)
