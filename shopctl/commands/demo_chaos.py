"""`demo --chaos`: shoppers whose commands are killed, whose cards are declined, whose gateway is silent; and what becomes of it.

Each shopper is a `shopctl checkout place` of its own, as anybody could type it. Killed ones come back with the same key, or
never; what those leave behind is recovered in the end.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from shopctl import core
from shopctl.core.errors import Refused

AT_ONCE = 4
SEED = 20261123
PLACES = (
    "checkout.reserve.before_commit",
    "checkout.reserve.after_commit",
    "gateway.authorize.before",
    "gateway.authorize.after",
    "checkout.settle.before_commit",
    "checkout.settle.after_commit",
)
TOKENS = (
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_timeout",
    "pm_card_lostReply",
)
ADDRESS = {
    "name": "Ana Luz",
    "line1": "1 Harbour Rd",
    "city": "Portland",
    "region": "ME",
    "postal_code": "04101",
    "country": "US",
}


@dataclass(frozen=True, slots=True)
class Shopper:
    """One who buys: how their card behaves, where their command is killed ("" nowhere), whether they come back."""

    key: str
    token: str
    killed_at: str
    comes_back: bool


@dataclass(frozen=True, slots=True)
class Struck:
    """What became of the shoppers who were struck alike. `charges` counts those that were not given back."""

    killed_at: str
    token: str
    shoppers: int
    killed: int
    confirmed: int
    cancelled: int
    nothing: int
    charges: int


def run(shop: Any, environment: Mapping[str, str], count: int, tell: Callable[[str], None]) -> Sequence[Struck]:
    """Let so many shoppers suffer, recover what they leave behind, and say what there is in the end."""
    chance = random.Random(SEED)
    shoppers = [
        Shopper(f"chaos-{n}", chance.choice(TOKENS), chance.choice((*PLACES, "")), chance.random() < 0.5)
        for n in range(count)
    ]
    for shopper in shoppers:
        _fill(shop, shopper, chance)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        killed = dict(zip(shoppers, pool.map(lambda one: _buy(one, environment), shoppers), strict=True))
    tell(f"{sum(killed.values())} of {count} commands were killed; now `shopctl store recover` sees to what they left.")
    for _ in range(2):  # money that came late is found by the second look
        core.recovery.recover(shop)
    return list(_summed(shop, killed))


def _fill(shop: Any, shopper: Shopper, chance: random.Random) -> None:
    """Put something in their cart that can be had."""
    for sku in chance.sample(core.demo.skus(), 20):
        try:
            core.cart.add(shop, handle=shopper.key, sku=sku, quantity=1)
        except Refused:
            continue
        return


def _buy(shopper: Shopper, environment: Mapping[str, str]) -> bool:
    """Whether the shopper's command was killed."""
    words = ["checkout", "place", shopper.key, "--email", f"{shopper.key}@example.com", "--ship-to", "-"]
    words += ["--payment", shopper.token, "--key", shopper.key, "-q", "-o", "json"]

    def command(failpoint: str) -> int:
        done = subprocess.run(  # noqa: S603 — this program itself, with words of our own
            [sys.executable, "-m", "shopctl", *words],
            input=json.dumps(ADDRESS),
            env={**os.environ, **environment, "SHOPCTL_FAILPOINT": failpoint},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode

    killed = command(shopper.killed_at) < 0
    if killed and shopper.comes_back:
        command("")
    return killed


def _summed(shop: Any, killed: Mapping[Shopper, bool]) -> Iterator[Struck]:
    with shop.read() as tx:
        ends = core.queries.payments.ends_by_key(tx, [shopper.key for shopper in killed])
    for place, token in sorted({(one.killed_at, one.token) for one in killed}):
        alike = [one for one in killed if (one.killed_at, one.token) == (place, token)]
        found = [ends.get(one.key, ("nothing", 0)) for one in alike]
        statuses = [status for status, _ in found]
        yield Struck(
            place or "nowhere",
            token,
            len(alike),
            sum(killed[one] for one in alike),
            statuses.count("confirmed"),
            statuses.count("cancelled"),
            statuses.count("nothing"),
            sum(kept > 0 for _, kept in found),
        )
