"""The way in for a crowd: many join in one commit, and many buy in one; who was told to come later hears it again without anybody
being asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress

from shopctl.core import limits
from shopctl.core.domain import text
from shopctl.core.errors import Refused, ShopError
from shopctl.core.gathering import Gathering
from shopctl.core.queries.tickets import Ticket
from shopctl.core.sales.asking import source_of
from shopctl.core.sales.queue import Joining, join_all
from shopctl.core.sales.turns import TURNS
from shopctl.core.sharing import Sharing
from shopctl.core.shop import Shop

MOST_AT_ONCE = 250
"""So many join in one commit: a few hundredths of a second, for which everybody else waits, also who buys."""
MOST_KNOWN = 100_000
"""So many who were told to come later are remembered, by a process."""


class Crowd:
    """What is asked of the sales of a shop in one process. Any number of threads may ask."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._buying = Sharing(shop, lock=TURNS)
        self._joining: Gathering[tuple[str, Joining], Ticket] = Gathering(self._joined, most=MOST_AT_ONCE)
        self._later: dict[tuple[str, str], float] = {}

    def join(self, sale: str, wanted: Joining) -> Future[Ticket]:
        """As `sales.join`, when it is durable."""
        try:
            self._not_too_early(wanted)
        except Refused as error:
            refused: Future[Ticket] = Future()
            refused.set_exception(error)
            return refused
        return self._joining.ask((sale, wanted))

    def buying(self, shop: Shop) -> Shop:
        """The shop of somebody who buys: what becomes of it is written in one commit with what others buy."""
        return self._buying.among(shop)

    def close(self) -> None:
        self._joining.close()
        self._buying.close()

    def _joined(self, asked: Sequence[tuple[str, Joining]]) -> Sequence[Ticket | Exception]:
        """Those of each sale in one commit."""
        answers: dict[int, Ticket | ShopError] = {}
        for sale in dict.fromkeys(sale for sale, _ in asked):
            mine = [n for n, (which, _) in enumerate(asked) if which == sale]
            with self._shop.request("sales join") as shop:
                answers.update(zip(mine, self._of_sale(shop, sale, [asked[n][1] for n in mine]), strict=True))
        return [answers[n] for n in range(len(asked))]

    def _of_sale(self, shop: Shop, sale: str, wanted: Sequence[Joining]) -> Sequence[Ticket | ShopError]:
        try:
            answers = join_all(shop, sale=sale, wanted=wanted)
        except ShopError as error:
            return [error] * len(wanted)
        for one, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, Refused) and answer.code == "rate_limited":
                self._remember(one, answer)
        return answers

    # --- who comes too early ---------------------------------------------------------------------------------------
    def _not_too_early(self, wanted: Joining) -> None:
        now = time.monotonic()
        for name, subject in _subjects(wanted):
            if (until := self._later.get((name, subject), 0.0)) > now:
                raise limits.limited(name, until - now)

    def _remember(self, wanted: Joining, refused: Refused) -> None:
        name, seconds = str(refused.details["limit"]), float(str(refused.details["retry_after"]))
        if len(self._later) >= MOST_KNOWN:
            self._later.clear()
        with suppress(KeyError):
            self._later[name, dict(_subjects(wanted))[name]] = time.monotonic() + seconds


def _subjects(wanted: Joining) -> Iterator[tuple[str, str]]:
    yield "tickets of a customer", text.fold(wanted.email)
    if wanted.source:
        yield "tickets of a source", source_of(wanted.source)
