"""Stock held for carts and orders."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Listed, Reading, Writing, face, noun
from shopctl.core.domain.times import moment, span
from shopctl.core.errors import BadInput

app = noun("Stock held for carts and orders: who holds what, and why.")
Id = Annotated[str, typer.Argument(metavar="ID", help="The reservation's id, or - to read rows from stdin.")]


@app.command("list", cls=Listed)
def list_(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too, as with a filter state:….")] = False,
) -> None:
    """What is held now, for whom, and for how long still. Filters: owner:c1 sku:TEE age:>300 left:<60 pinned:yes."""
    me = face(ctx)
    words = [word.removeprefix("!") for text in me.filters for word in text.split()]
    everything = everything or any(word.startswith("state:") for word in words)
    columns = ("id", "owner_kind", "owner", "sku", "warehouse", "quantity", "state", "pinned", "left_seconds")
    queries = core.queries.reservations
    me.listed(queries.LIST, columns, where=lambda _: [] if everything else [queries.LIVE])


@app.command(cls=Reading)
def show(
    ctx: typer.Context, reservation_id: Annotated[str, typer.Argument(metavar="ID", help="The reservation's id.")]
) -> None:
    """One reservation, and what it did to the stock."""
    face(ctx).show(lambda tx: core.queries.reservations.detail(tx, reservation_id))


@app.command(cls=Reading)
def why(ctx: typer.Context, sku: Annotated[str, typer.Argument()]) -> None:
    """Why a SKU is held: what is on hand, sold, held for whom, kept back, and what a new buyer could get."""
    face(ctx).show(lambda tx: core.queries.reservations.why(tx, sku))


@app.command(cls=Writing)
def release(ctx: typer.Context, reservation_id: Id) -> None:
    """Give held units back; a cart keeps its line. Rows of -: {"id"}."""

    def one(shop: Any, row: Any) -> object:
        return core.reservations.release(shop, reservation_id=row["id"])

    face(ctx).each(reservation_id, ("id",), one, {"id": reservation_id})


@app.command(cls=Writing)
def extend(
    ctx: typer.Context,
    reservation_id: Id,
    length: Annotated[
        str | None, typer.Option("--for", metavar="TERM", help="From now: 90s, 15m, 2h, 1d; default: the shop's term.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="RFC 3339, e.g. 2026-11-22T12:00:00Z, instead of a term.")
    ] = None,
) -> None:
    """Give a hold a new term, never a shorter one. Rows of -: {"id"}."""
    if length and until:
        raise BadInput("usage", "Say --for or --until, not both")

    def one(shop: Any, row: Any) -> object:
        return core.reservations.extend(
            shop,
            reservation_id=row["id"],
            term=span(length) if length else None,
            until=moment(until, shop.facts.timezone) if until else None,
        )

    face(ctx).each(reservation_id, ("id",), one, {"id": reservation_id})


@app.command(cls=Writing)
def sweep(ctx: typer.Context) -> None:
    """Resolve every hold past its time, end carts past theirs, and forget events that are older than `events_days`."""

    def everything(shop: Any) -> object:
        swept = {"expired": core.reservations.sweep(shop), "carts_ended": core.cart.sweep(shop)}
        return {**swept, "events_removed": core.housekeeping.forget_events(shop)}

    face(ctx).do(everything)
