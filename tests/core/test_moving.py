"""Whole stores: a copy, a backup and what is restored are the same shop, to the byte, on either store; or nothing is there."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from shopctl.core import cart, catalog, customers, moving, orders, rates, settlement, stock, verify
from shopctl.core.catalog import ProductDraft, VariantDraft
from shopctl.core.db import engine as stores
from shopctl.core.db import schema
from shopctl.core.db.tables import categories, orders as order_table, payments
from shopctl.core.errors import BadInput, Refused, ShopError, StoreUnusable
from shopctl.core.moving import rows
from shopctl.core.shop import Shop
from tests import outputs, servers, shops

NOTHING: Callable[[int, int], None] = lambda _done, _total: None


def lived_in(directory: Path) -> Shop:
    """A small shop with something in most tables, and names that servers like to sort otherwise."""
    shop = shops.make(directory, timezone="America/New_York")
    stock.add_warehouse(shop, code="EAST", name="East")
    for sku, title in (("B-2", "Émile’s mug"), ("a_1", "apron"), ("A-1", "Ärmel"), ("ß", "zebra 🦓"), ("Z", "Zoo")):
        options = {"Größe": "M", "colour": "red"}
        draft = VariantDraft(options, {"price": 1999, "barcode": None}, sku)
        said = {"title": title, "tags": ["ü", "a"], "category": "Home > Küche"}
        catalog.add(shop, ProductDraft(f"h-{ord(sku[0])}-{len(sku)}", said, [draft]))
        stock.receive(shop, sku=sku, quantity=50)
    stock.transfer(shop, sku="Z", quantity=5, source="MAIN", target="EAST")
    rates.add_tax(shop, name="VAT", country="DE", percent="19")
    customers.add(shop, email="Bo@example.com", name="Bo")
    customers.add(shop, email="ana@example.com", name=None)
    for at, handle in enumerate(("c1", "C2", "ç3", "_c4"), 1):
        shops.buy(shop, handle, ("Z", "A-1", "ß", "a_1")[at - 1], at, email=f"c{at}@example.com")
    settlement.cancel(shop, number="1002")
    orders.ship(shop, number="1003")
    cart.add(shop, handle="open", sku="Z", quantity=1)
    cart.add(shop, handle="other", sku="B-2", quantity=2)
    cart.merge(shop, source="other", target="open")
    return shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return lived_in(tmp_path)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A place for a store of either kind, where there is none yet."""
    (tmp_path / "copy").mkdir()
    servers.create_database(tmp_path / "copy")
    yield {
        "sqlite": f"sqlite:///{tmp_path / 'copy' / 'shop.db'}",
        "postgres": servers.database(tmp_path / "copy").render_as_string(hide_password=False),
    }


def all_of(url: str) -> list[tuple[str, Any]]:
    engine = stores.open_engine(stores.parse_url(url))
    try:
        with engine.connect() as connection, connection.begin():
            return [(table.name, dict(values)) for table, values in rows.read(connection)]
    finally:
        engine.dispose()
