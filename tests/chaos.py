"""Checkouts while a server fails, and whether everything is right in the end.

    python -m tests.chaos redis [--store sqlite|postgres] [--orders 1000]
    python -m tests.chaos postgres [--orders 500]
    python -m tests.chaos gateway [--store sqlite|postgres] [--orders 5000]
    python -m tests.chaos http [--store sqlite|postgres] [--orders 1000]

redis     killed, emptied, full (1 MB), evicting, slow, and back with an old snapshot, while carts are filled and bought.
          What is asked: each order confirmed, none with more than was asked for or less than had been persisted.
postgres  stopped every three seconds, in turns in order (fast) and as if it had crashed (immediate), while checkouts are
          repeated with the same key until they have an answer. What is asked: one order and one charge a key.
gateway   drops a tenth of its replies after committing, fails, is asked too often, repeats and reorders its notices
          (chaos_gateway.py). What is asked: one charge for each order that stands, none for any other, to the cent.
http      `gateway serve` is killed every half second, and started again, while shoppers fill carts and check out through it
          and repeat what has no answer (chaos_http.py). What is asked: one order and one charge a key, of what was in the cart.

Prints a line of JSON with its seed, and leaves with 1 when something is not right; `verify` must be clean in all.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from shopctl import bootstrap
from shopctl.core import cart, checkout, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import cart_lines, carts, orders, payments
from shopctl.core.errors import ShopError, StillPending, TimedOut, Unavailable
from shopctl.core.ports import Charge, ChargeRequest
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop
from tests import chaos_gateway, chaos_http, forks, servers, shops, storms
from tests.benchmarks import frame

SKUS = [f"SKU-{n}" for n in range(20)]
Prepare = Callable[["Run", int], Callable[[int], Any]]
"""Makes the buyer of a number ready; what it gives makes the buyer's order of a number."""


@dataclass(frozen=True)
class Run:
    """How many buyers make how many orders, how often the server is struck, and the seed of everything."""

    directory: Path
    orders: int
    buyers: int
    period: float
    seed: int
    gateway_seconds: float = 0.0


@dataclass
class Result:
    what: str
    seed: int
    orders: int
    seconds: float
    blows: Mapping[str, int]
    problems: list[str] = field(default_factory=list)
    counted: Mapping[str, int] = field(default_factory=dict)

    def line(self) -> str:
        return json.dumps({**asdict(self), "right": not self.problems})


# --- Redis ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Bought:
    """Units by SKU: what a shopper asked for, what the database had of it before the checkout, what was ordered."""

    asked: Mapping[str, int]
    kept: Mapping[str, int]
    got: Mapping[str, int]
    noticed: bool

    def problem(self) -> str | None:
        for sku in {*self.asked, *self.got}:
            least, got, most = self.kept.get(sku, 0), self.got.get(sku, 0), self.asked.get(sku, 0)
            if not least <= got <= most:
                return f"{sku}: {most} asked for, {least} persisted, {got} ordered"
        return None


def redis(run: Run) -> Result:
    """Fill carts and buy them while Redis fails, on the store that `shops` has now."""
    server = servers.Redis()
    with mock.patch.dict("os.environ", SHOPCTL_TEST_CARTS=server.url):
        shop = _shop(run.directory)
        storm = storms.Storm(storms.on_redis(server), run.period, run.seed)
        bought, seconds = _together(run, _fill_and_buy, storm)
        result = Result("redis", run.seed, run.orders, round(seconds, 1), dict(storm.counts))
        result.problems += [problem for one in bought if (problem := _text(one))]
        sound = [one for one in bought if isinstance(one, Bought)]
        result.counted = {
            "met_it": sum(one.noticed for one in sound),
            "units_ordered": sum(sum(one.got.values()) for one in sound),
            "units_lost_before_they_were_persisted": sum(
                sum(one.asked.values()) - sum(one.got.values()) for one in sound
            ),
        }
        result.problems += _books(shop, run.orders)
        server.kill()
    return result


def _text(one: Bought | str) -> str | None:
    return one if isinstance(one, str) else one.problem()


def _fill_and_buy(run: Run, n: int) -> Callable[[int], Bought]:
    chance = random.Random(f"{run.seed}-{n}")
    opened, settings = shops.reopen(run.directory), shops.settings_for(run.directory)

    def step(i: int) -> Bought:
        said: list[str] = []
        # A client of its own for each cart, as each command has: it forgets that Redis was away a moment ago.
        shop = opened.but(carts=bootstrap.hot_carts(settings, opened.facts), narrate=said.append)
        handle = f"c{n}-{i}"
        asked: Counter[str] = Counter()
        kept: Counter[str] = Counter()
        for _ in range(chance.randint(2, 6)):
            sku, quantity = chance.choice(SKUS), chance.randint(1, 3)
            cart.add(shop, handle=handle, sku=sku, quantity=quantity)
            asked[sku] += quantity
            if chance.random() < 0.3:
                checkout.quote(shop, cart=handle)  # persists it, if it can
            kept |= _persisted(shop, handle)
        placed = checkout.place(shop, shops.placement(handle, f"key-{handle}"))
        assert isinstance(placed, Order)
        got = {line.sku: line.quantity for line in placed.lines}
        return Bought(asked, kept, got, any("Redis" in words for words in said))

    return step


def _persisted(shop: Shop, handle: str) -> Counter[str]:
    """What the database has of a cart, past everything that is hot."""
    rows = sa.select(cart_lines.c.sku, cart_lines.c.quantity).join(carts).where(carts.c.handle == handle)
    with shop.read() as tx:
        return Counter({row.sku: row.quantity for row in tx.rows(rows)})


# --- Postgres ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answered:
    began: float
    ended: float
    tries: int
    retries: int


@dataclass(frozen=True)
class Leisurely:
    """A gateway that takes its time, so that a server is often stopped while it is asked."""

    gateway: Any
    seconds: Callable[[], float]

    @property
    def name(self) -> str:
        return str(self.gateway.name)

    @property
    def memory(self) -> timedelta:
        found: timedelta = self.gateway.memory
        return found

    def ready(self) -> None:
        self.gateway.ready()

    def authorize(self, request: ChargeRequest) -> Charge:
        time.sleep(self.seconds())
        answer: Charge = self.gateway.authorize(request)
        return answer

    def find(self, key: str, *, since: datetime) -> Charge | None:
        found: Charge | None = self.gateway.find(key, since=since)
        return found


def postgres(run: Run, server: servers.Postgres) -> Result:
    """Buy carts while the server is stopped again and again; each checkout is repeated with its key until it is answered."""
    shop = _shop(run.directory)
    with shop.together() as group:
        for n in range(run.buyers):
            for i in range(_share(run, n)):
                for line in range(3):
                    cart.add(group.shop, handle=f"c{n}-{i}", sku=SKUS[(7 * n + 3 * i + line) % len(SKUS)], quantity=1)
        group.commit()
    storm = storms.Storm(storms.on_postgres(server), run.period, run.seed, in_turn=True)
    answered, seconds = _together(run, _buy, storm)
    result = Result("postgres", run.seed, run.orders, round(seconds, 1), dict(storm.counts))
    result.problems += [one for one in answered if isinstance(one, str)]
    sound = [one for one in answered if isinstance(one, Answered)]
    result.counted = {
        "in_flight": sum(storms.hit(storm.moments, one.began, one.ended) for one in sound),
        "noticed": sum(one.tries > 1 or one.retries > 0 for one in sound),
        "repeated_with_their_key": sum(one.tries > 1 for one in sound),
        "slowest_ms": round(max(one.ended - one.began for one in sound) * 1000),
    }
    result.problems += _books(shop, run.orders)
    return result


def _buy(run: Run, n: int) -> Callable[[int], Answered]:
    chance, shop = random.Random(f"{run.seed}-{n}"), shops.reopen(run.directory)
    gateway = Leisurely(shop.gateway, lambda: chance.uniform(0, 2) * run.gateway_seconds)

    def step(i: int) -> Answered:
        mine = shop.but(gateway=gateway)
        began, retries, tries = time.monotonic(), mine.effort.retries, 0
        while True:
            tries += 1
            try:
                checkout.place(mine, shops.placement(f"c{n}-{i}", f"key-{n}-{i}"))
                return Answered(began, time.monotonic(), tries, mine.effort.retries - retries)
            except (Unavailable, TimedOut, StillPending):
                time.sleep(chance.uniform(0.02, 0.1))

    return step


# --- the gateway ---------------------------------------------------------------------------------------------------
def gateway(run: Run) -> Result:
    """Buy carts while the gateway misbehaves and its notices come in."""
    with mock.patch.dict("os.environ", SHOPCTL_SANDBOX=f"{chaos_gateway.FAULTS},seed={run.seed}"):
        shop = _shop(run.directory)
        heard: Counter[str] = Counter()
        answers, seconds = _together(run, _ask, chaos_gateway.told(shop, heard))
        result = Result("gateway", run.seed, run.orders, round(seconds, 1), {})
        result.problems += [one for one in answers if isinstance(one, str)]
        sound = [one for one in answers if isinstance(one, chaos_gateway.Answer)]
        result.problems += chaos_gateway.problems(shop, sound)
        result.counted = chaos_gateway.counted(sound, heard)
    return result


def _ask(run: Run, n: int) -> Callable[[int], chaos_gateway.Answer]:
    return chaos_gateway.buyer(shops.reopen(run.directory), run.seed, n)


# --- the shop over HTTP --------------------------------------------------------------------------------------------
def http(run: Run) -> Result:
    """Buy through `gateway serve` while it is killed."""
    shop = _shop(run.directory)
    with chaos_http.Door(run.directory) as door:
        storm = storms.Storm({"kill": door.kill_and_start}, run.period, run.seed)
        visit = partial(_visit, door.url, chaos_http.key(shop))
        answered, seconds = _together(run, visit, storm)
    result = Result("http", run.seed, run.orders, round(seconds, 1), dict(storm.counts))
    result.problems += [one for one in answered if isinstance(one, str)]
    tries = [one for one in answered if isinstance(one, int)]
    result.counted = {"repeated_with_their_key": sum(one > 1 for one in tries), "most_tries": max(tries, default=0)}
    result.problems += _books(shop, run.orders)
    return result


def _visit(url: str, secret: str, run: Run, n: int) -> Callable[[int], int]:
    return chaos_http.shopper(url, secret, run.seed, n, SKUS)


# --- what all have ------------------------------------------------------------------------------------------------
def _shop(directory: Path) -> Shop:
    shop = shops.make(directory)
    for sku in SKUS:
        shops.product(shop, sku, units=10**6)
    return shop


def _share(run: Run, n: int) -> int:
    return run.orders // run.buyers + (n < run.orders % run.buyers)


def _together(run: Run, prepare: Prepare, storm: AbstractContextManager[object]) -> tuple[list[Any], float]:
    """What the buyers, each a process, came back with: an answer for each order, or the words of a problem."""
    mp = forks.processes()
    barrier, answers = mp.Barrier(run.buyers + 1), mp.Queue()
    buyers = [
        mp.Process(target=_work, args=(run, prepare, n, barrier, answers), daemon=True) for n in range(run.buyers)
    ]
    for buyer in buyers:
        buyer.start()
    barrier.wait(60)
    began = time.monotonic()
    with storm:
        found = [answers.get(timeout=120) for _ in range(run.orders)]
    for buyer in buyers:
        buyer.join()
    return found, time.monotonic() - began


def _work(run: Run, prepare: Prepare, n: int, barrier: Any, answers: Any) -> None:
    count = _share(run, n)
    step = prepare(run, n)
    barrier.wait()
    for i in range(count):
        try:
            answers.put(step(i))
        except ShopError as error:
            answers.put(f"order {i} of buyer {n}: {error.code}: {error.message}")
        except Exception as error:
            answers.put(f"order {i} of buyer {n}: {type(error).__name__}: {error}")


def _books(shop: Shop, count: int) -> list[str]:
    """What is wrong in the end: orders and payments one a key, the gateway's ledger, and whatever `verify` finds."""
    assert isinstance(shop.gateway, SandboxGateway)
    charges = sum(entry.verb == "charge" for entry in shop.gateway.entries())
    with shop.read() as tx:
        confirmed = tx.execute(sa.select(sa.func.count()).where(orders.c.status == "confirmed")).scalar_one()
        made = tx.execute(sa.select(sa.func.count()).select_from(orders)).scalar_one()
        captured = tx.execute(sa.select(sa.func.count()).where(payments.c.state == "captured")).scalar_one()
    found = {"orders": made, "confirmed": confirmed, "payments captured": captured, "charges": charges}
    wrong = [f"{number} {name} for {count} keys" for name, number in found.items() if number != count]
    return wrong + [f"verify: {violation.message}" for violation in verify.verify(shop).violations]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("redis", "postgres", "gateway", "http"))
    parser.add_argument("--orders", type=int, help="1000 for redis and http, 500 for postgres, 5000 for gateway")
    parser.add_argument("--buyers", type=int, default=8)
    parser.add_argument("--store", choices=frame.STORES, default="sqlite", help="under the shop, but for postgres")
    parser.add_argument(
        "--period", type=float, help="seconds between two strikes: 0.3 for redis, 3 for postgres, 0.5 for http"
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    run = Run(Path(), asked.orders or 1000, asked.buyers, asked.period or 0.3, asked.seed)
    if asked.what == "redis":
        with frame.store(asked.store) as directory:
            result = redis(replace(run, directory=directory))
    elif asked.what == "gateway":
        with frame.store(asked.store) as directory:
            result = gateway(replace(run, directory=directory, orders=asked.orders or 5000))
    elif asked.what == "http":
        with frame.store(asked.store) as directory:
            result = http(replace(run, directory=directory, period=asked.period or 0.5))
    else:
        server = servers.Postgres(**frame.DURABLE)  # never the one that others use
        os.environ["SHOPCTL_TEST_POSTGRES"] = server.url.render_as_string(hide_password=False)
        with frame.store("postgres") as directory:
            run = replace(run, directory=directory, orders=asked.orders or 500, period=asked.period or 3.0)
            result = postgres(replace(run, gateway_seconds=run.period / 3), server)
    print(result.line())
    return int(bool(result.problems))


if __name__ == "__main__":
    sys.exit(main())
