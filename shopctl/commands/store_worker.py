"""`store worker`: the process that does what waits."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import Annotated, Self

import typer

from shopctl import core
from shopctl.commands.face import Face, face
from shopctl.commands.following import SLICE, wait
from shopctl.core.errors import BadInput, BatchFailed

COLUMNS = {"at": 20, "ms": 6, "done": 40, "problems": 0}


def worker(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, and end: for cron.")] = False,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", help="How often to look when there was nothing to do.")
    ] = 1.0,
) -> None:
    """Do what waits, until it is stopped: letters, search index, unfinished orders, holds and carts past their time.

    Any number of workers share the work. While one lives, other commands leave theirs to it. A line for each round that
    did something or could not; Ctrl-C and SIGTERM end what is under way and then the worker, a second one at once.
    """
    me = face(ctx)
    if not 0.1 <= every <= 3600:
        raise BadInput("bad_interval", f"An interval is a number of seconds from 0.1 to an hour, not {every:g}")
    me.must_write("store worker")
    if not me.format_chosen:
        me.out.format = "jsonl"
    with me.shop() as shop, Ending() as ending:
        if me.dry_run:
            me.out.many(core.workers.plan(shop))
            return
        rounds = core.workers.Rounds(shop, lambda: ending.status is not None, ending.wait, every)
        if once:
            _once(me, rounds.once())
        else:
            with closing(rounds.go_on()) as found:
                me.out.stream(found, COLUMNS)
    if ending.status is not None:
        raise SystemExit(ending.status)


def _once(me: Face, found: core.workers.Round) -> None:
    did = bool(found.done or found.problems)
    me.out.stream([found] if did else [], COLUMNS)
    if not did:
        me.out.say("Nothing was due.")
    if found.problems:
        count = len(found.problems)
        raise BatchFailed("batch_failed", f"{count} of the jobs failed", hint="The line says why.", failed=count)


class Ending:
    """Ctrl-C and SIGTERM as a wish to end, and the exit status that goes with it. The second one is no wish any more."""

    def __init__(self) -> None:
        self.status: int | None = None

    def __enter__(self) -> Self:
        self._before = {which: signal.signal(which, self._asked) for which in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)

    def _asked(self, which: int, _frame: object) -> None:
        self.status = 128 + which
        self.__exit__()

    def wait(self, seconds: float) -> None:
        """Let time pass, in slices, and let what was said be seen."""
        while seconds > 0 and self.status is None:
            wait(min(seconds, SLICE))
            seconds -= SLICE
