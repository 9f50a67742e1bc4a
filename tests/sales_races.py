"""A flash sale of real processes: shoppers who join, admitters who give turns, buyers who buy, all released by one barrier.

    python -m tests.sales_races --shoppers 200 --units 20 --joiners 4 --admitters 3 --buyers 4 [--store postgres] [--kills 10]

Shoppers are numbered in the order in which each process sends them. In the end exactly the units are sold, each to another shopper; who
was admitted came before who was not; every shopper has a final word; `verify` is clean. With --kills, admitters are killed
(SIGKILL) again and again and others take their place. The twin has no pool: the same shoppers reserve from a level whose guard is

"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.core import sales, verify
from shopctl.core.db.tables import orders, tickets
from shopctl.core.errors import ShopError
from shopctl.core.queries import sales as reads
from shopctl.core.sales import Joining
from shopctl.core.shop import Shop
from tests import flash, shops

t = tickets.c
FINAL = ("bought", "expired", "left", "sold_out", "ended")


@dataclass(frozen=True)
class Rush:
    """How many shoppers want how many units, and how many processes of each kind there are. A tenth of the shoppers abandons."""

    directory: Path
    shoppers: int = 24
    units: int = 4
    joiners: int = 2
    admitters: int = 2
    buyers: int = 2
    kills: int = 0
    hold_seconds: int = 5
    abandon: float = 0.1
    seconds: float = 200.0


def prepare(rush: Rush) -> Shop:
    shop = shops.make(rush.directory)
    shops.product(shop, "TEE", units=rush.units + 5)
    flash.opened(shop, rush.units, hold_seconds=rush.hold_seconds, batch=3)
    return shop


def run(rush: Rush, seed: int = 7) -> int:
    """Run it to its end; how many admitters were killed."""
    spawn = mp.get_context("spawn")
    barrier = spawn.Barrier(rush.joiners + rush.admitters + rush.buyers)
    joiners = [spawn.Process(target=_join, args=(rush, n, barrier)) for n in range(rush.joiners)]
    buyers = [spawn.Process(target=_buy, args=(rush, n, barrier)) for n in range(rush.buyers)]
    admitters = [spawn.Process(target=_admit, args=(rush, barrier)) for _ in range(rush.admitters)]
    everybody = [*joiners, *buyers, *admitters]
    for process in everybody:
        process.start()
    killed, chance, until = 0, random.Random(seed), time.monotonic() + rush.seconds
    while any(one.is_alive() for one in (*joiners, *buyers)) and time.monotonic() < until:
        time.sleep(chance.uniform(0.02, 0.2) if rush.kills else 0.1)
        if killed < rush.kills and barrier.n_waiting == 0 and admitters[0].is_alive() and _begun(rush):
            victim = admitters.pop(0)
            os.kill(victim.pid or 0, signal.SIGKILL)
            victim.join()
            killed += 1
            admitters.append(spawn.Process(target=_admit, args=(rush, None)))
            admitters[-1].start()
    for process in (*joiners, *buyers, *admitters):
        process.join(timeout=10)
    late = [process for process in (*joiners, *buyers, *admitters) if process.is_alive()]
    for process in late:
        process.kill()
    assert not late, "somebody waits for ever"
    return killed


def _begun(rush: Rush) -> bool:
    return (rush.directory / "begun").exists()


def wrong(rush: Rush, shop: Shop) -> list[str]:
    """What is not as it must be."""
    with shop.read() as tx:
        found = tx.rows(sa.select(tickets).order_by(t.seq))
        paid = tx.rows(sa.select(orders.c.email).where(orders.c.status == "confirmed"))
        sale = reads.get(tx, "friday")
    refused = [line.split() for file in rush.directory.glob("joined-*") for line in file.read_text().splitlines()]
    answered = {row.email_folded for row in found} | {f"s{n}@example.com" for n, code in refused if code == "sold_out"}
    admitted = [row.seq for row in found if row.admitted_at is not None]
    by_time = sorted((row.admitted_at, row.seq) for row in found if row.admitted_at is not None)
    problems = {
        f"{len(answered)} of {rush.shoppers} shoppers were answered": len(answered) != rush.shoppers,
        f"refused for another reason: {refused}": any(code != "sold_out" for _, code in refused),
        "numbers are not 1 to N": [row.seq for row in found] != list(range(1, len(found) + 1)),
        f"{len(paid)} orders for {rush.units} units": len(paid) != rush.units or sale.sold != rush.units,
        "somebody bought twice": len({row.email for row in paid}) != len(paid),
        "not in the order of the tickets": [seq for _, seq in by_time] != sorted(admitted)
        or admitted != list(range(1, len(admitted) + 1)),
        f"no final word: {Counter(row.state for row in found)}": any(row.state not in FINAL for row in found),
        f"the pool is {flash.level(shop, 'sale')}": flash.level(shop, "sale") != (rush.units, 0, rush.units),
        f"verify: {verify.verify(shop).violations}": bool(verify.verify(shop).violations),
    }
    return [problem for problem, is_so in problems.items() if is_so]


# --- the processes -------------------------------------------------------------------------------------------------
def _mail(n: int) -> str:
    """The same shopper may write an address in another way, and still has one ticket."""
    return f"S{n}@Example.com " if n % 3 else f"s{n}@example.com"


def _join(rush: Rush, process: int, barrier: Any) -> None:
    """Every shopper joins through two processes: it is one ticket."""
    shop = shops.reopen(rush.directory)
    mine = [n for n in range(rush.shoppers) if process in (n % rush.joiners, (n + 1) % rush.joiners)]
    barrier.wait()
    (rush.directory / "begun").touch()
    refused = []
    for n in mine:
        try:
            sales.join(shop, sale="friday", wanted=Joining(_mail(n), address=shops.HOME, token="pm_card_visa"))
        except ShopError as error:
            refused.append(f"{n} {error.code}\n")
    (rush.directory / f"joined-{process}").write_text("".join(refused))


def _admit(rush: Rush, barrier: Any) -> None:
    shop = shops.reopen(rush.directory)
    if barrier:
        barrier.wait()
    until = time.monotonic() + rush.seconds
    while not _over(shop, rush) and time.monotonic() < until:
        sales.run_all(shop)
        time.sleep(0.05)


def _buy(rush: Rush, process: int, barrier: Any) -> None:
    """Buys for whoever has a turn; two processes may buy the same one. Some shoppers never do."""
    shop = shops.reopen(rush.directory)
    barrier.wait()
    until = time.monotonic() + rush.seconds
    while not _over(shop, rush) and time.monotonic() < until:
        with shop.read() as tx:
            turns = tx.rows(sa.select(t.id, t.seq).where(t.state == "admitted").order_by(t.seq))
        for row in turns:
            if row.seq % round(1 / rush.abandon) and row.seq % rush.buyers in (process, (process + 1) % rush.buyers):
                with suppress(ShopError):
                    sales.buy(shop, ticket=row.id)
        time.sleep(0.02)


def _over(shop: Shop, rush: Rush) -> bool:
    if len(list(rush.directory.glob("joined-*"))) < rush.joiners:
        return False
    with shop.read() as tx:
        return tx.row(sa.select(t.id).where(t.state.in_(("waiting", "admitted"))).limit(1)) is None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("shoppers", 200),
        ("units", 20),
        ("joiners", 4),
        ("admitters", 3),
        ("buyers", 4),
        ("kills", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    wanted = vars(parser.parse_args())
    print("replay: python -m tests.sales_races", *(f"--{name} {value}" for name, value in wanted.items()))
    store, seed = wanted.pop("store"), wanted.pop("seed")
    with shops.on(store), tempfile.TemporaryDirectory() as directory:
        rush = Rush(Path(directory), **wanted, seconds=600.0)
        shop = prepare(rush)
        started = time.monotonic()
        killed = run(rush, seed)
        problems = wrong(rush, shop)
        print(f"{time.monotonic() - started:.1f} s, {killed} killed, wrong: {problems or 'nothing'}")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
