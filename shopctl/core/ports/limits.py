"""What the core asks of whoever counts how often somebody may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Allowance:
    """A token bucket: `burst` units fit in, and `rate` units a second flow back."""

    rate: float
    burst: int

    def cost(self, units: int) -> int:
        """Microseconds until so many units have flowed back."""
        return round(units * 1_000_000 / self.rate)


class RateLimiter(Protocol):
    """Buckets by key, shared by all processes of a shop. A bucket is one number, the moment at which it is full again (GCRA)."""

    def take(self, key: str, allowance: Allowance, units: int) -> float:
        """Take units out of a bucket: 0, or how many seconds too few of them are in it, and nothing was taken."""
        ...

    def sweep(self, most: int) -> int:
        """Forget buckets that are full, which is as if they had never been; how many."""
        ...
