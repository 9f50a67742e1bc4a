"""Orders in and out: `orders import` and `orders export`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import imports
from shopctl.commands.face import face


def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-")],
    format: Annotated[str | None, typer.Option(metavar="jsonl|csv|shopify", help="Default: sniffed.")] = None,
    on_error: imports.OnError = "continue",
    refused: imports.Refused = None,
    strict_skus: Annotated[
        bool, typer.Option("--strict-skus", help="Refuse lines whose SKU the catalogue does not have.")
    ] = False,
    limit: imports.Shown = 50,
) -> None:
    """Take in orders that were placed elsewhere: our JSONL or CSV, or Shopify's export. Nothing is charged or mailed."""
    me, rule = face(ctx), imports.policy(on_error)
    with imports.differences() as found:
        with imports.taking_in(me, file, rule) as (shop, source, step):
            take = core.imports.orders.take
            how = take.How(
                format=format,
                on_error=rule,
                target=file,
                refused=refused,
                strict_skus=strict_skus,
                progress=step,
                on_refusal=imports.refusals(me),
                on_order=(lambda order: found.add(_told(order, shop.facts.currency))) if me.dry_run else None,
            )
            report = take.import_orders(shop, source, how)
        imports.show(me, report, found, limit, refused)


def export(
    ctx: typer.Context,
    format: Annotated[
        str | None, typer.Option(metavar="jsonl|csv|shopify", help="Default: jsonl, or what -o says.")
    ] = None,
) -> None:
    """Write every order to stdout, losslessly: import takes it back unchanged."""
    me = face(ctx)
    wanted = imports.export_format(me, format, "jsonl")
    with me.shop() as shop:
        me.out.raw(core.imports.orders.export.export_orders(shop, format=wanted))


def _told(order: Any, currency: str) -> dict[str, object]:
    """An order that would go in, as a row."""
    from shopctl.core.domain.money import Money

    paid = order.payment.captured if order.payment else 0
    return {
        "reference": order.reference,
        "status": order.status,
        "email": order.email,
        "lines": len(order.lines),
        "total": Money(order.total, currency),
        "paid": Money(paid, currency),
        "currency": currency,
        "created_at": order.created_at,
    }
