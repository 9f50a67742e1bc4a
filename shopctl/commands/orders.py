"""Orders."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import orders_files
from shopctl.commands.face import Destroying, Listed, Reading, Writing, face, noun

app = noun("Orders: list, show, ship, deliver, cancel.")
Number = Annotated[str, typer.Argument(metavar="N", help="The order's number, or - to read rows from stdin.")]
COLUMNS = ("number", "status", "email", "total", "currency", "shipping_method", "created_at")


@app.command("list", cls=Listed)
def list_(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(help="pending, confirmed, shipped, delivered, cancelled.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="EMAIL", help="Of one customer.")] = None,
) -> None:
    """Orders, the latest first."""
    from shopctl.commands.output import unknown
    from shopctl.core.domain.lifecycle import ORDER_STATUSES

    if status is not None and status not in ORDER_STATUSES:
        raise unknown("status", status, ORDER_STATUSES)
    face(ctx).listed(
        core.queries.orders.LIST, COLUMNS, where=lambda tx: core.queries.orders.which(tx, status=status, email=customer)
    )


@app.command(cls=Reading)
def show(ctx: typer.Context, number: Annotated[str, typer.Argument(metavar="N")]) -> None:
    """An order with its payments, shipments, reservations and timeline."""
    face(ctx).show(lambda tx: core.queries.orders.detail(tx, number))


@app.command(cls=Writing)
def ship(
    ctx: typer.Context,
    number: Number,
    tracking: Annotated[str | None, typer.Option(help="The carrier's tracking number.")] = None,
) -> None:
    """Send all that the order owes. Rows of -: {"number", "tracking"?}."""

    def one(shop: Any, row: Any) -> object:
        return core.orders.ship(shop, number=str(row["number"]), tracking=row.get("tracking") or tracking)

    face(ctx).each(number, ("number",), one, {"number": number})


@app.command(cls=Writing)
def deliver(ctx: typer.Context, number: Number) -> None:
    """It has arrived. Rows of -: {"number"}."""
    face(ctx).each(
        number,
        ("number",),
        lambda shop, row: core.orders.deliver(shop, number=str(row["number"])),
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
        lambda shop, row: core.settlement.cancel(shop, number=str(row["number"])),
        {"number": number},
    )


orders_files.register(app)
