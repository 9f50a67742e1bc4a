"""How often somebody may: one rule for whoever needs it, whoever counts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from shopctl.core.domain import text
from shopctl.core.errors import Refused
from shopctl.core.ports import Allowance, Draw
from shopctl.core.shop import Shop


@dataclass(frozen=True, slots=True)
class Limit:
    """`subject` may do what is called `name` `burst` times at once, and `rate` times a second in the long run."""

    name: str
    subject: str
    rate: float
    burst: int
    units: int = 1

    def draw(self) -> Draw:
        """Whoever they are stays out of the count: it knows a hash. Case and spaces make nobody another subject."""
        if not 1 <= self.units <= self.burst or self.rate <= 0:
            raise ValueError("units must fit into a bucket that fills")
        who = hashlib.sha256(text.fold(self.subject).encode()).hexdigest()[:32]
        return Draw(f"{self.name}:{who}", Allowance(self.rate, self.burst), self.units)


def take(shop: Shop, limit: Limit) -> None:
    """Let them do it, or Refused(rate_limited) with `retry_after`. A shop that is open read-only counts nothing."""
    if refused := take_all(shop, [[limit]])[0]:
        raise refused


def take_all(shop: Shop, asked: Sequence[Sequence[Limit]]) -> list[Refused | None]:
    """For each of many requests why it may not be done, by any of its limits; one that may not is not counted."""
    counted = [n for n, limits in enumerate(asked) if limits]
    refused: list[Refused | None] = [None] * len(asked)
    if shop.read_only or shop.dry_run or not counted:
        return refused
    waits = shop.limiter.take([[limit.draw() for limit in asked[n]] for n in counted])
    for n, wait in zip(counted, waits, strict=True):
        if wait:
            refused[n] = limited(asked[n][wait.draw].name, wait.seconds)
    return refused


def limited(name: str, wait: float) -> Refused:
    seconds = max(1, math.ceil(wait))
    return Refused(
        "rate_limited",
        f"Too many requests ({name})",
        hint=f"Try again in {seconds} s.",
        limit=name,
        retry_after=seconds,
    )


def sweep(shop: Shop, *, batch: int = 5000) -> int:
    """Forget the buckets that are full again, in batches; how many."""
    total = 0
    while True:
        count = shop.limiter.sweep(batch)
        total += count
        if count < batch:
            return total
