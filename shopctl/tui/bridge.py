"""The one door to the core, and the only file of the console that imports its use cases and queries.

`Reads` is what may be asked: one method a question, each in a snapshot of its own. A `Deed` is what may be done: it carries
the command line that would do the same. Both are for worker threads; `asking` and the app bring them there.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from shopctl.core import catalog, housekeeping, imports, orders, reservations, settlement, stock
from shopctl.core.db.engine import Patience
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import wire
from shopctl.core.queries import carts as cart_reads
from shopctl.core.queries import catalog as catalog_reads
from shopctl.core.queries import customers as customer_reads
from shopctl.core.queries import orders as order_reads
from shopctl.core.queries import overview
from shopctl.core.queries import reservations as hold_reads
from shopctl.core.queries import stock as stock_reads
from shopctl.core.queries.carts import CartSummary, CartView
from shopctl.core.queries.catalog import Product, VariantRow
from shopctl.core.queries.customers import Customer, CustomerDetail
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.orders import HoldRow, Order, OrderDetail
from shopctl.core.queries.overview import Overview
from shopctl.core.queries.reservations import Reservation
from shopctl.core.queries.stock import Movement, StockRow
from shopctl.core.shop import Shop

READ_SECONDS = 15.0
"""How long a screen's question may take; threads cannot be cancelled, statements can."""
PAGE = 200
"""Rows of one page: what a DataTable takes without a pause."""

T = TypeVar("T")
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a list: which filter, and behind which row."""

    filter: str = ""
    after: Key = ()


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list; `next` is where it goes on, None at its end."""

    rows: Sequence[T]
    next: Key | None


@dataclass(frozen=True, slots=True)
class Sku:
    """What a SKU is, where it lies, and its latest movements."""

    sku: str
    title: str
    status: str
    levels: Sequence[StockRow]
    movements: Page[Movement]


@dataclass(frozen=True, slots=True)
class Held:
    """A hold and what it did to the stock."""

    reservation: Reservation | None
    movements: Page[Movement]


@dataclass(frozen=True, slots=True)
class Account:
    """A customer and what they ordered."""

    customer: CustomerDetail
    orders: Page[Order]


@dataclass(frozen=True, slots=True)
class Reads:
    """What may be asked; given up when patience is out."""

    shop: Shop
    patience: Patience

    def overview(self) -> Overview:
        with self.shop.read(self.patience) as tx:
            return overview.figures(tx)

    def orders(self, place: Place) -> Page[Order]:
        with self.shop.read(self.patience) as tx:
            return _page(tx, order_reads.LIST, place, lambda row: (int(row.number),))

    def order(self, number: str) -> OrderDetail:
        with self.shop.read(self.patience) as tx:
            return order_reads.detail(tx, number)

    def holds(self, number: str, sku: str) -> list[HoldRow]:
        """What an order holds of a SKU."""
        return [hold for hold in self.order(number).reservations if hold.sku == sku]

    def stock(self, place: Place) -> Page[StockRow]:
        with self.shop.read(self.patience) as tx:
            return _page(tx, stock_reads.LIST, place, lambda row: (row.sku, row.warehouse))

    def sku(self, sku: str, place: Place) -> Sku:
        with self.shop.read(self.patience) as tx:
            row = catalog_reads.find_variant(tx, sku)
            movements = _page(tx, stock_reads.HISTORY, place, lambda found: (found.seq,), [stock_reads.m.sku == sku])
            return Sku(sku, row.title, row.status, stock_reads.show(tx, sku), movements)

    def reservations(self, place: Place, *, everything: bool) -> Page[Reservation]:
        with self.shop.read(self.patience) as tx:
            where = [] if everything else [hold_reads.LIVE]
            return _page(tx, hold_reads.LIST, place, lambda row: (row.id,), where)

    def reservation(self, reservation_id: str, place: Place) -> Held:
        with self.shop.read(self.patience) as tx:
            found = hold_reads.LIST.rows(tx, where=[hold_reads.r.id == reservation_id], limit=1)
            mine = [stock_reads.m.reservation_id == reservation_id]
            movements = _page(tx, stock_reads.HISTORY, place, lambda row: (row.seq,), mine)
            return Held(found[0] if found else None, movements)

    def catalog(self, place: Place) -> Page[VariantRow]:
        with self.shop.read(self.patience) as tx:
            return _page(tx, catalog_reads.LIST, place, lambda row: (row.handle, row.position))

    def product(self, handle: str) -> Product:
        with self.shop.read(self.patience) as tx:
            return catalog_reads.show(tx, handle)

    def carts(self, place: Place) -> Page[CartSummary]:
        with self.shop.read(self.patience) as tx:
            return _page(tx, cart_reads.LIST, place, lambda row: (row.updated_at, row.id))

    def cart(self, handle: str) -> CartView:
        with self.shop.read(self.patience) as tx:
            return cart_reads.show(tx, handle)

    def customers(self, place: Place) -> Page[Customer]:
        with self.shop.read(self.patience) as tx:
            return _page(tx, customer_reads.LIST, place, lambda row: (row.created_at, row.id))

    def customer(self, email: str, place: Place) -> Account:
        with self.shop.read(self.patience) as tx:
            bought = order_reads.which(tx, email=email)
            orders = _page(tx, order_reads.LIST, place, lambda row: (int(row.number),), bought)
            return Account(customer_reads.show(tx, email), orders)

    def find(self, words: str, limit: int = 5) -> tuple[list[Order], list[StockRow]]:
        """Orders and stock levels that a few typed characters may mean; for the palette."""
        with self.shop.read(self.patience) as tx:
            return (
                order_reads.LIST.rows(tx, filters=(words,), limit=limit)[:limit],
                stock_reads.LIST.rows(tx, filters=(words,), limit=limit)[:limit],
            )


def _page(
    tx: UnitOfWork, listing: Listing[T], place: Place, key: Callable[[T], Key], where: Sequence[Any] = ()
) -> Page[T]:
    rows = listing.rows(tx, filters=(place.filter,), limit=PAGE, where=where, after=place.after)
    shown = rows[:PAGE]
    return Page(shown, key(shown[-1]) if len(rows) > PAGE else None)


def json_of(row: object) -> str:
    """The JSON that the command line prints for a row."""
    return wire.encoded(wire.plain(row), indent=2)


@dataclass(frozen=True, slots=True)
class Bridge:
    """The shop as the console sees it: who and where it is, and what may be asked and done."""

    shop: Shop

    @property
    def name(self) -> str:
        return self.shop.facts.name

    @property
    def actor(self) -> str:
        return self.shop.actor

    @property
    def read_only(self) -> bool:
        return self.shop.read_only

    def local(self, moment: datetime) -> datetime:
        """A moment in the shop's own time zone."""
        return moment.astimezone(ZoneInfo(self.shop.facts.timezone))

    def now(self) -> datetime:
        return self.local(self.shop.clock())

    def reads(self, unwanted: Callable[[], bool] = lambda: False, seconds: float = READ_SECONDS) -> Reads:
        """What may be asked, given up when it takes too long or nobody wants it any more. For worker threads."""
        return Reads(self.shop, Patience(seconds, unwanted))

    def do(self, deed: Deed) -> None:
        """Do a deed under a request id of its own, and tidy up behind it as a command does. For worker threads."""
        shop = self.shop.but(request_id=new_id())
        deed.use_case(shop)
        if not shop.dry_run:
            housekeeping.after_command(shop)


# --- deeds ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Deed:
    """One change: the words of its command line, the use case, and the sentence to say when it is done."""

    words: tuple[str, ...]
    use_case: Callable[[Shop], object]
    sentence: str

    @property
    def command(self) -> str:
        return shlex.join(("shopctl", *self.words))


def ship(number: str, tracking: str = "") -> Deed:
    words = ("orders", "ship", number, *_option("--tracking", tracking))
    return Deed(
        words, lambda shop: orders.ship(shop, number=number, tracking=tracking or None), f"Order {number} is shipped"
    )


def deliver(number: str) -> Deed:
    return Deed(
        ("orders", "deliver", number),
        lambda shop: orders.deliver(shop, number=number),
        f"Order {number} is delivered",
    )


def cancel(number: str) -> Deed:
    return Deed(
        ("orders", "cancel", number, "--yes"),
        lambda shop: settlement.cancel(shop, number=number),
        f"Order {number} is cancelled",
    )


def receive(sku: str, quantity: int, warehouse: str = "", reason: str = "") -> Deed:
    words = ("stock", "receive", sku, str(quantity), *_option("--warehouse", warehouse), *_option("--reason", reason))

    def use_case(shop: Shop) -> object:
        return stock.receive(
            shop, sku=sku, quantity=quantity, warehouse=warehouse or None, reason=reason.strip() or None
        )

    return Deed(words, use_case, f"{quantity} of {sku} received")


def adjust(sku: str, quantity: int, reason: str, warehouse: str = "") -> Deed:
    words = ("stock", "adjust", sku, f"{quantity:+d}", "--reason", reason, *_option("--warehouse", warehouse))

    def use_case(shop: Shop) -> object:
        return stock.adjust(shop, sku=sku, quantity=quantity, reason=reason, warehouse=warehouse or None)

    return Deed(words, use_case, f"{sku} adjusted by {quantity:+d}")


def reprice(sku: str, price: str) -> Deed:
    return Deed(
        ("catalog", "edit", sku, "--price", price),
        lambda shop: catalog.edit(shop, name=sku, said=imports.entry.changes(shop, {"price": price})),
        f"{sku} costs {price}",
    )


def release(reservation_id: str) -> Deed:
    return Deed(
        ("reservations", "release", reservation_id),
        lambda shop: reservations.release(shop, reservation_id=reservation_id),
        "The hold is released",
    )


def extend(reservation_id: str) -> Deed:
    return Deed(
        ("reservations", "extend", reservation_id),
        lambda shop: reservations.extend(shop, reservation_id=reservation_id),
        "The hold has a new term",
    )


def _option(name: str, value: str) -> tuple[str, ...]:
    return (name, value) if value.strip() else ()
