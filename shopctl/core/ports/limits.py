"""What the core asks of whoever counts how often somebody may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Allowance:
    """A token bucket: `burst` units fit in, and `rate` units a second flow back."""

    rate: float
    burst: int

    def cost(self, units: int) -> int:
        """Microseconds until so many units have flowed back."""
        return round(units * 1_000_000 / self.rate)


@dataclass(frozen=True, slots=True)
class Draw:
    """Units that are to be taken out of a bucket."""

    key: str
    allowance: Allowance
    units: int = 1

    @property
    def cost(self) -> int:
        """Microseconds until they have flowed back."""
        return self.allowance.cost(self.units)

    @property
    def capacity(self) -> int:
        """Microseconds until an empty bucket is full."""
        return self.allowance.cost(self.allowance.burst)


class Wait(NamedTuple):
    """How many seconds it is too early, and which of a request's draws says so."""

    seconds: float
    draw: int


class RateLimiter(Protocol):
    """Buckets by key, shared by all processes of a shop. A bucket is one number, the moment at which it is full again (GCRA)."""

    def take(self, asked: Sequence[Sequence[Draw]]) -> list[Wait | None]:
        """Answer many requests, in their order, each of which draws from all of its buckets (None), or from none and has to
        wait for the slowest."""
        ...

    def sweep(self, most: int) -> int:
        """Forget buckets that are full, which is as if they had never been; how many."""
        ...
