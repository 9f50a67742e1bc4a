"""What became of a sale, read from the store in which it was: its tickets, its orders, its stock. Nobody's word is taken for it,
but for those whom no row tells of: who was refused at the door, and what shoppers were told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from math import ceil

import sqlalchemy as sa

from shopctl.core.db.tables import payments, stock_levels, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.queries import pools
from shopctl.core.queries import sales as reads
from shopctl.core.rehearsal.scratch import NAME
from shopctl.core.shop import Shop

t = tickets.c
FINAL = ("bought", "expired", "left", "sold_out", "ended")
DECILES = (10, 50, 90)
MOMENTS, AFTERWARDS = 120, 1.04
"""How many there are of a course, which goes on for a little when all is over."""


@dataclass(frozen=True, slots=True)
class WaitError:
    """At so many percent of those who were admitted: how far what they were told of their wait was off, in seconds; None where
    nobody there waited long enough to be told."""

    at: int
    told: int
    error_p50_s: float | None
    error_p95_s: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Seconds are since the opening. `answered`: shoppers with a final word, which are bought, expired (the turn was lost), went,
    told (that nothing is left) and refused. `wait` is from joining, or the opening, to the turn or the last word; of `declined`
    payments another may have followed; `limited` requests of `bots` were turned away; so many admitters were `killed`. `broken`:
    the promises that were not kept, each in a sentence.
    """

    shoppers: int
    stock: int
    seed: int
    sold: int
    oversold: int
    left: int
    answered: int
    first_come_first_served: bool
    last_unit_s: float | None
    last_answer_s: float
    wait_p50_s: float
    wait_p95_s: float
    wait_p99_s: float
    bought: int
    expired: int
    went: int
    told: int
    refused: int
    declined: int
    bots: int
    limited: int
    killed: int
    wait_errors: Sequence[WaitError]
    broken: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """How the sale stood so many seconds after its opening."""

    at_s: float
    queue: int
    held: int
    sold: int
    left: int


@dataclass(frozen=True, slots=True)
class Outside:
    """What no row tells: of shoppers who were refused a ticket how many, and when the last of them heard; what tickets were told
    of their wait (when, and how many seconds)."""

    bots: int = 0
    limited: int = 0
    refused: int = 0
    last_refused: datetime | None = None
    killed: int = 0
    told: Mapping[str, tuple[datetime, int]] = field(default_factory=dict)


def count(shop: Shop, shoppers: int, stock: int, seed: int, outside: Outside) -> Report:
    """The report of the sale of a scratch store."""
    with shop.read() as tx:
        sale = reads.row_by_name(tx, NAME)
        found = _tickets(tx, sale)
        sold = sum(pools.sold(tx, [sale.id]).values())
        left = _left(tx, sale)
        declined = tx.execute(sa.select(sa.func.count()).where(payments.c.state == "failed")).scalar_one()
    states = Counter(row.state for row in found)
    ends = [row.ended_at for row in found if row.ended_at]
    bought = [row.ended_at for row in found if row.state == "bought"]
    waits = sorted(_wait(row, sale.opened_at) for row in found if row.admitted_at or row.ended_at)
    last = max(filter(None, (*ends, outside.last_refused)), default=sale.opened_at)
    return Report(
        shoppers=shoppers,
        stock=stock,
        seed=seed,
        sold=sold,
        oversold=max(0, sold - stock),
        left=left,
        answered=sum(states[state] for state in FINAL) + outside.refused,
        first_come_first_served=_in_order(found),
        last_unit_s=_seconds(max(bought) - sale.opened_at) if bought else None,
        last_answer_s=_seconds(last - sale.opened_at),
        wait_p50_s=_percentile(waits, 50) or 0.0,
        wait_p95_s=_percentile(waits, 95) or 0.0,
        wait_p99_s=_percentile(waits, 99) or 0.0,
        bought=states["bought"],
        expired=states["expired"],
        went=states["left"],
        told=states["sold_out"],
        refused=outside.refused,
        declined=declined,
        bots=outside.bots,
        limited=outside.limited,
        killed=outside.killed,
        wait_errors=_wait_errors(found, outside.told),
    )


def course(shop: Shop) -> Sequence[Moment]:
    """How it went, from the first ticket until all is over, in moments that lie as far from each other; the units that were on
    sale in the beginning are those of its items."""
    with shop.read() as tx:
        sale = reads.row_by_name(tx, NAME)
        found = _tickets(tx, sale)
        units = sum(item.allotment for item in reads.get(tx, NAME).items)
    queue, held, sold = (list[tuple[datetime, int]]() for _ in range(3))
    for row in found:
        queue += _while(1, row.joined_at, row.admitted_at or row.ended_at)
        if row.admitted_at:
            held += _while(row.quantity, row.admitted_at, row.ended_at)
        if row.state == "bought":
            sold += _while(row.quantity, row.ended_at, None)
    whens = [when for when, _ in (*queue, *held, *sold)]
    first = min(whens)
    span = (max(whens) - first) * AFTERWARDS
    times = [first + span * n / (MOMENTS - 1) for n in range(MOMENTS)]
    lines = zip(times, _at(times, queue), _at(times, held), _at(times, sold), strict=True)
    return [Moment(_seconds(when - sale.opened_at), q, h, s, units - h - s) for when, q, h, s in lines]


# --- reading -------------------------------------------------------------------------------------------------------
def _tickets(tx: UnitOfWork, sale: Row) -> Sequence[Row]:
    columns = (t.id, t.seq, t.quantity, t.state, t.joined_at, t.admitted_at, t.ended_at)
    return tx.rows(sa.select(*columns).where(t.sale_id == sale.id).order_by(t.seq))


def _left(tx: UnitOfWork, sale: Row) -> int:
    """Units of its SKUs that nobody has, wherever they lie."""
    skus = sa.select(t.sku).distinct().where(t.sale_id == sale.id)
    c = stock_levels.c
    free = sa.select(sa.func.coalesce(sa.func.sum(c.quantity - c.reserved - c.committed), 0)).where(c.sku.in_(skus))
    return max(0, int(tx.execute(free).scalar_one()))


def _in_order(found: Sequence[Row]) -> bool:
    """Turns in the order of the numbers, without one of those who stayed being passed over."""
    stayed = [row for row in found if row.state != "left"]
    turns = [row.admitted_at for row in stayed]
    had = [turn for turn in turns if turn]
    return all(turns[: len(had)]) and had == sorted(had)


# --- figures -------------------------------------------------------------------------------------------------------
def _wait(row: Row, opened: datetime) -> float:
    return max(0.0, _seconds((row.admitted_at or row.ended_at) - max(row.joined_at, opened)))


def _wait_errors(found: Sequence[Row], told: Mapping[str, tuple[datetime, int]]) -> Sequence[WaitError]:
    """Of a tenth of the admitted around each place."""
    admitted = [row for row in found if row.admitted_at]
    result = []
    for at in DECILES:
        first, last = (len(admitted) * percent // 100 for percent in (at - 5, at + 5))
        here = [(row.admitted_at, *told[row.id]) for row in admitted[first:last] if row.id in told]
        errors = sorted(abs(_seconds(turn - when) - wait) for turn, when, wait in here)
        result.append(WaitError(at, len(errors), _percentile(errors, 50), _percentile(errors, 95)))
    return result


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    """The nearest rank."""
    return round(ordered[max(0, ceil(len(ordered) * percent / 100) - 1)], 3) if ordered else None


def _seconds(time: timedelta) -> float:
    return round(time.total_seconds(), 3)


# --- the course ----------------------------------------------------------------------------------------------------
def _while(units: int, begin: datetime, end: datetime | None) -> Iterable[tuple[datetime, int]]:
    return [(begin, units), *([(end, -units)] if end else [])]


def _at(times: Sequence[datetime], changes: list[tuple[datetime, int]]) -> Sequence[int]:
    """What changes add up to at these times."""
    changes.sort()
    sums = [0, *accumulate(change for _, change in changes)]
    found, passed = [], 0
    for when in times:
        while passed < len(changes) and changes[passed][0] <= when:
            passed += 1
        found.append(sums[passed])
    return found
