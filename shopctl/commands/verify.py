"""`verify`: check every promise of the books."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    counts = {"violations": 0}

    def violations(shop: Any) -> Iterator[object]:
        for found in core.verify.verify(shop):
            if isinstance(found, core.verify.Violation):
                counts["violations"] += 1
                yield found
            else:
                me.out.say(f"Note: {found.message}")

    with me.shop() as shop:
        me.out.many(violations(shop), ("check", "name", "subject", "message"))
    if counts["violations"]:
        raise Refused("books_violated", f"{counts['violations']} violations were found", **counts)
    me.out.say("Clean: the books add up.")
