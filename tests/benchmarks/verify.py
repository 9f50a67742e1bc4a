"""`shopctl verify` over a million orders: `python -m tests.benchmarks.verify [ORDERS] [--store sqlite|postgres] [--buyers N]`.

The shop is made by tests/benchmarks/million.py, with a Redis for its carts. Then, for each store:

1. the command, in a process of its own: its exit status, its time, and the most memory that it had;
2. the same while so many buyers, processes too, place checkouts: still nothing is violated;
3. one corruption for each check, all of them planted behind the shop's back (most are those of tests/core/plants.py), and
   verify once more: a table of what was planted, what each check found, and how long it took.

It ends with 1 if anything is found that was not planted, or not found that was. Its files are in TMPDIR, several GB of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from redis import Redis

from shopctl.core import cart, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.errors import StillPending
from shopctl.core.shop import Shop
from tests import servers, shops
from tests.benchmarks import million
from tests.benchmarks.frame import STORES, store
from tests.benchmarks.million import Million
from tests.cli import Cli
from tests.core import books
from tests.core.plants import PLANTS, Plant

GOAL = 512
"""MiB."""


def main() -> int:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("orders", type=int, nargs="?", default=1_000_000)
    wanted.add_argument("--store", choices=STORES, action="append", help="both unless named")
    wanted.add_argument("--buyers", type=int, default=2, help="who check out meanwhile")
    said = wanted.parse_args()
    return max(_measure(kind, said.orders, said.buyers) for kind in said.store or STORES)


def _measure(kind: str, count: int, buyers: int) -> int:
    with store(kind) as folder, mock.patch.dict(os.environ, SHOPCTL_TEST_CARTS=servers.redis()):
        began = time.perf_counter()
        made = million.build(folder, count)
        shop = made.shop
        _say(f"{kind}: {_orders(shop):,} orders, {_size(shop)}, made in {time.perf_counter() - began:.0f} s")
        alone = _command(folder)
        _say(f"{kind}: alone: {alone}")
        before = _orders(shop)
        with _buying(folder, buyers):
            busy = _command(folder)
        _say(f"{kind}: while {_orders(shop) - before} checkouts were placed by {buyers} buyers: {busy}")
        found = _finds_what_is_planted(made)
        return int(not (alone.clean and busy.clean and found))


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _orders(shop: Shop) -> int:
    with shop.read() as tx:
        return int(tx.connection.exec_driver_sql("SELECT count(*) FROM orders").scalar_one())


def _size(shop: Shop) -> str:
    with shop.read() as tx:
        if tx.connection.dialect.name == "postgresql":
            asked = "SELECT pg_database_size(current_database())"
        else:
            asked = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        return f"{tx.connection.exec_driver_sql(asked).scalar_one() / 2**30:.1f} GiB"


# --- the command -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Ran:
    """How a run of the command ended."""

    status: int
    report: Mapping[str, Any]
    seconds: float
    worked: float  # of these, by its own process: the rest it waited, for a server or for its turn on this machine
    peak: int

    @property
    def clean(self) -> bool:
        return self.status == 0 and not self.report["violations"] and self.peak < GOAL

    def __str__(self) -> str:
        found = f"{self.report['checks']} checks, {len(self.report['violations'])} violations"
        notes = "; ".join(note["message"] for note in self.report["notes"])
        spent = f"{self.seconds:.0f} s ({self.worked:.0f} s of CPU), peak {self.peak} MiB"
        return f"exit {self.status}, {found}, {spent} {notes and f'({notes})'}".rstrip()


def _command(folder: Path) -> Ran:
    began = time.perf_counter()
    command = [sys.executable, "-m", "shopctl", "verify", "-o", "json", "-q"]
    launched = [sys.executable, "-c", _LAUNCH, *command]
    done = subprocess.run(launched, capture_output=True, cwd=folder, env=Cli(folder).environment(), check=False)
    seconds = time.perf_counter() - began
    *_, worked, peak = done.stderr.split()
    return Ran(done.returncode, json.loads(done.stdout), seconds, float(worked), int(peak) // 1024)


# From a process without much memory: what a process has before its exec is counted, too, and that is its parent's.
_LAUNCH = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


# --- buyers ------------------------------------------------------------------------------------------------------------
@contextmanager
def _buying(folder: Path, buyers: int) -> Iterator[None]:
    """So many processes check out all the time."""
    spawn = multiprocessing.get_context("spawn")
    over = spawn.Event()
    processes = [spawn.Process(target=_buy, args=(folder, buyer, over)) for buyer in range(buyers)]
    for process in processes:
        process.start()
    yield
    over.set()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def _buy(folder: Path, buyer: int, over: Any) -> None:
    shop, n = shops.reopen(folder), 0
    while not over.is_set():
        n += 1
        shops.buy(shop, f"busy-{buyer}-{n}", f"SOCK-{n % million.TWINS}")


# --- corruptions -------------------------------------------------------------------------------------------------------
def _finds_what_is_planted(made: Million) -> bool:
    """Plant one corruption for each check, verify, and print what each check says."""
    planted = {**_in_the_store(made), **_beside_it(made)}
    found: dict[int, list[verify.Violation]] = {}
    seconds: dict[int, float] = {}
    last = time.perf_counter()
    for finding in verify.find(made.shop):
        if isinstance(finding, verify.Violation):
            found.setdefault(finding.check, []).append(finding)
            seconds.setdefault(finding.check, time.perf_counter() - last)
        last = time.perf_counter()
    _say(f"\n{'check':>5}  {'planted':44}  {'seconds':>7}  found")
    missed = found.keys() ^ planted.keys()
    for check, one in sorted(planted.items()):
        told = [f"{violation.name}: {violation.subject}" for violation in found.get(check, [])]
        its_own = next((sentence for sentence in told if one.subject in sentence), None)
        missed |= set() if its_own else {check}
        more = f" and {len(told) - 1} more" if len(told) > 1 else ""
        _say(f"{check:5}  {one.what:44}  {seconds.get(check, 0):7.1f}  {its_own or 'NOT FOUND'}{more}")
    return not missed and len(planted) == verify.CHECKS


@dataclass(frozen=True)
class Planted:
    """What was planted for a check, and what is named in the violation that it must be found as."""

    what: str
    subject: str = ""


def _in_the_store(made: Million) -> Mapping[int, Planted]:
    """Plant what tests/core/plants.py has: of each check one that no other check finds, but 28 if it takes down a fence.

    Each is planted in orders of its own: the copies of the number of the check.
    """
    with pytest.raises(StillPending):  # an order in flight, for check 18
        shops.buy(made.shop, "lost", "TEE", token="pm_card_timeout")
    chosen: dict[int, Plant] = {}
    for one in sorted(PLANTS, key=lambda one: one.fence is not None):
        if one.also <= {28}:
            chosen.setdefault(one.check, one)
    for check, one in chosen.items():
        if one.fence:
            books.unfence(made.shop, one.fence)
        if check == MONEY_KEPT:
            _forget_refund(made)
        books.run(made.shop, *(made.of_copy(check, sql) for sql in one.sql))
    return {check: Planted(one.what) for check, one in chosen.items()}


MONEY_KEPT = 11


def _forget_refund(made: Million) -> None:
    """Take the refund of check 11's copy out of the gateway's ledger, too: that it differs is for check 25 to find."""
    about = f"SELECT gateway_key FROM refunds WHERE order_id = {books.order(1005)}"
    with made.shop.read() as tx:
        key = tx.connection.exec_driver_sql(made.of_copy(MONEY_KEPT, about)).scalar_one()
    _edit_ledger(made.shop, lambda lines: (line for line in lines if f'"{key}"' not in line))


def _edit_ledger(shop: Shop, edit: Callable[[Iterator[str]], Iterator[str]]) -> None:
    assert isinstance(shop.gateway, SandboxGateway)
    path = shop.gateway.ledger
    with path.open() as lines, path.with_suffix(".new").open("w") as edited:
        edited.writelines(edit(lines))
    path.with_suffix(".new").replace(path)


def _beside_it(made: Million) -> Mapping[int, Planted]:
    """Plant what is no corruption of rows, or not of the store's."""
    shop = made.shop
    for _ in range(2):  # the second time it is hot
        cart.add(shop, handle="hot", sku="TEE-0", quantity=1)
    cart.persist(shop, limit=9)
    key = f"shopctl:{{{shop.facts.id}}}:cart:{cart.show(shop, name='hot').id}"
    Redis.from_url(servers.redis()).hincrby(key, "q:TEE-0", 5)
    _edit_ledger(shop, lambda lines: chain(lines, [_CHARGE]))
    weight = f"UPDATE order_lines SET weight_grams = 1.5 WHERE order_id = {books.order(1004)}"
    with books.behind(shop) as connection:
        if connection.dialect.name == "sqlite":
            books.rebuild(connection, "order_lines", lambda sql: sql.replace("STRICT", ""))
        else:
            connection.exec_driver_sql("ALTER TABLE order_lines ALTER weight_grams TYPE numeric")
    books.run(
        shop,
        made.of_copy(24, weight),
        "DROP INDEX ix_orders_created_at",
        "UPDATE products SET version = version + 1 WHERE handle = 'tee'",
    )
    return {
        24: Planted("weight that is no integer", "order_lines"),
        25: Planted("charge without a payment", "order-of-nobody"),
        26: Planted("hot cart of other units", "cart hot"),
        27: Planted("product that was changed and not indexed", "product tee"),
        28: Planted("index that is gone", "ix_orders_created_at"),
    }


_CHARGE = (
    json.dumps(
        {
            "at": "2026-01-01T00:00:00+00:00", "reference": "sb_of_nobody", "verb": "charge", "key": "order-of-nobody",
            "status": "captured", "amount": 1, "currency": "USD", "token": "pm_card_visa", "decline_code": None,
            "order_id": "nobody", "then": "captured",
        }
    )
    + "\n"
)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
