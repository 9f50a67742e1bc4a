"""The matrix of faults: each use case is struck at each of its statements, commits, gateway calls and file writes.

    python -m tests.matrix [--store sqlite|postgres] [--use-case place …] [--how kill …] [--every 1] [--seed S]
    python -m tests.matrix --use-case place --only statement:17:kill:recover --seed 7        # one case again

The points are counted in a run that nothing strikes, not chosen. Every case is a process of its own with a cart and a SKU of
its own; struck there, it is recovered by the same key, by `recover`, or by the sweeper and then `recover`, and the recovery is
killed once, too, at a statement that the seed draws ("again": how many were not through yet). In the end: one order and one charge, or none, for each of them; stock and money
add up; `verify` is clean.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.cli import _terminated
from shopctl.core import cart, checkout, housekeeping, orders, recovery, reservations, settlement, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import credits, idempotency_keys, payments, refunds, returns, stock_levels
from shopctl.core.db.tables import orders as order_table
from shopctl.core.db.tables import reservations as holds
from shopctl.core.db.types import new_id
from shopctl.core.errors import Refused, ShopError, StillPending
from shopctl.core.faults import HOWS, KINDS, Injected, parse
from shopctl.core.queries.orders import get, row_by_number
from shopctl.core.shop import Shop
from tests import shops
from tests.benchmarks import frame

RECOVERIES = ("key", "recover", "sweep")
UNITS, WANTED = 5, 2
PORTION = 100
"""Cases in one shop."""
Step = Callable[[Shop, str], object]
Level = tuple[int, int, int]
FREE, HELD, SOLD, GONE = (UNITS, 0, 0), (UNITS, WANTED, 0), (UNITS, 0, WANTED), (UNITS - WANTED, 0, 0)
HALF_SOLD, HALF_GONE, HALF_BACK = (UNITS, 0, 1), (UNITS - 1, 0, 1), (UNITS - 1, 0, 0)


# --- use cases: what has happened before, and what is struck ----------------------------------------------------------
def _placement(name: str, **wanted: Any) -> checkout.Placement:
    return shops.placement(f"c-{name}", f"k-{name}", **wanted)


def _filled(shop: Shop, name: str) -> None:
    shops.product(shop, f"S-{name}", units=UNITS)
    cart.add(shop, handle=f"c-{name}", sku=f"S-{name}", quantity=WANTED)


def _bought(shop: Shop, name: str) -> None:
    _filled(shop, name)
    checkout.place(shop, _placement(name))


def _promised(shop: Shop, name: str) -> None:
    _filled(shop, name)
    checkout.place(shop, _placement(name, token="manual"))


def _challenged(shop: Shop, name: str) -> None:
    """An order whose payment waits for its shopper (3-D Secure)."""
    _filled(shop, name)
    with suppress(StillPending):
        checkout.place(shop, _placement(name, token="pm_card_authenticationRequired"))


def _forgotten(shop: Shop, name: str) -> None:
    """A cart that held its units, until its time was over."""
    shops.product(shop, f"S-{name}", units=UNITS, hold_at="cart")
    cart.add(shop, handle=f"c-{name}", sku=f"S-{name}", quantity=WANTED)
    with shop.work("test") as tx:
        held = holds.c.sku == f"S-{name}"
        tx.execute(sa.update(holds).where(held).values(expires_at=tx.now, created_at=tx.now))
        tx.commit()


def _place(shop: Shop, name: str, **wanted: Any) -> None:
    checkout.place(shop, _placement(name, **wanted))
    housekeeping.after_command(shop)


def _number(shop: Shop, name: str) -> str:
    with shop.read() as tx:
        key = sa.select(idempotency_keys.c.order_id).where(idempotency_keys.c.key == f"k-{name}").scalar_subquery()
        return str(tx.execute(sa.select(order_table.c.number).where(order_table.c.id == key)).scalar_one())


def _on_order(use_case: Callable[..., object]) -> Step:
    def step(shop: Shop, name: str) -> None:
        use_case(shop, number=_number(shop, name))
        housekeeping.after_command(shop)

    return step


def _sent(shop: Shop, name: str) -> None:
    _bought(shop, name)
    orders.ship(shop, number=_number(shop, name))


def _in_parts(shop: Shop, name: str) -> None:
    """One unit, and then the other; whoever comes again sends what is left."""
    number = _number(shop, name)
    with shop.read() as tx:
        left = get(tx, row_by_number(tx, number).id)
    if left.fulfilment == "none":
        orders.ship(shop, number=number, lines={f"S-{name}": 1})
    orders.ship(shop, number=number)


def _once(use_case: Step) -> Step:
    """Something that an operator who is not sure looks for before doing it again: the order has a credit."""

    def step(shop: Shop, name: str) -> None:
        with shop.read() as tx:
            mine = row_by_number(tx, _number(shop, name)).id
            done = tx.row(sa.select(credits.c.id).where(credits.c.order_id == mine))
        if not done:
            use_case(shop, name)
        recovery.recover(shop)

    return step


def _take_back(shop: Shop, name: str) -> None:
    """A return, from what was asked for to the money; whoever comes again goes on where it was."""
    number, sku = _number(shop, name), f"S-{name}"
    with shop.read() as tx:
        mine = row_by_number(tx, number).id
        found = tx.row(sa.select(returns.c.number, returns.c.state).where(returns.c.order_id == mine))
    known, state = (found.number, found.state) if found else ("", "")
    if not found:
        known = orders.returns.request(shop, number=number, lines={sku: 1}, reason="too small").number
    if state in ("", "requested"):
        orders.returns.receive(shop, number=known)
    with suppress(Refused) if state == "resolved" else nullcontext():  # perhaps only the money is left
        orders.returns.resolve(shop, number=known, restock={sku: 1})


@dataclass(frozen=True)
class UseCase:
    before: Step
    struck: Step
    ends: Mapping[str, Sequence[Level]]
    """In what an order may end (none: no order), and which levels of its SKU are right then: quantity, reserved, committed."""
    back: int = 0
    """So much (minor units) may have been given back of a paid order."""
    capture: str = "order"
    """When its shop takes the money."""


_PLACED: Mapping[str, Sequence[Level]] = {"confirmed": [SOLD], "cancelled": [FREE], "none": [FREE]}
_HALF = 1999
USE_CASES: Mapping[str, UseCase] = {
    "place": UseCase(_filled, _place, _PLACED),
    "decline": UseCase(
        _filled,
        lambda shop, name: _place(shop, name, token="pm_card_chargeDeclined"),
        {"cancelled": [FREE], "none": [FREE]},
    ),
    "lost reply": UseCase(_filled, lambda shop, name: _place(shop, name, token="pm_card_lostReply"), _PLACED),
    "pay": UseCase(_promised, _on_order(settlement.pay), {"confirmed": [SOLD], "pending": [HELD]}),
    "cancel": UseCase(_bought, _on_order(settlement.cancel), {"confirmed": [SOLD], "cancelled": [FREE]}),
    "cancel, challenged": UseCase(_challenged, _on_order(settlement.cancel), {"pending": [HELD], "cancelled": [FREE]}),
    "cancel one": UseCase(
        _bought,
        _once(lambda shop, name: settlement.cancel(shop, number=_number(shop, name), lines={f"S-{name}": 1})),
        {"confirmed": [SOLD, HALF_SOLD]},
        back=_HALF,
    ),
    "refund": UseCase(
        _sent,
        _once(lambda shop, name: orders.refund(shop, number=_number(shop, name), amount="5.00", reason="late")),
        {"shipped": [GONE]},
        back=500,
    ),
    "return": UseCase(_sent, _take_back, {"shipped": [GONE, HALF_BACK]}, back=_HALF),
    "ship": UseCase(_bought, _on_order(orders.ship), {"confirmed": [SOLD], "shipped": [GONE]}),
    "ship in parts": UseCase(_bought, _in_parts, {"confirmed": [SOLD, HALF_GONE], "shipped": [GONE]}),
    "place, held": UseCase(_filled, _place, _PLACED, capture="shipment"),
    "cancel, held": UseCase(
        _bought, _on_order(settlement.cancel), {"confirmed": [SOLD], "cancelled": [FREE]}, capture="shipment"
    ),
    "ship, held": UseCase(
        _bought, _on_order(orders.ship), {"confirmed": [SOLD], "shipped": [GONE]}, capture="shipment"
    ),
    "ship in parts, held": UseCase(
        _bought, _in_parts, {"confirmed": [SOLD, HALF_GONE], "shipped": [GONE]}, capture="shipment"
    ),
    "sweep": UseCase(_forgotten, lambda shop, _: reservations.sweep(shop), {"none": [FREE]}),
}


# --- one case ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Case:
    use_case: str
    kind: str
    number: int
    how: str
    recovery: str

    @property
    def name(self) -> str:
        return (
            "-".join(str(part) for part in (self.use_case, self.kind, self.number, self.how, self.recovery))
            .replace(" ", "_")
            .replace(",", "")
        )


@dataclass
class Matrix:
    """A shop, and what became of the cases in it, all of one use case."""

    shop: Shop
    """Opened, and connected to nothing: each process that is forked from this one connects anew, and has nothing to learn."""
    directory: Path
    seed: int
    cases: list[Case] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)
    """How many were struck, by kind of point."""
    again: Counter[str] = field(default_factory=Counter)
    """How many were killed again before their recovery was through, by kind of point."""
    problems: list[str] = field(default_factory=list)

    @classmethod
    def opened(cls, directory: Path, seed: int, use_case: str) -> Matrix:
        """A new shop, with the rules that the use case wants, in which it has been played once."""
        shop = shops.rule(shops.make(directory), directory, capture=USE_CASES[use_case].capture)
        matrix = cls(shop, directory, seed)
        case = Case(use_case, "none", 0, "kill", "recover")
        USE_CASES[use_case].before(shop, case.name)
        with suppress(ShopError):
            USE_CASES[use_case].struck(shop, case.name)
        matrix._recover(shop, case)
        shops.close_all()
        gc.freeze()  # what is here already is not copied by a process that only looks through it for garbage
        return matrix

    def points(self, use_case: str) -> dict[str, int]:
        """How many points of each kind a use case has, counted in a run of its own."""
        report = self.directory / "points.json"
        case = Case(use_case, "none", 1, "kill", "key")

        def counted(shop: Shop) -> None:
            with suppress(ShopError):
                USE_CASES[use_case].struck(shop, case.name)
            assert shop.faults
            report.write_text(json.dumps({kind: shop.faults.counts[kind] for kind in KINDS}))

        self._child(counted, "nowhere", before=lambda shop: USE_CASES[use_case].before(shop, case.name))
        self._finish(case)
        counts: dict[str, int] = json.loads(report.read_text())
        return counts

    def run(self, case: Case) -> None:
        """Strike, recover, be killed while recovering, recover."""
        use_case = USE_CASES[case.use_case]
        status = self._child(
            lambda shop: use_case.struck(shop, case.name),
            f"{case.kind}:{case.number}:{case.how}",
            before=lambda shop: use_case.before(shop, case.name),
        )
        struck = {"kill": status == -signal.SIGKILL, "term": status == 143, "raise": status == 70}[case.how]
        self.reached[case.kind] += struck
        again = random.Random(f"{self.seed} {case.name}").randint(1, 40)
        killed = self._child(lambda shop: self._recover(shop, case), f"statement:{again}")
        self.again[case.kind] += killed == -signal.SIGKILL
        self._finish(case)
        self.cases.append(case)

    def _finish(self, case: Case) -> None:
        status = self._child(lambda shop: self._recover(shop, case))
        if status not in (0, 6):
            self.problems.append(f"{case.name}: its recovery left with {status}")

    def _recover(self, shop: Shop, case: Case) -> None:
        if case.recovery == "key":
            USE_CASES[case.use_case].struck(shop, case.name)
            return
        if case.recovery == "sweep" or case.use_case == "sweep":
            reservations.sweep(shop)
        undone = [one for one in recovery.recover(shop) if not one.ok]
        assert not undone, undone
        housekeeping.after_command(shop)

    def _child(
        self, deed: Callable[[Shop], object], failpoint: str = "", *, before: Callable[[Shop], object] | None = None
    ) -> int:
        """Do something in a process of its own; its exit status, or minus its signal. An error of the shop is 6, an injected one 70."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                shop = replace(self.shop, request_id=new_id())
                if before:
                    before(shop)
                status = self._inside(shop, deed, failpoint)
            except SystemExit as left:
                status = left.code if isinstance(left.code, int) else 1
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def _inside(self, shop: Shop, deed: Callable[[Shop], object], failpoint: str) -> int:
        signal.signal(signal.SIGTERM, _terminated)
        if failpoint:
            faults = parse(failpoint)
            faults.watch(shop.engine)
            shop = replace(shop, faults=faults, gateway=faults.around(shop.gateway))
        try:
            deed(shop)
        except Injected:
            return 70
        except ShopError:
            return 6
        return 0

    # --- what is true in the end -----------------------------------------------------------------------------------
    def judge(self) -> None:
        """One order and one charge, or none, for each case; and the books."""
        shop = shops.reopen(self.directory)
        assert isinstance(shop.gateway, SandboxGateway)
        money: Counter[str] = Counter()
        charges: Counter[str] = Counter()
        for entry in shop.gateway.entries():
            money[entry.charge or entry.reference] += entry.amount if entry.verb == "charge" else -entry.amount
            charges[entry.order_id or ""] += entry.status in ("authorized", "captured")
        with shop.read() as tx:
            found = {row.key: row for row in tx.rows(_ORDERS)}
            levels = {row.sku: (row.quantity, row.reserved, row.committed) for row in tx.rows(sa.select(stock_levels))}
        for case in self.cases:
            row = found.get(f"k-{case.name}")
            self.problems += [
                f"{case.name}: {problem}" for problem in _wrong(case, row, levels[f"S-{case.name}"], money, charges)
            ]
        self.problems += [f"verify: {violation.message}" for violation in verify.verify(shop).violations]
        shops.close_all()


_GIVEN = sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount), 0)).where(refunds.c.order_id == order_table.c.id)
_ORDERS = (
    sa.select(
        idempotency_keys.c.key,
        order_table.c.id,
        order_table.c.status,
        order_table.c.total,
        payments.c.gateway,
        payments.c.captured,
        payments.c.reference,
        _GIVEN.scalar_subquery().label("given"),
    )
    .join(order_table, order_table.c.id == idempotency_keys.c.order_id)
    .join(payments, payments.c.order_id == order_table.c.id, isouter=True)
)


def _wrong(case: Case, row: Any, level: Level, money: Mapping[str, int], charges: Mapping[str, int]) -> Iterator[str]:
    status = row.status if row else "none"
    ends = USE_CASES[case.use_case].ends
    if status not in ends:
        yield f"its order is {status}"
        return
    if level not in ends[status]:
        yield f"its order is {status}, its stock {level}"
    if row is None:
        return
    kept = (row.captured or 0) - row.given
    if kept not in _right(USE_CASES[case.use_case], status, level, row.total):
        yield f"its order is {status}; captured {row.captured}, given back {row.given}"
    if row.gateway == "sandbox" and (money.get(row.reference, 0) != kept or charges.get(row.id, 0) > 1):
        yield f"its order is {status}; the gateway has {money.get(row.reference, 0)} in {charges.get(row.id, 0)} charges"


def _right(use_case: UseCase, status: str, level: Level, total: int) -> Sequence[int]:
    """What the shop may keep of the money of an order (minor units)."""
    if status not in ("confirmed", "shipped"):
        return (0,)
    if use_case.capture == "order":
        return (total, total - use_case.back)
    return (total,) if level == GONE else range(total + 1)  # taken before it leaves: it may be taken, and not have left


# --- the table --------------------------------------------------------------------------------------------------------
def cases_of(matrix: Matrix, name: str, hows: Sequence[str], recoveries: Sequence[str], every: int) -> Iterator[Case]:
    """Every point of a use case with every way to strike and to recover, or with a part of them: with one in three of these
    pairs, every point is still struck in each way and recovered in each way, once (a Latin square).
    """
    first = random.Random(f"{matrix.seed} {name}").randrange(every)
    for kind, count in matrix.points(name).items():
        for (h, how), (w, way) in product(enumerate(hows), enumerate(recoveries)):
            for number in range(1 + (first + h + w) % every, count + 1, every):
                yield Case(name, kind, number, how, way)


def played(directory: Path, seed: int, cases: Sequence[Case]) -> Iterator[Matrix]:
    """Cases of one use case, in shops of so many that no recovery has much to read of what others left."""
    for part in range(0, len(cases), PORTION):
        matrix = Matrix.opened(directory / str(part), seed, cases[0].use_case)
        for case in cases[part : part + PORTION]:
            matrix.run(case)
        matrix.judge()
        yield matrix
        shutil.rmtree(directory / str(part))


def table(name: str, played: Sequence[Matrix]) -> Iterator[str]:
    """A line for each kind of point."""
    wrong = Counter(problem.split(":")[0] for matrix in played for problem in matrix.problems)
    for kind in KINDS:
        cases = [case for matrix in played for case in matrix.cases if case.kind == kind]
        struck = sum(matrix.reached[kind] for matrix in played)
        again = sum(matrix.again[kind] for matrix in played)
        right = sum(not wrong[case.name] for case in cases)
        points = len({case.number for case in cases})
        yield f"{name:20} {kind:10} {points:6} {len(cases):6} {struck:7} {again:6} {right:6}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=frame.STORES, default="sqlite")
    parser.add_argument("--use-case", choices=list(USE_CASES), action="append", help="all unless named")
    parser.add_argument("--how", choices=HOWS, action="append", help="all unless named")
    parser.add_argument("--recovery", choices=RECOVERIES, action="append", help="all unless named")
    parser.add_argument("--every", type=int, default=1, help="only one in so many cases")
    parser.add_argument("--only", default="", metavar="KIND:N:HOW:RECOVERY", help="one case; name its use case")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    print(f"replay: python -m tests.matrix --store {asked.store} --every {asked.every} --seed {asked.seed}", flush=True)
    print(
        f"{'use case':20} {'points of':10} {'points':>6} {'cases':>6} {'struck':>7} {'again':>6} {'right':>6}",
        flush=True,
    )
    began = time.monotonic()
    count, problems = 0, []
    with frame.store(asked.store) as directory:
        for name in asked.use_case or USE_CASES:
            place = directory / name.replace(" ", "_")
            if asked.only:
                kind, number, how, way = asked.only.split(":")
                cases = [Case(name, kind, int(number), how, way)]
            else:
                counted = Matrix.opened(place / "points", asked.seed, name)
                cases = list(cases_of(counted, name, asked.how or HOWS, asked.recovery or RECOVERIES, asked.every))
            done = list(played(place, asked.seed, cases))
            print("\n".join(table(name, done)), flush=True)
            count += len(cases)
            problems += [problem for matrix in done for problem in matrix.problems]
    print(f"{count} cases in {time.monotonic() - began:.0f} s, {len(problems)} problems")
    print("\n".join(problems[:20]))
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
