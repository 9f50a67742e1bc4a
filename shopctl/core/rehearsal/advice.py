"""What this machine sustains, measured in real time for some seconds, and the terms of a sale that follow from it.

Checkouts are what takes longest, so they set the pace: no more are let in than can buy. How long a turn must last is what
the crowd of the rehearsal needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from math import ceil

import sqlalchemy as sa

from shopctl.core import sales
from shopctl.core.db.tables import sale_items, tickets
from shopctl.core.db.tables import sales as planned
from shopctl.core.rehearsal.crowd import GOOD
from shopctl.core.rehearsal.report import Report
from shopctl.core.rehearsal.run import address_in
from shopctl.core.rehearsal.scratch import NAME, Scratch, furnish
from shopctl.core.sales import Joining, Terms
from shopctl.core.shop import Shop

CROWD, AT_ONCE = 2000, 500
"""Shoppers who join, and how many in one commit; there is a unit for each."""
SHARE = 0.8
"""Of what a machine can do, what it is asked to do: other commands want their turn, too."""
STEP = 30
"""Holds are advised in whole half minutes."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What one process did a second, and terms that keep it from falling behind: `rate` a minute, `hold_seconds`, `limit`."""

    joined_per_second: int
    admitted_per_second: int
    bought_per_second: int
    rate: int
    batch: int
    hold_seconds: int
    limit: int


def measure(shop: Shop, scratch: Scratch, rehearsed: Shop, found: Report, *, seconds: float = 3.0) -> Advice:
    """Run joins, rounds and purchases through a scratch store of its own, `shop`, which holds CROWD units. What was found in
    the `rehearsed` one says how many turns are bought, and how long shoppers think."""
    furnish(shop, scratch, Terms(batch=AT_ONCE))
    sales.open_(shop, name=NAME)
    people = [Joining(f"measured{n}@example.com") for n in range(CROWD)]
    crowds = iter([people[n : n + AT_ONCE] for n in range(0, CROWD, AT_ONCE)])
    joined = _pace(lambda: len(sales.join_all(shop, sale=NAME, wanted=next(crowds))), CROWD // AT_ONCE)
    admitted = _pace(lambda: sales.admit(shop, name=NAME).admitted, CROWD // AT_ONCE)
    with shop.read() as tx:
        turns = iter(tx.execute(sa.select(tickets.c.id).order_by(tickets.c.seq)).scalars().all())
    until = time.monotonic() + seconds

    def buy() -> int:
        for ticket in islice(turns, 1 if time.monotonic() < until else 0):
            sales.buy(shop, ticket=ticket, address=address_in(shop.facts.country), token=GOOD)
            return 1
        return 0

    bought = _pace(buy, CROWD)
    turns_bought = found.bought / max(1, found.bought + found.expired)
    rate = max(1, round(bought * 60 * SHARE / max(turns_bought, 0.1)))
    hold = ceil(max(1.0, _thinking(rehearsed)) / STEP) * STEP
    limit = max(1, found.stock // found.shoppers)
    return Advice(round(joined), round(admitted), round(bought), rate, ceil(rate / 60), hold, limit)


def sale_of(shop: Shop, sku: str) -> str | None:
    """The sale of the real shop that the advice is for: the first that has the SKU and is not over."""
    s = planned.c
    mine = sa.select(s.name).join(sale_items, sale_items.c.sale_id == s.id).where(sale_items.c.sku == sku)
    with shop.read() as tx:
        found = tx.row(mine.where(s.status.in_(("scheduled", "open", "paused"))).order_by(s.starts_at, s.name).limit(1))
    return str(found.name) if found else None


def _pace(step: Callable[[], int], most: int) -> float:
    """How much a second, over so many steps or until one does nothing."""
    began, done = time.perf_counter(), 0
    for _ in range(most):
        if not (more := step()):
            break
        done += more
    return done / (time.perf_counter() - began)


def _thinking(shop: Shop) -> float:
    """Seconds within which 99 of 100 buyers had bought, of their turn."""
    t = tickets.c
    with shop.read() as tx:
        rows = tx.rows(sa.select(t.admitted_at, t.ended_at).where(t.state == "bought"))
    needed = sorted((row.ended_at - row.admitted_at).total_seconds() for row in rows)
    return needed[ceil(len(needed) * 0.99) - 1] if needed else 0.0
