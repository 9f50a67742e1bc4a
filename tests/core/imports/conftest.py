"""Real SQLite shops in a temporary folder, and short ways to import into them and look at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shopctl import bootstrap, config
from shopctl.core import store
from shopctl.core.db import engine as stores
from shopctl.core.shop import Shop

NewShop = Callable[..., Shop]


@pytest.fixture
def new_shop(tmp_path: Path) -> Iterator[NewShop]:
    """Makes shops, each in its own store."""
    made: list[Shop] = []

    def make(currency: str = "USD") -> Shop:
        settings = config.resolve(store=f"sqlite:///{tmp_path}/shop{len(made)}.db")
        facts = store.check(store.NewShop(test_store=True, currency=currency))
        store.init(stores.parse_url(settings.store.value), facts, actor="test")
        made.append(bootstrap.open_shop(settings))
        return made[-1]

    yield make
    for shop in made:
        shop.engine.dispose()


@pytest.fixture
def shop(new_shop: NewShop) -> Shop:
    return new_shop()
