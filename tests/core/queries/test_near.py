"""Did you mean …?, for names in the store and words in filters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shopctl.core import cart, settings, stock
from shopctl.core.db.tables import variants
from shopctl.core.domain.near import did_you_mean, misspellings
from shopctl.core.errors import BadInput, NotFound, ShopError
from shopctl.core.queries import carts, catalog, near, orders, reservations
from shopctl.core.shop import Shop
from tests import shops
from tests.plans import plans, reads_through


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    for sku in ("TEE-RED-M", "TEE-RED-L", "MUG"):
        shops.product(shop, sku, units=9)
    return shop


def hint(shop: Shop, use: Callable[[], object], code: str) -> str | None:
    with pytest.raises(ShopError) as failed:
        use()
    assert failed.value.code == code
    return failed.value.hint


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("TEE-RED-N", "TEE-RED-M"),
        ("TEERED-M", "TEE-RED-M"),
        ("TEE-RDE-L", "TEE-RED-L"),
        ("XEE-RED-L", "TEE-RED-L"),
        ("tee-red-m", "TEE-RED-M"),
        ("MUGG", "MUG"),
        ("TEE-RED", "TEE-RED-M"),
    ],
)
def test_a_sku_that_is_nearly_there(stocked: Shop, typed: str, meant: str) -> None:
    with stocked.read() as tx:
        assert hint(stocked, lambda: catalog.find_variant(tx, typed), "unknown_sku") == f"Did you mean {meant!r}?"


def test_nothing_near(stocked: Shop) -> None:
    with stocked.read() as tx:
        for typed in ("hat", "", "Q" * 200, "%", "日本"):
            assert near.hint(tx, variants.c.sku, typed) is None


def test_only_an_index_is_asked(stocked: Shop) -> None:
    with stocked.read() as tx:
        found = plans(tx, lambda: near.hint(tx, variants.c.sku, "TEE-RED-N"))
    assert len(found) >= 3
    assert not [plan for plan in found if reads_through(plan)]


def test_handles_warehouses_carts_and_settings(stocked: Shop) -> None:
    cart.add(stocked, handle="web-12", sku="MUG", quantity=1)
    with stocked.read() as tx:
        assert hint(stocked, lambda: catalog.show(tx, "tee-red-n"), "unknown_product") == "Did you mean 'tee-red-m'?"
        assert hint(stocked, lambda: catalog.show(tx, "MUGS"), "unknown_product") == "Did you mean 'mug'?"
        assert hint(stocked, lambda: carts.show(tx, "wed-12"), "unknown_cart") == "Did you mean 'web-12'?"
        assert hint(stocked, lambda: carts.show(tx, "somebody"), "unknown_cart") is None
    with pytest.raises(NotFound, match="warehouse") as failed:
        stock.receive(stocked, sku="MUG", quantity=1, warehouse="MIAN")
    assert failed.value.hint == "Did you mean 'MAIN'?"
    with pytest.raises(BadInput, match="setting") as wrong:
        settings.set_value(stocked, key="hold_second", value="1")
    assert wrong.value.hint == "Did you mean 'hold_seconds'?"


def test_a_filter_knows_the_words_of_its_field(stocked: Shop) -> None:
    shops.buy(stocked, "ana", "MUG")
    with stocked.read() as tx:
        said = hint(stocked, lambda: orders.LIST.rows(tx, filters=["status:confrimed"]), "bad_filter")
        assert said == "Did you mean 'confirmed'?"
        said = hint(stocked, lambda: reservations.LIST.rows(tx, filters=["!state:hold"]), "bad_filter")
        assert said == "Did you mean 'held'?"
        assert [order.number for order in orders.LIST.rows(tx, filters=["status:conf"])] == ["1001"]
        assert orders.LIST.rows(tx, filters=["!status:Confirmed"]) == []
        assert "pending" in orders.LIST.words("status")
        assert orders.LIST.words("email") == ()


def test_words() -> None:
    assert did_you_mean("jsn", ["table", "json"]) == "Did you mean 'json'?"
    assert did_you_mean("Jsn", ["JSON"]) == "Did you mean 'JSON'?"
    assert did_you_mean("x", ["a", "b"]) == "There are: a, b."
    assert did_you_mean("x", [f"n{n}" for n in range(99)]).endswith("n39, …")
    slips = set(misspellings("AB"))
    assert {"A", "B", "BA", "ABC", "CAB", "AC", "CB"} <= slips
