"""`python -m tests.chaos gateway`: checkouts while the gateway drops replies after committing, fails, is asked too often, and
repeats and reorders its notices; some cards are declined, some shoppers have to confirm. Each key is repeated until it has an
answer. What is asked: exactly one charge for each order that stands, and none for any other.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core import cart, checkout, notices, reconcile, recovery, verify
from shopctl.core.adapters.sandbox_faults import FaultySandbox
from shopctl.core.db.tables import orders, payments
from shopctl.core.errors import Refused, StillPending
from shopctl.core.shop import Shop
from tests import shops

SKUS = [f"SKU-{n}" for n in range(20)]
FAULTS = "drop=0.1,fail=0.05,throttle=0.02,repeat=0.1,reorder=0.1"
CARDS = {"pm_card_visa": 90, "pm_card_chargeDeclined": 5, "pm_card_authenticationRequired": 5}


@dataclass(frozen=True)
class Answer:
    """What a key came to, and how often the gateway was asked for it."""

    token: str
    status: str
    asked: int


def buyer(shop: Shop, seed: int, n: int) -> Callable[[int], Answer]:
    """Makes the order of a number."""
    chance, gateway = random.Random(f"{seed}-{n}"), shop.gateway
    assert isinstance(gateway, FaultySandbox)

    def step(i: int) -> Answer:
        handle, before = f"c{n}-{i}", sum(gateway.asked.values())
        (token,) = chance.choices(list(CARDS), list(CARDS.values()))
        cart.add(shop, handle=handle, sku=chance.choice(SKUS), quantity=chance.randint(1, 3))
        status = _placed(shop, gateway, shops.placement(handle, f"key-{handle}", token=token))
        return Answer(token, status, sum(gateway.asked.values()) - before)

    return step


def _placed(shop: Shop, gateway: FaultySandbox, wanted: checkout.Placement) -> str:
    for _ in range(50):
        try:
            checkout.place(shop, wanted)
        except StillPending as waits:
            if waits.code == "action_required":
                with contextlib.suppress(Exception):  # they may have confirmed it the last time
                    gateway.confirm(reference=str(waits.details["url"]).rpartition("/")[2])
        except Refused as refused:
            return refused.code
        else:
            return "confirmed"
    return "never answered"


@contextlib.contextmanager
def told(shop: Shop, heard: Counter[str]) -> Iterator[None]:
    """Meanwhile the gateway's notices come in; and in the end all of them again."""
    over = threading.Event()

    def listen() -> None:
        known = 0
        while not over.wait(0.2):
            known += hear(shop, heard, known)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield
    finally:
        over.set()
        listener.join()
    hear(shop, heard, 0)


def hear(shop: Shop, heard: Counter[str], known: int) -> int:
    """How many notices there were after the first so many."""
    gateway = shop.gateway
    assert isinstance(gateway, FaultySandbox)
    new = list(gateway.notices())[known:]
    for body, headers in new:
        try:
            notices.heed(shop, body=body, signature=headers[gateway.signature_header])
            heard["heeded"] += 1
        except StillPending:
            heard["put off"] += 1
    return len(new)


def problems(shop: Shop, answers: list[Answer]) -> list[str]:
    """What is not exact: answers, orders, payments, the gateway's ledger, to the cent."""
    for _ in range(10):  # a gateway like this needs to be asked again
        if all(found.ok for found in recovery.recover(shop)):
            break
    gateway = shop.gateway
    assert isinstance(gateway, FaultySandbox)
    good = sum(answer.token != "pm_card_chargeDeclined" for answer in answers)
    taken = [entry for entry in gateway.entries() if entry.verb == "charge" and entry.amount > 0]
    with shop.read() as tx:
        confirmed = tx.execute(
            sa.select(sa.func.count(), sa.func.sum(orders.c.total)).where(orders.c.status == "confirmed")
        ).one()
        captured = tx.execute(
            sa.select(sa.func.count(), sa.func.sum(payments.c.captured)).where(payments.c.captured > 0)
        ).one()
    charged = len(taken), sum(entry.amount for entry in taken)
    found: dict[str, Any] = {"orders": confirmed, "payments": captured, "charges": charged}
    wrong = [f"{name}: {tuple(map(int, one))}, {good} good cards" for name, one in found.items() if int(one[0]) != good]
    if len({tuple(map(int, one)) for one in found.values()}) != 1:
        wrong.append(f"sums differ: {found}")
    for answer in answers:
        expected = "payment_declined" if answer.token == "pm_card_chargeDeclined" else "confirmed"
        if answer.status != expected:
            wrong.append(f"{answer.token} came to {answer.status}")
    wrong += [f"reconcile: {drift.kind}: {drift.message}" for drift in reconcile.find(shop)]
    return wrong + [f"verify: {violation.message}" for violation in verify.verify(shop).violations]


def counted(answers: list[Answer], heard: Counter[str]) -> dict[str, int]:
    return {
        "asked_again": sum(answer.asked > 1 for answer in answers),
        "declined": sum(answer.status == "payment_declined" for answer in answers),
        "confirmed_by_shoppers": sum(answer.token.endswith("Required") for answer in answers),
        "notices": heard["heeded"],
        "notices_put_off": heard["put off"],
    }
