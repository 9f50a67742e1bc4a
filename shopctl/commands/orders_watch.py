"""Watching orders: the list redrawn on a terminal, a row for each change in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from shopctl import core
from shopctl.commands.face import face
from shopctl.commands.following import For, Interval, Max, Pace, Screen, Since, can_redraw, follow
from shopctl.commands.output import Output, is_terminal, table_lines
from shopctl.core.domain.safe import safe
from shopctl.core.domain.times import moment
from shopctl.core.domain.wire import plain
from shopctl.core.errors import BadInput

if TYPE_CHECKING:
    from shopctl.core.queries.events import Change, Feed
    from shopctl.core.shop import Shop

TOPICS = ("order.*",)
COLUMNS = ("number", "status", "email", "total", "currency", "shipping_method", "created_at")
CHANGE = {"at": 20, "number": 8, "topic": 22, "from_status": 11, "to_status": 11, "actor": 0}
Filters = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="FIELD:VALUE", help="Only orders that are like that then; may be repeated."),
]


def watch(
    ctx: typer.Context,
    filter: Filters = None,
    since: Since = None,
    everything: Annotated[bool, typer.Option("--all", help="From the oldest event that is kept.")] = False,
    interval: Interval = 2.0,
    during: For = None,
    most: Max = None,
) -> None:
    """Orders as they change.

    On a terminal the list, drawn anew in place; q leaves. In a pipe, or with --since or --all, a row for each change, jsonl
    unless -o says otherwise, none left out and none twice: {"id", "at", "topic", "number", "from_status", "to_status",
    "actor", "order": {…}}, the order as it is then.
    """
    me, filters = face(ctx), filter or ()
    if everything and since is not None:
        raise BadInput("usage", "--since and --all say different beginnings: choose one of them")
    pace = Pace.of(interval, during, most)
    backlog = everything or since is not None
    with me.shop() as shop:
        start = moment(since, shop.facts.timezone) if since else core.queries.events.BEGINNING
        with shop.read() as tx:
            core.queries.orders.LIST.rows(tx, filters=filters, limit=0)  # a wrong filter is told before an order comes
            feeds = core.queries.events.Feed
            feed = feeds(TOPICS, start) if backlog else feeds.from_now(tx, TOPICS)
        if not backlog and me.out.format == "table" and can_redraw():
            _redraw(me.out, shop, feed, filters, pace)
            return
        if not me.format_chosen and not is_terminal(sys.stdout):
            me.out.format = "jsonl"

        def read(tx: Any, events: Any) -> Sequence[Change]:
            return core.queries.events.changes(tx, events, filters)

        me.out.stream(follow(shop, feed, read, pace), CHANGE)


def _redraw(out: Output, shop: Shop, feed: Feed, filters: Sequence[str], pace: Pace) -> None:
    zone, latest, count = ZoneInfo(shop.facts.timezone), "", 0
    with Screen(bold=out.colored(sys.stdout)) as screen:
        while True:
            rows = max(screen.size.lines - 3, 1)
            with shop.read() as tx:
                happened = core.queries.events.changes(tx, feed.page(tx), filters)
                orders = core.queries.orders.LIST.rows(tx, filters=filters, limit=rows)[:rows]
                now = tx.now
            for change in happened:
                latest = f"{change.at.astimezone(zone):%H:%M:%S}  {change.number} {change.topic} by {change.actor}"
            count += len(happened)
            head = "  ".join([shop.facts.name, "orders", *filters, f"{now.astimezone(zone):%H:%M:%S}", "q leaves"])
            records = [out.picked(plain(order)) for order in orders]
            table = table_lines(records, out.fields or COLUMNS) if records else ["No orders."]
            screen.draw([safe(head), safe(latest), *table], head=2)
            pause = pace.pause()
            if not pause or (pace.most is not None and count >= pace.most) or not screen.wait(pause):
                return
