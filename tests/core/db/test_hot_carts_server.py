"""On a server a cart may be persisted by another process between the reading and the claiming of it by a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shopctl.core import cart, checkout, verify
from shopctl.core.cart import Closed
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop
from tests import servers, shops


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("SHOPCTL_TEST_CARTS", servers.redis())
    with shops.on("postgres"):
        made = shops.make(tmp_path)
        yield made
        made.carts.wipe()


@pytest.mark.parametrize("away", [False, True])
def test_a_checkout_takes_the_cart_as_it_was_persisted_meanwhile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    shops.product(shop, "TEE", units=9)
    for _ in range(3):
        cart.add(shop, handle="c1", sku="TEE", quantity=1)
    written: list[int] = []
    bring = Closed.bring

    def late(self: Closed, *args: Any) -> bool:
        if not written:
            written.append(cart.persist(shop, limit=9))
        if away:  # this process could not ask Redis, the one that persists could
            self.carts = None
        return bring(self, *args)

    monkeypatch.setattr(Closed, "bring", late)
    order = checkout.place(shop, shops.placement("c1", "k-1"))
    assert isinstance(order, Order)
    assert (written, order.lines[0].quantity) == ([1], 3)
    assert verify.verify(shop).violations == []
