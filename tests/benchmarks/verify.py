"""How long verify takes and how much memory it needs: `python -m tests.benchmarks.verify [ORDERS]`.

One order is walked through a shop (checkout, ship, deliver), and its rows are copied in SQL under other ids, on 1,000 SKUs.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from shopctl import bootstrap, config
from shopctl.core import cart, catalog, checkout, orders, stock, store
from shopctl.core.db import engine as stores
from shopctl.core.shop import Shop
from shopctl.core.verify import Violation, find
from tests.benchmarks import frame

SKUS = 1000
ADDRESS = {
    "name": "Ana", "line1": "1", "line2": "", "city": "X", "region": "", "postal_code": "1", "country": "US",
}  # fmt: skip


class EmptyIndex:
    """An index that has nothing. Every product waits to be indexed, so that is lag and no violation."""

    def versions(self) -> dict[str, int]:
        return {}


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = _shop(folder)
        _one_order(shop)
        started = time.perf_counter()
        _copies(folder, count)
        _ledger(shop, folder)
        size = Path(folder, "shop.db").stat().st_size
        print(f"{count} orders in {size / 2**20:.0f} MiB, written in {time.perf_counter() - started:.1f} s")
        before = frame.peak()
        started = last = time.perf_counter()
        violations = 0
        for finding in find(shop):
            violations += isinstance(finding, Violation)
            print(f"{time.perf_counter() - last:6.2f} s  {finding.name}: {finding.message}"[:150])
            last = time.perf_counter()
        print(f"verify: {time.perf_counter() - started:.1f} s, {violations} violations")
        print(f"peak memory: {before} MiB before, {frame.peak()} MiB after")


def _shop(folder: str) -> Shop:
    os.environ["XDG_DATA_HOME"] = folder
    url = stores.parse_url(f"sqlite:///{folder}/shop.db")
    os.environ["SHOPCTL_STORE"] = str(url)
    store.init(url, store.check(store.NewShop(test_store=True)), actor="bench")
    return bootstrap.open_shop(config.resolve()).but(index=EmptyIndex())


def _one_order(shop: Shop) -> None:
    for i in range(SKUS):
        said = catalog.VariantDraft({"No": str(i)}, {"price": 1999}, f"SKU-{i}")
        catalog.add(shop, catalog.ProductDraft(f"p{i}", {"title": f"Product {i}"}, [said]))
        stock.receive(shop, sku=f"SKU-{i}", quantity=10**6)
    cart.add(shop, handle="c", sku="SKU-0", quantity=2)
    checkout.place(shop, checkout.Placement("c", "ana@example.com", ADDRESS, "pm_card_visa", "key"))
    orders.ship(shop, number="1001")
    orders.deliver(shop, number="1001")


# Columns of the copied tables that get another value per copy; `:n` is the copy's number. Ids end in 12 digits of it.
_ID = "substr({c}, 1, 24) || printf('%012d', :n)"
_OWN: Mapping[str, Mapping[str, str]] = {
    "orders": {"id": _ID, "number": "1001 + :n"},
    "order_lines": {"id": _ID, "order_id": _ID, "sku": "'SKU-' || (:n % 1000)"},
    "reservations": {"id": _ID, "owner_id": _ID, "sku": "'SKU-' || (:n % 1000)"},
    "stock_movements": {"seq": "NULL", "reservation_id": _ID, "sku": "'SKU-' || (:n % 1000)"},
    "order_allocations": {
        "id": _ID, "order_id": _ID, "order_line_id": _ID, "reservation_id": _ID, "sku": "'SKU-' || (:n % 1000)",
    },
    "shipments": {"id": _ID, "order_id": _ID},
    "shipment_lines": {"shipment_id": _ID, "order_line_id": _ID},
    "order_events": {"seq": "NULL", "order_id": _ID},
    "idempotency_keys": {"key": "'key-' || :n", "order_id": _ID},
    "payments": {"id": _ID, "order_id": _ID, "gateway_key": "'order-' || :n", "reference": "'sb_' || :n"},
    "payment_attempts": {"id": _ID, "payment_id": _ID},
    "outbox": {"id": _ID, "subject": _ID},
}  # fmt: skip
_WHICH = {"stock_movements": "reservation_id IS NOT NULL", "outbox": "topic LIKE 'order.%'"}


def _copies(folder: str, count: int) -> None:
    with closing(sqlite3.connect(f"{folder}/shop.db")) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        numbers = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)"
        for table, own in _OWN.items():
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = [own.get(c, c).format(c=c).replace(":n", "n.n") for c in names]
            where = _WHICH.get(table, "true")
            connection.execute(f"CREATE TEMP TABLE one AS SELECT * FROM {table} WHERE {where}")
            connection.execute(
                f"INSERT INTO {table} {numbers} SELECT {', '.join(values)} FROM n CROSS JOIN one", (count - 1,)
            )
            connection.execute("DROP TABLE one")
        connection.execute(
            "UPDATE stock_levels SET quantity = (SELECT sum(m.quantity) FROM stock_movements m WHERE m.sku = stock_levels.sku)"
        )
        connection.commit()


def _ledger(shop: Shop, folder: str) -> None:
    """A line for every payment that has none yet."""
    path = Path(shop.home, "gateway", "sandbox-ledger.jsonl")
    first = json.loads(path.read_text().splitlines()[0])
    with closing(sqlite3.connect(f"{folder}/shop.db")) as connection, path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in _lines(connection, first))


def _lines(connection: sqlite3.Connection, first: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    found = connection.execute(
        "SELECT gateway_key, reference, order_id FROM payments WHERE gateway_key <> ?", [first["key"]]
    )
    for key, reference, order_id in found:
        yield {**first, "key": key, "reference": reference, "order_id": order_id}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
