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
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from shopctl.core import recovery, search, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db import engine as stores
from shopctl.core.imports.products import import_products
from shopctl.core.shop import RETRY_SECONDS, Shop
from tests import servers, shops, storms
from tests.benchmarks import frame
from tests.cli import Cli
from tests.soak_clients import AGAIN, TARGETS, WORDS, Kind, Soak, client

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Around:
    """Who works on the shop, what can fail, how often it does; `old` is a directory with an older release's code."""

    clients: int
    period: float
    old: str
    redis: servers.Redis | None
    postgres: servers.Postgres | None


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
    ready, answers = spawn.Barrier(around.clients + 1), spawn.Queue()

    def start(n: int, release: str = "") -> Any:
        process = spawn.Process(target=client, args=(soak, n, release, ready, answers), daemon=True)
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
        ready.wait(120)
        with storms.Storm(blows, around.period, soak.seed) as storm:
            found = [answers.get(timeout=soak.seconds + 300) for _ in started]
        for process in started:
            process.join()
    kinds = {name: Kind() for name in TARGETS}
    for one in found:
        for name, kind in one.items():
            kinds[name].add(kind)
    recovery.recover(shop)
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
    if stores.file_of(stores.parse_url(shops.store_url(soak.directory))) is None:
        servers.create_database(soak.directory)
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
