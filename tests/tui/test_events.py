"""The events screen: what happened, the latest first, what it happened to, and the command that would do it again."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, erasure, letters, orders, settings, stock, webhooks
from shopctl.core.db.tables import webhook_deliveries
from shopctl.core.queries import events
from shopctl.core.shop import Shop
from shopctl.tui import bridge
from shopctl.tui.screens import live
from shopctl.tui.screens.carts import CartScreen
from shopctl.tui.screens.customers import CustomerScreen
from shopctl.tui.screens.dialogs import JsonView
from shopctl.tui.screens.events import EventsScreen
from shopctl.tui.screens.order import OrderScreen
from shopctl.tui.screens.stock import SkuScreen
from tests.tui.driving import Driver, console


def cells(it: Driver, row: int = 0) -> dict[str, str]:
    return {name: cell.text for name, cell in it.table.line(it.keys[row]).cells.items()}


async def test_a_row_says_what_about_what_by_whom_and_how_to_do_it_again(shop: Shop) -> None:
    orders.ship(shop.but(actor="zoe"), number="1006")
    async with console(shop, size=(80, 24)) as it:
        await it.go("9", rows=20)
        shown = cells(it)
        assert shown["topic"] == "order.shipped"
        assert shown["about"] == "order 1006"
        assert shown["actor"] == "zoe"
        assert shown["again"] == "orders ship 1006"
        row = it.text().splitlines()[4]
        assert all(words in row for words in ("order.shipped", "order 1006", "zoe", "orders ship 1006"))
        assert "9 Events" in it.top()


async def test_it_is_live_newest_first(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "INTERVAL", 0.1)
    monkeypatch.setattr(live, "BEAT", 0.05)
    async with console(shop) as it:
        await it.go("9", rows=20)
        before = it.keys
        stock.receive(shop, sku="TEE-M", quantity=4, reason="truck [/x] \u202e")
        await it.until(lambda: it.keys[1:2] == before[:1])
        assert cells(it)["about"] == "TEE-M"
        assert cells(it)["again"].startswith("stock receive TEE-M 4")
        await it.select(it.keys[0])
        await it.press("y")
        assert isinstance(it.app.screen, JsonView)
        assert '"command": "shopctl stock receive TEE-M 4' in it.app.screen.encoded
        assert '"topic": "stock.receive"' in it.app.screen.encoded
        await it.pilot.pause(0.05)
        assert "\u202e" not in it.text()


async def test_the_filter_knows_topics_subjects_actors_and_numbers(shop: Shop) -> None:
    stock.receive(shop.but(actor="zoe"), sku="TEE-M", quantity=4)
    async with console(shop) as it:
        await it.go("9", rows=20)
        for words, wanted in (
            ("topic:order.shipped", {"order 1001", "order 1002"}),
            ("subject:CUP", {"CUP-M"}),
            ("actor:zoe", {"TEE-M"}),
            ("1003 topic:order.cancelled", {"order 1003"}),
        ):
            screen = it.app.screen
            assert isinstance(screen, EventsScreen)
            screen.show_filter(words)
            await it.until(lambda: {cells(it, i)["about"] for i in range(len(it.keys))} == wanted)  # noqa: B023


def _merge(shop: Shop) -> None:
    cart.add(shop, handle="phone", sku="TEE-M", quantity=1)
    cart.merge(shop, source="phone", target="left")


@pytest.mark.parametrize(
    ("deed", "kind", "crumb"),
    [
        (lambda shop: orders.note(shop, number="1004", note="call"), OrderScreen, "Events › 1004"),
        (lambda shop: stock.adjust(shop, sku="TEE-M", quantity=-1, reason="broken"), SkuScreen, "Events › TEE-M"),
        (_merge, CartScreen, "Events › left"),
        (lambda shop: cart.login(shop, handle="left", email="ana@example.com"), CustomerScreen, "Events › ana@"),
    ],
)
async def test_enter_leads_to_what_it_is_about(shop: Shop, deed: Any, kind: type[Any], crumb: str) -> None:
    deed(shop)
    async with console(shop) as it:
        await it.go("9", rows=20)
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, kind))
        await it.until(lambda: crumb in it.top())
        await it.press("escape")
        assert isinstance(it.app.screen, EventsScreen)


async def test_what_leads_nowhere_says_why(shop: Shop) -> None:
    settings.set_value(shop, key="low_stock", value="5")
    orders.deliver(shop, number="1001")
    erasure.erase(shop, email="buyer0@example.com")
    async with console(shop) as it:
        await it.go("9", rows=20)
        assert cells(it)["about"] == "∅ erased"
        await it.press("enter")
        await it.until(lambda: any("was erased" in note.message for note in it.app._notifications))
        await it.select(next(key for key in it.keys if it.table.line(key).cells["about"].text == "low_stock"))
        await it.press("enter")
        await it.until(lambda: any("no screen for settings" in note.message for note in it.app._notifications))
        assert isinstance(it.app.screen, EventsScreen)


async def test_pages_follow_by_key_though_many_events_are_of_one_moment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "PAGE", 4)
    async with console(shop) as it:
        await it.go("9", rows=4)
        seen = it.keys
        while "more follow" in it.note():
            before = it.keys
            await it.press("]")
            await it.until(lambda: it.keys != before)  # noqa: B023
            seen += it.keys
        assert len(seen) == len(set(seen))
        with shop.read() as tx:
            assert seen == [event.id for event in events.LIST.rows(tx)]


async def test_it_shows_whether_they_were_told(shop: Shop) -> None:
    webhooks.add(shop, url="http://127.0.0.1:9/", topics=["stock.*"])
    orders.ship(shop, number="1006")
    stock.receive(shop, sku="TEE-M", quantity=4)
    async with console(shop, size=(120, 30)) as it:
        await it.go("9", rows=20)

        def told() -> list[str]:
            return [cells(it, row)["told"] for row in (0, 1)]

        assert told() == ["·", "…"], "the webhook's delivery is not made yet, the letter waits"
        letters.send(shop, 100)
        webhooks.tell(shop, 100)
        await it.until(lambda: told() == ["…", "✓"])
        with shop.work("test") as tx:
            tx.execute(sa.update(webhook_deliveries).values(state="dead"))
            tx.commit()
        await it.until(lambda: told() == ["✗", "✓"])
        await it.press("1")
        await it.until(lambda: "1 deliveries given up" in it.note())
