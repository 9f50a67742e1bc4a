"""Names for TAB, from a store in any state."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from shopctl.core import cart, customers, settlement
from shopctl.core.db import peek
from shopctl.core.shop import Shop
from tests import shops


@pytest.fixture
def store(shop: Shop, tmp_path: Path) -> str:
    for sku in ("TEE-RED", "TEE-BLUE", "MUG"):
        shops.product(shop, sku, units=50)
    return f"sqlite:///{tmp_path / 'shop.db'}"


def values(store: str, kind: str, prefix: str = "", *statuses: str) -> list[str]:
    return [name.value for name in peek.names(store, kind, prefix, statuses)]


def test_names_begin_like_that_in_order(store: str) -> None:
    assert values(store, "sku") == ["MUG", "TEE-BLUE", "TEE-RED"]
    assert peek.names(store, "sku", "TEE-R") == [peek.Name("TEE-RED", "Thing TEE-RED")]
    assert values(store, "handle", "tee") == ["tee-blue", "tee-red"]
    assert values(store, "sku", "%") == values(store, "sku", "tee") == []
    assert values(store, "warehouse") == ["MAIN"]


def test_every_kind_has_an_answer(shop: Shop, store: str) -> None:
    cart.add(shop, handle="Ana", sku="MUG", quantity=1)
    customers.add(shop, email="Bo@example.com", name="Bo")
    customers.add_address(shop, email="bo@example.com", data=shops.HOME)
    with sqlite3.connect(store.removeprefix("sqlite:///")) as connection:
        for statement in (
            "UPDATE products SET brand = 'Acme' WHERE handle LIKE 'tee%'",
            "UPDATE products SET brand = 'Bolt' WHERE handle = 'mug'",
            "INSERT INTO categories VALUES ('1', NULL, 'Home', 'Home', 0)",
            "INSERT INTO tax_rates VALUES ('1', 'VAT', 'DE', '', 1, 0, 0, 0, NULL, 0)",
            "INSERT INTO shipping_rates VALUES ('1', 'Post', '', '', 1, 'USD', 0, NULL, 0, NULL, NULL, 0, NULL, 0)",
            "INSERT INTO reservations VALUES ('0a', 'cart', 'c', 'cart', 'Ana', 'MUG', 'MAIN', 'general', 0, 1, 'held', 0, 9, 0, NULL)",
        ):
            connection.execute(statement)
    assert values(store, "cart", "aN") == ["Ana"]
    assert values(store, "customer", "b") == ["Bo@example.com"]
    assert [name.about for name in peek.names(store, "address", "")] == ["Ana, Berlin"]
    assert values(store, "brand") == ["Acme", "Bolt"]
    assert values(store, "brand", "B") == ["Bolt"]
    assert values(store, "category", "H") == ["Home"]
    assert peek.names(store, "tax", "1") == [peek.Name("1", "VAT DE ")]
    assert values(store, "rate") == ["1"]
    assert values(store, "shipping", "P") == ["Post"]
    assert peek.names(store, "reservation", "0") == [peek.Name("0a", "MUG × 1 for Ana")]


def test_what_is_over_is_not_offered(shop: Shop, store: str) -> None:
    cart.add(shop, handle="old", sku="MUG", quantity=1)
    with sqlite3.connect(store.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE carts SET expires_at = 1")
    assert values(store, "cart") == []
    customers.add(shop, email="gone@example.com")
    with sqlite3.connect(store.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE customers SET erased_at = 1")
    assert values(store, "customer") == []


def test_orders_by_how_their_numbers_begin_the_latest_first(shop: Shop, store: str) -> None:
    for n in range(12):
        shops.buy(shop, f"c{n}", "MUG")
    settlement.cancel(shop, number="1003")
    assert values(store, "order", "100")[:2] == ["1009", "1008"]
    assert values(store, "order", "101") == ["1012", "1011", "1010"]
    assert values(store, "order", "", "cancelled") == values(store, "order", "#1", "cancelled") == ["1003"]
    assert values(store, "order", "1x") == values(store, "order", "9" * 30) == []


def test_fifty_are_enough(shop: Shop, store: str) -> None:
    for n in range(60):
        shops.product(shop, f"S{n:02}")
    assert values(store, "sku", "S") == [f"S{n:02}" for n in range(50)]


def test_a_store_without_an_answer_has_no_names(tmp_path: Path, store: str) -> None:
    (tmp_path / "text.db").write_text("not a database at all, but long enough to look at" * 20)
    (tmp_path / "empty.db").touch()
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE variants (sku)")
    path = tmp_path / "shop.db"
    for name in ("missing.db", "text.db", "empty.db", "other.db", ".", "shop.db/x"):
        assert values(f"sqlite:///{tmp_path / name}", "sku") == [], name
    assert not (tmp_path / "missing.db").exists()
    for url in ("", "nonsense", "sqlite://", "sqlite:///\0", "postgresql://u:p@127.0.0.1:1/x", "mysql:///x"):
        assert values(url, "sku") == [], url
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    (tmp_path / "damaged.db").write_bytes(damaged)
    assert values(f"sqlite:///{tmp_path / 'damaged.db'}", "sku") == []


def test_a_writer_does_not_keep_it_waiting(tmp_path: Path, store: str) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert values(store, "sku", "M") == ["MUG"]  # WAL: readers go on


def test_a_store_that_lets_nobody_in_has_no_names(tmp_path: Path, store: str, shop: Shop) -> None:
    shop.engine.dispose()
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        assert values(store, "sku", "M") == []
        connection.rollback()
    assert values(store, "sku", "M") == ["MUG"]
