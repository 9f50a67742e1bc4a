"""Orders. Their papers are in orders_papers.py, money and goods that go back in orders_back.py, watching them in orders_watch.py."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import orders_back, orders_files, orders_papers, orders_watch
from shopctl.commands.addresses import SHIP_TO, address_of
from shopctl.commands.face import Destroying, Listed, Reading, Writing, face, noun, whole
from shopctl.commands.output import unknown
from shopctl.commands.units import Lines, units_of
from shopctl.core.domain.lifecycle import ORDER_STATUSES
from shopctl.core.errors import BadInput

app = noun("Orders: list, show, pay, ship, deliver, cancel, refund, return; notes, papers, watching.")
app.add_typer(orders_back.returns, name="returns")
app.add_typer(orders_papers.invoices, name="invoices")
Number = Annotated[str, typer.Argument(metavar="N", help="The order's number, or - to read rows from stdin.")]
COLUMNS = (
    *("number", "status", "fulfilment", "payment", "email", "total", "currency", "shipping_method", "created_at"),
)


@app.command("list", cls=Listed)
def list_(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(metavar="|".join(ORDER_STATUSES), help="Only those.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="EMAIL", help="Of one customer.")] = None,
) -> None:
    """Orders, the latest first. Those that wait for somebody's money: --filter payment:awaited; for a parcel: fulfilment:partial."""
    if status is not None and status not in ORDER_STATUSES:
        raise unknown("status", status, ORDER_STATUSES)
    face(ctx).listed(
        core.queries.orders.LIST, COLUMNS, where=lambda tx: core.queries.orders.which(tx, status=status, email=customer)
    )


@app.command(cls=Reading)
def show(ctx: typer.Context, number: Annotated[str, typer.Argument(metavar="N")]) -> None:
    """An order with its payments, shipments, credits, returns, papers, reservations and timeline: everything that happened."""
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
def pay(
    ctx: typer.Context,
    number: Number,
    reference: Annotated[
        str | None, typer.Option(help="Where the money can be found: a receipt, a line of the bank statement.")
    ] = None,
) -> None:
    """The money for an order placed with --payment manual is here (cash, a transfer): it is confirmed. Rows of -: {"number", "reference"?}."""

    def one(shop: Any, row: Any) -> object:
        return core.settlement.pay(shop, number=row["number"], reference=row.get("reference"))

    face(ctx).each(number, ("number",), one, {"number": number, "reference": reference}, alone=True)


@app.command(cls=Writing)
def ship(
    ctx: typer.Context,
    number: Number,
    line: Lines = None,
    warehouse: Annotated[str | None, typer.Option("--warehouse", "-w", metavar="CODE", help="From there only.")] = None,
    tracking: Annotated[str | None, typer.Option(help="The carrier's tracking number.")] = None,
) -> None:
    """Send all that the order owes, or part of it; one shipment from each warehouse. Rows of -: {"number", "units"?: {SKU: QTY}, "warehouse"?, "tracking"?}.

    It stays confirmed until nothing is owed any more. What is captured with the shipments is captured before the goods leave.
    """

    def one(shop: Any, row: Any) -> object:
        return core.orders.ship(
            shop,
            number=row["number"],
            lines=units_of(row.get("units")),
            warehouse=row.get("warehouse") or warehouse,
            tracking=row.get("tracking") or tracking,
        )

    row = {"number": number, "units": line}
    face(ctx).each(number, ("number",), one, row, alone=core.orders.captures)


@app.command(cls=Writing)
def deliver(
    ctx: typer.Context,
    number: Number,
    shipment: Annotated[int | None, typer.Option(metavar="K", help="Only this one, as `show` counts them.")] = None,
) -> None:
    """What was sent has arrived, all of it or one shipment. Rows of -: {"number", "shipment"?}."""

    def one(shop: Any, row: Any) -> object:
        which = row.get("shipment")
        return core.orders.deliver(
            shop, number=row["number"], shipment=None if which is None else whole(which, "shipment")
        )

    face(ctx).each(number, ("number",), one, {"number": number, "shipment": shipment})


@app.command(cls=Destroying)
def cancel(ctx: typer.Context, number: Number, line: Lines = None) -> None:
    """Cancel what is not shipped, all of it or some units: stock returns, money is refunded. Rows of -: {"number", "units"?: {SKU: QTY}}.

    An order that was sent in part is shipped once the rest is cancelled.
    """
    me = face(ctx)
    what = f"{', '.join(line)} of order {number}" if line else f"order {number}"
    me.confirm("Cancel and refund the orders read from stdin?" if number == "-" else f"Cancel and refund {what}?")

    def one(shop: Any, row: Any) -> object:
        return core.settlement.cancel(shop, number=row["number"], lines=units_of(row.get("units")))

    me.each(number, ("number",), one, {"number": number, "units": line}, alone=True)


app.command(cls=Destroying)(orders_back.refund)
app.command("return", cls=Writing)(orders_back.return_)
app.command("import", cls=Writing)(orders_files.import_)
app.command(cls=Reading)(orders_files.export)
app.command(cls=Reading)(orders_papers.picklist)
app.command(cls=Reading)(orders_papers.slip)
app.command(cls=Writing)(orders_papers.invoice)
app.command(cls=Reading)(orders_watch.watch)
