"""Counts: what somebody found to be on hand, for many levels at once. The difference is booked; no difference, nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core.db.tables import stock_levels
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.stock.buckets import book
from shopctl.core.stock.ledger import GENERAL, Move, books_disagree, lock_levels
from shopctl.core.stock.levels import ensure_levels, keep_safe

_CHUNK = 500
_l = stock_levels.c
_WHOLE = (
    sa.select(
        _l.sku,
        _l.warehouse,
        *(sa.func.sum(_l[n]) for n in ("quantity", "reserved", "committed", "backorder_limit", "safety_stock")),
    )
    .where(_l.sku.in_(sa.bindparam("skus", expanding=True)), _l.pool == GENERAL)
    .group_by(_l.sku, _l.warehouse)
)


@dataclass(frozen=True, slots=True)
class Count:
    """What a level should be; None leaves it.

    `opening` is for a first level of which `quantity` says nothing. `expected` is what the counter saw before: a level that
    has another number by now is not overwritten.
    """

    sku: str
    warehouse: str
    quantity: int | None
    safety_stock: int | None = None
    opening: int | None = None
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of a count. `before` is None for a level that there was not; with a `problem` nothing was done."""

    sku: str
    warehouse: str
    before: int | None
    after: int
    safety_before: int
    safety_after: int
    problem: str | None = None

    @property
    def changed(self) -> bool:
        return self.problem is None and (self.before != self.after or self.safety_before != self.safety_after)

    @property
    def difference(self) -> int:
        return self.after - (self.before or 0)


def take_stock(tx: UnitOfWork, counts: Sequence[Count], *, reason: str) -> list[Counted]:
    """Make levels what was counted, in a handful of statements; each (sku, warehouse) once, of a SKU that there is.

    A first level is received, the others are adjusted. One that has promised more than was counted stays as it is.
    """
    made = ensure_levels(tx, [(count.sku, count.warehouse) for count in counts])
    levels = _levels(tx, sorted({count.sku for count in counts}))
    found = {place: level for place, level in levels.items() if place not in made}
    results = [_judged(count, found.get((count.sku, count.warehouse))) for count in counts]
    sound = [result for result in results if result.problem is None]
    keep_safe(tx, {(r.sku, r.warehouse): r.safety_after for r in sound if r.safety_before != r.safety_after})
    received = [_move(result) for result in sound if result.before is None and result.after]
    adjusted = [_move(result) for result in sound if result.before is not None and result.before != result.after]
    if not (book(tx, "receive", received, reason=reason) and book(tx, "adjust", adjusted, reason=reason)):
        raise books_disagree(reason)  # the levels are locked, so that nobody else can have changed them
    return results


@dataclass(frozen=True, slots=True)
class _Level:
    """A level as a whole."""

    quantity: int
    reserved: int
    committed: int
    backorder_limit: int
    safety_stock: int


def _levels(tx: UnitOfWork, skus: Sequence[str]) -> Mapping[tuple[str, str], _Level]:
    lock_levels(tx, skus)
    found: dict[tuple[str, str], _Level] = {}
    for start in range(0, len(skus), _CHUNK):
        for sku, warehouse, *units in tx.rows(_WHOLE, {"skus": skus[start : start + _CHUNK]}):
            found[sku, warehouse] = _Level(*map(int, units))
    return found


def _judged(count: Count, level: _Level | None) -> Counted:
    before, safe = (None, 0) if level is None else (level.quantity, level.safety_stock)
    counted = count.opening if count.quantity is None and level is None else count.quantity
    after = (before or 0) if counted is None else counted
    safety = safe if count.safety_stock is None else count.safety_stock
    return Counted(count.sku, count.warehouse, before, after, safe, safety, _problem(count, level, after))


def _problem(count: Count, level: _Level | None, after: int) -> str | None:
    if level is None or after == level.quantity:
        return None
    if count.expected is not None and count.expected != level.quantity:
        return f"is counted from {count.expected} on hand, and there are {level.quantity} now"
    promised = level.reserved + level.committed
    if after < level.quantity and promised > after + level.backorder_limit:
        return f"is below what is promised: {level.reserved} are reserved and {level.committed} committed"
    return None


def _move(result: Counted) -> Move:
    return Move(result.sku, result.warehouse, quantity=result.difference)
