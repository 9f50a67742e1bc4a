"""Webhooks: who is told of what; part of the noun events."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Destroying, Listed, Reading, Writing, face, noun
from shopctl.core.errors import BadInput

app = noun("Webhooks: other systems that are told what happens, signed.")

Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="A webhook's id, or its URL.")]
OrRows = Annotated[
    str, typer.Argument(metavar="WEBHOOK", help="A webhook's id or its URL, or - to read rows from stdin.")
]
Topic = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="TOPIC", help="order.shipped, or 'order.*'; may be repeated. Default: everything."),
]


@app.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """Every webhook, and how many of its deliveries wait or were given up."""
    columns = ("id", "url", "topics", "active", "pending", "dead")
    face(ctx).listed(core.queries.webhooks.HOOKS, columns)


@app.command(cls=Reading)
def show(ctx: typer.Context, webhook: Id) -> None:
    """One webhook, with its latest deliveries."""
    face(ctx).show(lambda tx: core.queries.webhooks.detail(tx, webhook))


@app.command(cls=Writing)
def add(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(help="https://…, or - to read rows from stdin.")],
    topic: Topic = None,
) -> None:
    """Tell a URL what happens from now on. The secret that signs it is shown this once. Rows of -: {"url", "topics"?}."""

    def one(shop: Any, row: Any) -> object:
        return core.webhooks.add(shop, url=row["url"], topics=_topics(row) or topic or ["*"])

    face(ctx).each(url, ("url",), one, {"url": url})


@app.command(cls=Writing)
def edit(
    ctx: typer.Context,
    webhook: OrRows,
    url: Annotated[str | None, typer.Option(help="Its new URL; what waits goes there.")] = None,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", metavar="TOPIC", help="Instead of its topics; may be repeated.")
    ] = None,
    active: Annotated[
        bool | None,
        typer.Option("--active/--inactive", help="Inactive: it is told of nothing new, and what waits stays."),
    ] = None,
    rotate: Annotated[
        bool, typer.Option("--rotate-secret", help="A new secret, shown this once; the old one signs nothing more.")
    ] = False,
) -> None:
    """Change a webhook. Rows of -: {"id", "url"?, "topics"?, "active"?}."""

    def one(shop: Any, row: Any) -> object:
        said = row.get("active")
        if said is not None and not isinstance(said, bool):
            raise BadInput("bad_row", "'active' must be true or false", field="active")
        wanted = core.webhooks.Wanted(
            row.get("url") or url, _topics(row) or topic, active if said is None else said, rotate
        )
        return core.webhooks.edit(shop, name=row["id"], wanted=wanted)

    face(ctx).each(webhook, ("id",), one, {"id": webhook})


@app.command(cls=Destroying)
def remove(ctx: typer.Context, webhook: OrRows) -> None:
    """Tell a webhook of nothing any more, and forget its deliveries. Rows of -: {"id"}."""
    me = face(ctx)
    me.confirm(f"Remove {'the webhooks of stdin' if webhook == '-' else webhook}, with their deliveries?")

    def one(shop: Any, row: Any) -> object:
        return core.webhooks.remove(shop, name=row["id"])

    me.each(webhook, ("id",), one, {"id": webhook})


@app.command(cls=Writing)
def test(ctx: typer.Context, webhook: Id) -> None:
    """Send a signed `ping` now, and say what is answered; it is not kept, nor tried again."""
    face(ctx).do(lambda shop: core.webhooks.ping(shop, name=webhook))


def _topics(row: Any) -> list[str] | None:
    found = row.get("topics")
    if found is not None and not (isinstance(found, list) and all(isinstance(topic, str) for topic in found)):
        raise BadInput("bad_row", "'topics' must be a list of topics", field="topics")
    return found
