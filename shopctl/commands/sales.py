"""Flash sales: made, changed, opened, ended. The queue's commands are in sales_queue.py, watching in sales_watch.py,
rehearsing in sales_rehearse.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import sales_queue, sales_rehearse, sales_watch
from shopctl.commands.face import Destroying, Listed, Reading, Writing, face, noun, whole
from shopctl.core.domain.times import moment, span
from shopctl.core.errors import BadInput

app = noun("Flash sales: units set aside, a queue, a turn for each who waits.")
Name = Annotated[str, typer.Argument(metavar="SALE", help="The sale's name, or - to read rows from stdin.")]
Items = Annotated[
    list[str] | None,
    typer.Option(
        "--item", metavar="SKU=UNITS[@PRICE]", help="What is sold, how many, at which price; may be repeated."
    ),
]
Starts = Annotated[str | None, typer.Option(metavar="TIME", help="RFC 3339; it opens then. Default: by hand.")]
Ends = Annotated[str | None, typer.Option(metavar="TIME", help="RFC 3339; it closes then. Default: by hand.")]
PerCustomer = Annotated[int | None, typer.Option("--limit", metavar="N", help="Units per customer (1).")]
Rate = Annotated[
    int | None, typer.Option(metavar="N", help="How many are admitted a minute at most; 0 is no limit (the default).")
]
Batch = Annotated[int | None, typer.Option(metavar="N", help="How many are admitted at a time at most (500).")]
Hold = Annotated[str | None, typer.Option(metavar="TIME", help="How long a turn lasts: 90s, 5m (the default).")]
_TERMS = ("starts", "ends", "limit", "rate", "batch", "hold")
_COLUMNS = ("name", "status", "starts_at", "ends_at", "waiting", "admitted", "left", "held", "sold", "problem")


@app.command(cls=Writing)
def create(
    ctx: typer.Context,
    name: Name,
    item: Items = None,
    starts: Starts = None,
    ends: Ends = None,
    limit: PerCustomer = None,
    rate: Rate = None,
    batch: Batch = None,
    hold: Hold = None,
) -> None:
    """Plan a sale. Shoppers can join and register at once; its units are set aside when it opens.

    Rows of -: {"name", "items": ["SKU=UNITS@PRICE", …], "starts"?, "ends"?, "limit"?, "rate"?, "batch"?, "hold"?}.
    """
    row = {
        "name": name,
        "items": item or [],
        **dict(zip(_TERMS, (starts, ends, limit, rate, batch, hold), strict=True)),
    }

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        wanted = [core.sales.Item(*parts) for parts in _items(row.get("items"))]
        return core.sales.create(shop, name=row["name"], items=wanted, terms=_terms(shop, row))

    face(ctx).each(name, ("name",), one, row)


@app.command(cls=Writing)
def edit(
    ctx: typer.Context,
    name: Name,
    more: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SKU=UNITS", help="So many more units, set aside at once when it is open; may be repeated."
        ),
    ] = None,
    price: Annotated[
        list[str] | None, typer.Option(metavar="SKU=PRICE", help="Another price, for turns to come; may be repeated.")
    ] = None,
    starts: Starts = None,
    ends: Ends = None,
    limit: PerCustomer = None,
    rate: Rate = None,
    batch: Batch = None,
    hold: Hold = None,
) -> None:
    """Change a sale, also while it is open.

    Rows of -: {"name", "more"?: ["SKU=UNITS", …], "price"?: ["SKU=PRICE", …], "starts"?, "ends"?, "limit"?, "rate"?, …}.
    """
    row: dict[str, Any] = {"name": name, "more": more, "price": price}
    row |= dict(zip(_TERMS, (starts, ends, limit, rate, batch, hold), strict=True))

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        units = {sku: whole(value, "UNITS") for sku, value in _pairs(row.get("more"), "more")}
        prices = dict(_pairs(row.get("price"), "price"))
        return core.sales.edit(shop, name=row["name"], terms=_terms(shop, row), more=units, prices=prices)

    face(ctx).each(name, ("name",), one, row)


@app.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """Sales, the latest first."""
    face(ctx).listed(core.queries.sales.LIST, _COLUMNS)


@app.command(cls=Reading)
def show(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="SALE")]) -> None:
    """One sale: its terms, its units, its queue."""
    face(ctx).show(lambda tx: core.queries.sales.get(tx, name))


@app.command("open", cls=Writing)
def open_(ctx: typer.Context, name: Name) -> None:
    """Set the units aside and let the queue move. Rows of -: {"name"}."""
    face(ctx).each(name, ("name",), lambda shop, row: core.sales.open_(shop, name=row["name"]), {"name": name})


@app.command(cls=Writing)
def check(ctx: typer.Context, name: Name) -> None:
    """Look at what waiting shoppers have registered: price, address, payment token. Rows of -: {"name"}."""
    face(ctx).each(
        name, ("name",), lambda shop, row: core.sales.check(shop, name=row["name"]), {"name": name}, alone=True
    )


@app.command(cls=Writing)
def pause(ctx: typer.Context, name: Name) -> None:
    """Admit nobody else for now; those whose turn it is may buy. Rows of -: {"name"}."""
    face(ctx).each(name, ("name",), lambda shop, row: core.sales.pause(shop, name=row["name"]), {"name": name})


@app.command(cls=Writing)
def resume(ctx: typer.Context, name: Name) -> None:
    """Let the queue move again. Rows of -: {"name"}."""
    face(ctx).each(name, ("name",), lambda shop, row: core.sales.resume(shop, name=row["name"]), {"name": name})


@app.command(cls=Writing)
def close(ctx: typer.Context, name: Name) -> None:
    """End the sale: nobody else is admitted, turns run to their end, and what is left is put back. Rows of -: {"name"}."""
    face(ctx).each(name, ("name",), lambda shop, row: core.sales.close(shop, name=row["name"]), {"name": name})


@app.command(cls=Destroying)
def cancel(ctx: typer.Context, name: Name) -> None:
    """End the sale at once, for those who wait and for those whose turn it is; what was bought stays. Rows of -: {"name"}."""
    of = "the sales that stdin names" if name == "-" else f"sale {name}"
    face(ctx).confirm(f"Cancel {of}? Everyone who waits or has a turn loses it.")
    face(ctx).each(name, ("name",), lambda shop, row: core.sales.cancel(shop, name=row["name"]), {"name": name})


app.command(cls=Writing)(sales_queue.join)
app.command(cls=Reading)(sales_queue.position)
app.command(cls=Writing)(sales_queue.leave)
app.command(cls=Listed)(sales_queue.tickets)
app.command(cls=Writing)(sales_queue.buy)
app.command(cls=Writing)(sales_watch.admit)
app.command(cls=Reading)(sales_watch.watch)
app.command(cls=Reading)(sales_rehearse.rehearse)


# --- words ---------------------------------------------------------------------------------------------------------
def _terms(shop: Any, row: Mapping[str, Any]) -> Any:
    def number(name: str) -> int | None:
        return None if row.get(name) is None else whole(row[name], name)

    def time(name: str) -> Any:
        return None if row.get(name) is None else moment(str(row[name]), shop.facts.timezone)

    return core.sales.Terms(
        starts_at=time("starts"),
        ends_at=time("ends"),
        per_customer=number("limit"),
        batch=number("batch"),
        rate=number("rate"),
        hold_seconds=None if row.get("hold") is None else round(span(str(row["hold"])).total_seconds()),
    )


def _items(words: object) -> list[tuple[str, int, str | None]]:
    """SKU=UNITS[@PRICE], each."""
    found = []
    for sku, said in _pairs(words, "item"):
        units, at, price = said.partition("@")
        found.append((sku, whole(units, "UNITS"), price if at else None))
    return found


def _pairs(words: object, option: str) -> list[tuple[str, str]]:
    """SKU=VALUE, each; a SKU may have a = in it."""
    if words is not None and not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise BadInput("bad_row", f"{option!r} is a list of texts like SKU=…", field=option)
    found = []
    for word in words or []:
        sku, equals, value = word.rpartition("=")
        if not equals or not sku or not value:
            raise BadInput("bad_item", f"{word!r} is not SKU=…", hint=f"See --{option} in --help.", value=word)
        found.append((sku, value))
    return found
