"""Stock in and out as files; part of the noun stock."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import imports
from shopctl.commands.face import face

FORMATS = "csv|jsonl|shopify-wide|shopify-tall"


def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-")],
    format: Annotated[str | None, typer.Option(metavar=FORMATS, help="Default: sniffed.")] = None,
    on_error: imports.OnError = "continue",
    make_warehouses: Annotated[
        bool, typer.Option("--make-warehouses", help="Open warehouses for locations that the shop does not know.")
    ] = False,
    refused: imports.Refused = None,
    limit: imports.Shown = 50,
) -> None:
    """Set what is on hand from a file: our own, or Shopify's inventory. The same file again changes nothing."""
    me, rule = face(ctx), imports.policy(on_error)
    with imports.differences() as found:
        with imports.taking_in(me, file, rule) as (shop, source, step):
            report = core.imports.stock.import_stock(
                shop,
                source,
                format=format,
                on_error=rule,
                make_warehouses=make_warehouses,
                target=file,
                refused=refused,
                progress=step,
                on_refusal=imports.refusals(me),
                on_change=(lambda change: found.add(_difference(change))) if me.dry_run else None,
            )
        imports.show(me, report, found, limit, refused)


def export(
    ctx: typer.Context,
    format: Annotated[str | None, typer.Option(metavar=FORMATS, help="Default: csv, or what -o says.")] = None,
) -> None:
    """Write all stock to stdout, losslessly: import takes it back unchanged."""
    me = face(ctx)
    wanted = imports.export_format(me, format, "csv")
    with me.shop() as shop:
        me.out.raw(core.imports.export_stock.export_stock(shop, format=wanted))


def _difference(change: Any) -> dict[str, object]:
    where = {"sku": change.sku, "warehouse": change.warehouse, "field": change.field}
    return {**where, "from": change.before, "to": change.after}
