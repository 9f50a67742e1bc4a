"""Papers: what to fetch, what lies in a parcel, what it costs."""

from __future__ import annotations

from typing import Annotated

import typer

from shopctl import core
from shopctl.commands.face import Face, Listed, face, noun
from shopctl.commands.output import MACHINE, unknown
from shopctl.core.domain.wire import plain
from shopctl.core.errors import BadInput

invoices = noun("Invoices and credit notes that were issued.")
Format = Annotated[str, typer.Option("--format", help="Of the paper: text or html, a file of its own to print.")]


def picklist(
    ctx: typer.Context,
    numbers: Annotated[
        list[str] | None, typer.Argument(metavar="[N…]", help="Orders, or - to read rows; default: all confirmed ones.")
    ] = None,
    warehouse: Annotated[str | None, typer.Option("--warehouse", "-w", metavar="CODE", help="Of one only.")] = None,
    format: Format = "text",
) -> None:
    """What to fetch for confirmed orders, by warehouse and SKU. Rows of -: {"number"}."""
    me = face(ctx)
    html = _is_html(me, format)
    wanted = me.column(numbers, "number") if numbers else None
    with me.shop() as shop, shop.read() as tx:
        picks = core.queries.parcels.picklist(tx, numbers=wanted, warehouse=warehouse)
    if html:
        me.out.raw([core.documents.picklist_html(shop.facts, picks)])
    elif me.out.format in MACHINE:
        me.out.many(picks)
    else:
        shares = core.documents.shares_text
        me.out.many({**plain(pick), "orders": shares(pick.orders)} for pick in picks)
    if not picks:
        me.out.say("There is nothing to fetch.")


def slip(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="N", help="The order's number, or - to read rows from stdin.")],
    format: Format = "text",
) -> None:
    """Packing slips, a page for each parcel, without prices. Rows of -: {"number"}."""
    me = face(ctx)
    html = _is_html(me, format)
    numbers = me.column([number], "number")
    with me.shop() as shop, shop.read() as tx:
        slips = [slip for one in numbers for slip in core.queries.parcels.slips(tx, one)]
    if html:
        me.out.raw([core.documents.slips_html(shop.facts, slips)])
    elif me.out.format in MACHINE:
        me.out.many(slips)
    else:
        for i, one in enumerate(slips):
            if i:
                me.out.raw(["\f"])  # a new page, for printers
            for line in core.documents.slip_text(shop.facts, one):
                me.out.text(line)
    if not slips:
        me.out.say("There is nothing to pack.")


def invoice(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="N", help="The order's number, or - to read rows from stdin.")],
    credit_note: Annotated[
        int | None, typer.Option(metavar="K", help="Of the order's credit K, as `show` counts them.")
    ] = None,
    format: Format = "text",
) -> None:
    """The invoice of an order, or a credit note: issued once, with the next number, and the same ever after. Rows of -: {"number", "credit_note"?}."""
    me = face(ctx)
    html = _is_html(me, format)
    if number == "-" and not html:
        me.rows(
            ("number",),
            lambda shop, row: core.orders.invoices.issue(
                shop, number=row["number"], credit=row.get("credit_note", credit_note)
            ),
        )
        return
    numbers = me.column([number], "number")
    with me.shop(writes=True) as shop:
        papers = [core.orders.invoices.issue(shop, number=one, credit=credit_note) for one in numbers]
    if html:
        me.out.raw([core.documents.invoices_html(shop.facts, papers)])
    elif me.out.format in MACHINE:
        me.out.one(papers[0])
    else:
        for line in core.documents.invoice_text(shop.facts, papers[0]):
            me.out.text(line)


@invoices.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """Invoices and credit notes by number, for the books: -o csv --limit -1 --filter 'issued_at:>=2026-01-01'."""
    columns = ("number", "kind", "order", "issued_at", "country", "subtotal", "shipping", "tax", "total", "currency")
    face(ctx).listed(core.queries.invoices.LIST, columns)


def _is_html(me: Face, format: str) -> bool:
    if format not in ("text", "html"):
        raise unknown("format", format, ("text", "html"))
    if format == "html" and me.out.format in MACHINE:
        raise BadInput("usage", f"--format html is a paper, -o {me.out.format} are rows: choose one of them")
    return format == "html"
