"""What goes with a product: by the shop's own orders first, by category and brand where they say too little."""

from __future__ import annotations

import pytest

from shopctl.core import cart, catalog, checkout, settlement, stock
from shopctl.core.catalog import ProductDraft, VariantDraft
from shopctl.core.errors import NotFound
from shopctl.core.queries import related
from shopctl.core.shop import Shop
from tests import shops


@pytest.fixture
def baskets(shop: Shop) -> Shop:
    """TEA goes with POT (3 of 4), and everything with BAG; CUP was bought with it once, and once more but cancelled."""
    for sku in ("TEA", "POT", "BAG", "CUP", "PEN"):
        shops.product(shop, sku, units=50)
    baskets = [
        "TEA POT BAG",
        "TEA POT BAG",
        "TEA POT",
        "TEA BAG CUP",
        "PEN BAG",
        "CUP BAG",
        "PEN BAG",
        "BAG",
        "TEA CUP",
    ]
    for n, basket in enumerate(baskets):
        for sku in basket.split():
            cart.add(shop, handle=f"c{n}", sku=sku, quantity=2)
        checkout.place(shop, shops.placement(f"c{n}", f"k{n}"))
    settlement.cancel(shop, number=str(1001 + len(baskets) - 1))
    return shop


def ask(shop: Shop, sku: str, limit: int = 10) -> list[tuple[str, str, int]]:
    with shop.read() as tx:
        return [(row.sku, row.reason, row.orders) for row in related.related(tx, sku, limit)]


def test_bought_together_and_more_than_chance(baskets: Shop) -> None:
    assert ask(baskets, "TEA") == [("POT", "together", 3), ("BAG", "together", 3)]
    assert ask(baskets, "TEA", 1) == [("POT", "together", 3)]
    with baskets.read() as tx:
        pot, bag = related.related(tx, "TEA")
    assert pot.score == round(3 / (3 * 4) ** 0.5, 4)
    assert bag.score == round(3 / (6 * 4) ** 0.5, 4)


def test_only_what_is_on_sale_and_what_can_be_had_first(baskets: Shop) -> None:
    stock.adjust(baskets, sku="POT", quantity=-44, reason="broken")
    assert ask(baskets, "TEA")[0][0] == "BAG"
    catalog.archive(baskets, handle="bag")
    assert ask(baskets, "TEA") == [("POT", "together", 3)]
    with pytest.raises(NotFound):
        ask(baskets, "NOPE")


def test_like_it_where_orders_say_too_little(shop: Shop) -> None:
    path = {"category": "Kitchen > Tea"}
    for sku, said in (("A", {**path, "brand": "X"}), ("B", path), ("C", {"brand": "X"}), ("D", {**path, "brand": "X"})):
        variants = [VariantDraft({"Size": size}, {"price": 100}, f"{sku}-{size}") for size in ("S", "M")]
        catalog.add(shop, ProductDraft(sku.lower(), {"title": sku, **said}, variants))
    stock.receive(shop, sku="B-S", quantity=1)
    assert ask(shop, "A-M") == [("B-S", "category", 0), ("D-S", "category", 0), ("C-S", "brand", 0)]
    assert ask(shop, "A-S", 2) == [("B-S", "category", 0), ("D-S", "category", 0)]
    shops.product(shop, "LONE")
    assert ask(shop, "LONE", -1) == []
