"""The doctor: is everything around the shop as it should be? Looks, and changes nothing."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shopctl import __version__
from shopctl.core import letters, outbox
from shopctl.core.db import health, schema
from shopctl.core.db.health import Check
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.facts import LETTERS
from shopctl.core.domain.times import about
from shopctl.core.errors import ShopError, Unavailable
from shopctl.core.ports import IndexBusy, IndexQuery, IndexUnusable, NoAnswer
from shopctl.core.queries import lag, pause, webhooks, workers
from shopctl.core.queries.lag import Lag
from shopctl.core.shop import Shop

SKEW = timedelta(seconds=5)
"""How far two clocks may be apart."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is still well: so many workers at least, nothing that waits for longer than `lag`."""

    workers: int = 1
    lag: timedelta = timedelta(minutes=5)


def around() -> Iterator[Check]:
    """What can be said without a store."""
    yield Check("shopctl", "ok", __version__)
    yield Check("python", "ok", platform.python_version())


def examine(shop: Shop, limits: Limits) -> Iterator[Check]:
    """Every check of a shop, as it is made."""
    with shop.read() as tx:
        yield from health.engine(tx.connection)
        yield _schema(tx)
        yield clock(tx.now - shop.clock(), on_server=tx.connection.dialect.name == "postgresql")
        yield _workers(tx, limits)
        waiting = lag.by_topic(tx)
        yield _lag("outbox", "letters are not sent", lag.of(waiting, LETTERS), limits)
        yield _dead(tx)
        yield _lag("index", "changes are not searchable", waiting.get(outbox.CATALOG_CHANGED, Lag()), limits)
        yield _webhooks(tx)
        yield _checkouts(tx)
    yield from _gateways(shop)
    yield _mail(shop)
    yield from _templates(shop)
    yield _index(shop)
    yield from _redis(shop, limits)


def unopened(error: ShopError) -> Check:
    """The check of a store that cannot be used, or went away."""
    return Check("store", "fail", f"{error.message}. {error.hint}" if error.hint else error.message)


def _schema(tx: UnitOfWork) -> Check:
    found = schema.version_in(tx.connection)
    if found < schema.HEAD:
        return Check("schema", "warn", f"{found}; this release has {schema.HEAD}: shopctl store migrate")
    if found > schema.HEAD:
        return Check("schema", "ok", f"{found}, of a newer release that this one can work with")
    return Check("schema", "ok", found)


def clock(ahead: timedelta, *, on_server: bool) -> Check:
    """How far the store's time is ahead of this machine's clock. On a server its clock counts; on SQLite no time is written
    that is before one written already.
    """
    apart = about(abs(ahead.total_seconds()))
    if abs(ahead) <= SKEW:
        return Check("clock", "ok", f"{abs(ahead).total_seconds():.1f} s apart from the store's")
    if on_server:
        word = "ahead of" if ahead > timedelta(0) else "behind"
        return Check("clock", "warn", f"the server's clock is {apart} {word} this machine's")
    detail = f"the latest time written is {apart} ahead of this clock: until then time stands still in this shop"
    return Check("clock", "fail", detail)


def _workers(tx: UnitOfWork, limits: Limits) -> Check:
    known = workers.known(tx)
    alive = [found for found in known if found.alive]
    words = [f"{len(alive)} alive" + (": " if alive else "") + ", ".join(f"{w.host}:{w.pid}" for w in alive)]
    words += [
        f"{w.host}:{w.pid} was last heard of {about((tx.now - w.beat_at).total_seconds())} ago"
        for w in known
        if not w.alive
    ]
    if len(alive) >= limits.workers:
        return Check("workers", "ok", "; ".join(words))
    words.append("commands deliver and index what they change themselves; start one: shopctl store worker")
    return Check("workers", "fail", "; ".join(words))


def _lag(check: str, what: str, found: Lag, limits: Limits) -> Check:
    if not found.facts:
        return Check(check, "ok", "nothing waits")
    detail = f"{found.facts} {what}, the oldest for {about(found.seconds)}"
    return Check(check, "ok" if found.seconds <= limits.lag.total_seconds() else "fail", detail)


def _dead(tx: UnitOfWork) -> Check:
    count = lag.dead(tx)
    if not count:
        return Check("dead letters", "ok", "none")
    return Check(
        "dead letters", "fail", f"{count} were put aside after many tries; shopctl store recover tries them again"
    )


def _webhooks(tx: UnitOfWork) -> Check:
    """Late is a warning, and given up a failure: what a webhook was not told, its system does not know."""
    found = webhooks.trouble(tx)
    if found.dead:
        again = "shopctl events deliveries --filter state:dead -o jsonl | shopctl events redeliver -"
        return Check("webhooks", "fail", f"{found.dead} deliveries were given up; {again}")
    if found.failing:
        return Check("webhooks", "warn", f"{found.failing} deliveries have failed and are tried again")
    return Check("webhooks", "ok", "nothing has failed")


def _mail(shop: Shop) -> Check:
    try:
        return Check("mail", "ok", shop.notifier.check())
    except Unavailable as error:
        return Check("mail", "fail", f"{error.message}. {error.hint}" if error.hint else error.message)


def _templates(shop: Shop) -> Iterator[Check]:
    for problem in letters.problems(shop.home):
        yield Check("templates", "fail", problem)


def _checkouts(tx: UnitOfWork) -> Check:
    paused = pause.find(tx)
    if paused is None:
        return Check("checkouts", "ok", "new ones are taken")
    return Check(
        "checkouts", "warn", f"refused since {paused.since:%Y-%m-%d %H:%M} UTC by {paused.actor}: {paused.reason}"
    )


def _gateways(shop: Shop) -> Iterator[Check]:
    for gateway in (shop.gateway, *shop.other_gateways):
        try:
            gateway.find("doctor", since=datetime.now(UTC))
            money = "real money moves" if gateway.live else "no money moves"
        except NoAnswer:
            yield Check("gateway", "fail", f"{gateway.name} does not answer")
        except ShopError as error:
            yield Check("gateway", "fail", f"{gateway.name}: {error.message}. {error.hint or ''}".rstrip())
        else:
            pretends = gateway is shop.gateway and not gateway.live and not shop.facts.test_store
            yield Check("gateway", "warn" if pretends else "ok", f"{gateway.name} answers; {money}")


def _index(shop: Shop) -> Check:
    try:
        shop.index.find(IndexQuery("a", limit=1))
    except IndexBusy:
        return Check("search", "ok", "the index is being written")
    except IndexUnusable as error:
        return Check("search", "warn", f"{error}: search is slower; shopctl store reindex builds it anew")
    return Check("search", "ok", "the index can be used")


def _redis(shop: Shop, limits: Limits) -> Iterator[Check]:
    found = shop.carts.health()
    if found is None:
        return
    if not found.reachable:
        yield Check("redis", "fail", f"{found.problem}: carts are kept in the database alone")
        return
    yield Check("redis", "ok", found.version or "")
    if found.max_memory and found.eviction not in (None, "noeviction"):
        detail = f"{found.eviction}: a cart may be evicted before it is persisted; it should be noeviction"
        yield Check("redis eviction", "warn", detail)
    else:
        yield Check("redis eviction", "ok", found.eviction or "not told")
    kept = [word for word, is_so in (("append-only file", found.append_only), ("snapshots", found.snapshots)) if is_so]
    yield Check("redis persistence", "ok", " and ".join(kept) or "none: what is not persisted is lost when Redis ends")
    yield _lag("carts", "carts are not persisted", Lag(found.waiting, found.waiting_seconds), limits)
