"""`store tax` and `store shipping`: dated rates by country and region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import imports
from shopctl.commands.face import Destroying, Listed, Writing, face, noun
from shopctl.core.domain.times import moment
from shopctl.core.errors import BatchFailed

tax = noun("Tax rates, dated, by country and region.")
shipping = noun("Shipping rates, dated, by country and region.")

Id = Annotated[str, typer.Argument(metavar="ID", help="As `list` prints it, or - to read rows from stdin.")]
Name = Annotated[str | None, typer.Option(help="What it is called.")]
Country = Annotated[str | None, typer.Option(help="ISO 3166; empty is everywhere.")]
Region = Annotated[str | None, typer.Option(help="State or province code; empty is the whole country.")]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Holds from; default now.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Holds until, exclusive; empty is for good.")]
At = Annotated[str | None, typer.Option("--at", metavar="TIME", help="Only those that hold then; also `now`.")]
Percent = Annotated[str | None, typer.Option(help="8.875")]
Included = Annotated[
    bool | None, typer.Option("--included/--excluded", help="In the prices already? Default: the shop's.")
]
OnShipping = Annotated[bool | None, typer.Option("--on-shipping/--not-on-shipping", help="Is shipping taxed, too?")]
Amount = Annotated[str | None, typer.Option(help="4.99")]
MinWeight = Annotated[str | None, typer.Option("--min-weight", metavar="GRAMS", help="From this weight.")]
MaxWeight = Annotated[str | None, typer.Option("--max-weight", metavar="GRAMS", help="Below this weight.")]
MinTotal = Annotated[str | None, typer.Option("--min-total", metavar="TOTAL", help="From this subtotal.")]
MaxTotal = Annotated[str | None, typer.Option("--max-total", metavar="TOTAL", help="Below this subtotal.")]
FreeAbove = Annotated[str | None, typer.Option("--free-above", metavar="TOTAL", help="Free from this subtotal.")]


@tax.command("list", cls=Listed)
def list_taxes(ctx: typer.Context, at: At = None) -> None:
    """The tax rates, past and future ones too."""
    columns = ("name", "country", "region", "percent", "included", "on_shipping", "valid_from", "valid_to")
    _list(ctx, "TAX", "TAXES", columns, at)


@tax.command("add", cls=Writing)
def add_tax(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="VAT, GST … (different names add up), or - for rows.")],
    percent: Annotated[str | None, typer.Argument(metavar="PERCENT", help="8.875")] = None,
    country: Country = None,
    region: Region = None,
    included: Included = None,
    on_shipping: OnShipping = None,
    valid_from: From = None,
    valid_to: To = None,
) -> None:
    """Add a tax rate. Rows of -: what `tax list` prints; `included` and the dates may be missing."""
    said = _said(country=country, region=region, included=included, on_shipping=on_shipping)
    _add(ctx, "TAX", "percent", {"name": name, "percent": percent, **said, **_dates(valid_from, valid_to)})


@tax.command("edit", cls=Writing)
def edit_tax(
    ctx: typer.Context,
    id: Id,
    name: Name = None,
    percent: Percent = None,
    country: Country = None,
    region: Region = None,
    included: Included = None,
    on_shipping: OnShipping = None,
    valid_from: From = None,
    valid_to: To = None,
) -> None:
    """Change a tax rate; orders keep what they were charged. Rows of -: {"id", and the fields}."""
    said = _said(name=name, percent=percent, country=country, region=region, included=included, on_shipping=on_shipping)
    _edit(ctx, "TAX", id, {**said, **_dates(valid_from, valid_to)})


@tax.command("remove", cls=Destroying)
def remove_tax(ctx: typer.Context, id: Id) -> None:
    """Take a tax rate away, its past too; to end one, edit --to. Rows of -: {"id"}."""
    _remove(ctx, "TAX", id)


@tax.command("import", cls=Writing)
def import_taxes(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-")],
    included: Included = None,
    on_shipping: OnShipping = None,
    on_error: imports.OnError = "continue",
) -> None:
    """Add the rates of a file: our CSV or JSONL, or a published table of dated VAT rates. The same again changes nothing."""
    _import(ctx, "TAX", file, _said(included=included, on_shipping=on_shipping), on_error)


@shipping.command("list", cls=Listed)
def list_shipping(ctx: typer.Context, at: At = None) -> None:
    """The shipping rates, past and future ones too."""
    bounds = ("min_weight_grams", "max_weight_grams", "min_total", "max_total", "free_above")
    columns = ("name", "country", "region", "amount", "currency", *bounds, "valid_from", "valid_to")
    _list(ctx, "SHIPPING", "SHIPPING", columns, at)


@shipping.command("add", cls=Writing)
def add_shipping(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Standard, Express …, or - for rows.")],
    amount: Annotated[str | None, typer.Argument(metavar="AMOUNT", help="4.99")] = None,
    country: Country = None,
    region: Region = None,
    min_weight: MinWeight = None,
    max_weight: MaxWeight = None,
    min_total: MinTotal = None,
    max_total: MaxTotal = None,
    free_above: FreeAbove = None,
    valid_from: From = None,
    valid_to: To = None,
) -> None:
    """Add a shipping rate: flat, by weight, by total, free above. Rows of -: what `shipping list` prints."""
    said = _said(country=country, region=region, min_weight_grams=min_weight, max_weight_grams=max_weight)
    said |= _said(min_total=min_total, max_total=max_total, free_above=free_above)
    _add(ctx, "SHIPPING", "amount", {"name": name, "amount": amount, **said, **_dates(valid_from, valid_to)})


@shipping.command("edit", cls=Writing)
def edit_shipping(
    ctx: typer.Context,
    id: Id,
    name: Name = None,
    amount: Amount = None,
    country: Country = None,
    region: Region = None,
    min_weight: MinWeight = None,
    max_weight: MaxWeight = None,
    min_total: MinTotal = None,
    max_total: MaxTotal = None,
    free_above: FreeAbove = None,
    valid_from: From = None,
    valid_to: To = None,
) -> None:
    """Change a shipping rate; orders keep what they were charged. Rows of -: {"id", and the fields}."""
    said = _said(name=name, amount=amount, country=country, region=region, min_weight_grams=min_weight)
    said |= _said(max_weight_grams=max_weight, min_total=min_total, max_total=max_total, free_above=free_above)
    _edit(ctx, "SHIPPING", id, {**said, **_dates(valid_from, valid_to)})


@shipping.command("remove", cls=Destroying)
def remove_shipping(ctx: typer.Context, id: Id) -> None:
    """Take a shipping rate away, its past too; to end one, edit --to. Rows of -: {"id"}."""
    _remove(ctx, "SHIPPING", id)


@shipping.command("import", cls=Writing)
def import_shipping(
    ctx: typer.Context, file: Annotated[str, typer.Argument(metavar="FILE|-")], on_error: imports.OnError = "continue"
) -> None:
    """Add the rates of a file, our CSV or JSONL. The same again changes nothing."""
    _import(ctx, "SHIPPING", file, {}, on_error)


# --- what both share -------------------------------------------------------------------------------------------------
def _kind(name: str) -> Any:
    return getattr(core.rates, name)


def _list(ctx: typer.Context, kind: str, listing: str, columns: tuple[str, ...], at: str | None) -> None:
    def holding(tx: Any) -> list[Any]:
        if at is None:
            return []
        when = tx.now if at == "now" else moment(at, tx.facts.timezone)
        return list(core.queries.rates.holding(_kind(kind).table, when))

    face(ctx).listed(getattr(core.queries.rates, listing), columns, where=holding)


def _add(ctx: typer.Context, kind: str, needed: str, given: Mapping[str, Any]) -> None:
    def one(shop: Any, row: Mapping[str, Any]) -> object:
        return core.rates.add(shop, _kind(kind), {key: row[key] for key in row if key not in _PRINTED})

    face(ctx).each(given["name"], ("name", needed), one, given)


def _edit(ctx: typer.Context, kind: str, id: str, said: Mapping[str, Any]) -> None:
    def one(shop: Any, row: Mapping[str, Any]) -> object:
        fields = {key: row[key] for key in row if key not in _PRINTED}
        return core.rates.edit(shop, _kind(kind), rate_id=row["id"], said=fields)

    face(ctx).each(id, ("id",), one, {"id": id, **said})


def _remove(ctx: typer.Context, kind: str, id: str) -> None:
    me = face(ctx)
    me.confirm("Remove the rates read from stdin?" if id == "-" else f"Remove rate {id}?")
    me.each(id, ("id",), lambda shop, row: core.rates.remove(shop, _kind(kind), rate_id=row["id"]), {"id": id})


def _import(ctx: typer.Context, kind: str, file: str, defaults: Mapping[str, Any], on_error: str) -> None:
    me, rule = face(ctx), imports.policy(on_error)
    with me.shop(writes=True) as shop, imports.opened(file) as source:
        report = core.imports.rates.import_rates(shop, _kind(kind), source, defaults=defaults, on_error=rule)
    me.out.one(report)
    if report.refused:
        rates = "1 rate was" if report.refused == 1 else f"{report.refused} rates were"
        raise BatchFailed("rows_refused", f"{rates} refused", refused=report.refused)


_PRINTED = ("id", "currency")
"""What lists print besides what can be said of a rate."""


def _said(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _dates(start: str | None, end: str | None) -> dict[str, Any]:
    return _said(valid_from=start, valid_to=end)
