"""Who is told of what: webhooks are added, changed, tried out and removed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from shopctl.core.db.tables import webhook_deliveries, webhooks
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import wire
from shopctl.core.domain.signature import new_secret
from shopctl.core.errors import BadInput, Refused, Unavailable
from shopctl.core.ports import NoReply
from shopctl.core.queries.webhooks import Webhook, get, named
from shopctl.core.shop import Shop, retried
from shopctl.core.webhooks.wire import request

_TOPIC = re.compile(r"[a-z_*]+(\.[a-z_*]+)*")
LONGEST_URL = 2000


@dataclass(frozen=True, slots=True)
class Secret(Webhook):
    """A webhook with its secret, which is shown once."""

    secret: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be changed of a webhook; None stays."""

    url: str | None = None
    topics: Sequence[str] | None = None
    active: bool | None = None
    rotate: bool = False


@dataclass(frozen=True, slots=True)
class Pinged:
    """What a webhook answered to a ping."""

    webhook: str
    url: str
    status_code: int | None


@retried
def add(shop: Shop, *, url: str, topics: Sequence[str]) -> Secret:
    """Tell this address of facts from now on; the webhook with its secret. Errors: bad_url, bad_topic."""
    with shop.work("webhooks.add") as tx:
        id_ = tx.target = new_id()
        secret = new_secret()
        row = {"id": id_, "url": _url(url), "topics": _topics(topics or ["*"]), "secret": secret, "active": True}
        tx.insert(webhooks, [{**row, "created_at": tx.now, "updated_at": tx.now}])
        shown = _with_secret(tx, id_, secret)
        tx.commit()
    return shown


@retried
def edit(shop: Shop, *, name: str, wanted: Wanted) -> Webhook:
    """Change a webhook; with its new secret where that was asked for. Deliveries that wait go to the new address."""
    changes: dict[str, Any] = {}
    if wanted.url is not None:
        changes["url"] = _url(wanted.url)
    if wanted.topics:
        changes["topics"] = _topics(wanted.topics)
    if wanted.active is not None:
        changes["active"] = wanted.active
    if wanted.rotate:
        changes["secret"] = new_secret()
    with shop.work("webhooks.edit") as tx:
        row = named(tx, name)
        tx.target = row.id
        tx.execute(sa.update(webhooks).where(webhooks.c.id == row.id).values(**changes, updated_at=tx.now))
        shown = _with_secret(tx, row.id, changes["secret"]) if wanted.rotate else get(tx, row.id)
        tx.commit()
    return shown


@retried
def remove(shop: Shop, *, name: str) -> Webhook:
    """Tell this address of nothing any more; what was told, and what waits, is forgotten."""
    with shop.work("webhooks.remove") as tx:
        row = named(tx, name)
        tx.target = row.id
        shown = get(tx, row.id)
        tx.execute(sa.delete(webhook_deliveries).where(webhook_deliveries.c.webhook_id == row.id))
        tx.execute(sa.delete(webhooks).where(webhooks.c.id == row.id))
        tx.commit()
    return shown


def ping(shop: Shop, *, name: str) -> Pinged:
    """Send a signed `ping` now, of which nothing is kept. Unavailable when nobody answers, Refused when it is no 2xx."""
    with shop.read() as tx:
        hook, now = named(tx, name), tx.now
    if shop.dry_run:
        shop.narrate(f"Would post a ping to {hook.url}.")
        return Pinged(hook.id, hook.url, None)
    id_ = new_id()
    body = {"id": id_, "topic": "ping", "at": wire.plain(now), "subject": hook.id, "data": {}}
    try:
        status = shop.poster.post(hook.url, *request(hook.secret, new_id(), body))
    except NoReply as error:
        raise Unavailable("webhook_no_answer", f"{hook.url}: {error}", webhook=hook.id) from None
    if not 200 <= status < 300:
        raise Refused("webhook_refused", f"{hook.url} answered {status}", webhook=hook.id, status_code=status)
    return Pinged(hook.id, hook.url, status)


def _with_secret(tx: UnitOfWork, webhook_id: str, secret: str) -> Secret:
    found = get(tx, webhook_id)
    return Secret(**{field: getattr(found, field) for field in Webhook.__slots__}, secret=secret)


def _url(text: str) -> str:
    url = text.strip()
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isascii() or not url.isprintable() or " " in url or len(url) > LONGEST_URL:
        raise BadInput(
            "bad_url", "A webhook's address is a URL such as https://example.com/hook", hint="http or https, in ASCII."
        )
    if "@" in parts.netloc or parts.fragment:
        raise BadInput(
            "bad_url", "A webhook's address has no user, password or #fragment", hint="The signature says who sends."
        )
    return url


def _topics(given: Sequence[str]) -> list[str]:
    """In the order in which they were given, each once."""
    for topic in given:
        if not _TOPIC.fullmatch(topic) or len(topic) > 100:
            raise BadInput(
                "bad_topic", f"{topic!r} is not a topic such as order.shipped, 'order.*' or '*'", value=topic
            )
    return list(dict.fromkeys(given))
