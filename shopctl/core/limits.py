"""How often somebody may: one rule for whoever needs it, whoever counts."""

from __future__ import annotations

import hashlib
import math

from shopctl.core.domain import text
from shopctl.core.errors import Refused
from shopctl.core.ports import Allowance
from shopctl.core.shop import Shop


def take(shop: Shop, *, name: str, subject: str, rate: float, burst: int, units: int = 1) -> None:
    """Let `subject` do what is called `name`, `burst` times at once and `rate` times a second in the long run, or
    Refused(rate_limited) with `retry_after`. Case and spaces make nobody another subject.

    Whoever they are stays out of the count: it knows a hash. A shop that is open read-only counts nothing.
    """
    if not 1 <= units <= burst or rate <= 0:
        raise ValueError("units must fit into a bucket that fills")
    if shop.read_only or shop.dry_run:
        return
    who = hashlib.sha256(text.fold(subject).encode()).hexdigest()[:32]
    wait = shop.limiter.take(f"{name}:{who}", Allowance(rate, burst), units)
    if wait:
        raise limited(name, wait)


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
