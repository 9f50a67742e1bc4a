"""What was charged and refunded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Listed, Reading, Writing, face, noun

app = noun("What was charged and refunded.")


@app.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """Payments, the latest order's first."""
    columns = (
        "order",
        "state",
        "amount",
        "captured",
        "refunded",
        "currency",
        "decline_code",
        "reference",
        "created_at",
    )
    face(ctx).listed(core.queries.orders.PAYMENTS, columns)


@app.command(cls=Reading)
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="N|ID", help="An order's number, a payment's id or reference.")],
) -> None:
    """One payment."""
    face(ctx).show(lambda tx: core.queries.orders.payment(tx, name))


@app.command(cls=Writing)
def refunded(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="N|ID", help="An order's number, a payment's id or reference; or - for rows.")
    ],
    reference: Annotated[str | None, typer.Option(help="What the other platform calls the refund.")] = None,
) -> None:
    """Note that the money of a cancelled imported order was given back where it was charged. Rows of -: {"name"}."""

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        return core.payments.refunded(shop, name=row["name"], reference=row.get("reference"))

    face(ctx).each(name, ("name",), one, {"name": name, "reference": reference})
