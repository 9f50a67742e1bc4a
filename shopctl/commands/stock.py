"""What is where."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import inventory, warehouses
from shopctl.commands.face import Listed, Reading, Writing, face, noun, whole
from shopctl.core.domain.times import moment
from shopctl.core.errors import BadInput

app = noun("What is where: levels, receipts, transfers, counts, history.")
app.add_typer(warehouses.app, name="warehouses")
app.command("import", cls=Writing)(inventory.import_)
app.command("export", cls=Reading)(inventory.export)

SIGNED = {"ignore_unknown_options": True}
Sku = Annotated[str, typer.Argument(help="SKU, or - to read rows from stdin.")]
Warehouse = Annotated[
    str | None, typer.Option("--warehouse", "-w", metavar="CODE", help="Default: the first by priority.")
]
Reason = Annotated[str | None, typer.Option(help="A delivery note, a supplier.")]
LEVEL = ("sku", "warehouse", "quantity", "reserved", "committed", "available", "updated_at")
LOW = ("sku", "warehouse", "quantity", "reserved", "committed", "available", "low_stock")


@app.command("list", cls=Listed)
def list_(
    ctx: typer.Context,
    low: Annotated[
        bool, typer.Option("--low", help="Only SKUs at their threshold or below; the same as low:yes.")
    ] = False,
) -> None:
    """The levels, a row per SKU and warehouse."""
    me = face(ctx)
    if low:
        me.filters = [*me.filters, "low:yes"]
    me.listed(core.queries.stock.LIST, LOW if low else LEVEL)


@app.command(cls=Reading)
def show(
    ctx: typer.Context,
    sku: Annotated[str, typer.Argument()],
    buckets: Annotated[bool, typer.Option("--buckets", help="A row per bucket, where a level has several.")] = False,
) -> None:
    """Where a SKU lies, a row per warehouse."""
    me = face(ctx)
    with me.shop() as shop, shop.read() as tx:
        if buckets:
            me.out.many(core.queries.stock.buckets(tx, sku))
            return
        me.out.many(core.queries.stock.show(tx, sku), (*LEVEL[:-1], "safety_stock", "backorder_limit", "low_stock"))


@app.command(cls=Writing, context_settings=SIGNED)
def receive(
    ctx: typer.Context,
    sku: Sku,
    quantity: Annotated[str | None, typer.Argument(help="Units, 1 or more.")] = None,
    warehouse: Warehouse = None,
    reason: Reason = None,
) -> None:
    """Goods arrived. Rows of -: {"sku", "quantity", "warehouse"?, "reason"?}."""

    def one(shop: Any, row: Any) -> object:
        return core.stock.receive(
            shop,
            sku=row["sku"],
            quantity=whole(row["quantity"], "quantity"),
            warehouse=row.get("warehouse") or warehouse,
            reason=row.get("reason") or reason,
        )

    face(ctx).each(sku, ("sku", "quantity"), one, {"sku": sku, "quantity": quantity})


@app.command(cls=Writing, context_settings=SIGNED)
def adjust(
    ctx: typer.Context,
    sku: Sku,
    quantity: Annotated[str | None, typer.Argument(metavar="±N", help="The change: -2, +5.")] = None,
    reason: Annotated[str, typer.Option(help="Why; needed.")] = "",
    warehouse: Warehouse = None,
) -> None:
    """Correct what is on hand. Rows of -: {"sku", "quantity", "reason"?, "warehouse"?}."""

    def one(shop: Any, row: Any) -> object:
        return core.stock.adjust(
            shop,
            sku=row["sku"],
            quantity=whole(row["quantity"], "quantity"),
            reason=row.get("reason") or reason,
            warehouse=row.get("warehouse") or warehouse,
        )

    face(ctx).each(sku, ("sku", "quantity"), one, {"sku": sku, "quantity": quantity})


@app.command(cls=Writing, context_settings=SIGNED)
def transfer(
    ctx: typer.Context,
    sku: Sku,
    quantity: Annotated[str | None, typer.Argument(help="Units, 1 or more.")] = None,
    source: Annotated[str | None, typer.Option("--from", metavar="CODE", help="The warehouse they leave.")] = None,
    target: Annotated[str | None, typer.Option("--to", metavar="CODE", help="The warehouse they go to.")] = None,
    reason: Reason = None,
) -> None:
    """Move units from one warehouse to another. Rows of -: {"sku", "quantity", "from"?, "to"?, "reason"?}."""

    def one(shop: Any, row: Any) -> object:
        done = core.stock.transfer(
            shop,
            sku=row["sku"],
            quantity=whole(row["quantity"], "quantity"),
            source=_said(row, "from", source),
            target=_said(row, "to", target),
            reason=row.get("reason") or reason,
        )
        after = {"from_quantity": done.source.quantity, "to_quantity": done.target.quantity}
        places = {"from": done.source.warehouse, "to": done.target.warehouse}
        return {"sku": done.sku, "quantity": done.quantity, **places, **after}

    face(ctx).each(sku, ("sku", "quantity"), one, {"sku": sku, "quantity": quantity})


@app.command("set", cls=Writing, context_settings=SIGNED)
def set_(
    ctx: typer.Context,
    sku: Sku,
    quantity: Annotated[str | None, typer.Argument(help="What was counted on hand.")] = None,
    safety_stock: Annotated[
        str | None, typer.Option(metavar="N", help="Units that are never held for a shopper.")
    ] = None,
    warehouse: Warehouse = None,
    reason: Annotated[str | None, typer.Option(help="Default: stock take.")] = None,
) -> None:
    """Say what was counted on hand, a safety stock, or both. Rows of -: {"sku", "quantity"?, "safety_stock"?, "warehouse"?, "reason"?}."""
    me = face(ctx)

    def one(shop: Any, row: Any) -> object:
        units = {name: row.get(name) for name in ("quantity", "safety_stock")}
        if units["safety_stock"] is None:
            units["safety_stock"] = safety_stock
        counted = core.stock.set_level(
            shop,
            sku=row["sku"],
            warehouse=row.get("warehouse") or warehouse,
            reason=row.get("reason") or reason,
            **{name: None if value is None else whole(value, name) for name, value in units.items()},
        )
        if units["quantity"] is not None and not counted.difference and sku != "-":
            me.out.say(f"{counted.sku} in {counted.warehouse} is {counted.quantity} already; nothing was booked.")
        return counted

    me.each(sku, ("sku",), one, {"sku": sku, "quantity": quantity})


@app.command(cls=Writing)
def spread(
    ctx: typer.Context,
    sku: Sku,
    buckets: Annotated[
        str | None, typer.Option(metavar="N", help="Over how many rows, 1 to 64; 16 for a SKU that everybody wants.")
    ] = None,
    warehouse: Annotated[
        str | None, typer.Option("--warehouse", "-w", metavar="CODE", help="Default: wherever it is stocked.")
    ] = None,
) -> None:
    """Put the level of a hot SKU into buckets, so that its buyers do not queue for one row; 1 makes it whole again.

    What can be had stays the same. Worth it on Postgres; SQLite has one writer anyway. Rows of -: {"sku", "buckets"?, "warehouse"?}.
    """

    def one(shop: Any, row: Any) -> object:
        rows = core.stock.spread(
            shop,
            sku=row["sku"],
            buckets=whole(_wanted(row, buckets), "buckets"),
            warehouse=row.get("warehouse") or warehouse,
        )
        return {"sku": row["sku"], "buckets": rows[0].buckets, "warehouses": [found.warehouse for found in rows]}

    face(ctx).each(sku, ("sku",), one, {"sku": sku})


@app.command(cls=Reading)
def source(
    ctx: typer.Context,
    cart: Annotated[str | None, typer.Argument(help="A cart; or name SKUs.")] = None,
    sku: Annotated[
        list[str] | None, typer.Option("--sku", metavar="SKU=N", help="Without a cart: this many; may be repeated.")
    ] = None,
) -> None:
    """Which warehouses a cart would ship from now, and why not the others. Nothing is held."""
    if (cart is None) == (not sku):
        raise BadInput("usage", "Name a cart, or SKUs: --sku TEE-RED-M=2")
    me = face(ctx)
    with me.shop() as shop:
        if cart is not None:
            core.cart.persist_one(shop, name=cart)
        with shop.read() as tx:
            reads = core.queries.sourcing
            found = reads.of_skus(tx, _units(sku or [])) if cart is None else reads.of_cart(tx, cart)
            me.out.many(found.rows)
    if found.short:
        raise core.reservations.short(found.missing, found.short)


@app.command(cls=Listed)
def history(ctx: typer.Context, sku: Annotated[str, typer.Argument()]) -> None:
    """Every movement of a SKU, newest first."""

    def of_sku(tx: Any) -> list[Any]:
        core.queries.catalog.find_variant(tx, sku)
        return [core.queries.stock.m.sku == sku]

    columns = ("seq", "at", "warehouse", "kind", "quantity", "reserved", "committed", "reference", "reason", "actor")
    face(ctx).listed(core.queries.stock.HISTORY, columns, where=of_sku)


@app.command(cls=Reading)
def explain(
    ctx: typer.Context,
    sku: Annotated[str, typer.Argument()],
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="RFC 3339, e.g. 2026-11-22T12:00:00Z; default now.")
    ] = None,
) -> None:
    """Why a SKU stands, or stood, as it does: the sums of its movements."""
    me = face(ctx)
    with me.shop() as shop, shop.read() as tx:
        rows = core.queries.stock.explain(tx, sku, moment(at, shop.facts.timezone) if at else None)
        me.out.many(rows, ("warehouse", "at", "quantity", "reserved", "committed", "available"))
        if me.out.format == "table":
            for row in rows:
                me.out.text("")
                me.out.text(f"{row.warehouse}, by kind of movement")
                me.out.many(row.by_kind)


def _wanted(row: Any, buckets: str | None) -> object:
    found = row.get("buckets") or buckets
    if not found:
        raise BadInput("usage", "Say how many: --buckets N", field="buckets")
    return found


def _said(row: Any, name: str, option: str | None) -> str:
    found = row.get(name) or option
    if not found:
        raise BadInput("usage", f"Say the warehouse: --{name} CODE", field=name)
    return str(found)


def _units(pairs: list[str]) -> dict[str, int]:
    """SKU=N pairs, added up; a SKU may have = in it."""
    found: dict[str, int] = {}
    for pair in pairs:
        sku, equals, units = pair.rpartition("=")
        count = whole(units, "the units") if equals else 0
        if not sku or count < 1:
            raise BadInput("bad_sku", f"{pair!r} is not SKU=N, N being 1 or more", value=pair)
        found[sku] = found.get(sku, 0) + count
    return found
