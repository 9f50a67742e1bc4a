"""Deeds go through a dialog, change the store, and are logged as the command that would do them; refusals are said."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import Button, Input

from shopctl.core import orders, settlement, stock
from shopctl.core.queries import orders as order_reads
from shopctl.core.queries import pause as pause_reads
from shopctl.core.queries import reservations as hold_reads
from shopctl.core.queries import stock as stock_reads
from shopctl.core.shop import Shop
from shopctl.tui.screens.dialogs import Dialog
from shopctl.tui.screens.live import LiveScreen
from tests.tui.driving import Driver, console


def status(shop: Shop, number: str) -> str:
    with shop.read() as tx:
        return order_reads.detail(tx, number).status


def said(it: Driver) -> str:
    return " ".join(f"{note.title}: {note.message}" for note in it.app._notifications)


async def ask(it: Driver, key: str) -> Dialog:
    await it.press(key)
    await it.until(lambda: isinstance(it.app.screen, Dialog))
    dialog = it.app.screen
    assert isinstance(dialog, Dialog)
    return dialog


async def test_every_deed_asks_with_the_focus_on_cancel(shop: Shop) -> None:
    async with console(shop) as it:
        for screen, key in ("2s", "2d", "2c", "2n", "2h", "3e", "4r", "4u", "4t", "4n", "5x", "5e"):
            await it.go(screen)
            await ask(it, key)
            assert isinstance(it.app.focused, Button)
            assert it.app.focused.id == "cancel"
            assert "in Tea & Tees" in it.text()
            await it.press("enter" if screen == "2" else "escape")
            await it.until(lambda: isinstance(it.app.screen, LiveScreen))
        assert not it.app.deeds_done


async def test_ship_with_tracking_then_deliver(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.select("1006")
        await ask(it, "s")
        await it.decide("1Z999")
        await it.until(lambda: it.app.deeds_done)
        assert it.app.deeds_done[-1].command == "shopctl orders ship 1006 --tracking 1Z999"
        assert status(shop, "1006") == "shipped"
        with shop.read() as tx:
            assert order_reads.detail(tx, "1006").shipments[0].tracking == "1Z999"
        await it.until(lambda: it.table.line("1006").cells["status"].text == "→ shipped")
        assert it.table.cursor_key == "1006"
        await ask(it, "d")
        await it.decide()
        await it.until(lambda: len(it.app.deeds_done) == 2)
        assert status(shop, "1006") == "delivered"
        assert "Order 1006 is delivered" in said(it)
        await it.press("a")
        await it.until(lambda: "shopctl orders deliver 1006" in it.text())


async def test_an_order_goes_out_in_parts_and_comes_back(shop: Shop) -> None:
    with shop.read() as tx:
        line = order_reads.detail(tx, "1006").lines[0]
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.select("1006")
        for key, typed, command in (
            ("s", ("1Z", f"{line.sku}=1"), f"shopctl orders ship 1006 --line {line.sku}=1 --tracking 1Z"),
            ("d", ("1",), "shopctl orders deliver 1006 --shipment 1"),
            ("b", (f"{line.sku}=1", "torn"), f"shopctl orders return 1006 --line {line.sku}=1 --reason torn"),
            (
                "R",
                ("1.50", "", "no", "late", "1006"),
                "shopctl orders refund 1006 --amount 1.50 --reason late --key KEY --yes",
            ),
        ):
            done = len(it.app.deeds_done)
            dialog = await ask(it, key)
            for field, text in zip(dialog.query(Input), typed, strict=False):
                field.value = text
            await it.decide()
            await it.until(lambda done=done: len(it.app.deeds_done) > done)  # type: ignore[misc]
            assert re.sub("[0-9a-f-]{36}", "KEY", it.app.deeds_done[-1].command) == command
        await it.press("enter")
        await it.until(lambda: "1006-R1 requested" in it.text())
        assert "1.50 refund" in it.text()
        for state, words, command in (
            ("received", [], "shopctl orders returns receive 1006-R1"),
            (
                "resolved",
                [f"{line.sku}=1", "no", "1006-R1"],
                f"shopctl orders returns resolve 1006-R1 --write-off {line.sku}=1 --no-refund",
            ),
        ):
            dialog = await ask(it, "b")
            for field, text in zip(dialog.query(Input), words, strict=True):
                field.value = text
            await it.decide()
            await it.until(lambda state=state: f"1006-R1 {state}" in it.text())  # type: ignore[misc]
            assert it.app.deeds_done[-1].command == command
    with shop.read() as tx:
        shown = order_reads.detail(tx, "1006")
    assert [str(credit.total) for credit in shown.credits] == ["1.50"]
    assert [parcel.delivered_at is not None for parcel in shown.shipments] == [True]


async def test_checkouts_are_refused_and_taken_again(shop: Shop) -> None:
    async with console(shop) as it:
        assert "Refuse checkouts" in it.text()
        assert "Resume checkouts" not in it.text()
        await ask(it, "x")
        await it.decide("stock[/]taking")
        await it.until(lambda: "No new checkouts since" in it.text())
        assert "stock[/]taking" in it.text()
        assert it.app.deeds_done[-1].command == "shopctl store pause --reason 'stock[/]taking'"
        assert "Resume checkouts" in it.text()
        with shop.read() as tx:
            assert pause_reads.find(tx) is not None
        await ask(it, "x")
        await it.decide()
        await it.until(lambda: "Refuse checkouts" in it.text())
        assert it.app.deeds_done[-1].command == "shopctl store resume"
        assert "No new checkouts since" not in it.text()
        with shop.read() as tx:
            assert pause_reads.find(tx) is None


async def test_what_is_typed_at_once_goes_to_the_first_field(shop: Shop) -> None:
    async with console(shop) as it:
        await ask(it, "x")
        for character in "a stock count":
            it.app.post_message(Key("space" if character == " " else character, character))
        await it.until(lambda: "a stock count" in it.text())


async def test_stock_is_adjusted_with_a_reason(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("4", rows=2)
        await it.select("TEE-M\nMAIN")
        dialog = await ask(it, "u")
        await it.type("-0")
        dialog.query_one("#do", Button).press()
        await it.until(lambda: "a change such as -2 or +5" in it.text())
        await it.press("escape")
        await ask(it, "u")
        await it.decide("-2", "broken")
        await it.until(lambda: it.app.deeds_done)
        assert it.app.deeds_done[-1].command == "shopctl stock adjust TEE-M -2 --reason broken --warehouse MAIN"
        with shop.read() as tx:
            assert stock_reads.show(tx, "TEE-M")[0].quantity == 96  # two were shipped


async def test_units_are_transferred(shop: Shop) -> None:
    stock.add_warehouse(shop, code="WEST")
    async with console(shop) as it:
        await it.go("4", rows=2)
        await it.select("TEE-M\nMAIN")
        await ask(it, "t")
        await it.decide("5", "WEST")
        await it.until(lambda: "TEE-M\nWEST" in it.keys)
        assert it.app.deeds_done[-1].command == "shopctl stock transfer TEE-M 5 --from MAIN --to WEST"
        assert it.table.line("TEE-M\nWEST").cells["quantity"].text == "5"
        assert it.table.line("TEE-M\nMAIN").cells["quantity"].text == "93"
        await ask(it, "t")
        await it.decide("5", "EAST")
        await it.until(lambda: "no warehouse 'EAST'" in said(it))


async def test_stock_is_counted_and_kept_back(shop: Shop) -> None:
    async with console(shop, size=(120, 40)) as it:
        await it.go("4", rows=2)
        await it.select("TEE-M\nMAIN")
        await ask(it, "n")
        await it.decide("90", "7")
        await it.until(lambda: it.app.deeds_done)
        assert it.app.deeds_done[-1].command == "shopctl stock set TEE-M 90 --safety-stock 7 --warehouse MAIN"
        await it.until(lambda: it.table.line("TEE-M\nMAIN").cells["quantity"].text == "90")
        assert it.table.line("TEE-M\nMAIN").cells["safety"].text == "7"
        dialog = await ask(it, "n")
        dialog.query_one("#field-safety", Input).value = "3"
        dialog.query_one("#do", Button).press()
        await it.until(lambda: len(it.app.deeds_done) == 2)
        assert it.app.deeds_done[-1].command == "shopctl stock set TEE-M --safety-stock 3 --warehouse MAIN"
        with shop.read() as tx:
            level = stock_reads.show(tx, "TEE-M")[0]
        assert (level.quantity, level.safety_stock) == (90, 3)
        await ask(it, "n")
        await it.decide()
        await it.until(lambda: "Say what was counted, or a safety stock" in said(it))


async def test_a_note_is_kept(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.select("1006")
        await ask(it, "n")
        await it.type("-")
        await it.until(lambda: it.app.screen.query_one(Input).value == "-")
        it.app.screen.query_one(Input).value = ""
        await it.decide("- gift")
        await it.until(lambda: it.app.deeds_done)
        assert it.app.deeds_done[-1].command == "shopctl orders note 1006 -- '- gift'"
        with shop.read() as tx:
            assert order_reads.detail(tx, "1006").timeline[-1].note == "- gift"


async def test_an_address_is_changed_and_what_was_not_touched_stays_to_the_letter(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.read() as tx:
        before = order_reads.detail(tx, "1006").shipping_address
    assert "\u202e" in before["line1"]
    async with console(shop, size=(80, 24)) as it:
        await it.go("2", rows=8)
        await it.select("1006")
        dialog = await ask(it, "h")
        await it.until(lambda: "in Tea & Tees" in it.text())
        assert "\\u202egpj" in dialog.query_one("#field-line1", Input).value
        assert "\u202e" not in it.text()
        dialog.query_one("#field-city", Input).value = "Zürich"
        dialog.query_one("#do", Button).press()
        await it.until(lambda: it.app.deeds_done)
        assert it.app.deeds_done[-1].ok, said(it)
        command = it.app.deeds_done[-1].command
    with shop.read() as tx:
        assert order_reads.detail(tx, "1006").shipping_address == {**before, "city": "Zürich"}
    assert command.startswith("printf %s '{")
    assert command.endswith("}' | shopctl orders edit 1006 --ship-to -")
    line = command.replace("| shopctl orders edit 1006", f"| {sys.executable} -m shopctl orders edit 1007")
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with shop.read() as tx:
        assert order_reads.detail(tx, "1007").shipping_address == {**before, "city": "Zürich"}


async def test_a_price_is_edited(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("3", rows=2)
        await it.select("TEE-M")
        await ask(it, "e")
        await it.decide("21.5")
        await it.until(lambda: it.app.deeds_done)
        assert it.app.deeds_done[-1].command == "shopctl catalog edit TEE-M --price 21.5"
        await it.until(lambda: it.table.line("TEE-M").cells["price"].text == "21.50 USD")


async def test_cancelling_a_paid_order_wants_its_number(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await it.select("1005")
        dialog = await ask(it, "c")
        assert dialog.plan.severe
        await it.type("1004")
        dialog.query_one("#do", Button).press()
        await it.until(lambda: "Type 1005" in it.text())
        assert status(shop, "1005") == "confirmed"
        dialog.query_one(Input).value = "1005"
        dialog.query_one("#do", Button).press()
        await it.until(lambda: it.app.deeds_done)
        assert status(shop, "1005") == "cancelled"
        with shop.read() as tx:
            assert str(order_reads.detail(tx, "1005").payments[0].refunded) == "39.98"


async def test_receive(shop: Shop) -> None:
    async with console(shop) as it:
        await it.go("4", rows=2)
        await it.select("TEE-M\nMAIN")
        await ask(it, "r")
        await it.type("many")
        it.app.screen.query_one("#do", Button).press()
        await it.until(lambda: "whole number" in it.text())
        it.app.screen.query_one(Input).value = ""
        await it.decide("25")
        await it.until(lambda: it.app.deeds_done)
        assert it.app.deeds_done[-1].command == "shopctl stock receive TEE-M 25 --warehouse MAIN"
        with shop.read() as tx:
            assert stock_reads.show(tx, "TEE-M")[0].quantity == 123
        await it.until(lambda: it.table.line("TEE-M\nMAIN").cells["quantity"].text == "123")


async def test_release_and_extend(shop: Shop) -> None:
    with shop.read() as tx:
        held = hold_reads.LIST.rows(tx, where=[hold_reads.LIVE])
    async with console(shop) as it:
        await it.go("5", rows=2)
        await it.select(held[0].id)
        await ask(it, "e")
        await it.decide()
        await it.until(lambda: it.app.deeds_done)
        with shop.read() as tx:
            after = {hold.id: hold for hold in hold_reads.LIST.rows(tx)}
        assert after[held[0].id].expires_at > held[0].expires_at
        await ask(it, "e")
        await it.decide("2h")
        await it.until(lambda: len(it.app.deeds_done) == 2)
        assert it.app.deeds_done[-1].command == f"shopctl reservations extend {held[0].id} --for 2h"
        with shop.read() as tx:
            assert (hold_reads.show(tx, held[0].id).left_seconds or 0) > 7000
        dialog = await ask(it, "e")
        await it.type("soon")
        dialog.query_one("#do", Button).press()
        await it.until(lambda: "a span of time such as" in it.text())
        await it.press("escape")
        await ask(it, "x")
        await it.decide()
        await it.until(lambda: it.keys == [held[1].id])
        await it.press("t")
        await it.until(lambda: held[0].id in it.keys)
        assert "← released" in it.text()


@pytest.mark.parametrize(
    ("key", "meanwhile", "sentence"),
    [
        ("s", lambda shop: orders.ship(shop, number="1008"), "Order 1008 is shipped: cannot ship it"),
        ("d", lambda _: None, "Order 1008 is confirmed: cannot deliver it"),
        ("s", lambda shop: settlement.cancel(shop, number="1008"), "Order 1008 is cancelled: cannot ship it"),
    ],
)
async def test_a_refusal_is_said_and_the_console_lives(
    shop: Shop, key: str, meanwhile: Callable[[Shop], object], sentence: str
) -> None:
    async with console(shop) as it:
        await it.go("2", rows=8)
        await ask(it, key)
        meanwhile(shop)
        await it.decide()
        await it.until(lambda: it.app.deeds_done)
        assert not it.app.deeds_done[-1].ok
        assert sentence in said(it)
        assert "Possible now" in said(it)
        await it.go("4", rows=2)


async def test_read_only_is_said_and_kept(shop: Shop) -> None:
    async with console(shop.but(read_only=True)) as it:
        await it.go("2", rows=8)
        assert "READ-ONLY" in it.top()
        await ask(it, "s")
        assert "READ-ONLY" in it.text()
        await it.decide()
        await it.until(lambda: "open read-only" in said(it))
        assert status(shop, "1008") == "confirmed"


async def test_a_defect_in_a_deed_is_one_sentence(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("[/oops]")

    monkeypatch.setattr(orders, "ship", broken)
    async with console(shop) as it:
        await it.go("2", rows=8)
        await ask(it, "s")
        await it.decide()
        await it.until(lambda: "Unexpected ZeroDivisionError" in said(it))
        await it.go("4", rows=2)
