"""Figures: sales, stock, the funnel from cart to parcel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Face, Listed, face, noun
from shopctl.commands.output import MACHINE, unknown
from shopctl.core.errors import BadInput

app = noun("Figures: sales, stock, the funnel from cart to parcel.")
From = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="The first day, 2026-11-01 or today; default: 30 days in all."),
]
To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last day, included; default: today.")]
Plot = Annotated[bool, typer.Option("--plot", help="Draw bars instead of a table.")]
GOODS = ("orders", "units", "units_credited", "gross", "credited", "net", "tax", "currency")
WHOLE = ("orders", "units", "gross", "discount", "shipping", "tax", "total", "credited", "net", "currency")
COLUMNS = {
    "day": ("day", *WHOLE),
    "customer": ("customer", *WHOLE),
    "product": ("product", "title", *GOODS),
    "category": ("category", *GOODS),
}


@app.command(cls=Listed)
def sales(
    ctx: typer.Context,
    by: Annotated[str, typer.Option(help="day, product, category or customer.")] = "day",
    first: From = None,
    last: To = None,
    plot: Plot = False,
) -> None:
    """Sales by day, product, category or customer.

    Of orders that were not cancelled, on the day on which they were placed, in the shop's time zone.
    total = gross − discount + shipping + tax (less what of the tax is in the prices); credited is what is not owed any more of
    it (cancelled units, returns, refunds), whenever that was; net = total − credited. By product and category there are the
    sums of the lines only, and of the units credited: discounts, shipping and refunded amounts are an order's.
    """
    me = face(ctx)
    if by not in COLUMNS:
        raise unknown("grouping", by, COLUMNS)
    _check(me, plot)
    with me.shop() as shop, shop.read() as tx:
        when = core.queries.reports.span(tx, first, last)

        def shown(rows: Sequence[Any]) -> None:
            if plot:
                amounts = [(getattr(row, by) or "(none)", row.net) for row in rows]
                _draw(me, [(name, amount.amount, str(amount)) for name, amount in amounts], by_day=by == "day")
            else:
                me.out.many(rows, COLUMNS[by])

        me.page(tx, core.queries.reports.sales(tx, by, when), shown)
        whole = core.queries.reports.sales_in_all(tx, when)
    me.out.say(
        f"From {when.first} to {when.last}: {whole.orders} orders, {whole.units} units, gross {whole.gross}, "
        f"total {whole.total}, credited {whole.credited}, net {whole.net} {whole.currency}."
    )


@app.command(cls=Listed)
def stock(
    ctx: typer.Context,
    days: Annotated[int, typer.Option(metavar="N", help="How many days back sales are looked at.")] = 30,
    plot: Plot = False,
) -> None:
    """Stock: worth, cover, what is low or dead.

    value is quantity × price; days_of_cover is how long what is available lasts at the pace of the last --days. status is
    out, dead (on sale before those days, and none sold in them), low or ok.
    """
    me = face(ctx)
    _check(me, plot)
    with me.shop() as shop, shop.read() as tx:

        def shown(rows: Sequence[Any]) -> None:
            if plot:
                _draw(me, [(row.sku, row.value.amount, str(row.value)) for row in rows])
            else:
                columns = ("sku", "title", "status", "quantity", "available", "value", "currency", "sold", "per_day")
                me.out.many(rows, (*columns, "days_of_cover"))

        me.page(tx, core.queries.reports.stock(tx, days), shown)
        whole = core.queries.reports.stock_in_all(tx, days)
        currency = shop.facts.currency
    words = ", ".join(f"{whole[word]} {word}" for word in core.queries.reports.STOCK_STATUSES)
    me.out.say(f"{whole['skus']} SKUs, {whole['units']} units worth {whole['value']} {currency}: {words}.")


@app.command(cls=Listed)
def funnel(ctx: typer.Context, first: From = None, last: To = None, plot: Plot = False) -> None:
    """Carts by how far they have got, by day.

    Of the carts made on a day: how many came to a checkout, were paid, shipped, delivered; how many were declined (and may
    have been paid later), expired with something in them (abandoned), or are open.
    """
    me = face(ctx)
    _check(me, plot)
    with me.shop() as shop, shop.read() as tx:
        when = core.queries.reports.span(tx, first, last)
        whole = core.queries.reports.funnel_in_all(tx, when)
        stages = core.queries.reports.STAGES
        if plot:
            _draw(me, [(stage, whole[stage], _share(whole, stage)) for stage in stages])
        else:
            me.page(tx, core.queries.reports.funnel(tx, when), me.out.many)
    lost = f"{whole['declined']} declined, {whole['abandoned']} abandoned, {whole['open']} open"
    told = ", ".join(f"{_share(whole, stage)} {stage}" for stage in stages)
    me.out.say(f"From {when.first} to {when.last}: {told}; {lost}.")


def _check(me: Face, plot: bool) -> None:
    if plot and me.out.format in MACHINE:
        raise BadInput("usage", f"--plot is for people; {me.out.format} has the figures without it")


def _draw(me: Face, amounts: Sequence[tuple[str, int, str]], *, by_day: bool = False) -> None:
    from shopctl.commands.plot import Bar, bars

    for text in bars([Bar(*amount) for amount in (_gapless(amounts) if by_day else amounts)]):
        me.out.text(text)


def _gapless(amounts: Sequence[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """Days in their order, and those without a sale, too: a picture of time has no gaps."""
    found = {name: (name, length, text) for name, length, text in amounts}
    if not found:
        return []
    first, last = date.fromisoformat(min(found)), date.fromisoformat(max(found))
    days = [str(first + timedelta(days=i)) for i in range((last - first).days + 1)]
    return [found.get(day, (day, 0, "")) for day in days]


def _share(whole: Mapping[str, int], stage: str) -> str:
    """A count, and what part of all carts it is."""
    count, carts = whole[stage], whole["carts"]
    return str(count) if stage == "carts" or not carts else f"{count} ({100 * count / carts:.1f}%)"
