"""What there is to do in a shop, in the order in which it is done. A job that is due does all that waits, or a good part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from shopctl.core import (
    accounts,
    cart,
    housekeeping,
    letters,
    limits,
    outbox,
    recovery,
    reservations,
    sales,
    search,
    webhooks,
)
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.facts import LETTERS, Facts
from shopctl.core.errors import StillPending, Unavailable
from shopctl.core.queries import due
from shopctl.core.queries import sales as sales_reads
from shopctl.core.queries.workers import STALE
from shopctl.core.shop import Shop

Tick = Callable[[], None]
"""Called now and then by a job that takes long: its worker still lives. It raises when the worker is to stop."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do. `run` says how much it did; `shared`: many may do it at once, each a part; `every`: seconds at least
    from one time to the next, by the rules of the shop; `lease`: after so long another takes over from one that died at it.
    """

    name: str
    is_due: Callable[[Shop, UnitOfWork], bool]
    run: Callable[[Shop, Tick], int]
    shared: bool = False
    every: Callable[[Facts], float] = lambda _: 0
    lease: timedelta = STALE


def _deliver(shop: Shop, tick: Tick) -> int:
    problems: list[str] = []
    sent = letters.send(shop, housekeeping.BATCH, problems, tick)
    if problems and not sent:
        raise Unavailable("not_delivered", f"{len(problems)} letters could not be sent: {problems[0]}")
    return sent


def _tell(shop: Shop, _tick: Tick) -> int:
    problems: list[str] = []
    told = webhooks.tell(shop, housekeeping.BATCH, problems)
    if problems and not told:
        raise Unavailable("not_told", f"{len(problems)} webhooks could not be told: {problems[0]}")
    return told


def _index(shop: Shop, tick: Tick) -> int:
    before = search.lag(shop)
    search.index_all(shop, lambda _done, _total: tick())
    done = before - search.lag(shop)
    if done <= 0:
        raise Unavailable(
            "not_indexed", f"{before} changes of the catalogue could not be brought into the search index"
        )
    return done


def _recover(shop: Shop, _tick: Tick) -> int:
    found = recovery.recover(shop, doubtful=due.DOUBTFUL)
    left = [one for one in found if not one.ok]
    if left:
        raise StillPending("not_recovered", f"{len(left)} orders could not be finished now: {left[0].action}")
    return sum(one.status != "pending" for one in found)


def _persist(shop: Shop, _tick: Tick) -> int:
    health = shop.carts.health()
    if health and not health.reachable:
        raise Unavailable("redis_away", f"Carts cannot be persisted: {health.problem}")
    return cart.persist(shop, limit=MOST_CARTS)


def _sell(shop: Shop, _tick: Tick) -> int:
    return sum(done.count for done in sales.run_all(shop))


ADMITTER = timedelta(seconds=5)
"""A round of flash sales takes less, and who waits for their turn cannot wait as long as others for a dead worker. One that
only hangs, and goes on after its lease, does no harm: each of its rounds locks the sale."""
MOST_CARTS = 10_000
"""Carts that are persisted at a time."""
JOBS = (
    Job("flash sales", lambda _, tx: bool(sales_reads.due(tx) or sales_reads.to_check(tx)), _sell, lease=ADMITTER),
    Job("deliver", lambda _, tx: not due.topics(tx).isdisjoint(LETTERS), _deliver, shared=True),
    Job("tell webhooks", lambda _, tx: due.webhooks(tx), _tell, shared=True),
    Job(
        "persist carts",
        lambda shop, _: shop.carts.kept,
        _persist,
        shared=True,
        every=lambda facts: facts.cart_persist_seconds,
    ),
    Job("index", lambda _, tx: outbox.CATALOG_CHANGED in due.topics(tx), _index),
    Job("recover", lambda _, tx: due.unfinished(tx), _recover, every=lambda _: 30),
    Job("release holds", lambda _, tx: due.holds(tx), lambda shop, _: reservations.sweep(shop)),
    Job("end carts", lambda _, tx: due.open_carts(tx), lambda shop, _: cart.sweep(shop)),
    Job("end sessions", lambda _, tx: due.sessions(tx), lambda shop, _: accounts.sweep(shop), every=lambda _: 600),
    Job("forget limits", lambda _, tx: due.limits(tx), lambda shop, _: limits.sweep(shop), every=lambda _: 600),
    Job(
        "forget events",
        lambda _, tx: due.old_events(tx),
        lambda shop, tick: housekeeping.forget_events(shop, tick=tick),
        every=lambda _: 600,
    ),
)
