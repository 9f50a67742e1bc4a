"""Whole stores: copy, backup, restore. They are verbs of `store`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from shopctl import core
from shopctl.commands import imports, progress
from shopctl.commands.face import Face, Reading, Writing, face
from shopctl.config import Value

Unverified = Annotated[
    bool, typer.Option("--unverified", help="Also when verify is not clean, or would take too long.")
]

_CARTS = 10**6
"""So many hot carts at most are written down before a store is copied."""


def register(app: typer.Typer) -> None:
    """Make them verbs of a noun."""
    app.command(cls=Writing)(copy)
    app.command(cls=Reading)(backup)
    app.command(cls=Writing)(restore)


def copy(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help="The URL of a store.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The URL of a store that is not there yet.")],
    unverified: Unverified = False,
) -> None:
    """Copy a store at work to a new one, of either kind; both are verified."""
    me = face(ctx)
    me.must_write("store copy")
    settings = replace(me.settings(), store=Value(source, "argument"))
    shop = me.open_shop(settings, read_only=me.dry_run, narrate=me.out.say)
    try:
        core.cart.persist_all(shop, limit=_CARTS)
        with progress.counting(me, "Copying") as step:
            if me.dry_run:
                moved = core.moving.plan(shop, target)
            else:
                moved = core.moving.copy(shop, target, progress=step, unverified=unverified)
    finally:
        shop.engine.dispose()
    me.out.one(moved)
    _rehearsed(me)


def backup(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="NAME.jsonl.gz, NAME.jsonl, or NAME.db (SQLite).")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Keep a store at work in a file; - writes lines of JSON to stdout."""
    me = face(ctx)
    with me.shop() as shop, progress.counting(me, "Backing up") as step:
        core.cart.persist_all(shop, limit=_CARTS)
        if file == "-":
            me.out.raw(core.moving.backup_lines(shop, step))
            return
        kept = core.moving.backup(shop, Path(file), progress=step, replace=force)
    me.out.one(kept)


def restore(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What backup has made.")],
    unverified: Unverified = False,
) -> None:
    """Make the store that --store names from a backup, and verify it; a dry run makes it elsewhere."""
    me = face(ctx)
    me.must_write("store restore")
    store = me.settings().store.value
    with imports.opened(file) as source, progress.counting(me, "Restoring") as step:
        if me.dry_run:
            moved = core.moving.rehearse(source, store, progress=step, unverified=unverified)
        else:
            moved = core.moving.restore(source, store, progress=step, unverified=unverified)
    me.out.one(moved)
    _rehearsed(me)


def _rehearsed(me: Face) -> None:
    if me.dry_run:
        me.out.say("Dry run: nothing was made.")
