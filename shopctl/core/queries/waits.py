"""How long those who wait for their turn will wait, from what the sale has shown so far.

While units are free, as many come in a second as did lately. After that a turn comes only when another one ends without a
purchase: which of the turns under way will, their age says, by how old turns were when they were bought (Kaplan and Meier,
1958: turns that go on, or ran out, are observations that ended without one). Whoever takes what came back may let it pass, too.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import sqlalchemy as sa

from shopctl.core.db.tables import sale_items, sales, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.queries import pools
from shopctl.core.queries.sales import rate_of

s, i, t = sales.c, sale_items.c, tickets.c
MOST = 5000
"""So many turns, the latest, are looked at, and so many returns."""
SUPPOSED = 0.2
"""Which part of all turns ends without a purchase, until those of a sale are old enough to tell: half the time that they have."""
LITTLE = 1e-9
LEAST = 0.01
"""Expected units that are not followed further."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """`free` units, `per_second` turns given, from when on; and how many units are expected to be `back` by when (units, seconds
    from now), rising: made once for all who wait."""

    free: int
    per_second: float
    opens_in: float
    back: Sequence[tuple[float, float]]

    def seconds(self, ahead: int, units: float) -> int | None:
        """Until the turn of a ticket with so many before it, who want so many units; None when that is not to be expected."""
        if units < self.free:
            return round(self.opens_in + ahead / self.per_second)
        at = bisect_left(self.back, (units + 1 - self.free - LITTLE,))
        return max(0, round(self.back[at][1])) if at < len(self.back) else None


def _back(returns: Iterable[tuple[float, float]], lapse: float, hold_seconds: float) -> Sequence[tuple[float, float]]:
    """What comes back is taken again, and a part of it comes back once more: units by time, all that came until then."""
    coming, found, total = list(returns), list[tuple[float, float]](), 0.0
    heapq.heapify(coming)
    while coming and len(found) < MOST:
        when, units = heapq.heappop(coming)
        total += units
        found.append((total, when))
        if units * lapse > LEAST:
            heapq.heappush(coming, (when + hold_seconds, units * lapse))
    return found


def forecasts(tx: UnitOfWork, sale_id: str) -> dict[str, Forecast]:
    """For each SKU of a sale; none while it does not move: paused, over, or nobody knows when it opens."""
    sale = tx.rows(sa.select(sales).where(s.id == sale_id))[0]
    if sale.status != "open" and (sale.status != "scheduled" or sale.starts_at is None):
        return {}
    rows = tx.rows(sa.select(i.sku, i.allotment).where(i.sale_id == sale_id))
    in_pools = pools.of_skus(tx, [row.sku for row in rows])
    per_second = rate_of(tx, sale_id) or (sale.rate / 60 if sale.rate else float(sale.batch))
    found = {}
    for row in rows:
        turns = _turns(tx, sale_id, row.sku)
        bought = _Bought(tx, turns, sale.hold_seconds)
        returns = list(_returns(tx, turns, bought))
        free, opens_in = max(0, in_pools.get(row.sku, pools.Pool()).free), 0.0
        if sale.status == "scheduled":
            free, opens_in = row.allotment, max(0.0, (sale.starts_at - tx.now).total_seconds())
            returns = [(opens_in + sale.hold_seconds, free * SUPPOSED)]
        found[row.sku] = Forecast(
            free=free,
            per_second=per_second,
            opens_in=opens_in,
            back=_back(returns, bought.never(0), sale.hold_seconds),
        )
    return found


def _turns(tx: UnitOfWork, sale_id: str, sku: str) -> Sequence[Row]:
    columns = (t.state, t.quantity, t.admitted_at, t.hold_until, t.ended_at)
    had = sa.select(*columns).where(t.sale_id == sale_id, t.sku == sku, t.admitted_at.is_not(None))
    return tx.rows(had.order_by(t.admitted_at.desc()).limit(MOST))


def _returns(tx: UnitOfWork, turns: Sequence[Row], bought: _Bought) -> Iterable[tuple[float, float]]:
    """When turns under way end, and how many of their units are then expected to be free again."""
    going = sorted((turn for turn in turns if turn.state == "admitted"), key=lambda turn: turn.hold_until)
    for until, together in groupby(going, key=lambda turn: turn.hold_until):
        units = sum(turn.quantity * bought.never(_age(tx, turn)) for turn in together)
        yield (until - tx.now).total_seconds(), units


def _age(tx: UnitOfWork, turn: Row) -> float:
    """How old a turn is, or was when it ended, in seconds."""
    return float(((turn.ended_at or tx.now) - turn.admitted_at).total_seconds())


class _Bought:
    """How likely a turn has not been bought at an age."""

    def __init__(self, tx: UnitOfWork, turns: Sequence[Row], hold_seconds: float) -> None:
        ages = sorted(_age(tx, turn) for turn in turns)
        bought = Counter(_age(tx, turn) for turn in turns if turn.state == "bought")
        self._is_known = bool(ages) and ages[-1] >= hold_seconds / 2
        self._hold = hold_seconds
        self._ages = sorted(bought)
        self._not: list[float] = []
        left = 1.0
        for age in self._ages:
            left *= 1 - bought[age] / (len(ages) - bisect_left(ages, age))
            self._not.append(left)

    def _until(self, age: float) -> float:
        at = bisect_right(self._ages, age)
        return self._not[at - 1] if at else 1.0

    def never(self, age: float) -> float:
        """That a turn of this age will not be bought at all."""
        if not self._is_known:
            return SUPPOSED
        now = self._until(age)
        return self._until(max(self._hold, age)) / now if now else 0.0
