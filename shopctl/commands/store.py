"""The store: settings, rates, recovery, index."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import progress
from shopctl.commands.face import Destroying, Reading, Writing, face, noun, whole
from shopctl.commands.moments import moment
from shopctl.core.errors import StillPending

app = noun("The store: settings, rates, recovery, index.")
tax = noun("Tax rates, dated, by country and region.")
shipping = noun("Shipping rates, dated, by country and region.")
app.add_typer(tax, name="tax")
app.add_typer(shipping, name="shipping")

Country = Annotated[str, typer.Option(help="ISO 3166; empty is everywhere.")]
Region = Annotated[str, typer.Option(help="State or province code; empty is the whole country.")]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Holds from (default now).")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Holds until, exclusive.")]


@app.command(cls=Reading)
def info(ctx: typer.Context) -> None:
    """The shop, what is in it, and where each setting comes from."""
    me = face(ctx)
    from dataclasses import asdict

    settings = me.settings()
    with me.shop() as shop:
        facts = core.store.info(shop)
    shown = asdict(settings)
    shown["store"]["value"] = core.store.without_password(settings.store.value)
    me.out.one({**facts, "settings": [{"setting": name, **value} for name, value in shown.items()]})


@app.command("set", cls=Writing)
def set_(
    ctx: typer.Context,
    key: Annotated[
        str,
        typer.Argument(
            help="- to read rows, or name, country, timezone, hold_at, hold_seconds, cart_seconds, events_days, email_sender."
        ),
    ],
    value: Annotated[str | None, typer.Argument()] = None,
) -> None:
    """Change a rule of the shop. Rows of -: {"key", "value"}."""

    def one(shop: Any, row: Any) -> object:
        return core.settings.set_value(shop, key=row["key"], value=str(row["value"]))

    face(ctx).each(key, ("key", "value"), one, {"key": key, "value": value})


@app.command(cls=Writing)
def recover(ctx: typer.Context) -> None:
    """Finish every checkout and refund that a dead process left behind."""
    me = face(ctx)
    with me.shop(writes=True) as shop:
        results = core.settlement.recover(shop)
        core.housekeeping.revive(shop)
        me.out.many(results)
    left = sum(not found.ok for found in results)
    if left:
        message = f"{left} of what was left unfinished could not be finished now"
        raise StillPending("not_recovered", message, hint="Run it again later.", left=left)
    me.out.say(f"{len(results)} orders and refunds looked at." if results else "Nothing was left unfinished.")


@app.command(cls=Destroying)
def repair(
    ctx: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Mend; without it the plan is shown.")] = False,
) -> None:
    """Mend derived data (stock counters) from the ledger; never money."""
    me = face(ctx)
    if apply:
        me.confirm("Rewrite the stock counters from their movements?")
    with me.shop(writes=apply) as shop:
        mends = core.verify.repair(shop, apply=apply)
        me.out.many(mends)
    me.out.say(f"{len(mends)} {'mended' if apply else 'to mend; --apply does it'}." if mends else "Nothing to mend.")


@app.command(cls=Writing)
def reindex(ctx: typer.Context) -> None:
    """Build the search index anew from the catalogue."""
    me = face(ctx)
    with me.shop(writes=True) as shop:
        with progress.counting(me, "Indexing") as step:
            count = core.search.reindex(shop, step)
        me.out.one({"indexed": count})


@app.command(cls=Writing)
def migrate(ctx: typer.Context) -> None:
    """Bring the store to this release's schema."""
    me = face(ctx)
    me.out.one(core.store.migrate(me.settings().store.value, dry_run=me.dry_run))


@tax.command("list", cls=Reading)
def list_taxes(ctx: typer.Context) -> None:
    """Every tax rate, past and future ones too."""
    me = face(ctx)
    with me.shop() as shop, shop.read() as tx:
        me.out.many(
            core.queries.rates.taxes(tx),
            ("name", "country", "region", "percent", "included", "on_shipping", "valid_from", "valid_to"),
        )


@tax.command("add", cls=Writing)
def add_tax(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="VAT, GST … (different names add up), or - to read rows.")],
    percent: Annotated[str | None, typer.Argument(help="8.875")] = None,
    country: Country = "",
    region: Region = "",
    included: Annotated[
        bool | None, typer.Option("--included/--excluded", help="In the prices already? Default: the shop's.")
    ] = None,
    on_shipping: Annotated[bool, typer.Option("--on-shipping", help="Shipping is taxed too.")] = False,
    valid_from: From = None,
    valid_to: To = None,
) -> None:
    """Add a tax rate. Rows of -: what `tax list` prints; `included` and the dates may be missing."""
    given = {"name": name, "percent": percent, "country": country, "region": region, "included": included}
    given |= {"on_shipping": on_shipping, "valid_from": valid_from, "valid_to": valid_to}

    def one(shop: Any, row: Any) -> object:
        included = row.get("included")
        return core.rates.add_tax(
            shop,
            name=str(row["name"]),
            percent=str(row["percent"]),
            country=row.get("country") or "",
            region=row.get("region") or "",
            included=shop.facts.prices_include_tax if included is None else bool(included),
            on_shipping=bool(row.get("on_shipping")),
            dates=_dates(shop, row.get("valid_from"), row.get("valid_to")),
        )

    face(ctx).each(name, ("name", "percent"), one, given)


@shipping.command("list", cls=Reading)
def list_shipping(ctx: typer.Context) -> None:
    """Every shipping rate, past and future ones too."""
    me = face(ctx)
    with me.shop() as shop, shop.read() as tx:
        columns = ("name", "country", "region", "amount", "currency", "min_weight_grams", "max_weight_grams")
        me.out.many(
            core.queries.rates.shipping(tx),
            (*columns, "min_total", "max_total", "free_above", "valid_from", "valid_to"),
        )


@shipping.command("add", cls=Writing)
def add_shipping(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Standard, Express …, or - to read rows.")],
    amount: Annotated[str | None, typer.Argument(help="4.99")] = None,
    country: Country = "",
    region: Region = "",
    min_weight: Annotated[int | None, typer.Option(metavar="GRAMS", help="From this weight.")] = None,
    max_weight: Annotated[int | None, typer.Option(metavar="GRAMS", help="Below this weight.")] = None,
    min_total: Annotated[str | None, typer.Option(metavar="TOTAL", help="From this subtotal.")] = None,
    max_total: Annotated[str | None, typer.Option(metavar="TOTAL", help="Below this subtotal.")] = None,
    free_above: Annotated[str | None, typer.Option(metavar="TOTAL", help="Free from this subtotal.")] = None,
    valid_from: From = None,
    valid_to: To = None,
) -> None:
    """Add a shipping rate: flat, by weight, by total, free above. Rows of -: what `shipping list` prints."""
    given: dict[str, Any] = {"name": name, "amount": amount, "country": country, "region": region}
    given |= {"min_weight_grams": min_weight, "max_weight_grams": max_weight, "min_total": min_total}
    given |= {"max_total": max_total, "free_above": free_above, "valid_from": valid_from, "valid_to": valid_to}

    def one(shop: Any, row: Any) -> object:
        limits = {field: row.get(field) for field in core.rates.Bounds.__slots__}
        for field in ("min_weight_grams", "max_weight_grams"):
            limits[field] = None if limits[field] is None else whole(limits[field], field)
        bounds = core.rates.Bounds(**limits)
        return core.rates.add_shipping(
            shop,
            name=str(row["name"]),
            amount=str(row["amount"]),
            country=row.get("country") or "",
            region=row.get("region") or "",
            bounds=bounds,
            dates=_dates(shop, row.get("valid_from"), row.get("valid_to")),
        )

    face(ctx).each(name, ("name", "amount"), one, given)


def _dates(shop: Any, start: str | None, end: str | None) -> Any:
    zone = shop.facts.timezone
    return core.rates.Dates(moment(start, zone) if start else None, moment(end, zone) if end else None)
