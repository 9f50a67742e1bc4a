"""`doctor`: is everything around the shop as it should be?"""

from __future__ import annotations

from typing import Annotated

import typer

from shopctl import core
from shopctl.commands.face import Reading, face, noun
from shopctl.core.domain.times import span
from shopctl.core.errors import BadInput, Refused, ShopError

TOP_LEVEL = True
app = noun("The doctor.")


@app.command(cls=Reading)
def doctor(
    ctx: typer.Context,
    workers: Annotated[
        int, typer.Option(metavar="N", help="How many workers must live; 0 where commands do it all.")
    ] = 1,
    max_lag: Annotated[str, typer.Option(metavar="TIME", help="How long something may wait: 30s, 5m, 2h.")] = "5m",
) -> None:
    """Look at versions, durability, clock, workers and what waits; 0 well, 6 when a check failed."""
    me = face(ctx)
    if workers < 0:
        raise BadInput("bad_workers", f"--workers is 0 or more, not {workers}")
    limits = core.doctor.Limits(workers, span(max_lag))
    checks = [*core.doctor.around()]
    try:
        with me.shop() as shop:
            checks += core.doctor.examine(shop, limits)
    except ShopError as error:
        checks.append(core.doctor.unopened(error))
        me.out.many(checks)
        raise
    me.out.many(checks)
    if failed := [found.check for found in checks if found.status == "fail"]:
        raise Refused("not_well", f"Not well: {', '.join(failed)}", hint="The details say what to do.", failed=failed)
