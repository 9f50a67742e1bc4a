"""A shop at work for a long time while everything around it fails: how many requests are answered within their limit.

    python -m tests.soak --minutes 60 --store sqlite|postgres [--redis] [--clients 3] [--old COMMIT] [--seed S]

Clients list, search, look at products, fill carts and buy them, through the core, and one more through commands; a worker
runs beside them. Meanwhile Redis is killed, emptied and filled up, Postgres is stopped in order and as if it had crashed, the
search index is removed, the worker is killed, and `store migrate` runs. With --old the store is one of that release, whose commands go on being
used while the store is migrated under them and new clients come.

A request is tried again, by the core or by its client, as long as its limit allows: what is called slow took longer than its
target, what is called late longer than its limit, which is the target and ten seconds for trying again. In the end `verify`
must be clean, and the gateway's ledger the same as the payments.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing as mp
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from shopctl.core import cart, checkout, search, settlement, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.errors import NotFound, Refused, StillPending, TimedOut, Unavailable
from shopctl.core.imports.products import import_products
from shopctl.core.queries import catalog
from shopctl.core.search import Request
from shopctl.core.shop import RETRY_SECONDS, Shop
from tests import servers, shops, storms
from tests.benchmarks import frame
from tests.cli import Cli

ROOT = Path(__file__).parents[1]
TARGETS = {
    "list": 0.2,
    "search": 0.2,
    "show": 0.2,
    "cart": 0.2,
    "checkout": 1.0,
    "command list": 1.5,
    "command show": 1.5,
    "command cart": 1.5,
    "command checkout": 2.5,
}
"""Seconds in which each kind of request should be answered; a command also has to start."""
OFTEN = {"list": 25, "search": 25, "show": 25, "cart": 15, "checkout": 10}
WORDS = (
    "merino",
    "cotton",
    "steel",
    "oak",
    "linen",
    "leather",
    "brass",
    "tee",
    "boot",
    "lamp",
    "kettle",
    "tent",
    "rug",
)
NO = (5, 6)  # not found, refused
AGAIN = (3, 4, 8)  # away, too slow, not known yet: ask again


class Unanswered(Exception):
    """Ask again."""


class No(Exception):
    """Not found, or refused, under this code: an answer, though with stock for all of them not one to expect."""


@dataclass
class Kind:
    """What became of the requests of one kind: the seconds that each answer took, tries included, and those without one."""

    seconds: array[float] = field(default_factory=lambda: array("d"))
    tries: int = 0
    unanswered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    defects: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return len(self.seconds) + self.unanswered + self.defects.total()

    def add(self, other: Kind) -> None:
        self.seconds += other.seconds
        self.tries += other.tries
        self.unanswered += other.unanswered
        self.refused += other.refused
        self.defects += other.defects


@dataclass(frozen=True)
class Soak:
    directory: Path
    seconds: float
    products: int
    pace: float
    seed: int


@dataclass(frozen=True)
class Around:
    """Who works on the shop, what can fail, how often it does; `old` is a directory with an older release's code."""

    clients: int
    period: float
    old: str
    redis: servers.Redis | None
    postgres: servers.Postgres | None


# --- clients -------------------------------------------------------------------------------------------------------
Ask = Callable[[str], None]
"""Make one request of a kind; raises Unanswered when it must be asked again."""


def _client(soak: Soak, n: int, old: str, answers: Any) -> None:
    """Ask for this and that until the time is over; what is being bought then is still bought."""
    chance = random.Random(f"{soak.seed}-{n}")
    ask = _commands(soak, chance, n, old) if n < 0 else _core(soak, chance, n)
    kinds: dict[str, Kind] = {}
    end = time.monotonic() + soak.seconds
    while time.monotonic() < end:
        what = chance.choices(list(OFTEN), list(OFTEN.values()))[0]
        name = what if n >= 0 else "command " + what.replace("search", "list")
        _request(ask, what, name, kinds.setdefault(name, Kind()), chance)
        time.sleep(chance.uniform(0, 2) * soak.pace)
    answers.put(kinds)


def _request(ask: Ask, what: str, name: str, kind: Kind, chance: random.Random) -> None:
    began = time.monotonic()
    while True:
        kind.tries += 1
        try:
            ask(what)
        except Unanswered:
            if what == "checkout" or time.monotonic() - began < TARGETS[name] + RETRY_SECONDS:
                time.sleep(chance.uniform(0.02, 0.1))
                continue
            kind.unanswered += 1
        except No as no:
            kind.refused[str(no)] += 1
            kind.seconds.append(time.monotonic() - began)
        except Exception as error:
            kind.defects[f"{type(error).__name__}: {error}"[:300]] += 1
        else:
            kind.seconds.append(time.monotonic() - began)
        return


@dataclass
class _Basket:
    """The cart that a client fills, and the key with which it will buy it."""

    prefix: str
    number: int = 0
    filled: bool = False

    @property
    def handle(self) -> str:
        return f"{self.prefix}-{self.number}"

    def bought(self) -> None:
        self.number, self.filled = self.number + 1, False


def _core(soak: Soak, chance: random.Random, n: int) -> Ask:
    shop, basket = shops.reopen(soak.directory), _Basket(f"c{n}")

    def ask(what: str) -> None:
        name = f"p-{chance.randrange(soak.products)}"
        try:
            if what == "list":
                with shop.read() as tx:
                    catalog.LIST.rows(tx, limit=20)
            elif what == "search":
                search.search(shop, Request(" ".join(chance.sample(WORDS, chance.choice((1, 1, 2))))))
            elif what == "show":
                with shop.read() as tx:
                    catalog.show(tx, name)
            elif what == "cart" or not basket.filled:
                cart.add(shop, handle=basket.handle, sku=name.upper(), quantity=1)
                basket.filled = True
            else:
                checkout.place(shop, shops.placement(basket.handle, f"key-{basket.handle}"))
                basket.bought()
        except (NotFound, Refused) as error:
            basket.bought()  # the next cart
            raise No(error.code) from error
        except (Unavailable, TimedOut, StillPending) as error:
            raise Unanswered from error

    return ask


def _commands(soak: Soak, chance: random.Random, n: int, old: str) -> Ask:
    """The same through commands, of an older release where one is named (a directory with its code)."""
    cli, basket = Cli(soak.directory), _Basket(f"command{n}")
    address = soak.directory / f"address{n}.json"
    address.write_text(json.dumps(shops.HOME))
    extra = {"PYTHONPATH": old} if old else {}

    def ask(what: str) -> None:
        name = f"p-{chance.randrange(soak.products)}"
        key = f"key-{basket.handle}"
        words: tuple[str, ...] = ("catalog", "list", "--limit", "20")
        if what == "show":
            words = ("catalog", "show", name)
        elif what == "cart" or (what == "checkout" and not basket.filled):
            words = ("cart", "add", basket.handle, name.upper())
        elif what == "checkout":
            words = ("checkout", "place", basket.handle, "--email", "ana@example.com", "--ship-to", str(address))
            words += ("--payment", "pm_card_visa", "--key", key)
        said = cli(*words, "-o", "json", **extra)
        if said.status in AGAIN:
            raise Unanswered
        if said.status in NO:
            basket.bought()
            raise No(said.error["code"])
        if said.status:
            raise AssertionError(f"{' '.join(words)}: {said.status}: {said.err.strip()[-250:]}")
        if words[0] == "checkout":
            basket.bought()
        elif words[0] == "cart":
            basket.filled = True

    return ask


# --- what goes wrong -----------------------------------------------------------------------------------------------
@contextmanager
def _worker(cli: Cli) -> Iterator[Callable[[], None]]:
    """A `store worker` at work, and how to kill it: another one takes its place."""
    command = [sys.executable, "-m", "shopctl", "store", "worker"]
    running: list[subprocess.Popen[bytes]] = []

    def again() -> None:
        for process in running:
            process.kill()
            process.wait()
        where, env = cli.directory, cli.environment()
        running[:] = [subprocess.Popen(command, cwd=where, env=env, stdout=subprocess.DEVNULL, stderr=log)]

    with (cli.directory / "worker.log").open("ab") as log:
        again()
        try:
            yield again
        finally:
            running[0].terminate()
            running[0].wait(30)


def _migrate(cli: Cli) -> None:
    said = cli("store", "migrate")
    if said.status not in (0, *AGAIN):
        raise AssertionError(said.err)


def _blows(shop: Shop, cli: Cli, around: Around) -> dict[str, storms.Blow]:
    blows: dict[str, storms.Blow] = {
        "index lost": lambda: shutil.rmtree(shop.home / "index", ignore_errors=True),
        "migrate": lambda: _migrate(cli),
    }
    if around.redis:
        blows |= {f"Redis {name}": blow for name, blow in storms.on_redis(around.redis).items()}
    if around.postgres:
        blows |= {f"Postgres {name}": blow for name, blow in storms.on_postgres(around.postgres).items()}
    return blows


# --- the soak ------------------------------------------------------------------------------------------------------
def run(soak: Soak, around: Around) -> Mapping[str, Any]:
    """The soak, and what came of it."""
    cli = Cli(soak.directory)
    spawn = mp.get_context("spawn")
    answers = spawn.Queue()

    def start(n: int, release: str = "") -> Any:
        process = spawn.Process(target=_client, args=(soak, n, release, answers))
        process.start()
        return process

    started = []
    if around.old:
        _make_with(around.old, cli, soak)
        started.append(start(-2, around.old))
        time.sleep(min(30.0, soak.seconds / 10))
        _migrate(cli)  # under the older release's commands, which go on
    else:
        _fill(soak, shops.make(soak.directory))
    shop = shops.reopen(soak.directory)
    with _worker(cli) as kill_worker:
        blows = {**_blows(shop, cli, around), "worker killed": kill_worker}
        started += [start(n) for n in (-1, *range(around.clients))]
        with storms.Storm(blows, around.period, soak.seed) as storm:
            found = [answers.get(timeout=soak.seconds + 300) for _ in started]
        for process in started:
            process.join()
    kinds = {name: Kind() for name in TARGETS}
    for one in found:
        for name, kind in one.items():
            kinds[name].add(kind)
    settlement.recover(shop)
    return {
        "seed": soak.seed,
        "minutes": round(soak.seconds / 60, 1),
        "store": "postgres" if around.postgres else "sqlite",
        "redis": around.redis is not None,
        "older_release": bool(around.old),
        "blows": dict(storm.counts),
        "kinds": {name: _told(name, kind) for name, kind in kinds.items() if kind.requests},
        "refused": dict(sum((kind.refused for kind in kinds.values()), Counter())),
        "defects": dict(sum((kind.defects for kind in kinds.values()), Counter())),
        "books": _books(shop),
    }


def _fill(soak: Soak, shop: Shop) -> None:
    import_products(shop, io.BytesIO(_catalogue(soak)))
    search.reindex(shop)


def _make_with(old: str, cli: Cli, soak: Soak) -> None:
    """A shop of an older release, made with its own commands."""
    for words, stdin in (
        (("init", "--test-store"), b""),
        (("catalog", "import", "-", "--format", "jsonl"), _catalogue(soak)),
    ):
        said = cli(*words, stdin=stdin.decode(), PYTHONPATH=old)
        assert said.status == 0, said.err


def _catalogue(soak: Soak) -> bytes:
    """Products with words from a few, a variant each, and more stock than can be sold."""
    chance = random.Random(soak.seed)
    lines = (
        {
            "handle": f"p-{n}",
            "title": " ".join(chance.sample(WORDS, 3)).title(),
            "variants": [{"sku": f"P-{n}", "price": f"{chance.randrange(500, 20000) / 100:.2f}", "quantity": 10**6}],
        }
        for n in range(soak.products)
    )
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _told(name: str, kind: Kind) -> Mapping[str, float]:
    """Shares are of all requests; times in milliseconds."""
    count, target = kind.requests, TARGETS[name]
    in_time = sum(seconds <= target + RETRY_SECONDS for seconds in kind.seconds)
    times = {f"p{share}": round(frame.percentile(kind.seconds, share / 100) * 1000) for share in (50, 95, 99)}
    return {
        "requests": count,
        "tries": kind.tries,
        "within_target": round(sum(seconds <= target for seconds in kind.seconds) / count, 4),
        "within_limit": round(in_time / count, 5),
        **times,
        "worst": round(frame.percentile(kind.seconds, 1) * 1000),
    }


def _books(shop: Shop) -> list[str]:
    """What is wrong in the end: whatever `verify` finds, the gateway's ledger and the payments among it."""
    assert isinstance(shop.gateway, SandboxGateway)
    return [violation.message for violation in verify.verify(shop).violations]


# --- the command line ----------------------------------------------------------------------------------------------
def _release(commit: str, directory: Path) -> str:
    """The code of an older commit."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(directory, filter="data")
    return str(directory)


def _tell(found: Mapping[str, Any]) -> None:
    """A table for people, then everything on one line for programs."""
    columns = ("requests", "tries", "within_target", "within_limit", "p50", "p95", "p99", "worst")
    print(f"{'':18} {'target':>7} " + " ".join(f"{name:>13}" for name in columns))
    for name, told in found["kinds"].items():
        print(f"{name:18} {TARGETS[name] * 1000:5.0f}ms " + " ".join(f"{told[column]:13,}" for column in columns))
    print(json.dumps(found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--store", choices=frame.STORES, default="sqlite")
    parser.add_argument("--redis", action="store_true", help="carts on Redis, which fails as well")
    parser.add_argument("--clients", type=int, default=3, help="through the core; one more uses commands")
    parser.add_argument("--products", type=int, default=2000)
    parser.add_argument("--pace", type=float, default=0.05, help="seconds between two requests of a client, on average")
    parser.add_argument("--period", type=float, default=10.0, help="seconds between two failures")
    parser.add_argument("--old", default="", help="a commit whose release the store is of, and goes on being used by")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    postgres, redis = None, servers.Redis() if asked.redis else None
    if asked.store == "postgres":
        postgres = servers.Postgres(**frame.DURABLE)  # never the one that others use
        os.environ["SHOPCTL_TEST_POSTGRES"] = postgres.url.render_as_string(hide_password=False)
    with frame.store(asked.store) as directory, tempfile.TemporaryDirectory(prefix="shopctl-old-") as code:
        old = _release(asked.old, Path(code)) if asked.old else ""
        with mock.patch.dict(os.environ, SHOPCTL_TEST_CARTS=redis.url if redis else ""):
            soak = Soak(directory, asked.minutes * 60, asked.products, asked.pace, asked.seed)
            found = run(soak, Around(asked.clients, asked.period, old, redis, postgres))
    _tell(found)
    return int(bool(found["books"] or found["defects"]))


if __name__ == "__main__":
    sys.exit(main())
