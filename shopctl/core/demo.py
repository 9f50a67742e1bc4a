"""The demo: a believable shop of our own, and a day of orders run through the real use cases.

Nothing here is faked: every cart, charge, decline, expiry and cancellation goes the way that a merchant's would, so that
`verify` and the lists show exactly what the summary says. Only the clock is the demo's own: the day before now.
"""

from __future__ import annotations

import csv
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shopctl.core import (
    cart,
    catalog,
    checkout,
    customers,
    housekeeping,
    letters,
    orders,
    rates,
    recovery,
    reservations,
    search,
    settlement,
    stock,
)
from shopctl.core.checkout import Placement
from shopctl.core.domain.money import Money
from shopctl.core.errors import ShopError, StillPending
from shopctl.core.imports.products import import_products
from shopctl.core.queries import overview
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop

SHOPPERS = 420
SEED = 20261122
HOT = ("TEE-RED-M", "TEE-NAVY-M", "GAN-NAVY-M", "WAX-OLIVE-M", "ROB-NAVY-SM")
"""SKUs that are held at cart add, as scarce things are."""

Progress = Callable[[str, float], None]


class DayClock:
    """A clock that the demo moves: from a day ago until now."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now = min(self.now + timedelta(seconds=seconds), datetime.now(UTC))


@dataclass(slots=True)
class Summary:
    """What happened in the demo's day. Money in the shop's currency."""

    products: int = 0
    variants: int = 0
    warehouses: int = 0
    units_received: int = 0
    shoppers: int = 0
    orders_placed: int = 0
    declined: int = 0
    recovered: int = 0
    short_of_stock: int = 0
    abandoned: int = 0
    holds_expired: int = 0
    cancelled: int = 0
    shipped: int = 0
    delivered: int = 0
    letters_sent: int = 0
    revenue: str = ""
    by_status: Mapping[str, int] = field(default_factory=dict)


def data_directory() -> Path:
    """The demo's own data: inside the package when installed, beside it in a checkout."""
    packaged = Path(__file__).parents[1] / "_data"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "data"


def skus() -> list[str]:
    """What the demo has stock of."""
    return [row["sku"] for row in _rows("stock.csv")]


# --- use cases ----------------------------------------------------------------------------------------------------------
def furnish(shop: Shop, progress: Progress) -> Summary:
    """Fill an empty shop: catalogue, warehouses, stock, rates."""
    data, summary = data_directory(), Summary()
    progress("Catalogue", 0)
    with (data / "catalogue.jsonl").open("rb") as source:
        report = import_products(shop, source, format="jsonl")
    summary.products, summary.variants = report.products_created, report.variants
    progress("Stock", 0.1)
    places = [row for row in _rows("warehouses.csv") if row["code"] != "MAIN"]
    for row in places:
        stock.add_warehouse(shop, code=row["code"], name=row["name"], priority=int(row["priority"]))
    summary.warehouses = len(places) + 1
    levels = [(row["sku"], row["warehouse"], int(row["quantity"])) for row in _rows("stock.csv")]
    summary.units_received = stock.receive_all(shop, rows=levels, reason="opening stock")
    progress("Rates", 0.15)
    _rates(shop)
    for sku in HOT:
        catalog.edit(shop, name=sku, said={"hold_at": "cart"})
    return summary


def run_day(shop: Shop, clock: DayClock, summary: Summary, progress: Progress, *, shoppers: int = SHOPPERS) -> Summary:
    """A day of shoppers and of the operator's work."""
    day = _Day(shop, random.Random(SEED), skus(), list(_rows("shoppers.csv")))
    pause = 78_000 / shoppers  # the last of them come well before now
    for number in range(shoppers):
        progress("A day of orders", 0.15 + 0.75 * number / shoppers)
        clock.move(day.random.expovariate(1 / pause))
        day.shopper(number)
        if number % 40 == 39:
            day.operator()
    progress("Closing the day", 0.92)
    clock.move(3600)
    day.close()
    summary.letters_sent = sum(iter(lambda: letters.send(shop, 100), 0))
    search.reindex(shop)
    return _summed(shop, summary, day.counts, shoppers)


def keep_coming(shop: Shop, stop: threading.Event, *, seconds: float = 1.5) -> None:
    """Shoppers without end, for a console to watch."""
    day = _Day(shop, random.Random(), skus(), list(_rows("shoppers.csv")))
    number = 0
    while not stop.wait(day.random.expovariate(1 / seconds)):
        number += 1
        day.shopper(number, prefix=f"live-{shop.request_id[-6:]}")
        housekeeping.after_command(shop)
        if number % 10 == 0:
            day.operator()


# --- how it works -------------------------------------------------------------------------------------------------------
@dataclass
class _Day:
    """Shoppers who come and buy, or do not; an operator who ships."""

    shop: Shop
    random: random.Random
    skus: Sequence[str]
    people: Sequence[Mapping[str, str]]
    counts: Counter[str] = field(default_factory=Counter)
    open_orders: list[str] = field(default_factory=list)
    on_the_way: list[str] = field(default_factory=list)

    def shopper(self, number: int, prefix: str = "web") -> None:
        """Somebody fills a cart; most of them buy it."""
        handle = f"{prefix}-{number:04d}"
        hot = number % 6 == 0
        if not self._fill(handle, hot=hot):
            return
        if self.random.random() < (0.4 if hot else 0.1):
            self.counts["abandoned"] += 1
            return
        person = self.random.choice(self.people)
        token = self.random.choices(
            ("pm_card_visa", "pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds", "pm_card_lostReply"),
            (92, 4, 3, 1),
        )[0]
        if self.counts["silent"] < 2 and self.counts["placed"] >= 80 * (self.counts["silent"] + 1):
            token = "pm_card_timeout"
        placed = self._place(handle, person, token, f"{handle}-a")
        if placed == "payment_declined" and self.random.random() < 0.6:
            self._place(handle, person, "pm_card_visa", f"{handle}-b")

    def operator(self) -> None:
        """Ship what waits, note what arrived, cancel what somebody regrets."""
        self.random.shuffle(self.open_orders)
        keep = len(self.open_orders) // 4
        todo, self.open_orders = self.open_orders[keep:], self.open_orders[:keep]
        for number in todo:
            if self.random.random() < 0.05:
                self._count("cancelled", settlement.cancel(self.shop, number=number))
                continue
            tracking = f"1Z{self.random.randrange(10**9):09d}"
            self._count("shipped", orders.ship(self.shop, number=number, tracking=tracking))
            self.on_the_way.append(number)
        arrived, self.on_the_way = (
            self.on_the_way[: len(self.on_the_way) // 2],
            self.on_the_way[len(self.on_the_way) // 2 :],
        )
        for number in arrived:
            self._count("delivered", orders.deliver(self.shop, number=number))

    def close(self) -> None:
        """What the gateway never answered is resolved, what nobody bought is given back."""
        for result in recovery.recover(self.shop):
            self.counts["recovered"] += result.status != "pending"
        reservations.sweep(self.shop)

    def _fill(self, handle: str, *, hot: bool) -> bool:
        wanted = self.random.sample(self.skus, self.random.choices((1, 2, 3), (6, 3, 1))[0])
        if hot:
            wanted[0] = self.random.choice(HOT)
        filled = False
        for sku in wanted:
            try:
                cart.add(self.shop, handle=handle, sku=sku, quantity=self.random.choices((1, 2), (9, 1))[0])
                filled = True
            except ShopError as error:
                self.counts[error.code] += 1
        return filled

    def _place(self, handle: str, person: Mapping[str, str], token: str, key: str) -> str:
        address = customers.parse_address({name: text for name, text in person.items() if name != "email"})
        wanted = Placement(cart=handle, email=person["email"], address=address, token=token, key=key)
        try:
            order = checkout.place(self.shop, wanted)
        except StillPending:
            self.counts["silent"] += 1
            return "pending"
        except ShopError as error:
            self.counts[error.code] += 1
            return error.code
        assert isinstance(order, Order)
        self.counts["placed"] += 1
        self.open_orders.append(order.number)
        return "placed"

    def _count(self, what: str, _done: object) -> None:
        self.counts[what] += 1


def _summed(shop: Shop, summary: Summary, counts: Counter[str], shoppers: int) -> Summary:
    with shop.read() as tx:
        figures = overview.figures(tx)
        revenue = overview.revenue(tx)
        expired = overview.expired_holds(tx)
    summary.shoppers = shoppers
    summary.orders_placed = counts["placed"]
    summary.declined = counts["payment_declined"]
    summary.recovered = counts["recovered"]
    summary.short_of_stock = counts["insufficient_stock"]
    summary.abandoned = counts["abandoned"]
    summary.holds_expired = expired
    summary.cancelled, summary.shipped, summary.delivered = counts["cancelled"], counts["shipped"], counts["delivered"]
    summary.revenue = f"{Money(revenue, shop.facts.currency)} {shop.facts.currency}"
    summary.by_status = figures.by_status
    return summary


def _rates(shop: Shop) -> None:
    for kind, name in ((rates.TAX, "tax.csv"), (rates.SHIPPING, "shipping.csv")):
        for row in _rows(name):
            rates.add(shop, kind, row)


def _rows(name: str) -> Iterator[dict[str, Any]]:
    with (data_directory() / name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
