"""`search`."""

from __future__ import annotations

from typing import Annotated

import typer

from shopctl import core
from shopctl.commands.face import Reading, face, noun
from shopctl.core.domain.wire import plain
from shopctl.core.errors import BadInput

TOP_LEVEL = True
app = noun("Search.")


@app.command(cls=Reading)
def search(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="Words; a trailing * is a prefix; empty browses.")] = "",
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only what can be had now.")] = False,
    brand: Annotated[str | None, typer.Option(help="Of one brand.")] = None,
    category: Annotated[str | None, typer.Option(metavar="PATH", help="In a category or below it.")] = None,
    option: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Colour=Red; may be repeated.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="With this tag; may be repeated.")] = None,
    min_price: Annotated[str | None, typer.Option(metavar="PRICE", help="From this price.")] = None,
    max_price: Annotated[str | None, typer.Option(metavar="PRICE", help="Up to this price.")] = None,
    facets: Annotated[bool, typer.Option("--facets", help="Count by brand, category, option …")] = False,
    sort: Annotated[str, typer.Option(metavar="relevance|price|-price|title|newest", help="The order.")] = "relevance",
    limit: Annotated[int, typer.Option(metavar="N", help="How many; -1 is all that was found.")] = 20,
) -> None:
    """Search the catalogue: words by relevance, price and stock live from the store."""
    me = face(ctx)
    pairs = [text.partition("=") for text in option or []]
    if any(not equals for _, equals, _ in pairs):
        raise BadInput("bad_option", "An option filter is NAME=VALUE", hint="--option Colour=Red")
    request = core.search.Request(
        text=query,
        in_stock=in_stock,
        brand=brand,
        category=category,
        options={name: value for name, _, value in pairs},
        tags=tuple(tag or ()),
        min_price=min_price,
        max_price=max_price,
        facets=facets,
        sort=sort,
        limit=limit,
    )
    with me.shop() as shop:
        results = core.search.search(shop, request)
    if me.out.format == "json":
        hits = [me.out.picked(hit) for hit in plain(results.hits)]
        me.out.whole({**plain(results), "hits": hits})
        return
    columns = ("sku", "title", "options", "brand", "price", "currency", "available")
    me.out.many(results.hits, columns)
    if me.out.format == "table":
        for name, values in results.facets.items():
            me.out.text("")
            me.out.text(f"{name}: " + ", ".join(f"{value.value} ({value.count})" for value in values))
    if results.corrected:
        me.out.say(f"Nothing matched as written; shown for {results.corrected!r}.")
    shown = "at least " if results.relation == "at_least" else ""
    me.out.say(f"{len(results.hits)} of {shown}{results.total}." if results.total else "Nothing found.")
