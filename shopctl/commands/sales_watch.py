"""Running a flash sale and looking at it: round after round, line after line, until it is over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import face
from shopctl.commands.following import For, Interval, Max, Pace, wait
from shopctl.commands.output import is_terminal

if TYPE_CHECKING:
    from shopctl.core.queries.sales import Moment
    from shopctl.core.sales import Admission

SALE = typer.Argument(metavar="SALE")
_MOMENT = {"at": 20, "status": 9, "queue": 6, "admitted_per_second": 5, "held": 5, "sold": 5, "left": 5}
_MOMENT |= {"sell_out_seconds": 0}
_HEADS = {"admitted_per_second": "PER S", "sell_out_seconds": "GONE IN S"}
_ROUND = {"sale": 16, "status": 9, "admitted": 8, "bought": 6, "expired": 7, "told": 6, "put_back": 8, "problem": 0}


def admit(
    ctx: typer.Context,
    sale: Annotated[str, SALE],
    watch: Annotated[bool, typer.Option("--watch", help="Round after round, until the sale is over.")] = False,
    interval: Interval = 1.0,
) -> None:
    """Give the next of the queue their turn, and end turns that are over: one round. A worker does it by itself.

    With --watch a line for each round that did something, jsonl unless -o says otherwise. Any number may run at once.
    """
    me = face(ctx)
    if not watch:
        me.do(lambda shop: core.sales.admit(shop, name=sale))
        return
    pace = Pace.of(interval, None, None)
    if not me.format_chosen:
        me.out.format = "jsonl"
    with me.shop(writes=True) as shop:
        me.out.stream(_rounds(shop, sale, pace), _ROUND)


def _rounds(shop: Any, sale: str, pace: Pace) -> Iterator[Admission]:
    status = None
    while True:
        done = core.sales.admit(shop, name=sale)
        if done.count or done.status != status:
            yield done
        status = done.status
        with shop.read() as tx:
            if core.queries.sales.is_over(tx, sale):
                return
        if not done.admitted:
            wait(pace.pause())


def watch(
    ctx: typer.Context,
    sale: Annotated[str, SALE],
    interval: Interval = 1.0,
    during: For = None,
    most: Max = None,
) -> None:
    """How a sale goes, a line a second until it is over; in a pipe jsonl unless -o says otherwise.

    {"at", "sale", "status", "queue", "admitted_per_second", "held", "sold", "left", "sell_out_seconds"}
    """
    me, pace = face(ctx), Pace.of(interval, during, most)
    if not me.format_chosen and not is_terminal(sys.stdout):
        me.out.format = "jsonl"
    with me.shop() as shop:
        me.out.stream(_moments(shop, sale, pace), _MOMENT, _HEADS)


def _moments(shop: Any, sale: str, pace: Pace) -> Iterator[Moment]:
    count = 0
    while True:
        with shop.read() as tx:
            now = core.queries.sales.moment(tx, sale)
            over = core.queries.sales.is_over(tx, sale)
        yield now
        count += 1
        pause = pace.pause()
        if over or not pause or count == pace.most:
            return
        wait(pause)
