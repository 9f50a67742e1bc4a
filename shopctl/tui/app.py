"""The console: screens over one bridge, deeds in worker threads, a log of what was done, a terminal that is always restored."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message

from shopctl.core.domain.safe import safe
from shopctl.core.errors import BadInput, ShopError
from shopctl.core.shop import Shop
from shopctl.tui.asking import as_shop_error
from shopctl.tui.bridge import Bridge
from shopctl.tui.deeds import Deed
from shopctl.tui.look import plain_text
from shopctl.tui.palette import ShopProvider
from shopctl.tui.screens.carts import CartScreen, CartsScreen
from shopctl.tui.screens.catalog import CatalogScreen, ProductScreen
from shopctl.tui.screens.customers import CustomerScreen, CustomersScreen
from shopctl.tui.screens.dialogs import Dialog, Plan, Typed, View, keys_view
from shopctl.tui.screens.events import EventsScreen
from shopctl.tui.screens.lists import ListScreen
from shopctl.tui.screens.live import LiveScreen
from shopctl.tui.screens.order import OrderScreen
from shopctl.tui.screens.orders import OrdersScreen
from shopctl.tui.screens.overview import OverviewScreen
from shopctl.tui.screens.reservations import ReservationsScreen
from shopctl.tui.screens.sale import SaleScreen
from shopctl.tui.screens.sales import SalesScreen
from shopctl.tui.screens.stock import SkuScreen, StockScreen
from shopctl.tui.table import Table
from shopctl.tui.widgets import working

LOG = 500
"""Entries of the action log."""
PATIENCE = 0.7
"""Seconds after which something begun is said to be still at work."""


@dataclass(frozen=True, slots=True)
class Done:
    """One entry of the action log."""

    at: datetime
    ok: bool
    command: str
    sentence: str


class Told(Message):
    """How a deed ended; posted from its worker thread."""

    def __init__(self, deed: Deed, error: ShopError | None) -> None:
        super().__init__()
        self.deed, self.error = deed, error


class Console(App[None], inherit_bindings=False):
    """See the module."""

    CSS_PATH = "shopctl.tcss"
    TITLE = "shopctl"
    MODES: ClassVar[dict[str, Any]] = {
        "overview": OverviewScreen,
        "orders": OrdersScreen,
        "catalog": CatalogScreen,
        "stock": StockScreen,
        "reservations": ReservationsScreen,
        "carts": CartsScreen,
        "customers": CustomersScreen,
        "sales": SalesScreen,
        "events": EventsScreen,
    }
    DETAILS: ClassVar[Mapping[str, tuple[str, Callable[[str], LiveScreen]]]] = {
        "order": ("orders", OrderScreen),
        "SKU": ("stock", SkuScreen),
        "product": ("catalog", ProductScreen),
        "cart": ("carts", CartScreen),
        "customer": ("customers", CustomerScreen),
        "sale": ("sales", SaleScreen),
    }
    """What can be asked for by its name → the screen that lists it, and its own."""
    DEFAULT_MODE = "overview"
    COMMANDS: ClassVar[set[Any]] = {ShopProvider}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "go('overview')", "Overview", show=False, id="app.overview"),
        Binding("2", "go('orders')", "Orders", show=False, id="app.orders"),
        Binding("3", "go('catalog')", "Catalog", show=False, id="app.catalog"),
        Binding("4", "go('stock')", "Stock", show=False, id="app.stock"),
        Binding("5", "go('reservations')", "Reservations", show=False, id="app.reservations"),
        Binding("6", "go('carts')", "Carts", show=False, id="app.carts"),
        Binding("7", "go('customers')", "Customers", show=False, id="app.customers"),
        Binding("8", "go('sales')", "Flash sale", show=False, id="app.sales"),
        Binding("9", "go('events')", "Events", show=False, id="app.events"),
        Binding("p", "pause", "Pause", id="app.pause"),
        Binding("a", "log", "Action log", show=False, id="app.log"),
        Binding("?", "keys", "Keys", id="app.keys"),
        Binding("ctrl+p", "command_palette", "Palette", id="app.palette", key_display="^p"),
        Binding("q", "quit", "Leave", id="app.leave"),
        Binding("ctrl+c", "help_quit", "How to leave", show=False, id="app.how-to-leave"),
    ]

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self.theme = "nord"
        self.bridge = Bridge(shop.but(narrate=self._narrated))
        self.paused = False
        self.deeds_done: list[Done] = []
        self._begun: list[Deed] = []

    # --- moving ---------------------------------------------------------------------------------------------------
    def action_go(self, mode: str, filter: str | None = None) -> None:
        """To a screen as it was left; its own key goes back to its list, a filter to the rows that it leaves."""
        if filter is not None or mode == self.current_mode:
            self._to_list(mode)
        else:
            self.switch_mode(mode)
        screen = self.screen
        if filter is not None and isinstance(screen, ListScreen):
            if screen.is_mounted:
                screen.show_filter(filter)
            else:
                screen.filter = filter

    def detail(self, kind: str, name: str) -> LiveScreen | None:
        """A new screen about one thing; None for a kind that has none."""
        known = self.DETAILS.get(kind)
        return known and known[1](name)

    def visit(self, kind: str, name: str) -> None:
        """To the list of such things, and in front of it the screen of this one."""
        mode, screen = self.DETAILS[kind]
        self._to_list(mode)
        self.push_screen(screen(name))

    def _to_list(self, mode: str) -> None:
        self.switch_mode(mode)
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_pause(self) -> None:
        self.paused = not self.paused
        if isinstance(self.screen, LiveScreen):
            if not self.paused:
                self.screen.reread()
            self.screen.paint()

    def action_keys(self) -> None:
        keys: dict[str, tuple[list[str], str]] = {}
        for binding in working(self.screen):
            if binding.description:
                keys.setdefault(binding.action, ([], binding.description))[0].append(self.get_key_display(binding))
        self.push_screen(keys_view([("  ".join(dict.fromkeys(names)), words) for names, words in keys.values()]))

    def action_log(self) -> None:
        text = Text()
        for done in reversed(self.deeds_done):
            text.append(f"{done.at:%H:%M:%S} {'✓' if done.ok else '✗'} ").append_text(plain_text(done.command, 600))
            text.append("\n           ").append(safe(done.sentence, 600), "dim").append("\n")
        self.push_screen(View("Done here, the latest first", text if self.deeds_done else Text("Nothing yet.")))

    # --- doing ----------------------------------------------------------------------------------------------------
    def consider(self, plan: Plan, deed: Callable[[Typed], Deed]) -> None:
        """Ask, and do it unless it is cancelled."""

        def decided(typed: Typed | None) -> None:
            if typed is not None:
                begun = deed(typed)
                self._begun.append(begun)
                self.set_timer(PATIENCE, lambda: self._still(begun))
                self._do(begun)

        self.push_screen(Dialog(plan), decided)

    def _still(self, deed: Deed) -> None:
        """Say that something begun is not done yet: another process may hold the store."""
        if deed in self._begun:
            self.notify(safe(deed.command, 300), title="Still at it", markup=False)

    @work(thread=True, exit_on_error=False, group="deed")  # not exclusive: a deed once begun is never given up
    def _do(self, deed: Deed) -> None:
        error: ShopError | None = None
        try:
            self.bridge.do(deed)
        except Exception as problem:
            error = as_shop_error(problem)
        self.post_message(Told(deed, error))

    @on(Told)
    def _told(self, told: Told) -> None:
        error = told.error
        self._begun.remove(told.deed)
        sentence = told.deed.sentence if error is None else error.message
        self._enter(Done(self.bridge.now(), error is None, told.deed.command, sentence))
        hint = f"\n{safe(error.hint, 300)}" if error and error.hint else ""
        self.notify(
            safe(sentence, 300) + hint,
            title="Done" if error is None else "Refused",
            severity="information" if error is None else "error",
            markup=False,
        )
        if isinstance(self.screen, LiveScreen):
            self.screen.paint()
            self.screen.reread()

    def _enter(self, done: Done) -> None:
        self.deeds_done.append(done)
        del self.deeds_done[:-LOG]

    def _narrated(self, sentence: str) -> None:
        """The core talks while it works, in a worker thread; stderr is under our screen."""
        self.notify(safe(sentence, 300), markup=False, severity="warning")  # may be called from any thread

    # --- ending ---------------------------------------------------------------------------------------------------
    def _fatal_error(self) -> None:
        """A defect of ours: leave at once and let the command line say it; a traceback here would print data."""
        self._close_messages_no_wait()

    @property
    def defect(self) -> Exception | None:
        return self._exception

    def watch_theme(self) -> None:
        """Colours that are in the cells must follow."""
        self.call_after_refresh(self._repaint)

    def _repaint(self) -> None:
        for stack in self._screen_stacks.values():
            for screen in stack:
                for table in screen.query(Table):
                    table.repaint()
                if isinstance(screen, LiveScreen):
                    screen.paint()


def run(shop: Shop) -> None:
    """Open the console and stay until it is left; BadInput without a terminal."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.__stderr__)):
        raise BadInput("no_terminal", "The console needs a terminal", hint="In a script: shopctl orders list -o jsonl.")
    if os.environ.get("TERM", "dumb") in ("", "dumb"):
        raise BadInput("no_terminal", "This terminal (TERM) cannot show the console")
    console = Console(shop)
    asyncio.run(_supervised(console))
    if console.defect is not None:
        raise console.defect
    if console.return_code:
        raise SystemExit(console.return_code)


async def _supervised(console: Console) -> None:
    """A signal that ends us leaves through the front door, so that the terminal is restored."""
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGTERM, partial(console.exit, return_code=143))
        loop.add_signal_handler(signal.SIGHUP, partial(console.exit, return_code=129))
    await console.run_async()
