"""Where stock lies; part of the noun stock."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Listed, Writing, face, noun, whole
from shopctl.core.errors import BadInput

app = noun("Where stock lies.")

Code = Annotated[str, typer.Argument(help="MAIN, EAST …, or - to read rows from stdin.")]
Name = Annotated[str | None, typer.Option(help="What people call it.")]


@app.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """The warehouses in priority order."""
    face(ctx).listed(core.queries.warehouses.LIST, ("code", "name", "priority", "active", "skus", "units"))


@app.command(cls=Writing)
def add(
    ctx: typer.Context,
    code: Code,
    name: Name = None,
    priority: Annotated[int | None, typer.Option(help="1 ships first; default: last.")] = None,
) -> None:
    """Open a warehouse. Rows of -: {"code", "name"?, "priority"?}."""

    def one(shop: Any, row: Any) -> object:
        return core.stock.add_warehouse(
            shop, code=row["code"], name=row.get("name") or name, priority=_priority(row, priority)
        )

    face(ctx).each(code, ("code",), one, {"code": code})


@app.command(cls=Writing)
def edit(
    ctx: typer.Context,
    code: Code,
    name: Name = None,
    priority: Annotated[int | None, typer.Option(help="1 ships first.")] = None,
    active: Annotated[
        bool | None,
        typer.Option("--active/--inactive", help="Inactive: nothing new is promised from it; what was stays."),
    ] = None,
) -> None:
    """Rename a warehouse, rank it anew, close or open it. Rows of -: {"code", "name"?, "priority"?, "active"?}."""

    def one(shop: Any, row: Any) -> object:
        said = row.get("active")
        if said is not None and not isinstance(said, bool):
            raise BadInput("bad_row", "'active' must be true or false", field="active")
        return core.stock.edit_warehouse(
            shop,
            code=row["code"],
            name=row.get("name") or name,
            priority=_priority(row, priority),
            active=active if said is None else said,
        )

    face(ctx).each(code, ("code",), one, {"code": code})


def _priority(row: Any, option: int | None) -> int | None:
    rank = row.get("priority")
    return option if rank is None else whole(rank, "priority")
