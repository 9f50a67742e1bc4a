"""A small real shop on SQLite: a dozen orders in all states, holds, and names that try to harm a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopctl import bootstrap, config
from shopctl.core import cart, catalog, checkout, orders, settings, settlement, stock, store
from shopctl.core.db import engine as stores
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop

EVIL = "shirt [/oops] [red]x[/red] \x1b]52;c;AAAA\x07 \u202egpj"
HOME = {
    "name": "Ana",
    "line1": "1 Main St",
    "line2": "",
    "city": "X",
    "region": "",
    "postal_code": "1",
    "country": "US",
}


def make_shop(home: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An empty test shop whose carts hold stock, so that there are reservations to see."""
    at_home(home, monkeypatch)
    wanted = config.resolve()
    facts = store.check(store.NewShop(test_store=True, name="Tea & Tees"))
    store.init(stores.parse_url(wanted.store.value), facts, actor="ana")
    shop = bootstrap.open_shop(wanted)
    settings.set_value(shop, key="hold_at", value="cart")
    shop.engine.dispose()
    return bootstrap.open_shop(wanted)


def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.chdir(home)


def fill(shop: Shop, count: int = 8) -> None:
    """Products, stock, `count` orders (1001 …), the first three walked on, and two live cart holds."""
    for handle, title in (("tee", "Tee"), ("cup", EVIL)):
        draft = catalog.VariantDraft({"Size": "M"}, {"price": 1999}, f"{handle.upper()}-M")
        catalog.add(shop, catalog.ProductDraft(handle, {"title": title}, [draft]))
        stock.receive(shop, sku=draft.sku or "", quantity=100, reason=f"opening {EVIL}")
    for i in range(count):
        place(shop, f"cart{i}", f"buyer{i}@example.com", "TEE-M" if i % 2 else "CUP-M", i % 3 + 1)
    orders.ship(shop, number="1001", tracking=EVIL)
    orders.ship(shop, number="1002")
    orders.deliver(shop, number="1002")
    settlement.cancel(shop, number="1003")
    cart.add(shop, handle="left", sku="TEE-M", quantity=2)
    cart.add(shop, handle="[b]bold[/b] [/x]", sku="CUP-M", quantity=3)


def place(shop: Shop, handle: str, email: str, sku: str, quantity: int) -> str:
    cart.add(shop, handle=handle, sku=sku, quantity=quantity)
    wanted = checkout.Placement(
        handle, email, {**HOME, "line1": EVIL.replace("\x1b", "").replace("\x07", "")}, "pm_card_visa", f"key-{handle}"
    )
    placed = checkout.place(shop, wanted)
    assert isinstance(placed, Order)
    return placed.number


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The filled shop, made once; every test gets a copy."""
    home = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        shop = make_shop(home, patch)
        fill(shop)
        shop.engine.dispose()
    return home


@pytest.fixture
def shop(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    at_home(tmp_path, monkeypatch)
    shop = bootstrap.open_shop(config.resolve())
    yield shop
    shop.engine.dispose()
