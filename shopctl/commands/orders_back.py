"""What goes back: money (refunds) and goods (returns)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Listed, Reading, Writing, face, noun
from shopctl.commands.units import Lines, units_of

Number = Annotated[str, typer.Argument(metavar="N", help="The order's number, or - to read rows from stdin.")]
ReturnId = Annotated[str, typer.Argument(metavar="ID", help="The return, as 1001-R1, or - to read rows from stdin.")]
Reason = Annotated[str | None, typer.Option(help="Why; it stays with the order.")]
returns = noun("Goods that come back: receive, reject, restock, write off.")


def refund(
    ctx: typer.Context,
    number: Number,
    reason: Reason = None,
    amount: Annotated[str | None, typer.Option(metavar="A", help="So much of it.")] = None,
    line: Lines = None,
    shipping: Annotated[bool, typer.Option("--shipping", help="What the shipping cost.")] = False,
    restock: Annotated[
        bool, typer.Option("--restock/--no-restock", help="The units are back, and go into the stock.")
    ] = False,
    key: Annotated[
        str | None, typer.Option(metavar="K", help="Yours, new for each refund: repeated, nothing is given back twice.")
    ] = None,
) -> None:
    """Give money back: an amount, or units that were shipped, or the shipping; never more than was captured.

    Rows of -: {"number", "reason", "amount"? | "units"?: {SKU: QTY}, "refund_shipping"?, "restock"?, "key"?}. It is a credit
    first, see `orders show`. Units that are not shipped yet: `orders cancel N --line`. The same command with the same key
    finishes the same refund; without a key look before you repeat it.
    """
    me = face(ctx)
    what = f"{amount} of order {number}" if amount else f"part of order {number}"
    me.confirm("Refund the orders read from stdin?" if number == "-" else f"Refund {what}?")

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        return core.orders.refund(
            shop,
            number=row["number"],
            reason=row["reason"],
            amount=None if row.get("amount") is None else str(row["amount"]),
            lines=units_of(row.get("units")),
            shipping=row.get("refund_shipping") is True,
            restock=row.get("restock") is True,
            key=None if row.get("key") is None else str(row["key"]),
        )

    row: dict[str, Any] = {"number": number, "reason": reason, "amount": amount, "units": line}
    row |= {"refund_shipping": shipping, "restock": restock, "key": key}
    me.each(number, ("number", "reason"), one, row, alone=True)


def return_(ctx: typer.Context, number: Number, line: Lines = None, reason: Reason = None) -> None:
    """A customer sends units back that were shipped: `orders returns` goes on with it. Rows of -: {"number", "units": {SKU: QTY}, "reason"}."""

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        units = units_of(row["units"]) or {}
        return core.orders.returns.request(shop, number=row["number"], lines=units, reason=row["reason"])

    row: dict[str, Any] = {"number": number, "units": line or {}, "reason": reason}
    face(ctx).each(number, ("number", "units", "reason"), one, row)


@returns.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """Returns, the latest first. Those to be looked at: --filter state:received."""
    columns = ("number", "order", "state", "reason", "credited", "currency", "created_at", "updated_at")
    face(ctx).listed(core.queries.returns.LIST, columns)


@returns.command(cls=Reading)
def show(ctx: typer.Context, number: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """One return with its lines."""
    face(ctx).show(lambda tx: core.queries.returns.get(tx, number))


@returns.command(cls=Writing)
def receive(ctx: typer.Context, number: ReturnId) -> None:
    """The goods are here. Rows of -: {"number"}."""
    face(ctx).each(
        number,
        ("number",),
        lambda shop, row: core.orders.returns.receive(shop, number=row["number"]),
        {"number": number},
    )


@returns.command(cls=Writing)
def reject(ctx: typer.Context, number: ReturnId, reason: Reason = None) -> None:
    """The return is not accepted; before its goods are received. Rows of -: {"number", "reason"?}."""
    face(ctx).each(
        number,
        ("number",),
        lambda shop, row: core.orders.returns.reject(shop, number=row["number"], reason=row.get("reason")),
        {"number": number, "reason": reason},
    )


@returns.command(cls=Writing)
def resolve(
    ctx: typer.Context,
    number: ReturnId,
    restock: Annotated[list[str] | None, typer.Option(metavar="SKU=QTY", help="Back into the stock.")] = None,
    write_off: Annotated[list[str] | None, typer.Option(metavar="SKU=QTY", help="Cannot be sold again.")] = None,
    refund: Annotated[bool, typer.Option("--refund/--no-refund", help="Give back what they cost.")] = True,
    warehouse: Annotated[
        str | None, typer.Option("--warehouse", "-w", metavar="CODE", help="Default: where they were sent from.")
    ] = None,
) -> None:
    """Put what was received into the stock, or write it off, and refund it. Rows of -: {"number", "restock"?, "write_off"?: {SKU: QTY}, "refund"?, "warehouse"?}.

    What is not named is restocked; with --restock alone the rest is written off.
    """

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        return core.orders.returns.resolve(
            shop,
            number=row["number"],
            restock=units_of(row.get("restock")),
            write_off=units_of(row.get("write_off")),
            refund=row.get("refund", refund) is not False,
            warehouse=row.get("warehouse") or warehouse,
        )

    face(ctx).each(number, ("number",), one, {"number": number, "restock": restock, "write_off": write_off}, alone=True)
