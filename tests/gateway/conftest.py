"""A shop that is served, on both stores; tests of a module share it, and use SKUs and customers of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shopctl.core import catalog
from shopctl.core.shop import Shop
from tests import shops
from tests.gateway.served import Client, Process, key

FAST = {"--rate": "0", "--shopper-rate": "0"}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shops.on(request.param):
        made = shops.make(tmp_path_factory.mktemp("gateway"))
        for sku in ("MUG", "TEE", "CAP"):
            shops.product(made, sku, units=500)
        catalog.archive(made, handle="cap")
        yield made


@pytest.fixture(scope="module")
def served(shop: Shop) -> Iterator[Process]:
    directory = shop.home.parent.parent
    with Process(directory, tuple(word for pair in FAST.items() for word in pair)) as process:
        yield process


@pytest.fixture(scope="module")
def web(shop: Shop, served: Process) -> Client:
    """A storefront that may do everything."""
    return served.client(key(shop))
