"""A rehearsal by the real clock: processes of shoppers, let loose together, and what they heard, beside what the store says."""

from __future__ import annotations

import gc
import multiprocessing as mp
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from multiprocessing.synchronize import Barrier
from queue import Empty
from typing import Any

from shopctl.core.errors import ShopError
from shopctl.core.rehearsal import shoppers
from shopctl.core.rehearsal.report import Outside, Report, count
from shopctl.core.rehearsal.shoppers import Heard, Share, Way
from shopctl.core.shop import Shop

FINAL = ("bought", "expired", "turn_over", "sold_out", "sale_over")
"""The last words that a shopper may hear; any other is none."""
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Throngs:
    """Who comes: how many, in how many processes, each of which reaches the shop by its own `way`; the first of them are bots, and
    this part of those whose turn it is lets it pass."""

    way: Callable[[], Awaitable[Way]]
    shoppers: int
    seed: int
    processes: int = 2
    bots: int = 0
    abandon: float = 0.0

    def run(self, begin: Callable[[], object], watch: Callable[[], object]) -> Result:
        """`begin` is called when all are there, and then they are let loose; `watch` now and then until all have gone."""
        spawn: Any = mp.get_context("spawn")
        gate, said = spawn.Barrier(self.processes + 1), spawn.Queue()
        shares = [
            Share(self.shoppers, first, self.processes, self.seed, self.bots, self.abandon)
            for first in range(self.processes)
        ]
        throngs = [spawn.Process(target=_throng, args=(self.way, share, gate, said), daemon=True) for share in shares]
        for process in throngs:
            process.start()
        try:
            gate.wait(START_SECONDS)
            begin()
            gate.wait()
            return Result(time.monotonic(), self._gathered(throngs, said, watch))
        finally:
            for process in throngs:
                process.kill()

    def _gathered(self, throngs: Sequence[Any], said: Any, watch: Callable[[], object]) -> list[Heard]:
        heard: list[Heard] = []
        missing = len(throngs)
        while missing:
            try:
                heard += said.get(timeout=0.2)
                missing -= 1
            except Empty:
                watch()
                if any(process.exitcode for process in throngs):
                    raise ShopError("unexpected", "A process of shoppers ended before its shoppers did") from None
        return heard


@dataclass(frozen=True, slots=True)
class Result:
    """What all of them heard, since `begun` (the machine's own seconds)."""

    begun: float
    heard: Sequence[Heard]

    def report(self, shop: Shop, throngs: Throngs, stock: int) -> Report:
        """What the store says; how long it took, and who was answered, as those who asked have it."""
        heard = self.heard
        without = sum(not one.number for one in heard)
        limited = sum(one.limited for one in heard)
        found = count(shop, throngs.shoppers, stock, throngs.seed, Outside(throngs.bots, limited, without))
        waits = sorted(one.at - self.begun for one in heard)
        bought = [one.at - self.begun for one in heard if one.word == "bought"]
        return replace(
            found,
            answered=sum(one.word in FINAL for one in heard),
            first_come_first_served=found.first_come_first_served and shoppers.in_order(heard),
            last_unit_s=round(max(bought), 3) if bought else None,
            last_answer_s=round(waits[-1], 3),
            wait_p50_s=_percentile(waits, 50),
            wait_p95_s=_percentile(waits, 95),
            wait_p99_s=_percentile(waits, 99),
        )


def _throng(way: Callable[[], Awaitable[Way]], share: Share, gate: Barrier, said: Any) -> None:
    gc.disable()  # it would look through all who wait, again and again, and find nothing

    def begin() -> None:
        gate.wait(START_SECONDS)
        gate.wait(START_SECONDS)

    said.put(shoppers.run(way, share, begin))


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """The nearest rank."""
    return round(ordered[max(0, ceil(len(ordered) * percent / 100) - 1)], 3)
