"""Small factories: a real shop in a directory, products in it, carts ready to be bought.

A shop is on SQLite, or on Postgres while SHOPCTL_TEST_STORE says so (the `store` fixture of tests/core does), and its carts
are hot while SHOPCTL_TEST_CARTS names a Redis (the `carts` fixture): in the environment, so that a test's own processes and
commands follow it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from shopctl import bootstrap, config
from shopctl.core import cart, catalog, checkout, settings, stock, store
from shopctl.core.catalog import ProductDraft, VariantDraft
from shopctl.core.checkout import Placement
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import settings as stored
from shopctl.core.db.types import new_id
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop
from tests import servers

HOME = {
    "name": "Ana",
    "line1": "1 Road",
    "line2": "",
    "city": "Berlin",
    "region": "",
    "postal_code": "10115",
    "country": "DE",
}


def store_url(directory: Path) -> str:
    """Where the store of a directory is: in it, or in a database of its name."""
    if _kind() == "postgres":
        return servers.database(directory).render_as_string(hide_password=False)
    return f"sqlite:///{directory / 'shop.db'}"


@contextmanager
def on(kind: str) -> Iterator[None]:
    """Make shops on this store ("sqlite" or "postgres"); what was made there is gone afterwards."""
    if kind == "postgres":
        servers.postgres()  # it stays in the environment
    with mock.patch.dict(os.environ, SHOPCTL_TEST_STORE=kind):
        try:
            yield
        finally:
            close_all()
            servers.drop_databases()


def _kind() -> str:
    return os.environ.get("SHOPCTL_TEST_STORE", "sqlite")


def settings_for(directory: Path) -> config.Settings:
    """Settings of a store and a data directory inside `directory`, whatever the environment says."""

    def value(text: str) -> config.Value:
        return config.Value(text, "test")

    return config.Settings(
        store=value(store_url(directory)),
        redis=value(os.environ.get("SHOPCTL_TEST_CARTS", "")),
        smtp=value(os.environ.get("SHOPCTL_TEST_SMTP", "")),
        smtp_password_file=value(""),
        data_dir=value(str(directory / "data")),
        lock_wait=value("30"),
        actor=value("tester"),
        log=value(""),
        failpoint=value(os.environ.get("SHOPCTL_FAILPOINT", "")),
        gateway=value(os.environ.get("SHOPCTL_GATEWAY", "sandbox")),
        sandbox=value(os.environ.get("SHOPCTL_SANDBOX", "")),
        stripe_key_file=value(""),
        stripe_webhook_secret_file=value(""),
        stripe_return_url=value("https://shop.example/paid"),
        stripe_api_base=value(os.environ.get("SHOPCTL_STRIPE_API_BASE", "http://127.0.0.1:1")),
    )


def make(directory: Path, **wanted: Any) -> Shop:
    """A new shop, marked as a test store, opened: a copy of one that was made before, under an id of its own."""
    like = _built(_New(tuple(sorted(wanted.items()))), _kind())
    if _kind() == "postgres":
        servers.create_database(directory, like=like)
    else:
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copy2(like / "shop.db", directory / "shop.db")
    engine = stores.open_engine(stores.parse_url(store_url(directory)))
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(sa.update(stored).where(stored.c.key == "id").values(value=new_id()))
    engine.dispose()
    return reopen(directory)


@dataclass(frozen=True)
class _New:
    """Makes a shop in a directory."""

    wanted: tuple[tuple[str, Any], ...]

    def __call__(self, directory: Path) -> None:
        facts = store.check(store.NewShop(**{"name": "Test shop", "test_store": True, **dict(self.wanted)}))
        url = stores.parse_url(store_url(directory))
        if stores.file_of(url) is None:
            servers.create_database(directory)
        store.init(url, facts, actor="tester")


def reopen(directory: Path, **how: Any) -> Shop:
    """The shop of a directory, opened anew."""
    opened = bootstrap.open_shop(settings_for(directory), **how)
    _opened.append(opened)
    return opened


def copy_of(build: Callable[[Path], None], directory: Path) -> Shop:
    """A copy, in a directory, of the shop that `build` makes in the one it is given; it is built once per store."""
    source = _built(build, _kind())
    shutil.copytree(source, directory, dirs_exist_ok=True)
    if _kind() == "postgres":
        servers.create_database(directory, like=source)
    return reopen(directory)


@cache
def _built(build: Callable[[Path], None], kind: str) -> Path:
    directory = Path(tempfile.mkdtemp(prefix="shopctl-built-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    already = len(_opened)
    build(directory)
    close_all(but=already)
    if kind == "postgres":
        servers.keep_database(directory)
    return directory


def close_all(*, but: int = 0) -> None:
    """Let go of every store that was opened here, but for the first ones."""
    while len(_opened) > but:
        _opened.pop().engine.dispose()


_opened: list[Shop] = []


def rule(shop: Shop, directory: Path, **values: str) -> Shop:
    """Change rules of the shop; the shop as it is after that."""
    for key, value in values.items():
        settings.set_value(shop, key=key, value=value)
    shop.engine.dispose()
    return reopen(directory)


def product(shop: Shop, sku: str, *, units: int = 0, price: int = 1999, **said: Any) -> None:
    """A product with one variant, and stock for it."""
    draft = VariantDraft({}, {"price": price, **said}, sku)
    catalog.add(shop, ProductDraft(sku.lower(), {"title": f"Thing {sku}"}, [draft]))
    if units:
        stock.receive(shop, sku=sku, quantity=units)


def placement(handle: str, key: str, **wanted: Any) -> Placement:
    """What a shopper with this cart asks for."""
    fields: Mapping[str, Any] = {"email": f"{handle}@example.com", "address": HOME, "token": "pm_card_visa", **wanted}
    return Placement(cart=handle, key=key, **fields)


def buy(shop: Shop, handle: str, sku: str, quantity: int = 1, **wanted: Any) -> Order:
    """Put something in a cart and place it; the confirmed order."""
    cart.add(shop, handle=handle, sku=sku, quantity=quantity)
    order = checkout.place(shop, placement(handle, wanted.pop("key", f"key-{handle}"), **wanted))
    assert isinstance(order, Order)
    return order
