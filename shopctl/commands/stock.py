"""What is where."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Listed, Reading, Writing, face, noun, whole
from shopctl.core.domain.times import moment

app = noun("What is where: levels, receipts, adjustments, history.")
warehouses = noun("Where stock lies.")
app.add_typer(warehouses, name="warehouses")

SIGNED = {"ignore_unknown_options": True}
Sku = Annotated[str, typer.Argument(help="SKU, or - to read rows from stdin.")]
Warehouse = Annotated[
    str | None, typer.Option("--warehouse", "-w", metavar="CODE", help="Default: the first by priority.")
]
LEVEL = ("sku", "warehouse", "quantity", "reserved", "committed", "available", "updated_at")


@app.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """The levels, a row per SKU and warehouse."""
    face(ctx).listed(core.queries.stock.LIST, LEVEL)


@app.command(cls=Reading)
def show(ctx: typer.Context, sku: Annotated[str, typer.Argument()]) -> None:
    """Where a SKU lies, a row per warehouse."""
    me = face(ctx)
    with me.shop() as shop, shop.read() as tx:
        me.out.many(core.queries.stock.show(tx, sku), LEVEL)


@app.command(cls=Writing, context_settings=SIGNED)
def receive(
    ctx: typer.Context,
    sku: Sku,
    quantity: Annotated[str | None, typer.Argument(help="Units, 1 or more.")] = None,
    warehouse: Warehouse = None,
    reason: Annotated[str | None, typer.Option(help="A delivery note, a supplier.")] = None,
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


@warehouses.command("list", cls=Reading)
def list_warehouses(ctx: typer.Context) -> None:
    """The warehouses in priority order."""
    me = face(ctx)
    with me.shop() as shop, shop.read() as tx:
        me.out.many(core.queries.stock.warehouse_rows(tx))


@warehouses.command("add", cls=Writing)
def add_warehouse(
    ctx: typer.Context,
    code: Annotated[str, typer.Argument(help="MAIN, EAST …, or - to read rows from stdin.")],
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    priority: Annotated[int | None, typer.Option(help="1 ships first; default: last.")] = None,
) -> None:
    """Open a warehouse. Rows of -: {"code", "name"?, "priority"?}."""

    def one(shop: Any, row: Any) -> object:
        rank = row.get("priority")
        place = {"code": row["code"], "name": row.get("name") or name}
        return core.stock.add_warehouse(shop, **place, priority=priority if rank is None else whole(rank, "priority"))

    face(ctx).each(code, ("code",), one, {"code": code})
