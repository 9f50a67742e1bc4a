"""A shop of a million orders of every kind, on either store, with the sandbox gateway's ledger to it.

The little shop of tests/core/books.py, and some orders more, are walked through the real use cases. Then their rows
(copies.py) and the gateway's lines are copied, over and over, under other ids and numbers.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.core import cart, checkout, orders, outbox, rates, recovery, settlement, stock
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db import upkeep
from shopctl.core.db.tables import metadata, variants
from shopctl.core.queries.orders import Order
from shopctl.core.search.indexer import reindex
from shopctl.core.shop import Shop
from tests import shops
from tests.benchmarks import copies
from tests.core import books

TWINS = 150
"""Each SKU of the walked orders has so many twins (TEE-0 …), on which the copies are sold in turns."""
PLENTY = 10**8


@dataclass(frozen=True)
class Million:
    """The shop, and how far the numbers of one copy are from those of the one before."""

    shop: Shop
    span: int

    def of_copy(self, n: int, sql: str) -> str:
        """A statement about walked orders, about their nth copy instead."""
        return re.sub(r"\bnumber = (\d{4})\b", lambda found: f"number = {int(found[1]) + n * self.span}", sql)


def build(folder: Path, count: int) -> Million:
    """Make the shop in `folder`; at least so many orders."""
    with multiprocessing.get_context("spawn").Pool(1) as process:  # one that has ended: what it left is recovered
        process.apply(books.live, (folder,))
    shop = _life(shops.reopen(folder), folder)
    _twins(shop)
    reindex(shop)
    with shop.work("outbox.delivered") as tx:
        for topic in outbox.DELIVERED_TOPICS:
            outbox.done_ids(tx, outbox.waiting_ids(tx, topic))
        tx.commit()
    shop.engine.dispose()
    with _writer(shop) as connection:
        base = copies.walked(connection)
        times = -(-(count - len(base.numbers)) // len(base.numbers))
        copies.copy(connection, base, times, twins=TWINS)
        with connection.begin():
            connection.exec_driver_sql(_RECOUNTED)
    _ledger(shop, base, times)
    return Million(shops.reopen(folder), base.spans["orders.number"])


# --- orders of every kind --------------------------------------------------------------------------------------------
def _life(shop: Shop, folder: Path) -> Shop:
    """What books.live has not: taxes, parcels from two places, refunds, returns, papers, capture with the shipment."""
    assert all(found.ok for found in recovery.recover(shop))
    rates.add(shop, rates.TAX, {"name": "VAT", "country": "DE", "percent": "19"})
    rates.add(shop, rates.SHIPPING, {"name": "Post", "country": "DE", "amount": "4.90"})
    for sku, price, units in (("SOCK", 777, 100), ("HAT", 3333, 100), ("SCARF", 1250, 2)):
        shops.product(shop, sku, units=units, price=price)
    stock.receive(shop, sku="SCARF", quantity=1, warehouse="EAST")

    in_parcels = _bought(shop, "parcels", SCARF=3, HAT=2)
    orders.ship(shop, number=in_parcels, lines={"SCARF": 1}, warehouse="EAST", tracking="E1")
    orders.ship(shop, number=in_parcels, lines={"SCARF": 2, "HAT": 1}, tracking="M1")
    orders.ship(shop, number=in_parcels)
    for shipment in (1, 2, 3):
        orders.deliver(shop, number=in_parcels, shipment=shipment)

    refunded = _bought(shop, "refunded", SOCK=2, HAT=1)
    orders.ship(shop, number=refunded)
    orders.refund(shop, number=refunded, reason="late", amount="3.33")
    orders.refund(shop, number=refunded, reason="torn", lines={"SOCK": 1}, restock=True)
    for credit in (1, 2):
        orders.invoices.issue(shop, number=refunded, credit=credit)

    returned = _bought(shop, "returned", HAT=3)
    orders.ship(shop, number=returned)
    orders.deliver(shop, number=returned)
    orders.returns.request(shop, number=returned, lines={"HAT": 2}, reason="too small")
    orders.returns.receive(shop, number=f"{returned}-R1")
    orders.returns.resolve(shop, number=f"{returned}-R1", restock={"HAT": 1}, write_off={"HAT": 1})
    orders.invoices.issue(shop, number=returned, credit=1)

    shop = shops.rule(shop, folder, capture="shipment")
    in_part = _bought(shop, "in part", SOCK=2, HAT=2)
    orders.ship(shop, number=in_part, lines={"SOCK": 1})
    given_up = _bought(shop, "given up", SOCK=2, HAT=2)
    orders.ship(shop, number=given_up, lines={"HAT": 2})
    settlement.cancel(shop, number=given_up)
    return shops.rule(shop, folder, capture="order")


def _bought(shop: Shop, handle: str, **units: int) -> str:
    """An order of some lines that is paid for; its number."""
    for sku, quantity in units.items():
        cart.add(shop, handle=handle, sku=sku, quantity=quantity)
    order = checkout.place(shop, shops.placement(handle, f"key-{handle}", email="buyer@example.com"))
    assert isinstance(order, Order)
    return order.number


def _twins(shop: Shop) -> None:
    with shop.read() as tx:
        found = tx.rows(sa.select(variants.c.sku, variants.c.price, variants.c.tracked, variants.c.backorder_limit))
    for one in found:
        names = [f"{one.sku}-{twin}" for twin in range(TWINS)]
        with shop.together() as group:
            for sku in names:
                about = {"price": one.price, "tracked": one.tracked, "backorder_limit": one.backorder_limit}
                shops.product(group.shop, sku, **about)
            group.commit()
        received = [(sku, place, PLENTY) for sku in names for place in ("MAIN", "EAST")]
        stock.receive_all(shop, rows=received, reason="twins")


# --- writing a million of them ---------------------------------------------------------------------------------------
_RECOUNTED = """
UPDATE stock_levels SET quantity = moved.quantity, reserved = moved.reserved, committed = moved.committed
FROM (SELECT sku, warehouse, pool, bucket, sum(quantity) AS quantity, sum(reserved) AS reserved, sum(committed) AS committed
      FROM stock_movements GROUP BY sku, warehouse, pool, bucket) AS moved
WHERE moved.sku = stock_levels.sku AND moved.warehouse = stock_levels.warehouse AND moved.pool = stock_levels.pool
  AND moved.bucket = stock_levels.bucket
"""


@contextmanager
def _writer(shop: Shop) -> Iterator[sa.Connection]:
    """A connection that writes much and fast, and leaves the store as a server's own housekeeping would."""
    engine = sa.create_engine(shops.store_url(shop.home.parent.parent), poolclass=sa.NullPool)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if engine.dialect.name == "sqlite":
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
                driver.execute(f"PRAGMA {pragma}")
            yield connection
            driver.execute("PRAGMA journal_mode=WAL")
            return
        with connection.begin():
            connection.exec_driver_sql("SET session_replication_role = replica")
        yield connection
        with connection.begin():
            counted = [c for table in metadata.sorted_tables for c in table.primary_key if c.autoincrement is True]
            upkeep.count_on(connection, counted, metadata.tables["orders"].c.number)
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")


def _ledger(shop: Shop, base: copies.Walked, times: int) -> None:
    """The gateway's lines, copied like the payments."""
    assert isinstance(shop.gateway, SandboxGateway)
    lines = shop.gateway.ledger.read_text().splitlines(keepends=True)
    templates = [copies.marked(line) for line in lines if base.is_meant(line)]
    with shop.gateway.ledger.open("a") as file:
        for n in range(1, times + 1):
            file.writelines(line.replace(copies.HEAD, copies.head(n)) for line in templates)
