"""Pausing: no checkout begins; those that have begun, and everything else, go on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shopctl.core import cart, checkout, pause, recovery, stock, store
from shopctl.core.errors import BadInput, NotPermitted, Refused
from shopctl.core.queries import events, overview
from shopctl.core.shop import Shop
from tests import shops
from tests.core.test_workers import armed


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5)
    return shop


def test_no_checkout_begins_and_nothing_is_changed_by_trying(shop: Shop) -> None:
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    said = pause.pause(shop, reason=" moving  house ")
    assert (said.paused, said.reason, said.changed) == (True, "moving  house", True)
    with pytest.raises(Refused, match="moving  house") as refused:
        checkout.place(shop, shops.placement("c1", "k"))
    assert (refused.value.code, refused.value.exit_status) == ("shop_paused", 6)
    assert refused.value.details == {"reason": "moving  house", "since": said.since}
    with pytest.raises(Refused, match="moving"):
        checkout.place(shop.but(dry_run=True), shops.placement("c1", "k"))
    with shop.read() as tx:
        assert overview.counts(tx).orders == 0
    assert (pause.resume(shop).changed, pause.resume(shop).changed) == (True, False)
    assert checkout.place(shop, shops.placement("c1", "k")).total.amount == 1999


def test_carts_stock_and_quotes_go_on(shop: Shop) -> None:
    pause.pause(shop, reason="x")
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    stock.receive(shop, sku="TEE", quantity=1)
    heard: list[str] = []
    assert checkout.quote(shop.but(narrate=heard.append), cart="c1").total.amount == 1999
    assert any("no new orders" in sentence for sentence in heard)


def test_what_has_begun_ends(shop: Shop, tmp_path: Path) -> None:
    for handle, point in (("c1", "checkout.reserve.after_commit"), ("c2", "gateway.authorize.after")):
        code = (
            "from pathlib import Path\nfrom tests import shops\n"
            f"shop = shops.reopen(Path({str(tmp_path)!r}))\nshops.buy(shop, {handle!r}, 'TEE')"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False, env=armed(point)).returncode == -9
    pause.pause(shop, reason="x")
    order = checkout.place(shop, shops.placement("c1", "key-c1"))
    assert getattr(order, "status", None) == "confirmed"
    assert [found.status for found in recovery.recover(shop)] == ["confirmed"]
    assert checkout.place(shop, shops.placement("c1", "key-c1")) == order, "the same answer again"


def test_it_is_seen_everywhere(shop: Shop) -> None:
    pause.pause(shop.but(actor="ana"), reason="stocktaking")
    with shop.read() as tx:
        found = overview.figures(tx).paused
        (event,) = events.latest(tx, 1)
    assert found is not None
    assert (found.reason, found.actor) == ("stocktaking", "ana")
    assert store.info(shop)["paused"] == found
    assert (event.topic, event.data, event.actor) == ("shop.paused", {"reason": "stocktaking"}, "ana")
    assert event.command == "shopctl store pause --reason=stocktaking"
    assert not any(rule.setting == "paused" for rule in store.info(shop)["settings"])
    pause.resume(shop)
    with shop.read() as tx:
        assert overview.figures(tx).paused is None
        assert events.latest(tx, 1)[0].command == "shopctl store resume"


def test_paused_again_it_is_since_the_first_time_with_the_latest_reason(shop: Shop) -> None:
    first = pause.pause(shop, reason="one")
    assert pause.pause(shop, reason="one") == pause.Paused(True, "one", first.since, changed=False)
    assert pause.pause(shop, reason="two") == pause.Paused(True, "two", first.since, changed=True)
    with shop.read() as tx:
        assert len([event for event in events.latest(tx, 100) if event.topic == "shop.paused"]) == 2


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201, "two\nlines", "\x1b[31m"])
def test_a_reason_can_be_read(shop: Shop, reason: str) -> None:
    with pytest.raises(BadInput, match="200 visible"):
        pause.pause(shop, reason=reason)


def test_a_rehearsal_and_a_reader_pause_nothing(shop: Shop) -> None:
    assert pause.pause(shop.but(dry_run=True), reason="x").changed
    with shop.read() as tx:
        assert overview.figures(tx).paused is None
    with pytest.raises(NotPermitted):
        pause.pause(shop.but(read_only=True), reason="x")
