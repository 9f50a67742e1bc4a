"""Products, variants, categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import imports, progress
from shopctl.commands.face import Listed, Reading, Writing, face, noun, whole
from shopctl.core.domain.money import Money
from shopctl.core.errors import BadInput

app = noun("Products, variants, categories; import and export.")
categories = noun("The tree of categories.")
app.add_typer(categories, name="categories")

FORMATS = "|".join(core.imports.formats.FORMATS)

Price = Annotated[str | None, typer.Option(help="19.99")]
Title = Annotated[str | None, typer.Option(help="What it is called.")]
Description = Annotated[str | None, typer.Option(help="What it is.")]
Brand = Annotated[str | None, typer.Option(help="Who makes it.")]
Category = Annotated[str | None, typer.Option(metavar="PATH", help='"Apparel > Shirts"')]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="May be repeated.")]
Status = Annotated[str | None, typer.Option(metavar="draft|active|archived", help="Only active products are sold.")]
Image = Annotated[list[str] | None, typer.Option("--image", metavar="URL", help="May be repeated.")]
CompareAt = Annotated[str | None, typer.Option("--compare-at-price", help="The price before; empty removes it.")]
Weight = Annotated[str | None, typer.Option("--weight-grams", help="Of one unit.")]
Barcode = Annotated[str | None, typer.Option(help="EAN, UPC …; empty removes it.")]
HoldAt = Annotated[
    str | None, typer.Option(metavar="cart|checkout|shop", help="When stock is held; shop is the shop's own rule.")
]
Backorder = Annotated[
    str | None, typer.Option("--backorder-limit", metavar="N", help="Units that may be sold before they are here.")
]
LowStock = Annotated[
    str | None,
    typer.Option("--low-stock", metavar="N|shop", help="Low at so many units; shop for the shop's own rule."),
]
Tracked = Annotated[bool | None, typer.Option("--tracked/--untracked", help="Whether stock is counted.")]
Taxable = Annotated[bool | None, typer.Option("--taxable/--untaxed", help="Whether tax is added.")]
Shipped = Annotated[bool | None, typer.Option("--shipped/--unshipped", help="Whether it needs a parcel.")]


@app.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """The catalogue, a row per variant."""
    face(ctx).listed(core.queries.catalog.LIST, ("sku", "title", "options", "status", "price", "available", "category"))


@app.command(cls=Reading)
def show(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="HANDLE|SKU")]) -> None:
    """A product with its variants."""
    face(ctx).show(lambda tx: core.queries.catalog.show(tx, name))


@app.command(cls=Writing)
def add(
    ctx: typer.Context,
    title: Annotated[str, typer.Argument(help="Or - to read product objects from stdin.")],
    price: Price = None,
    sku: Annotated[str | None, typer.Option(help="Made from the title when missing.")] = None,
    handle: Annotated[str | None, typer.Option(help="Made from the title when missing.")] = None,
    option: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Size=M; may be repeated.")] = None,
    description: Description = None,
    brand: Brand = None,
    category: Category = None,
    tag: Tag = None,
    status: Status = None,
    image: Image = None,
    compare_at_price: CompareAt = None,
    barcode: Barcode = None,
    weight_grams: Weight = None,
) -> None:
    """Add one product with one variant; for more, import JSONL. Rows of -: product objects as `catalog show` prints them."""
    variant = _given(
        sku=sku, price=price, compare_at_price=compare_at_price, barcode=barcode, weight_grams=weight_grams
    )
    variant["options"] = _options(option or [])
    product = _given(handle=handle, title=title, description=description, brand=brand, category=category, tags=tag)
    product |= _given(status=status, image_urls=image) | {"variants": [variant]}

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        written = core.catalog.add(shop, core.imports.entry.draft(shop, row))
        return {"handle": written.handle, "variants": written.variants, "made_skus": written.made_skus}

    face(ctx).each(title, ("title",), one, product)


@app.command(cls=Writing)
def edit(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="HANDLE|SKU", help="Or - to read rows from stdin.")],
    title: Title = None,
    description: Description = None,
    brand: Brand = None,
    category: Category = None,
    tag: Tag = None,
    status: Status = None,
    image: Image = None,
    price: Price = None,
    compare_at_price: CompareAt = None,
    barcode: Barcode = None,
    weight_grams: Weight = None,
    hold_at: HoldAt = None,
    backorder_limit: Backorder = None,
    low_stock: LowStock = None,
    tracked: Tracked = None,
    taxable: Taxable = None,
    requires_shipping: Shipped = None,
) -> None:
    """Change a product (by handle) or a variant (by SKU). Rows of -: {"name" or "sku" or "handle", and the fields}."""
    changes = _given(title=title, description=description, brand=brand, category=category, tags=tag, status=status)
    changes |= _given(image_urls=image, price=price, compare_at_price=compare_at_price, barcode=barcode)
    changes |= _given(weight_grams=weight_grams, hold_at=hold_at, backorder_limit=backorder_limit)
    changes |= _given(low_stock=low_stock, tracked=tracked, taxable=taxable, requires_shipping=requires_shipping)
    me = face(ctx)
    if name == "-":
        me.rows((), lambda shop, row: _edit(shop, _named(row), {k: v for k, v in row.items() if k not in _TOLD}))
    else:
        me.do(lambda shop: _edit(shop, name, changes))


@app.command(cls=Writing)
def archive(ctx: typer.Context, handle: Annotated[str, typer.Argument(help="Or - to read rows from stdin.")]) -> None:
    """Take a product out of search and sale. Rows of -: {"handle"}."""

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        written = core.catalog.archive(shop, handle=row["handle"])
        return {"handle": written.handle, "outcome": written.outcome, "status": "archived"}

    face(ctx).each(handle, ("handle",), one, {"handle": handle})


@app.command(cls=Reading)
def related(
    ctx: typer.Context,
    sku: Annotated[str, typer.Argument()],
    limit: Annotated[int, typer.Option(metavar="N", help="How many; -1 is all.")] = 10,
) -> None:
    """What goes with a SKU: bought together in the shop's orders, else of its category or brand."""
    if limit < -1:
        raise BadInput("bad_limit", f"A limit is a number of rows, or -1 for all, not {limit}")
    me = face(ctx)
    with me.shop() as shop, shop.read() as tx:
        rows = core.queries.related.related(tx, sku, limit)
        me.out.many(rows, ("sku", "title", "price", "currency", "available", "reason", "orders", "score"))


@app.command("import", cls=Writing)
def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-")],
    format: Annotated[str | None, typer.Option(metavar=FORMATS, help="Default: sniffed.")] = None,
    on_error: imports.OnError = "continue",
    refused: imports.Refused = None,
    from_start: imports.FromStart = False,
    limit: imports.Shown = 50,
) -> None:
    """Take in products, in one of several formats. The same file again changes nothing."""
    me, rule = face(ctx), imports.policy(on_error)
    with imports.differences() as found:
        with me.shop(writes=True) as shop, imports.opened(file) as source:
            with imports.if_stopped(me, imports.STOPPED[rule]), progress.reading(me, "Importing", source) as step:
                report = core.imports.products.import_products(
                    shop,
                    source,
                    format=format,
                    on_error=rule,
                    target=file,
                    refused=refused,
                    from_start=from_start,
                    progress=step,
                    on_refusal=imports.refusals(me),
                    on_change=(lambda change: found.add(_difference(change))) if me.dry_run else None,
                )
            with imports.if_stopped(me, imports.STOPPED["indexing"]), progress.counting(me, "Indexing") as step:
                core.housekeeping.index_all(shop, step)
        imports.show(me, report, found, limit, refused)


@app.command(cls=Reading)
def export(
    ctx: typer.Context,
    format: Annotated[str | None, typer.Option(metavar=FORMATS, help="Default: jsonl, or what -o says.")] = None,
) -> None:
    """Write the whole catalogue to stdout, losslessly: import takes it back unchanged."""
    me = face(ctx)
    wanted = imports.export_format(me, format, "jsonl")
    with me.shop() as shop:
        me.out.raw(core.imports.export.export_products(shop, format=wanted))


@categories.command("list", cls=Listed)
def list_categories(ctx: typer.Context) -> None:
    """The tree, a path a row."""
    face(ctx).listed(core.queries.catalog.CATEGORIES, ("path", "products"))


@categories.command("add", cls=Writing)
def add_category(
    ctx: typer.Context, path: Annotated[str, typer.Argument(help='"Apparel > Shirts", or - to read rows from stdin.')]
) -> None:
    """Make a category and its parents. Rows of -: {"path"}."""

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        checked = core.imports.entry.changes(shop, {"category": row["path"]})
        return {"path": core.catalog.add_category(shop, path=checked["category"])}

    face(ctx).each(path, ("path",), one, {"path": path})


_NAMES = ("sku", "name", "handle")
_TOLD = (*_NAMES, "id", "options", "currency", "available", "position")
"""What rows of lists tell besides what can be changed."""
_AMOUNTS = ("price", "compare_at_price")


def _named(row: Mapping[str, Any]) -> str:
    for key in _NAMES:
        if isinstance(row.get(key), str):
            return str(row[key])
    raise BadInput("bad_row", "The row has no sku, handle or name")


def _edit(shop: Any, name: str, changes: Mapping[str, Any]) -> object:
    said = core.imports.entry.changes(shop, _blank_as_none(changes))
    if not said:
        raise BadInput(
            "nothing_to_change", "Name at least one field to change", hint="See shopctl catalog edit --help."
        )
    written, currency = core.catalog.edit(shop, name=name, said=said), shop.facts.currency
    shown = {
        field: Money(value, currency) if field in _AMOUNTS and value is not None else value
        for field, value in said.items()
    }
    return {"name": name, "handle": written.handle, "outcome": written.outcome, **shown, "currency": currency}


def _blank_as_none(changes: Mapping[str, Any]) -> dict[str, Any]:
    """An empty option takes the value away; numbers come as text from the command line."""
    cleaned = {key: None if value in ("", "shop") and key != "description" else value for key, value in changes.items()}
    for key in ("weight_grams", "backorder_limit", "low_stock"):
        if cleaned.get(key) is not None:
            cleaned[key] = whole(cleaned[key], key)
    return cleaned


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _options(pairs: list[str]) -> dict[str, str]:
    found = [_pair(pair) for pair in pairs]
    if len(dict(found)) < len(found):
        raise BadInput("bad_option", "An option is named twice")
    return dict(found)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadInput("bad_option", f"{text!r} is not NAME=VALUE", value=text)
    return name, value


def _difference(change: Any) -> dict[str, object]:
    told = {"handle": change.handle, "sku": change.sku, "field": change.field}
    return {**told, "from": change.before, "to": change.after}
