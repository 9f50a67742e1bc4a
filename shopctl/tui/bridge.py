"""The door to the core: what may be asked, one method a question, each in a snapshot of its own. deeds.py: what may be done.

Both are for worker threads; `asking` and the app bring them there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from shopctl.core import cart, housekeeping
from shopctl.core.db.engine import Patience
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import wire
from shopctl.core.errors import ShopError
from shopctl.core.queries import carts as cart_reads
from shopctl.core.queries import catalog as catalog_reads
from shopctl.core.queries import customers as customer_reads
from shopctl.core.queries import events as event_reads
from shopctl.core.queries import letters as letter_reads
from shopctl.core.queries import naming, overview, subjects
from shopctl.core.queries import orders as order_reads
from shopctl.core.queries import reservations as hold_reads
from shopctl.core.queries import sales as sale_reads
from shopctl.core.queries import stock as stock_reads
from shopctl.core.queries import tickets as ticket_reads
from shopctl.core.queries import webhooks as webhook_reads
from shopctl.core.queries.carts import CartSummary, CartView
from shopctl.core.queries.catalog import Product, VariantRow
from shopctl.core.queries.customers import Customer, CustomerDetail
from shopctl.core.queries.events import Event
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.naming import Named
from shopctl.core.queries.orders import HoldRow, Order, OrderDetail
from shopctl.core.queries.overview import Overview
from shopctl.core.queries.reservations import Reservation, WhyHeld
from shopctl.core.queries.sales import Sale
from shopctl.core.queries.stock import Movement, StockRow
from shopctl.core.queries.subjects import Subject
from shopctl.core.queries.tickets import QueueRow, Ticket
from shopctl.core.shop import Shop
from shopctl.tui.deeds import Deed

READ_SECONDS = 15.0
"""How long a screen's question may take; threads cannot be cancelled, statements can."""
PAGE = 200
"""Rows of one page: what a DataTable takes without a pause."""
FOUND = 5
"""Of each kind, what the palette offers."""

T = TypeVar("T")
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a list: which filter, and behind which row; or the beginning of another order."""

    filter: str = ""
    after: Key = ()
    sort: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list; `next` is where it goes on, None at its end, and for an order that has no keys to go on by."""

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
class Shelf:
    """A product, and which of its SKUs are at their threshold or below."""

    product: Product
    low: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rush:
    """A sale and its queue."""

    sale: Sale
    queue: Page[QueueRow]


@dataclass(frozen=True, slots=True)
class Turn:
    """A ticket, and what is held for it."""

    ticket: Ticket
    holds: Page[Reservation]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, what it is about, and what became of telling it: the states of its letter and of its deliveries."""

    event: Event
    about: Subject
    told: Sequence[str]


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
            moved = stock_reads.history(tx, sku, limit=PAGE, filters=(place.filter,), after=place.after)
            movements = _cut(moved, lambda found: (found.seq,))
            return Sku(sku, row.title, row.status, stock_reads.show(tx, sku), movements)

    def why(self, sku: str) -> WhyHeld:
        with self.shop.read(self.patience) as tx:
            return hold_reads.why(tx, sku, PAGE)

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
            return _page(tx, catalog_reads.LIST, place, lambda row: (row.handle, row.position, row.sku))

    def product(self, handle: str) -> Shelf:
        with self.shop.read(self.patience) as tx:
            product = catalog_reads.show(tx, handle)
            levels = stock_reads.thresholds(tx, [variant.sku for variant in product.variants])
            low = frozenset(sku for sku, level in levels.items() if level.units <= level.threshold)
            return Shelf(product, low)

    def carts(self, place: Place) -> Page[CartSummary]:
        cart.persist_all(self.shop)
        with self.shop.read(self.patience) as tx:
            return _page(tx, cart_reads.LIST, place, lambda row: (row.updated_at, row.id))

    def cart(self, handle: str) -> CartView:
        return cart.show(self.shop, name=handle, patience=self.patience)

    def customers(self, place: Place) -> Page[Customer]:
        with self.shop.read(self.patience) as tx:
            return _page(tx, customer_reads.LIST, place, lambda row: (row.created_at, row.id))

    def customer(self, email: str, place: Place) -> Account:
        with self.shop.read(self.patience) as tx:
            bought = order_reads.which(tx, email=email)
            orders = _page(tx, order_reads.LIST, place, lambda row: (int(row.number),), bought)
            return Account(customer_reads.show(tx, email), orders)

    def sales(self, place: Place) -> Page[Sale]:
        with self.shop.read(self.patience) as tx:
            return _page(tx, sale_reads.LIST, place, lambda row: (row.id,))

    def sale(self, name: str, place: Place) -> Rush:
        with self.shop.read(self.patience) as tx:
            mine = ticket_reads.of(tx, name)
            queue = _page(tx, ticket_reads.LIST, place, lambda row: (row.sku, row.number), mine)
            return Rush(sale_reads.get(tx, name), queue)

    def ticket(self, ticket: str) -> Turn:
        with self.shop.read(self.patience) as tx:
            mine = [hold_reads.r.owner_id == ticket_reads.find(tx, ticket).cart_id]
            holds = _page(tx, hold_reads.LIST, Place(), lambda row: (row.id,), mine)
            return Turn(ticket_reads.position(tx, ticket), holds)

    def events(self, place: Place) -> Page[Happened]:
        with self.shop.read(self.patience) as tx:
            page = _page(tx, event_reads.LIST, place, lambda row: (row.at, row.id))
            about = subjects.subjects(tx, page.rows)
            ids = [event.id for event in page.rows]
            letters, hooks = letter_reads.states(tx, ids), webhook_reads.of_events(tx, ids)
            told = [[*filter(None, [letters.get(id_)]), *hooks.get(id_, ())] for id_ in ids]
            return Page([Happened(*row) for row in zip(page.rows, about, told, strict=True)], page.next)

    def named(self, typed: str) -> list[Named]:
        """What has a name that begins like that."""
        with self.shop.read(self.patience) as tx:
            return naming.beginning(tx, typed, FOUND)

    def described(self, typed: str) -> list[Named]:
        """What has a name or text that contains that. Each kind gets a share of the patience: a large one may have none."""
        share = Patience(self.patience.seconds / len(naming.KINDS), self.patience.unwanted)
        found: list[Named] = []
        for kind in naming.KINDS:
            with suppress(ShopError), self.shop.read(share) as tx:
                found += naming.containing(tx, kind, typed, FOUND)
        return found


def _page(
    tx: UnitOfWork, listing: Listing[T], place: Place, key: Callable[[T], Key], where: Sequence[Any] = ()
) -> Page[T]:
    rows = listing.rows(tx, filters=(place.filter,), sort=place.sort, limit=PAGE, where=where, after=place.after)
    page = _cut(rows, key)
    return Page(page.rows, None) if place.sort else page


def _cut(rows: Sequence[T], key: Callable[[T], Key]) -> Page[T]:
    """A page of rows, of which there is one more when others follow."""
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
        """Do a deed as a request of its own, and tidy up behind it as a command does. For worker threads."""
        with self.shop.request(" ".join(deed.words[:2])) as shop:
            deed.use_case(shop)
        if not shop.dry_run:
            housekeeping.after_command(shop)
