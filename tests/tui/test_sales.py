"""Flash sales on the console: the list, one sale with its plots and its queue, a ticket; and what is done to them."""

from __future__ import annotations

import json

import pytest
from textual.widgets import Button, Sparkline

from shopctl.core import sales, verify
from shopctl.core.queries import sales as sale_reads
from shopctl.core.shop import Shop
from shopctl.tui.screens import live
from shopctl.tui.screens.dialogs import Dialog, JsonView
from shopctl.tui.screens.live import LiveScreen
from shopctl.tui.screens.order import OrderScreen
from shopctl.tui.screens.reservations import HoldScreen
from shopctl.tui.screens.sale import SaleScreen, TicketScreen
from shopctl.tui.screens.sales import SalesScreen
from tests import flash
from tests.tui.driving import Driver, console


@pytest.fixture
def tickets(shop: Shop) -> list[str]:
    """Two units of TEE-M on Friday, five shoppers; and a sale that is over."""
    flash.make(shop, 1, name="monday", sku="CUP-M")
    sales.cancel(shop, name="monday")
    flash.make(shop, 2, sku="TEE-M")
    return flash.crowd(shop, 5)


def status(shop: Shop) -> str:
    with shop.read() as tx:
        return sale_reads.get(tx, "friday").status


async def to_sale(it: Driver) -> None:
    await it.go("8", rows=2)
    await it.select("friday")
    await it.press("enter")
    await it.until(lambda: isinstance(it.app.screen, SaleScreen))
    await it.rows(5)


async def decided(it: Driver, key: str, *typed: str) -> None:
    done = len(it.app.deeds_done)
    await it.press(key)
    await it.until(lambda: isinstance(it.app.screen, Dialog))
    assert isinstance(it.app.focused, Button)
    assert it.app.focused.id == "cancel"
    assert "in Tea & Tees" in it.text()
    await it.decide(*typed)
    await it.until(lambda: len(it.app.deeds_done) > done)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_from_the_sales_to_the_ledger(shop: Shop, tickets: list[str], size: tuple[int, int]) -> None:
    sales.open_(shop, name="friday")
    sales.admit(shop, name="friday")
    sales.buy(shop, ticket=tickets[0])
    async with console(shop, size) as it:
        await it.go("8", rows=2)
        assert it.keys == ["friday", "monday"]
        assert all(word in it.text() for word in ("● open", "✗ cancelled", "Flash sale"))
        await to_sale(it)
        for word in ("1/2 at 9.99", "3 waiting", "1 · 0 left", "Admitted/s", "✓ bought", "● admitted", "○ waiting"):
            assert word in it.text()
        assert it.app.screen.query(Sparkline)[0].data[-1] == 3.0  # type: ignore[index]
        assert "Flash sale › friday" in it.top()
        await it.press("y")
        await it.until(lambda: isinstance(it.app.screen, JsonView))
        shown = it.app.screen
        assert isinstance(shown, JsonView)
        assert json.loads(shown.encoded)["waiting"] == 3
        assert "shopctl sales show friday -o json" in it.text()
        await it.press("escape")
        await it.select(tickets[0])
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, OrderScreen))
        await it.press("escape")
        await it.select(tickets[1])
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, TicketScreen))
        await it.rows()
        assert "1 of TEE-M at 9.99 USD in sale friday" in it.text()
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, HoldScreen))


async def test_a_sale_is_run_from_here(shop: Shop, tickets: list[str]) -> None:
    async with console(shop) as it:
        await it.go("8", rows=2)
        await it.select("friday")
        for key, verb, after in (("s", "open", "open"), ("x", "pause", "paused"), ("x", "resume", "open")):
            await decided(it, key)
            assert it.app.deeds_done[-1].command == f"shopctl sales {verb} friday"
            assert status(shop) == after
            await it.until(lambda word=after: word in it.table.line("friday").cells["status"].text)  # type: ignore[misc]
        await to_sale(it)
        await it.press("s")  # it is open: there is nothing to open
        assert isinstance(it.app.screen, LiveScreen)
        await decided(it, "e")
        assert (status(shop), it.app.deeds_done[-1].command) == ("closed", "shopctl sales close friday")
        assert not verify.verify(shop).violations


async def test_cancelling_wants_its_name(shop: Shop, tickets: list[str]) -> None:
    async with console(shop) as it:
        await to_sale(it)
        await it.press("c")
        await it.until(lambda: isinstance(it.app.screen, Dialog))
        assert "5 tickets get nothing" in it.text()
        it.app.screen.query_one("#do", Button).press()
        await it.until(lambda: "Type friday to go on" in it.text())
        assert status(shop) == "scheduled"
        await it.press("escape")
        await decided(it, "c", "friday")
        assert (status(shop), it.app.deeds_done[-1].command) == ("cancelled", "shopctl sales cancel friday --yes")


async def test_the_queue_is_live_filtered_and_paged(
    shop: Shop, tickets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "INTERVAL", 0.1)
    monkeypatch.setattr("shopctl.tui.bridge.PAGE", 3)
    async with console(shop) as it:
        await it.go("8", rows=2)
        await it.press("enter")
        await it.rows(3)
        assert it.keys == tickets[:3]
        await it.press("right_square_bracket")
        await it.until(lambda: it.keys == tickets[3:])
        await it.press("left_square_bracket")
        await it.until(lambda: it.keys == tickets[:3])
        await it.select(tickets[1])
        sales.leave(shop, ticket=tickets[1])
        await it.until(lambda: "left" in it.table.line(tickets[1]).cells["state"].text)
        assert it.table.cursor_key == tickets[1]
        await it.press("/")
        await it.type("state:waiting s4@")
        await it.until(lambda: it.keys == [tickets[4]])


async def test_events_and_the_palette_lead_to_a_sale(shop: Shop, tickets: list[str]) -> None:
    sales.open_(shop, name="friday")
    async with console(shop) as it:
        await it.go("9")
        top = it.table.line(it.keys[0]).cells
        assert [top[name].text for name in ("topic", "about", "again")] == [
            *("sale.opened", "sale friday", "sales open friday"),
        ]
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, SaleScreen))
        await it.press("8")
        await it.press("ctrl+p")
        await it.type("frid")
        await it.until(lambda: "Sale friday" in it.text())


async def test_who_is_gone_is_said(shop: Shop) -> None:
    async with console(shop) as it:
        await it.press("8")
        await it.until(lambda: isinstance(it.app.screen, SalesScreen) and it.note() == "No sales here")
        await it.press("c", "s", "y")
        assert isinstance(it.app.screen, SalesScreen)
