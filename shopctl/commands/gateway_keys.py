"""API keys: who may use the gateway, and for what."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Destroying, Listed, Writing, face, noun
from shopctl.core.errors import BadInput

app = noun("API keys: which programs may use the gateway, and for what.")
Name = Annotated[str, typer.Argument(help="What the key is called, or - to read rows from stdin.")]


@app.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """Every key; those in force: --filter revoked:no."""
    columns = ("name", "scopes", "created_at", "last_used_at", "revoked_at")
    face(ctx).listed(core.queries.keys.LIST, columns)


@app.command(cls=Writing)
def create(
    ctx: typer.Context,
    name: Name,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="read|sell|operate", help="What it is for; may be repeated.")
    ] = None,
) -> None:
    """Let a program in. Its secret is shown this once. Rows of -: {"name", "scopes"?}."""

    def one(shop: Any, row: Any) -> object:
        return core.keys.create(shop, name=row["name"], scopes=_scopes(row) or scope or [])

    face(ctx).each(name, ("name",), one, {"name": name})


@app.command(cls=Destroying)
def revoke(ctx: typer.Context, name: Name) -> None:
    """Let a program in no more, within seconds. Rows of -: {"name"}."""
    me = face(ctx)
    me.confirm("Revoke the keys read from stdin?" if name == "-" else f"Revoke the key {name}?")
    me.each(name, ("name",), lambda shop, row: core.keys.revoke(shop, name=row["name"]), {"name": name})


def _scopes(row: Any) -> list[str] | None:
    found = row.get("scopes")
    if found is not None and not (isinstance(found, list) and all(isinstance(scope, str) for scope in found)):
        raise BadInput("bad_row", "'scopes' must be a list of scopes", field="scopes")
    return found
