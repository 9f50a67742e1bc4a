"""Stock held for carts and orders."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Listed, Writing, face, noun

app = noun("Stock held for carts and orders.")
Id = Annotated[str, typer.Argument(metavar="ID", help="The reservation's id, or - to read rows from stdin.")]


@app.command("list", cls=Listed)
def list_(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
) -> None:
    """What is held now, for whom, and for how long still."""
    columns = ("id", "owner", "sku", "warehouse", "quantity", "state", "pinned", "seconds_left")
    queries = core.queries.reservations
    face(ctx).listed(queries.LIST, columns, where=lambda _: [] if everything else [queries.LIVE])


@app.command(cls=Writing)
def release(ctx: typer.Context, reservation_id: Id) -> None:
    """Give held units back. Rows of -: {"id"}."""

    def one(shop: Any, row: Any) -> object:
        return core.reservations.release(shop, reservation_id=row["id"])

    face(ctx).each(reservation_id, ("id",), one, {"id": reservation_id})


@app.command(cls=Writing)
def extend(ctx: typer.Context, reservation_id: Id) -> None:
    """Give a hold a new full term. Rows of -: {"id"}."""

    def one(shop: Any, row: Any) -> object:
        return core.reservations.extend(shop, reservation_id=row["id"])

    face(ctx).each(reservation_id, ("id",), one, {"id": reservation_id})


@app.command(cls=Writing)
def sweep(ctx: typer.Context) -> None:
    """Resolve every hold past its time, end carts past theirs, and forget events that are older than `events_days`."""

    def everything(shop: Any) -> object:
        swept = {"expired": core.reservations.sweep(shop), "carts_ended": core.cart.sweep(shop)}
        return {**swept, "events_removed": core.housekeeping.forget_events(shop)}

    face(ctx).do(everything)
