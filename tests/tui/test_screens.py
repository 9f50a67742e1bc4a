"""Each screen shows its rows, leads on and back, filters, pages, and fits its terminal."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, catalog, erasure, orders, settings, stock
from shopctl.core.db import tables
from shopctl.core.shop import Shop
from shopctl.tui import bridge
from shopctl.tui.app import Console
from shopctl.tui.screens.carts import CartScreen, CartsScreen
from shopctl.tui.screens.catalog import CatalogScreen, PriceActions, ProductScreen
from shopctl.tui.screens.customers import CustomerScreen, CustomersScreen
from shopctl.tui.screens.dialogs import Dialog, JsonView, View
from shopctl.tui.screens.events import EventsScreen
from shopctl.tui.screens.lists import ListScreen
from shopctl.tui.screens.live import LiveScreen
from shopctl.tui.screens.order import OrderHoldsScreen, OrderScreen
from shopctl.tui.screens.orders import OrderActions, OrdersScreen
from shopctl.tui.screens.overview import OverviewScreen
from shopctl.tui.screens.reservations import HoldActions, HoldScreen, ReservationsScreen
from shopctl.tui.screens.stock import SkuScreen, StockActions, StockScreen
from shopctl.tui.screens.why import WhyScreen
from shopctl.tui.table import Table
from shopctl.tui.widgets import FilterLine
from tests.tui.conftest import HOME
from tests.tui.driving import console


async def test_every_screen_shows_its_rows(shop: Shop) -> None:
    async with console(shop) as it:
        assert "8 in 30 minutes" in it.text()
        await it.go("2", rows=8)
        assert it.keys[0] == "1008"
        assert "● confirmed" in it.text()
        assert "→ shipped" in it.text()
        await it.go("3", rows=2)
        assert "● active" in it.text()
        await it.go("4", rows=2)
        assert "✓ ok" in it.text()
        await it.go("5", rows=2)
        assert "● held" in it.text()
        await it.go("6", rows=10)
        assert "● open" in it.text()
        await it.go("7", rows=8)
        assert "buyer7@example.com" in it.text()


async def test_drill_down_to_the_ledger_and_back(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.select("1001")
        kinds = []
        for step in range(4):
            kinds.append(type(it.app.screen))
            await it.rows()
            if step < 3:
                await it.press("enter")
        assert kinds == [OrdersScreen, OrderScreen, OrderHoldsScreen, HoldScreen]
        assert "Orders › 1001 › CUP-M › hold" in it.top()
        await it.until(lambda: all(word in it.text() for word in ("ship", "commit", "hold", "order 1001")))
        for _ in range(3):
            await it.press("escape")
        assert isinstance(it.app.screen, OrdersScreen)
        assert it.table.cursor_key == "1001"
        await it.press("escape")
        assert isinstance(it.app.screen, OrdersScreen)


@pytest.mark.parametrize(
    ("key", "row", "kinds", "said"),
    [
        ("3", "CUP-M", [CatalogScreen, ProductScreen, SkuScreen], "available"),
        ("6", "", [CartsScreen, CartScreen, SkuScreen], "a guest"),
        ("7", "", [CustomersScreen, CustomerScreen, OrderScreen], "placed"),
    ],
)
async def test_each_noun_leads_on(shop: Shop, key: str, row: str, kinds: list[type[Any]], said: str) -> None:
    async with console(shop) as it:
        await it.go(key, rows=2)
        if row:
            await it.select(row)
        text = ""
        for kind in kinds:
            await it.until(lambda wanted=kind: type(it.app.screen) is wanted)  # type: ignore[misc]
            await it.rows()
            text += it.text()
            await it.press("enter")
        assert said in text


async def test_a_screen_is_left_as_it_was_and_its_own_key_goes_to_its_list(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.press("enter")
        await it.rows()
        await it.go("4", rows=2)
        await it.press("2")
        assert isinstance(it.app.screen, OrderScreen)
        await it.press("2")
        await it.until(lambda: isinstance(it.app.screen, OrdersScreen))


async def test_the_filter_is_sql_and_typed(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.press("/")
        await it.type("!status:confirmed")
        await it.until(lambda: it.keys == ["1003", "1002", "1001"])
        await it.press("enter")
        assert isinstance(it.app.focused, Table)
        await it.press("/")
        await it.type(" buyer1@")
        await it.until(lambda: it.keys == ["1002"])
        await it.press("escape")
        await it.until(lambda: len(it.keys) == 8)


async def test_a_wrong_filter_says_so_and_the_list_stays(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.press("/")
        await it.type("statos:x")
        await it.until(lambda: "no field 'statos'" in it.note())
        assert "Did you mean 'status'" in it.note()
        assert len(it.keys) == 8
        await it.press("escape")
        await it.until(lambda: it.note() == "8 orders")


async def test_a_card_of_the_overview_opens_what_it_counts(shop: Shop) -> None:
    async with console(shop) as it:
        await it.press("j", "j", "enter")
        await it.until(lambda: isinstance(it.app.screen, StockScreen))
        assert it.app.screen.query_one(FilterLine).value == "low:yes"


async def test_pages_follow_each_other_by_key(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "PAGE", 3)
    async with console(shop) as it:
        await it.go("2", rows=3)
        assert it.keys == ["1008", "1007", "1006"]
        assert "more follow" in it.note()
        await it.press("]")
        await it.until(lambda: it.keys == ["1005", "1004", "1003"])
        assert it.table.cursor_key == "1005"
        await it.press("]")
        await it.until(lambda: it.keys == ["1002", "1001"])
        await it.press("[", "[")
        await it.until(lambda: it.keys == ["1008", "1007", "1006"])
        for key in "345679":
            monkeypatch.setattr(bridge, "PAGE", 1)
            await it.go(key)
            first = it.keys
            await it.press("]")
            await it.until(lambda before=first: it.keys != before)  # type: ignore[misc]
            assert it.note().startswith("page 2 · ")


async def test_json_is_what_the_command_line_prints(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.press("y")
        assert isinstance(it.app.screen, JsonView)
        assert '"number": "1008"' in it.app.screen.encoded
        assert "\\u202egpj" in it.app.screen.encoded
        await it.press("escape")
        await it.press("enter")
        await it.rows()
        await it.press("y")
        assert '"timeline": [' in it.app.screen.encoded


async def test_help_lists_what_works_here_and_q_leaves(shop: Shop) -> None:
    async with console(shop, size=(120, 60)) as it:
        await it.go("4", rows=2)
        await it.press("?")
        assert isinstance(it.app.screen, View)
        await it.until(lambda: "Receive" in it.text() and "Filter" in it.text())
        assert "Ship" not in it.text()
        await it.press("escape", "q")
    assert it.app.return_code == 0


async def test_vim_keys_move(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.press("j", "j", "k")
        assert it.table.cursor_row == 1
        await it.press("G")
        assert it.table.cursor_row == 7
        await it.press("g")
        assert it.table.cursor_row == 0


async def test_the_palette_finds_screens_actions_and_names(shop: Shop) -> None:
    names = (("tee-shi", ProductScreen), ("buyer3@", CustomerScreen), ("cart7", CartScreen))
    catalog.edit(shop, name="tee", said={"title": "Tee-shirt"})
    async with console(shop) as it:
        for typed, wanted in (("1003", OrderScreen), ("TEE", SkuScreen), ("reservations", ReservationsScreen), *names):
            await it.press("ctrl+p")
            await it.type(typed)
            await it.until(lambda: it.app.screen.query("CommandList"))
            await it.pilot.pause(0.5)
            await it.press("enter")
            await it.until(lambda kind=wanted: isinstance(it.app.screen, kind))  # type: ignore[misc]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 10)])
async def test_it_fits_and_resizes(shop: Shop, size: tuple[int, int]) -> None:
    async with console(shop, size=size) as it:
        await it.go("2", rows=8)
        await it.select("1003")
        lines = it.text().splitlines()
        assert len(lines) == size[1]
        assert "ORDER" in it.text()
        await it.pilot.resize_terminal(100, 30)
        await it.until(lambda: "UNITS" in it.text() and "PLACED" in it.text())
        assert it.table.cursor_key == "1003"


def test_every_binding_of_ours_has_an_id() -> None:
    kinds: list[Any] = [Console, Table, FilterLine, Dialog, View, LiveScreen, OverviewScreen, OrdersScreen, OrderScreen]
    kinds += [StockScreen, SkuScreen, ReservationsScreen, HoldScreen, OrderHoldsScreen, CatalogScreen, ProductScreen]
    kinds += [CartsScreen, CartScreen, CustomersScreen, CustomerScreen, PriceActions, StockActions, EventsScreen]
    kinds += [OrderActions, HoldActions, WhyScreen, ListScreen]
    bindings = [binding for kind in kinds for binding in kind.__dict__.get("BINDINGS", ())]
    assert bindings
    assert all(binding.id for binding in bindings)
    eaten = {f"ctrl+{letter}" for letter in "hijmsqzba"}
    assert not eaten & {key for binding in bindings for key in binding.key.split(",")}


async def test_an_order_shows_its_notes_and_what_its_address_was(shop: Shop) -> None:
    orders.note(shop, number="1004", note="call [b]first[/b]")
    orders.readdress(shop, number="1004", address={**HOME, "city": "Y"})
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.select("1004")
        await it.press("enter")
        await it.rows()
        text = it.text()
        assert "call [b]first[/b]" in text
        assert '"X" → "Y"' in text
        story = next(line for line in text.splitlines() if "story" in line)
        assert story.count("confirmed") == 1


async def test_an_imported_order_says_what_it_was_called_there(shop: Shop) -> None:
    with shop.engine.begin() as connection:
        imported = sa.update(tables.orders).where(tables.orders.c.number == 1004)
        connection.execute(imported.values(source="import", reference="#77 [/x] \u202e"))
    async with console(shop, size=(120, 40)) as it:
        await it.go("2", rows=8)
        assert it.table.line("1005").cells["source"].text == "checkout"
        assert it.table.line("1004").cells["source"].text == "import #77 [/x] \\u202e"
        await it.select("1004")
        await it.press("enter")
        await it.until(lambda: "from      import #77 [/x] \\u202e" in it.text())


async def test_a_merged_cart_leads_to_the_one_that_has_its_lines(shop: Shop) -> None:
    cart.login(shop, handle="left", email="ana@example.com")
    cart.add(shop, handle="phone", sku="TEE-M", quantity=1)
    cart.login(shop, handle="phone", email="ana@example.com")
    async with console(shop, size=(80, 24)) as it:
        await it.go("6", rows=11)
        line = next(line for line in it.text().splitlines() if "phone" in line)
        assert "phone → left" in line
        assert "→ merged" in line
        assert any("left" in line and "ana@example.com" in line for line in it.text().splitlines())
        await it.select(next(key for key in it.keys if it.table.line(key).cells["cart"].text == "phone → left"))
        await it.press("enter")
        await it.until(lambda: "Cart left" in it.text() and "ana@example.com" in it.text())


async def test_who_is_erased_has_no_name_left_anywhere(shop: Shop) -> None:
    orders.note(shop, number="1001", note="secret")
    orders.deliver(shop, number="1001")
    async with console(shop) as it:
        await it.go("7", rows=8)
        await it.select(next(key for key in it.keys if "buyer0@" in it.table.line(key).cells["email"].text))
        await it.press("enter")
        await it.until(lambda: "1 placed" in it.text())
        erasure.erase(shop, email="buyer0@example.com")
        await it.until(lambda: "There is no customer" in it.note())
        assert it.keys == []
        assert "1 placed" not in it.text()
        assert "1001" not in it.text()
        await it.press("y")
        assert isinstance(it.app.screen, CustomerScreen)
        await it.go("7", rows=7)
        await it.until(lambda: len(it.keys) == 7)
        await it.go("2", rows=8)
        assert it.table.line("1001").cells["email"].text == "∅ erased"
        await it.select("1001")
        await it.press("enter")
        await it.until(lambda: "customer  ∅ erased" in it.text())
        assert "(erased)" in it.text()
        assert "secret" not in it.text()
        assert "erased.invalid" not in it.text()


async def test_a_product_is_low_by_its_own_threshold_or_the_shops(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("3", rows=2)
        await it.select("TEE-M")
        await it.press("enter")
        await it.until(lambda: "✓ ok" in it.text())
        settings.set_value(shop, key="low_stock", value="500")
        shop.engine.dispose()
    reopened = shop.but(facts=type(shop.facts)(**{**_facts(shop), "low_stock": 500}))
    async with console(reopened, size=(80, 24)) as it:
        await it.go("3", rows=2)
        await it.select("TEE-M")
        await it.press("enter")
        await it.until(lambda: "! low" in it.text())
        await it.go("4", rows=2)
        assert it.table.line("TEE-M\nMAIN").cells["state"].text == "! low"
        assert it.table.line("TEE-M\nMAIN").cells["low_stock"].text == "500"
        await it.press("enter")
        await it.until(lambda: "low at 500 together" in it.text())


def _facts(shop: Shop) -> dict[str, Any]:
    return {name: getattr(shop.facts, name) for name in type(shop.facts).__slots__}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_why_a_sku_is_held(shop: Shop, size: tuple[int, int]) -> None:
    stock.set_level(shop, sku="CUP-M", safety_stock=7)
    async with console(shop, size=size) as it:
        await it.go("4", rows=2)
        await it.select("CUP-M\nMAIN")
        await it.press("w")
        await it.until(lambda: isinstance(it.app.screen, WhyScreen))
        await it.rows()
        text = it.text()
        assert "86 units can be had by a new buyer" in text
        assert "3 reserved" in text
        assert "7 units of safety stock" in text
        assert "[b]bold[/b]" in text
        assert "in a cart" in text
        await it.press("y")
        assert isinstance(it.app.screen, JsonView)
        assert '"can_be_had": 86' in it.app.screen.encoded
        await it.press("escape", "enter")
        await it.until(lambda: isinstance(it.app.screen, HoldScreen))


async def test_reservations_come_in_other_orders_too(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("5", rows=2)
        latest = it.keys
        assert it.table.line(latest[0]).cells["kind"].text == "cart"
        assert it.table.line(latest[0]).cells["age"].text.endswith((" s", " min"))
        for words, keys in (("ending soon first · 2", latest[::-1]), ("oldest first · 2", latest[::-1]), ("2", latest)):
            await it.press("o")
            await it.until(lambda: it.note() == f"{words} holds" and it.keys == keys)  # noqa: B023
        await it.press("/")
        await it.type("owner_kind:order")
        await it.until(lambda: not it.keys)
