"""What a few typed characters may name: whose names begin so, by an index; whose texts contain it."""

from __future__ import annotations

from shopctl.core import customers, erasure
from shopctl.core.queries import naming
from shopctl.core.shop import Shop
from tests import shops
from tests.plans import plans, reads_through


def kinds(found: list[naming.Named]) -> list[tuple[str, str]]:
    return [(one.kind, one.name) for one in found]


def test_names_that_begin_so(shop: Shop) -> None:
    shops.product(shop, "ANA-1", units=5)
    shops.product(shop, "BANANA")
    customers.add(shop, email="Ana@example.com", name="Ana")
    customers.add(shop, email="anatol@example.com")
    shops.buy(shop, "Anas-cart", "ANA-1")
    erasure.erase(shop, email="anatol@example.com")
    with shop.read() as tx:
        assert kinds(naming.beginning(tx, "ana", 5)) == [
            ("SKU", "ANA-1"),
            ("product", "ana-1"),
            ("customer", "Ana@example.com"),
            ("customer", "Anas-cart@example.com"),
            ("cart", "Anas-cart"),
        ]
        assert naming.beginning(tx, "#1001", 5) == [naming.Named("order", "1001", "confirmed  Anas-cart@example.com")]
        assert naming.beginning(tx, "9" * 30, 5) == []
        assert len(naming.beginning(tx, "", 1)) == 4


def test_texts_that_contain_it(shop: Shop) -> None:
    shops.product(shop, "TEE-RED", units=5)
    with shop.read() as tx:
        assert kinds(naming.containing(tx, "SKU", "e-r", 5)) == [("SKU", "TEE-RED")]
        assert naming.containing(tx, "SKU", "thing", 5) == []
        assert kinds(naming.containing(tx, "product", "thing RED", 5)) == [("product", "tee-red")]
        assert naming.containing(tx, "cart", "red", 5) == []


def test_beginnings_are_read_from_an_index(shop: Shop) -> None:
    with shop.read() as tx:
        found = plans(tx, lambda: naming.beginning(tx, "12", 5))
    assert len(found) >= 5
    assert not [plan for plan in found if reads_through(plan)]
