"""Shoppers as real as they can be had: each a request of its own, timed from the moment at which it is sent to its durable answer.

A process has a share of them. How it reaches the shop, by calls or over HTTP, is its `Way`; how far the sale is, it hears like a
storefront with many who wait: once for all of them.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from shopctl.core.rehearsal.crowd import spelled

BOT_PAUSE = 0.01
"""Seconds from one request of a bot to its next: a hundred a second, if it is answered as fast."""
LONGEST = 600.0
"""Seconds after which a shopper who has heard nothing gives up: that is no answer."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: the ticket with its number, or the code of why there is none; of a purchase `bought`, or that code."""

    word: str
    ticket: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Far:
    """How far the sale is."""

    head: int
    over: bool


class Way(Protocol):
    """A way to the shop. `at_once`: how many shoppers can ask at the same time."""

    at_once: int

    async def join(self, email: str) -> Said: ...

    async def buy(self, ticket: str) -> Said: ...

    async def follow(self, tell: Callable[[Far], None]) -> None:
        """Tell how far the sale is, again and again, until it is over."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Share:
    """The shoppers of one process: every `of`-th, beginning with the `first`; the first `bots` of all are bots. That part of those
    whose turn it is lets it pass."""

    shoppers: int
    first: int
    of: int
    seed: int
    bots: int = 0
    abandon: float = 0.0


@dataclass(slots=True)
class Heard:
    """What became of a shopper; times are the machine's own, in seconds. `joined`: when the answer to its request came."""

    shopper: int
    sent: float
    joined: float = 0.0
    number: int = 0
    word: str = ""
    at: float = 0.0
    asked: int = 1
    limited: int = 0


@dataclass
class Throng:
    """They come, wait, and buy."""

    way: Way
    share: Share
    _queue: list[tuple[int, asyncio.Future[bool]]] = field(default_factory=list)
    _far: Far = Far(0, over=False)
    _left: int = 0  # of these shoppers, who have no last word yet

    async def run(self) -> list[Heard]:
        mine = range(self.share.first, self.share.shoppers, self.share.of)
        self._left = len(mine)
        following = asyncio.create_task(self.way.follow(self._tell))
        window = asyncio.Semaphore(self.way.at_once)
        abandons = Random(self.share.seed)
        lets_pass = [abandons.random() < self.share.abandon for _ in range(self.share.shoppers)]
        coming = [self._bot(n) if n < self.share.bots else self._shopper(n, window, lets_pass[n]) for n in mine]
        heard = list(await asyncio.gather(*coming))
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await self.way.close()
        return heard

    # --- what shoppers do ------------------------------------------------------------------------------------------
    async def _shopper(self, n: int, window: asyncio.Semaphore, lets_pass: bool) -> Heard:
        async with window:
            heard = Heard(n, time.monotonic())
            said = await self.way.join(f"shopper{n}@example.com")
            heard.joined = time.monotonic()
        return await self._ends(heard, said, lets_pass)

    async def _bot(self, n: int) -> Heard:
        """It asks on and on, each time spelling its address in another way, whatever it has already, until nobody here waits for
        anything; beside that it waits and buys like everybody else."""
        heard = Heard(n, time.monotonic())
        said = Said("rate_limited")
        while said.word == "rate_limited":
            said = await self._asks(heard, n)
        heard.joined = time.monotonic()
        again = asyncio.create_task(self._goes_on(heard, n))
        await self._ends(heard, said, lets_pass=False)
        await again
        return heard

    async def _goes_on(self, heard: Heard, n: int) -> None:
        while self._left and not self._far.over:
            await asyncio.sleep(BOT_PAUSE)
            await self._asks(heard, n)

    async def _asks(self, heard: Heard, n: int) -> Said:
        heard.asked += 1
        said = await self.way.join(spelled(f"bot{n}@example.com", heard.asked))
        heard.limited += said.word == "rate_limited"
        return said

    async def _ends(self, heard: Heard, said: Said, lets_pass: bool) -> Heard:
        """Wait for the turn, and buy."""
        heard.word, heard.number = said.word, said.number
        if said.ticket:
            heard.word = "sold_out"
            if await self._turn(said.number):
                heard.word = "expired" if lets_pass else (await self.way.buy(said.ticket)).word
        heard.at = time.monotonic()
        self._left -= 1
        return heard

    async def _turn(self, number: int) -> bool:
        """Whether its turn comes; not when the sale is over before."""
        if number <= self._far.head or self._far.over:
            return number <= self._far.head
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (number, turn))
        try:
            return await asyncio.wait_for(turn, LONGEST)
        except TimeoutError:
            return False

    def _tell(self, far: Far) -> None:
        self._far = far
        while self._queue and (far.over or self._queue[0][0] <= far.head):
            number, turn = heapq.heappop(self._queue)
            if not turn.done():
                turn.set_result(number <= far.head)


def run(way: Callable[[], Awaitable[Way]], share: Share, begin: Callable[[], object]) -> list[Heard]:
    """The shoppers of this process: `begin` waits for the others."""

    async def throng() -> list[Heard]:
        opened = await way()
        begin()
        return await Throng(opened, share).run()

    return asyncio.run(throng())


def in_order(heard: Sequence[Heard]) -> bool:
    """Whether a shopper whose ticket was there before another one asked for theirs has the lower number: first come, first served,
    as anybody outside can see it."""
    tickets = [one for one in heard if one.number]
    answered = sorted(tickets, key=lambda one: one.joined)
    highest, passed = 0, 0
    for one in sorted(tickets, key=lambda one: one.sent):
        while passed < len(answered) and answered[passed].joined < one.sent:
            highest = max(highest, answered[passed].number)
            passed += 1
        if one.number < highest:
            return False
    return True
