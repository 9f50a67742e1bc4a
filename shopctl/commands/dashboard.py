"""`dashboard`: the console."""

from __future__ import annotations

import typer

from shopctl.commands.face import Reading, face, noun

TOP_LEVEL = True
app = noun("The console.")


@app.command(cls=Reading)
def dashboard(ctx: typer.Context) -> None:
    """Open the console: orders, catalogue, stock, reservations, carts, customers, events; live."""
    me = face(ctx)
    with me.shop() as shop:
        from shopctl.core.log import Log
        from shopctl.tui.app import run

        on_screen = me.settings().log.value == "-"  # stderr is under our screen
        run(shop.but(log=Log()) if on_screen else shop)
