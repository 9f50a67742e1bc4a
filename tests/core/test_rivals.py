"""Many make the same thing at once: one of them makes it, the others are told so, on either store."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from shopctl.core import cart, catalog, checkout, customers, rates, verify
from shopctl.core.errors import ShopError
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop
from tests import shops

RIVALS, ROUNDS = 4, 5


def race(directory: Path, make: Callable[[Shop, int], object]) -> list[Counter[str]]:
    """What the rivals were told, by round."""
    told: list[list[str]] = [[] for _ in range(ROUNDS)]
    barrier = threading.Barrier(RIVALS)

    def rival(shop: Shop) -> None:
        for i in range(ROUNDS):
            barrier.wait()
            try:
                told[i].append(str(make(shop, i) or "made"))
            except ShopError as error:
                told[i].append(error.code)

    rivals = [threading.Thread(target=rival, args=(shops.reopen(directory),)) for _ in range(RIVALS)]
    for one in rivals:
        one.start()
    for one in rivals:
        one.join()
    return [Counter(words) for words in told]


def category(shop: Shop, i: int) -> None:
    catalog.add_category(shop, path=f"All > Part {i}")


def product(shop: Shop, i: int) -> None:
    shops.product(shop, f"NEW-{i}")


def customer(shop: Shop, i: int) -> None:
    customers.add(shop, email=f"ana{i}@example.com", name="Ana")


def rate(shop: Shop, i: int) -> None:
    rates.add(shop, rates.TAX, {"name": f"VAT {i}", "country": "DE", "percent": "19"})


@pytest.mark.parametrize(
    ("make", "refusal"), [(product, "handle_taken"), (customer, "customer_exists"), (rate, "rate_exists")]
)
def test_one_makes_it_and_the_others_are_told(
    shop: Shop, tmp_path: Path, make: Callable[[Shop, int], None], refusal: str
) -> None:
    assert race(tmp_path, make) == [Counter({"made": 1, refusal: RIVALS - 1})] * ROUNDS


def test_a_category_is_made_once_for_all(shop: Shop, tmp_path: Path) -> None:
    assert race(tmp_path, category) == [Counter(made=RIVALS)] * ROUNDS


def test_a_cart_that_all_fill_has_it_all(shop: Shop, tmp_path: Path) -> None:
    shops.product(shop, "TEE", units=100)

    def fill(shop: Shop, i: int) -> None:
        cart.add(shop, handle=f"c{i}", sku="TEE", quantity=1)

    assert race(tmp_path, fill) == [Counter(made=RIVALS)] * ROUNDS
    for i in range(ROUNDS):
        assert cart.show(shop, name=f"c{i}").lines[0].quantity == RIVALS


def test_one_key_is_one_order_for_all(shop: Shop, tmp_path: Path) -> None:
    shops.product(shop, "TEE", units=ROUNDS)
    for i in range(ROUNDS):
        cart.add(shop, handle=f"c{i}", sku="TEE", quantity=1)

    def buy(shop: Shop, i: int) -> str:
        order = checkout.place(shop, shops.placement(f"c{i}", f"key {i}"))
        assert isinstance(order, Order)
        return order.number

    told = race(tmp_path, buy)
    assert [(len(words), words.total()) for words in told] == [(1, RIVALS)] * ROUNDS
    assert len({number for words in told for number in words}) == ROUNDS
    assert not verify.verify(shop).violations
