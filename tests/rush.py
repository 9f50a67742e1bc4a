"""A flash sale under everything at once: shoppers in processes of their own, bots, turns that are let pass; admitters, Redis and
Postgres struck while it runs.

    python -m tests.rush --store postgres --redis --shoppers 20000 --units 1000 --admitters 10 --redis-kills 2 --restarts 1
    python -m tests.rush --shoppers 10000 --units 500 --rate 3000 --bots 200
    python -m tests.rush --shoppers 20000 --abandon 0.3 --hold 2

In the end exactly the units are sold, first come, first served, nobody has more than the limit, everyone was answered, and `verify`
is clean.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from shopctl.core import sales, verify
from shopctl.core.db.tables import orders
from shopctl.core.errors import ShopError
from shopctl.core.rehearsal.live import Throngs
from shopctl.core.rehearsal.scratch import NAME
from shopctl.core.rehearsal.shoppers import Way
from shopctl.core.rehearsal.ways import Direct
from shopctl.core.shop import Shop
from tests import flash, servers, shops

PAUSE = 0.05


@dataclass(frozen=True)
class Strikes:
    """How often what is struck."""

    admitters: int = 0
    redis: int = 0
    postgres: int = 0


async def way(directory: Path) -> Way:
    return Direct(shops.reopen(directory), shops.HOME)


def admit(directory: Path) -> None:
    """An admitter, until it is killed. One that cannot reach the store tries again."""
    while True:
        with suppress(ShopError):
            shop = shops.reopen(directory)
            while True:
                if not any(one.count for one in sales.run_all(shop)):
                    time.sleep(PAUSE)
        time.sleep(PAUSE)


class Struck:
    """The admitters, two at a time, and what is done to them, to Redis and to Postgres, at moments drawn from a seed."""

    def __init__(self, directory: Path, strikes: Strikes, seed: int, restart: Callable[[str], None]) -> None:
        self._spawn: Any = mp.get_context("spawn")
        self._directory, self._restart = directory, restart
        chance = random.Random(seed)
        blows = ["admitter"] * strikes.admitters + ["redis"] * strikes.redis + ["postgres"] * strikes.postgres
        chance.shuffle(blows)
        self._blows = [(0.4 * n + chance.uniform(0, 0.4), blow) for n, blow in enumerate(blows)]
        self._began: float | None = None
        self.done: Counter[str] = Counter()
        self._admitters = [self._admitter(), self._admitter()]

    def _admitter(self) -> Any:
        process = self._spawn.Process(target=admit, args=(self._directory,), daemon=True)
        process.start()
        return process

    def watch(self) -> None:
        self._began = self._began or time.monotonic()
        while self._blows and self._blows[0][0] < time.monotonic() - self._began:
            _, blow = self._blows.pop(0)
            self.done[blow] += 1
            if blow != "admitter":
                self._restart(blow)
                continue
            victim = self._admitters.pop(0)
            victim.kill()
            victim.join()
            self._admitters.append(self._admitter())

    def end(self) -> None:
        for process in self._admitters:
            process.kill()
            process.join()


@contextmanager
def served(store: str, *, redis: bool) -> Iterator[Callable[[str], None]]:
    """Shops on this store, with servers of their own that can be struck: what strikes one of them by its name."""
    with ExitStack() as stack:
        environment: dict[str, str] = {}
        found: dict[str, Any] = {}
        if redis:
            found["redis"] = server = servers.Redis()
            stack.callback(server.kill)
            environment["SHOPCTL_TEST_CARTS"] = server.url
        if store == "postgres":
            found["postgres"] = servers.Postgres(max_connections="300", listen_addresses="''")
            environment["SHOPCTL_TEST_POSTGRES"] = found["postgres"].url.render_as_string(hide_password=False)
        stack.enter_context(mock.patch.dict(os.environ, environment))
        stack.enter_context(shops.on(store))

        def strike(name: str) -> None:
            if name == "redis":
                found[name].kill()
                time.sleep(0.5)
                found[name].start()
            else:
                found[name].restart("immediate")

        yield strike


def wrong(shop: Shop, units: int, limit: int, found: Any) -> list[str]:
    """What is not as it must be."""
    with shop.read() as tx:
        per_customer = sa.select(sa.func.count()).where(orders.c.status == "confirmed").group_by(orders.c.email)
        most = max(tx.execute(per_customer).scalars(), default=0)
    problems = {
        f"{found.sold} sold of {units}": found.sold != units,
        f"{found.oversold} oversold": bool(found.oversold),
        f"{found.answered} of {found.shoppers} answered": found.answered != found.shoppers,
        f"somebody has {most} orders": most > limit,
        "not first come, first served": not found.first_come_first_served,
        f"verify: {verify.verify(shop).violations[:3]}": bool(verify.verify(shop).violations),
    }
    return [problem for problem, is_so in problems.items() if is_so]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("shoppers", 20_000), ("units", 1000), ("seed", 7), ("bots", 0), ("hold", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rate", type=int, help="turns a minute")
    for name in ("admitters", "redis-kills", "restarts"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--abandon", type=float, default=0.0)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--redis", action="store_true")
    said = parser.parse_args()
    strikes = Strikes(said.admitters, said.redis_kills, said.restarts)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        restart = stack.enter_context(served(said.store, redis=said.redis))
        shop = shops.make(directory)
        shops.product(shop, "TEE", units=said.units)
        flash.make(shop, said.units, name=NAME, hold_seconds=said.hold, rate=said.rate)
        struck = Struck(directory, strikes, said.seed, restart)
        stack.callback(struck.end)
        throngs = Throngs(partial(way, directory), said.shoppers, said.seed, bots=said.bots, abandon=said.abandon)
        result = throngs.run(lambda: sales.open_(shop, name=NAME), struck.watch)
        struck.end()
        found = result.report(shop, throngs, said.units)
        print(found)
        print("struck:", dict(struck.done), "words:", dict(Counter(one.word for one in result.heard)))
        print("bots asked", sum(one.asked for one in result.heard if one.shopper < said.bots), "limited", found.limited)
        problems = wrong(shop, said.units, 1, found)
        print("wrong:", problems or "nothing")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
