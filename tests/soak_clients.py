"""The clients of a soak: they browse, fill carts and buy, through the core or through commands, and note how long it took.

A request is asked again as long as its limit allows: its target, and RETRY_SECONDS more.
"""

from __future__ import annotations

import json
import random
import time
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shopctl.core import cart, checkout, search
from shopctl.core.errors import NotFound, Refused, StillPending, TimedOut, Unavailable
from shopctl.core.queries import catalog
from shopctl.core.search import Request
from shopctl.core.shop import RETRY_SECONDS
from tests import shops
from tests.cli import Cli

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


Ask = Callable[[str], None]
"""Make one request of a kind; raises Unanswered when it must be asked again."""


def client(soak: Soak, n: int, old: str, ready: Any, answers: Any) -> None:
    """Ask for this and that until the time is over; what is being bought then is still bought."""
    chance = random.Random(f"{soak.seed}-{n}")
    ask = _commands(soak, chance, n, old) if n < 0 else _core(soak, chance, n)
    if n >= 0:
        ready.wait()
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
