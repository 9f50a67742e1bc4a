"""`verify`: check every promise of the books."""

from __future__ import annotations

import typer

from shopctl import core
from shopctl.commands.face import Reading, face, noun
from shopctl.core.errors import Refused

TOP_LEVEL = True
app = noun("The books.")


@app.command(cls=Reading)
def verify(ctx: typer.Context) -> None:
    """Check stock, orders, payments, the gateway's ledger and the index against each other; 0 clean, 6 violated."""
    me = face(ctx)
    with me.shop() as shop:
        report = core.verify.verify(shop)
        if me.out.format == "table":
            me.out.many(report.violations, ("check", "name", "subject", "message"))
        elif me.out.format == "json":
            me.out.one(report)
        else:
            me.out.many(report.violations)
    for note in report.notes:
        me.out.say(note.message)
    if report.violations:
        count = len(report.violations)
        raise Refused("books_violated", f"{count} violations were found", violations=count)
    me.out.say(f"Clean: {report.checks} checks, nothing to report.")
