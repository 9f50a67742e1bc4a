"""Racing buyers: OS processes, warmed up and released by one barrier, buy from too few units.

    python -m tests.races --buyers 64 --units 1 --rounds 200                    # the last unit
    python -m tests.races --buyers 8 --carts 5 --units 20 --store postgres      # 8 buyers, 40 carts, 20 units
    python -m tests.races --what cross --buyers 8 --units 5 --rounds 500        # carts A,B and B,A
    python -m tests.races --what lower --buyers 8 --units 20                    # an operator lowers the stock meanwhile
    python -m tests.races --what key --buyers 64 --rounds 200                   # one cart, one key: one order, one charge

Each round has a SKU of its own and each buyer carts of its own. The twins prove that the race is one: with the guard off
(a decision made in Python from a stale read) the CHECK alone still never oversells and answers cleanly; with both off the
shop must oversell.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.core import cart, checkout, stock, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import orders as order_table
from shopctl.core.db.tables import stock_levels
from shopctl.core.errors import ShopError
from shopctl.core.queries.stock import free_levels
from shopctl.core.reservations import holding
from shopctl.core.shop import Shop
from shopctl.core.stock import ledger
from tests import forks, shops


@dataclass(frozen=True)
class Race:
    """How many buyers race for how many units, and with which fences down."""

    directory: Path
    buyers: int = 60
    units: int = 25
    rounds: int = 20
    what: str = (
        "place"  # or add: hold at cart add; cross: two SKUs, put into carts as A,B and as B,A; lower: see _lower
    )
    safety: int = 0  # more units, that are kept back
    buckets: int = 1
    carts: int = 1  # that each buyer buys in a round, one after the other
    guard: bool = True
    check: bool = True
    start: int = 0


def run(race: Race) -> list[Counter[str]]:
    """Run a race; what the buyers were told, by round."""
    mp = forks.processes()
    barrier, answers = mp.Barrier(race.buyers), mp.Queue()
    buyers = [mp.Process(target=_buy, args=(race, n, barrier, answers)) for n in range(race.buyers)]
    for buyer in buyers:
        buyer.start()
    told = [answers.get(timeout=300) for _ in range(race.buyers * race.carts * race.rounds)]
    for buyer in buyers:
        buyer.join()
    return [Counter(word for number, word in told if number == i) for i in range(race.rounds)]


def prepare(race: Race) -> Shop:
    """A shop with a SKU a round and a filled cart a buyer and round (none when the race is the adding)."""
    shop = shops.make(race.directory)
    if not race.check:
        _drop_checks(shop)
    for i in range(race.rounds):
        shops.product(shop, f"SKU-{i}", units=race.units + race.safety)
        if race.safety:
            stock.set_level(shop, sku=f"SKU-{i}", safety_stock=race.safety)
        stock.spread(shop, sku=f"SKU-{i}", buckets=race.buckets)
        skus = [f"SKU-{i}"]
        if race.what == "cross":
            shops.product(shop, f"TOO-{i}", units=race.units)
            skus.append(f"TOO-{i}")
        with shop.together() as group:
            for n in range(race.buyers) if race.what != "add" else ():
                for j in range(race.carts):
                    for sku in skus if n % 2 else reversed(skus):
                        cart.add(group.shop, handle=f"c{i}-{n}-{j}", sku=sku, quantity=1)
            group.commit()
    return shop


def counters(shop: Shop) -> tuple[int, int, int]:
    """Quantity, reserved and committed over the whole shop."""
    c = stock_levels.c
    with shop.read() as tx:
        return tuple(tx.rows(sa.select(*(sa.func.sum(x) for x in (c.quantity, c.reserved, c.committed))))[0])


def _buy(race: Race, n: int, barrier: Any, answers: Any) -> None:
    shop = shops.reopen(race.directory)
    if not race.check and shop.engine.dialect.name == "sqlite":
        sa.event.listen(shop.engine, "connect", lambda c, _: c.execute("PRAGMA ignore_check_constraints=ON"))
        shop.engine.dispose()  # the connections that are open already have the fence up
    if not race.guard:
        _lower_guard()
    look = free_levels
    for i in range(race.rounds):
        with shop.read() as tx:  # warm, and for a buyer without guard all there is to decide from
            seen = look(tx, [f"SKU-{i}", f"TOO-{i}"])
        if not race.guard:
            holding.free_levels = lambda _tx, _skus, seen=seen: seen  # type: ignore
        barrier.wait()
        for j in range(race.carts):
            answers.put((i, _try(shop, race, i, n, j)))
        barrier.wait()
    shop.engine.dispose()


def _try(shop: Shop, race: Race, i: int, n: int, j: int) -> str:
    try:
        if race.what == "add":
            cart.add(shop, handle=f"c{i}-{n + race.start}", sku=f"SKU-{i}", quantity=1)
            return "added"
        if race.what == "lower" and n == 0:
            return _lower(shop, f"SKU-{i}", 2 * race.units)
        who = "0-0" if race.what == "key" else f"{n}-{j}"
        placed: Any = checkout.place(shop, shops.placement(f"c{i}-{who}", f"k{i}-{who}"))
        return "tried again" if shop.effort.retries else str(placed.status)
    except ShopError as error:
        return error.code


def _lower(shop: Shop, sku: str, most: int) -> str:
    """An operator in the middle of a sale, who finds one unit after the other missing, until there is none that nobody has."""
    for _ in range(most):
        try:
            stock.adjust(shop, sku=sku, quantity=-1, reason="missing")
        except ShopError as error:
            return f"operator: {error.code}"
    return "operator: was never refused"


def _lower_guard() -> None:
    """The same statements without their conditions on the counters."""
    for batch in (ledger.MOVES, holding.HOLDS):
        batch.guard = lambda _: ()


def _drop_checks(shop: Shop) -> None:
    """A server has its fences for everybody; SQLite's are put down by each buyer."""
    if shop.engine.dialect.name == "postgresql":
        names = [str(fence.name) for fence in stock_levels.constraints if isinstance(fence, sa.CheckConstraint)]
        with shop.engine.begin() as connection:
            for name in names:
                connection.exec_driver_sql(f"ALTER TABLE stock_levels DROP CONSTRAINT {name}")


def oversold(shop: Shop) -> int:
    """How many SKUs have promised more units than there are."""
    c = stock_levels.c
    short = sa.select(c.sku).group_by(c.sku).having(sa.func.sum(c.quantity - c.reserved - c.committed) < 0)
    with shop.read() as tx:
        return len(tx.rows(short))


def made(shop: Shop) -> tuple[int, int]:
    """How many paid orders there are, and how many charges the gateway knows."""
    with shop.read() as tx:
        paid = tx.execute(sa.select(sa.func.count()).where(order_table.c.status == "confirmed")).scalar_one()
    assert isinstance(shop.gateway, SandboxGateway)
    return paid, sum(entry.verb == "charge" and entry.amount > 0 for entry in shop.gateway.entries())


def exact(race: Race, told: Counter[str]) -> bool:
    """Whether everybody was told what is right: every unit sold, or given to the operator, and the rest refused."""
    asked = (race.buyers - (race.what == "lower")) * race.carts
    bought = told["confirmed"] + told["tried again"]
    if race.what == "key":
        return bought == asked
    if bought + told["insufficient_stock"] != asked:
        return False
    if race.what == "lower":
        return told["operator: insufficient_stock"] == race.carts and bought <= race.units
    return bought == min(race.units, asked)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("buyers", 60), ("units", 25), ("rounds", 20), ("carts", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--what", choices=("place", "cross", "lower", "key"), default="place")
    parser.add_argument("--buckets", type=int, default=1, help="the SKUs' levels in so many; the twins have whole ones")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    wanted = parser.parse_args()
    print("replay:", " ".join(["python -m tests.races", *(f"--{k} {v}" for k, v in vars(wanted).items())]))
    with shops.on(wanted.store):
        return _report(wanted)


def _report(wanted: argparse.Namespace) -> int:
    asked = {name: getattr(wanted, name) for name in ("buyers", "units", "rounds", "carts", "what")}
    twins: Mapping[str, Mapping[str, Any]] = {
        "guard and CHECK": {"buckets": wanted.buckets},
        "CHECK only": {"guard": False},
        "neither": {"guard": False, "check": False},
    }
    failed = False
    for title, how in twins.items():
        with tempfile.TemporaryDirectory() as directory:
            race = Race(Path(directory), **asked, **how)
            shop = prepare(race)
            rounds = run(race)
            right, short = sum(exact(race, told) for told in rounds), oversold(shop)
            violations = len(verify.verify(shop).violations)
            held = counters(shop)[1]
            orders_made, charges = made(shop)
            print(
                f"{title:16} exact {right}/{race.rounds}  oversold {short}  violations {violations}  still held {held}  orders {orders_made}"
                f"  charges {charges}  {dict(sum(rounds, Counter()))}",
                flush=True,
            )
            failed |= orders_made != charges
            if race.what == "key":
                failed |= bool(right != race.rounds or orders_made != race.rounds or violations or held)
                break  # no fence of the stock stands between them
            if how.get("check", True):
                failed |= bool(short or violations or held or (right != race.rounds and how.get("guard", True)))
            else:
                failed |= short < race.rounds * 0.9
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
