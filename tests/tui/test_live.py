"""Live, calm and responsive: rows in place, pause, slow stores, stale answers, names that bite, endings."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from textual import events

from shopctl.core import orders
from shopctl.core.errors import BadInput, TimedOut
from shopctl.core.queries import orders as order_reads
from shopctl.core.shop import Shop
from shopctl.tui import app as app_module
from shopctl.tui.bridge import Bridge, Reads
from shopctl.tui.screens import live
from shopctl.tui.screens.live import LiveScreen
from shopctl.tui.screens.orders import OrdersScreen
from shopctl.tui.table import Column, Table, fit
from tests.tui.conftest import place
from tests.tui.driving import console


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "INTERVAL", 0.1)
    monkeypatch.setattr(live, "BEAT", 0.05)


@pytest.mark.usefixtures("hurried")
async def test_rows_change_in_place_and_the_cursor_stays_on_its_row(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.select("1004")
        touched: list[str] = []
        monkeypatch.setattr(Table, "clear", lambda *_, **__: touched.append("clear"))
        orders.ship(shop, number="1007")
        place(shop, "late", "late@example.com", "TEE-M", 1)
        await it.until(lambda: it.keys[0] == "1009")
        await it.until(lambda: it.table.line("1007").cells["status"].text == "→ shipped")
        assert it.keys == [str(number) for number in range(1009, 1000, -1)]
        assert it.table.cursor_key == "1004"
        assert it.table.cursor_row == 5
        await it.until(lambda: "→ shipped" in it.text().splitlines()[6])
        assert not touched


@pytest.mark.usefixtures("hurried")
async def test_pause_rests_and_shows_the_age(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.press("p")
        assert "‖ paused" in it.top()
        orders.ship(shop, number="1008")
        await it.pilot.pause(0.4)
        assert it.table.line("1008").cells["status"].text == "● confirmed"
        await it.press("p")
        await it.until(lambda: it.table.line("1008").cells["status"].text == "→ shipped")
        assert "● live · 0 s ago" in it.top()


async def test_a_slow_store_never_blocks_typing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The typist is a thread of its own: keys sent from the app's loop would wait with it and hide a freeze."""
    slow: Any = order_reads.LIST.build

    def sleepy(tx: Any, rows: Any) -> Any:
        time.sleep(1)
        return slow(tx, rows)

    async with console(shop) as it:
        await it.go("2", rows=8)
        object.__setattr__(order_reads.LIST, "build", sleepy)
        try:
            waits: list[float] = []
            screen = it.app.screen
            assert isinstance(screen, OrdersScreen)

            def typist() -> None:
                for i in range(20):
                    row, started = it.table.cursor_row, time.monotonic()
                    it.app.post_message(events.Key("j" if i % 2 == 0 else "k", "j" if i % 2 == 0 else "k"))
                    while it.table.cursor_row == row and time.monotonic() - started < 5:
                        time.sleep(0.001)
                    waits.append(time.monotonic() - started)

            screen.reread()
            thread = threading.Thread(target=typist)
            thread.start()
            await it.until(lambda: not thread.is_alive(), seconds=30)
            assert sorted(waits)[len(waits) // 2] < 0.05
            assert max(waits) < 0.5
            await it.until(lambda: screen._asked is None)
            assert screen._due - time.monotonic() > live.INTERVAL * 0.5, "a slow query is asked less often"
        finally:
            object.__setattr__(order_reads.LIST, "build", slow)


async def test_an_answer_to_an_older_question_is_dropped(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = Reads.orders

    def by_filter(self: Reads, place: Any) -> Any:
        if place.filter == "status:delivered":
            time.sleep(0.6)
        return fast(self, place)

    monkeypatch.setattr(Reads, "orders", by_filter)
    async with console(shop) as it:
        await it.go("2", rows=8)
        screen = it.app.screen
        assert isinstance(screen, OrdersScreen)
        screen.show_filter("status:delivered")
        screen.show_filter("status:cancelled")
        await it.until(lambda: it.keys == ["1003"])
        await it.pilot.pause(0.9)
        assert it.keys == ["1003"]


async def test_a_hidden_screen_neither_asks_nor_shows(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        hidden = it.app.screen
        assert isinstance(hidden, LiveScreen)
        shown: list[object] = []
        monkeypatch.setattr(type(hidden), "present", lambda _, value: shown.append(value))
        working = Reads.orders

        def slow(self: Reads, place: Any) -> Any:
            time.sleep(0.3)
            return working(self, place)

        monkeypatch.setattr(Reads, "orders", slow)
        hidden.reread()
        await it.go("4", rows=2)
        await it.pilot.pause(0.4)
        assert not shown


@pytest.mark.usefixtures("hurried")
async def test_a_failing_store_is_said_and_forgotten_when_it_works_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        working = Reads.orders

        def failing(self: Reads, place: Any) -> Any:
            raise TimedOut("store_busy", "Another process kept [/x] the store \x1b locked")

        monkeypatch.setattr(Reads, "orders", failing)
        await it.until(lambda: "kept [/x] the store \\x1b locked" in it.note())
        assert len(it.keys) == 8
        monkeypatch.setattr(Reads, "orders", working)
        await it.until(lambda: it.note() == "8 orders")


async def test_names_that_bite_are_harmless_everywhere(shop: Shop) -> None:
    evil = shop.but(facts=type(shop.facts)(**{**_facts(shop), "name": "Tea [/oops] \x1b]52;c;AAAA\x07"}))
    async with console(evil, size=(140, 40)) as it:
        seen = [it.text()]
        for key in ("2", "4", "5"):
            await it.go(key)
            seen.append(it.text())
            if key == "5":
                await it.until(lambda: "[b]bold[/b] [/x]" in it.text())
            for _ in range(3):
                if key == "2":
                    await it.select("1001" if isinstance(it.app.screen, OrdersScreen) else it.keys[0])
                elif key == "4" and "CUP-M\nMAIN" in it.keys:
                    await it.select("CUP-M\nMAIN")
                await it.press("enter")
                await it.rows()
                await it.pilot.pause(0.1)
                seen.append(it.text())
                await it.press("y")
                await it.pilot.pause(0.05)
                seen.append(it.text())
                await it.press("escape")
        await it.press("ctrl+p")
        await it.type("CUP")
        await it.pilot.pause(0.5)
        seen.append(it.text())
    everything = "\n".join(seen)
    assert "Tea [/oops]" in seen[0]
    assert "shirt [/oops] [red]x[/red] \\x1b]52;c;AAAA\\x07 \\u202egpj" in everything
    assert not set("\x1b\x07\x9b\u202e") & set(everything)


def _facts(shop: Shop) -> dict[str, Any]:
    return {name: getattr(shop.facts, name) for name in type(shop.facts).__slots__}


async def test_a_slow_statement_is_ended(shop: Shop) -> None:
    import sqlalchemy as sa

    bridge = Bridge(shop)
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n"
    for unwanted, seconds in ((lambda: True, 60.0), (lambda: False, 0.1)):
        reads = bridge.reads(unwanted, seconds)
        with pytest.raises(TimedOut), reads.shop.read(reads.patience) as tx:
            tx.execute(sa.text(count))
    with shop.read() as tx:
        assert tx.execute(sa.text("SELECT 1")).scalar() == 1


async def test_a_defect_of_ours_ends_the_console_without_printing_data(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: object, value: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(OrdersScreen, "present", broken)

    async def use() -> None:
        async with console(shop) as it:
            await it.press("2")
            await it.until(lambda: it.app.defect)

    with pytest.raises(ZeroDivisionError):
        await use()
    assert "secret" not in "".join(capsys.readouterr())


def test_without_a_terminal_it_says_so(shop: Shop) -> None:
    with pytest.raises(BadInput, match="needs a terminal"):
        app_module.run(shop)


def test_columns_follow_the_width() -> None:
    columns = (Column("a", "A", 10), Column("b", "B", 10, rank=1), Column("c", "C", 10, rank=2, grow=True))
    assert [(c.key, c.width) for c in fit(columns, 60)] == [("a", 10), ("b", 10), ("c", 34)]
    assert [c.key for c in fit(columns, 30)] == ["a", "b"]
    assert [c.key for c in fit(columns, 20)] == ["a"]


async def test_no_color_keeps_the_words(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(shop) as it:
        assert it.app.no_color
        await it.go("2", rows=8)
        assert "✓ delivered" in it.text()
