"""Real shops in a temporary folder, and short ways to import into them and look at them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from shopctl.core.shop import Shop
from tests import shops

NewShop = Callable[..., Shop]


@pytest.fixture
def new_shop(tmp_path: Path) -> NewShop:
    """Makes shops, each in a store and a folder of its own: shop0, shop1 …"""
    folders = (tmp_path / f"shop{n}" for n in count())

    def make(currency: str = "USD") -> Shop:
        folder = next(folders)
        folder.mkdir()
        return shops.make(folder, currency=currency)

    return make


@pytest.fixture
def shop(new_shop: NewShop) -> Shop:
    return new_shop()
