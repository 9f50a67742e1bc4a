"""What was charged and refunded."""

from __future__ import annotations

from typing import Annotated

import typer

from shopctl import core
from shopctl.commands.face import Listed, Reading, face, noun

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
