"""Workers that are killed at random moments while they buy, cancel, pay, ship and recover: are the books right in the end?

    python -m tests.kills [--store sqlite|postgres] [--kills 2000] [--workers 4] [--seed S]

Each of the workers does one thing after the other; one of them, drawn at random, gets SIGKILL every few hundredths of a second, and
another takes its place. Half of those go on with what their predecessor was at, by the same key; the rest is left to `recover`, which the
workers run too. A kill counts as inside when it came after the first write of a use case and before its end.

In the end everything is recovered once. Then: an order that was answered is there, none is unfinished, no order has two charges, the
gateway's ledger and the payments are the same to the cent, nothing is oversold, `verify` is clean. Nothing wrong in N kills means, with
95 % confidence, that fewer than 3/N of kills do harm.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.core import cart, checkout, housekeeping, orders, recovery, reservations, settlement, stock, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import idempotency_keys, payments, refunds
from shopctl.core.db.tables import orders as order_table
from shopctl.core.errors import ShopError
from shopctl.core.shop import Shop
from tests import shops
from tests.benchmarks import frame

SKUS = [f"SKU-{n}" for n in range(30)]
TOKENS = ("pm_card_visa",) * 6 + ("pm_card_chargeDeclined", "pm_card_lostReply", "manual", "manual")
_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|WITH)", re.IGNORECASE)
Intent = Mapping[str, Any]


@dataclass(frozen=True)
class Worker:
    """One after the other of the processes in a slot. `inside` is a byte that outlives them."""

    directory: Path
    slot: int
    seed: str
    inside: mmap.mmap

    def work(self) -> None:
        """Do one thing after the other, for ever."""
        shop, chance = shops.reopen(self.directory), random.Random(self.seed)
        sa.event.listen(shop.engine, "before_cursor_execute", self._notice)
        begun = self._intent()
        if begun and chance.random() < 0.5:
            self._do(shop, begun)
        for n in range(10**9):
            intent: dict[str, Any] = {
                "verb": chance.choice(_OFTEN),
                "name": f"{self.seed}-{n}",
                "token": chance.choice(TOKENS),
            }
            intent |= {"lines": {chance.choice(SKUS): chance.randint(1, 3) for _ in range(chance.randint(1, 3))}}
            draft = self.directory / f"draft-{self.slot}"
            draft.write_text(json.dumps(intent))
            draft.replace(self.directory / f"intent-{self.slot}")
            self._do(shop, intent)

    def _do(self, shop: Shop, intent: Intent) -> None:
        try:
            answer = _VERBS[intent["verb"]](shop, intent)
        except ShopError:
            answer = None
        if answer:
            with (self.directory / f"answers-{self.slot}").open("a") as file:
                file.write(f"{answer}\n")
        self.inside[self.slot] = 0

    def _notice(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if _WRITES.match(statement):
            self.inside[self.slot] = 1

    def _intent(self) -> Intent | None:
        try:
            found: Intent = json.loads((self.directory / f"intent-{self.slot}").read_text())
        except FileNotFoundError:
            return None
        return found


# --- what they do -----------------------------------------------------------------------------------------------------
def _place(shop: Shop, intent: Intent) -> str | None:
    for sku, quantity in intent["lines"].items():
        cart.set_quantity(shop, handle=intent["name"], sku=sku, quantity=quantity)
    made = checkout.place(shop, shops.placement(intent["name"], intent["name"], token=intent["token"]))
    return intent["name"] if getattr(made, "status", "") == "confirmed" else None


def _on_one(status: str, use_case: Callable[..., object]) -> Callable[[Shop, Intent], None]:
    """Something done to an order that is in a status, whichever the name draws."""

    def verb(shop: Shop, intent: Intent) -> None:
        with shop.read() as tx:
            latest = sa.select(order_table.c.number).where(order_table.c.status == status)
            numbers = tx.execute(latest.order_by(order_table.c.number.desc()).limit(8)).scalars().all()
        if numbers:
            use_case(shop, number=str(random.Random(intent["name"]).choice(numbers)))

    return verb


def _recover(shop: Shop, _: Intent) -> None:
    reservations.sweep(shop)
    recovery.recover(shop)


def _receive(shop: Shop, intent: Intent) -> None:
    stock.receive(shop, sku=next(iter(intent["lines"])), quantity=2)


def _tidy(shop: Shop, _: Intent) -> None:
    housekeeping.after_command(shop)


_VERBS: Mapping[str, Callable[[Shop, Intent], str | None]] = {
    "place": _place,
    "cancel": _on_one("confirmed", settlement.cancel),
    "pay": _on_one("pending", settlement.pay),
    "give up": _on_one("pending", settlement.cancel),
    "ship": _on_one("confirmed", orders.ship),
    "deliver": _on_one("shipped", orders.deliver),
    "receive": _receive,
    "recover": _recover,
    "tidy": _tidy,
}
_OFTEN = ["place"] * 10 + ["cancel", "pay", "give up", "ship", "ship", "deliver", "receive", "recover", "tidy"]


# --- the killing ------------------------------------------------------------------------------------------------------
@dataclass
class Killing:
    directory: Path
    workers: int
    kills: int
    seed: int

    def run(self) -> Counter[str]:
        """Kill as often as asked; how many were struck inside a use case."""
        chance, inside = random.Random(self.seed), mmap.mmap(-1, self.workers)
        alive = {slot: self._start(slot, 0, inside) for slot in range(self.workers)}
        counts: Counter[str] = Counter()
        for n in range(1, self.kills + 1):
            time.sleep(chance.expovariate(1 / 0.04) + 0.01)
            slot = chance.randrange(self.workers)
            os.kill(alive[slot], signal.SIGKILL)
            os.waitpid(alive[slot], 0)
            counts["inside"] += inside[slot]
            inside[slot] = 0
            alive[slot] = self._start(slot, n, inside)
        for pid in alive.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        return counts

    def _start(self, slot: int, n: int, inside: mmap.mmap) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                Worker(self.directory, slot, f"{self.seed}-{slot}-{n}", inside).work()
            except BaseException as error:
                print(f"worker {slot}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        return pid


def wrong(shop: Shop, directory: Path) -> Iterator[str]:
    """What is not right, once everything was recovered."""
    for _ in range(3):  # what was owed when another was at it is settled the next time
        undone = [one for one in recovery.recover(shop) if not one.ok]
    yield from (f"order {one.number} cannot be recovered: {one.action}" for one in undone)
    assert isinstance(shop.gateway, SandboxGateway)
    charges: Counter[str] = Counter()
    money = 0
    for entry in shop.gateway.entries():
        charges[entry.order_id or ""] += entry.verb == "charge" and entry.amount > 0
        money += entry.amount if entry.verb == "charge" else -entry.amount
    yield from (f"order {order} was charged {times} times" for order, times in charges.items() if order and times > 1)
    with shop.read() as tx:
        mine = payments.c.gateway == shop.gateway.name
        captured = tx.execute(sa.select(sa.func.coalesce(sa.func.sum(payments.c.captured), 0)).where(mine)).scalar_one()
        given = tx.execute(
            sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount), 0))
            .join(payments, payments.c.id == refunds.c.payment_id)
            .where(mine, refunds.c.state == "succeeded")
        ).scalar_one()
        stuck = tx.rows(
            sa.select(order_table.c.number)
            .join(payments, payments.c.order_id == order_table.c.id)
            .where(order_table.c.in_flight, mine)
        )
        known = set(tx.execute(sa.select(idempotency_keys.c.key)).scalars())
    if captured - given != money:
        yield f"the gateway has {money}, the payments {captured - given}"
    yield from (f"order {row.number} is unfinished" for row in stuck)
    for file in directory.glob("answers-*"):
        yield from (f"{key} was answered, and is not there" for key in file.read_text().split() if key not in known)
    yield from (f"verify: {violation.message}" for violation in verify.verify(shop).violations)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=frame.STORES, default="sqlite")
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    began = time.monotonic()
    with frame.store(asked.store) as directory:
        print(json.dumps(killed(directory, asked.kills, asked.workers, asked.seed) | {"store": asked.store}))
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
        problems = list(wrong(shops.reopen(directory), directory))
    print("\n".join(problems[:20]) or f"all right: harm in fewer than {3 / asked.kills:.2%} of kills (95 %)")
    return int(bool(problems))


def killed(directory: Path, kills: int, workers: int, seed: int) -> dict[str, Any]:
    """Make a shop, and let workers be killed in it."""
    shop = shops.make(directory)
    for sku in SKUS:
        shops.product(shop, sku, units=200)
    shops.close_all()  # the workers are forks of this process
    counts = Killing(directory, workers, kills, seed).run()
    return {"kills": kills, "inside": counts["inside"], "seed": seed}


if __name__ == "__main__":
    sys.exit(main())
