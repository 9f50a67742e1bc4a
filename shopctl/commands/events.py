"""What happened, as it was written in the transactions that made it true."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import webhooks
from shopctl.commands.face import Listed, Reading, Writing, face, noun
from shopctl.commands.following import For, Interval, Max, Pace, Since, follow
from shopctl.core.domain.times import moment
from shopctl.core.errors import BadInput, NotFound

app = noun("What happened: the feed of events; letters and webhooks that tell of it.")
app.add_typer(webhooks.app, name="webhooks")
COLUMNS = {"at": 20, "topic": 22, "subject": 36, "actor": 12, "data": 0}
LATEST = 50


@app.command(cls=Reading)
def tail(
    ctx: typer.Context,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens next.")] = False,
    since: Since = None,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", metavar="TOPIC", help="order.shipped, or 'order.*'; may be repeated.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", help="The latest so many (50; with --since all); -1 is all.")
    ] = None,
    interval: Interval = 1.0,
    during: For = None,
    most: Max = None,
) -> None:
    """The latest events, oldest first; --follow, --for and --max go on with what happens next."""
    me, topics = face(ctx), topic or ()
    if limit is None:
        limit = -1 if since else LATEST
    if limit < -1:
        raise BadInput("bad_limit", f"A limit is a number of events, or -1 for all, not {limit}")
    pace = Pace.of(interval, during if following or during or most else "0s", most)
    events = core.queries.events
    with me.shop() as shop:
        start = moment(since, shop.facts.timezone) if since else events.BEGINNING
        backlog, feed = [], events.Feed(topics, start)
        if limit >= 0:
            with shop.read() as tx:
                backlog, feed = events.latest(tx, limit, topics=topics, since=start), events.Feed.from_now(tx, topics)

        me.out.stream(follow(shop, feed, lambda _, found: found, pace, backlog), COLUMNS)


@app.command(cls=Listed)
def letters(ctx: typer.Context) -> None:
    """Letters to customers: sent, waiting, or put aside, and why. Filters: state:dead topic:order.shipped at:today 1001."""
    columns = ("id", "at", "topic", "order", "state", "attempts", "problem")
    face(ctx).listed(core.queries.letters.LIST, columns)


@app.command(cls=Listed)
def deliveries(ctx: typer.Context) -> None:
    """What webhooks were told, or are to be told. Filters: state:dead topic:order. webhook:ID status_code:>499 created_at:today."""
    columns = ("id", "created_at", "topic", "url", "state", "attempts", "status_code", "problem")
    face(ctx).listed(core.queries.webhooks.DELIVERIES, columns)


@app.command(cls=Writing)
def redeliver(
    ctx: typer.Context,
    delivery_id: Annotated[
        str, typer.Argument(metavar="ID", help="Of a delivery or a letter, or - to read rows from stdin.")
    ],
) -> None:
    """Send a delivery or a letter once more, also one that was done. Rows of -: {"id"}.

    It is due at once: a worker sends it, or without one this command, after it. The ids in it are those of the first time.
    """

    def one(shop: Any, row: Any) -> object:
        try:
            return core.webhooks.redeliver(shop, delivery_id=row["id"])
        except NotFound:
            return core.letters.again(shop, fact_id=row["id"])

    face(ctx).each(delivery_id, ("id",), one, {"id": delivery_id})
