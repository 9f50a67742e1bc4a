"""`init` and `version`."""

from __future__ import annotations

from typing import Annotated

import typer

from shopctl.commands.face import Reading, Writing, face, noun
from shopctl.core.domain.facts import DEFAULT_SENDER

TOP_LEVEL = True
app = noun("Begin.")

PRICES = ("exclude-tax", "include-tax")


@app.command(cls=Writing)
def init(
    ctx: typer.Context,
    name: Annotated[str, typer.Option(help="The shop's name.")] = "My shop",
    currency: Annotated[str, typer.Option(help="ISO 4217; one a shop, for good.")] = "USD",
    country: Annotated[str, typer.Option(help="ISO 3166, two letters.")] = "US",
    timezone: Annotated[str, typer.Option(help='What "today" means, e.g. Europe/Berlin.')] = "UTC",
    prices: Annotated[
        str, typer.Option(metavar="|".join(PRICES), help="Whether prices have tax in them.")
    ] = "exclude-tax",
    email_sender: Annotated[
        str, typer.Option("--email-sender", metavar="EMAIL", help="Who confirmations come from.")
    ] = DEFAULT_SENDER,
    test_store: Annotated[bool, typer.Option("--test-store", help="Mark it for fault tests: failpoints work.")] = False,
) -> None:
    """Make a shop: a store with its first warehouse, MAIN."""
    from shopctl.commands.output import unknown
    from shopctl.core import store
    from shopctl.core.db.engine import parse_url

    me = face(ctx)
    me.must_write("init")
    if prices not in PRICES:
        raise unknown("price_rule", prices, PRICES)
    facts = store.check(
        store.NewShop(name, currency, country, timezone, prices == "include-tax", email_sender, test_store)
    )
    settings = me.settings()
    url = parse_url(settings.store.value)
    result = {"store": url.render_as_string(), "name": facts.name, "currency": facts.currency, "country": facts.country}
    if me.dry_run:
        me.out.say("Dry run: nothing was made.")
    else:
        store.init(url, facts, actor=settings.actor.value)
        me.out.say("Next: shopctl catalog import FILE, shopctl stock receive SKU QTY.")
    me.out.one({**result, "warehouse": store.DEFAULT_WAREHOUSE, "id": facts.id})


@app.command(cls=Reading)
def version(ctx: typer.Context) -> None:
    """Print the version."""
    from shopctl import __version__

    out = face(ctx).out
    if out.format == "table":
        out.text(f"shopctl {__version__}")
    else:
        out.one({"version": __version__})
