"""A level in buckets: the same units in several rows, so that many buyers at once do not queue for one. Pure.

Each bucket has its share of what is on hand, of what may be owed beyond it and of what is kept back, and each row keeps
the rules that one row would: together they can promise exactly what the level could.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

MOST = 64


@dataclass(frozen=True, slots=True)
class Bucket:
    """One part of a level; `promised` is what it has reserved and committed."""

    number: int
    quantity: int
    promised: int
    backorder_limit: int
    safety_stock: int

    @property
    def owed(self) -> int:
        return max(0, self.promised - self.quantity)


def arrange(
    buckets: Sequence[Bucket],
    spread: int,
    *,
    quantity: int,
    backorder_limit: int,
    safety_stock: int,
    due: Mapping[int, int] | None = None,
) -> list[Bucket] | None:
    """The buckets with these units together, what is free of them dealt evenly over the first `spread`; None if the level
    could not be that. What is promised stays where it is; units that are `due` (by bucket) lie there.
    """
    due = due or {}
    if quantity < 0 or sum(bucket.promised for bucket in buckets) > quantity + backorder_limit:
        return None
    kept = _kept(buckets, quantity, due)
    if kept is None:
        return None
    missing = [replace(bucket, quantity=units) for bucket, units in zip(buckets, kept, strict=True)]
    surplus = quantity - sum(kept)
    filled = []
    for bucket in missing:
        more = min(bucket.owed, surplus)
        surplus -= more
        filled.append(replace(bucket, quantity=bucket.quantity + more))
    spare = backorder_limit - sum(bucket.owed for bucket in filled)
    here, may, safe = (_dealt(units, spread) for units in (surplus, surplus + spare, safety_stock))
    return [
        replace(
            bucket,
            quantity=bucket.quantity + here.get(bucket.number, 0),
            backorder_limit=bucket.owed + may.get(bucket.number, 0) - here.get(bucket.number, 0),
            safety_stock=safe.get(bucket.number, 0),
        )
        for bucket in filled
    ]


def _kept(buckets: Sequence[Bucket], quantity: int, due: Mapping[int, int]) -> list[int] | None:
    """The units that stay where they are promised. With fewer than that, the last buckets owe theirs."""
    kept = [max(due.get(bucket.number, 0), min(bucket.quantity, bucket.promised)) for bucket in buckets]
    for at in reversed(range(len(buckets))):
        over = sum(kept) - quantity
        if over > 0:
            kept[at] = max(due.get(buckets[at].number, 0), kept[at] - over)
    return kept if sum(kept) <= quantity else None


def _dealt(units: int, spread: int) -> dict[int, int]:
    """Shares that differ by one at most, the first buckets having more."""
    each, more = divmod(units, spread)
    return {number: each + (number < more) for number in range(spread)}
