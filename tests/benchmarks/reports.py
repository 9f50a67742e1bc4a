"""How long reports and `catalog related` take, and how much memory: `python -m tests.benchmarks.reports [ORDERS]`.

One order is walked through a shop, and its rows are copied in SQL: two lines an order on 1,000 SKUs, over a year, a customer
and a cart for ten orders.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from shopctl.core import cart, checkout, orders
from shopctl.core.queries import related, reports
from shopctl.core.shop import Shop
from tests import shops
from tests.benchmarks import frame

SKUS = 1000
_ID = "substr({c}, 1, 24) || printf('%012d', :n)"
_TENTH = "substr({c}, 1, 24) || printf('%012d', :n / 10)"
_THEN = "created_at - (:n % 365) * 86400000000"
_COPIED: Mapping[str, tuple[Mapping[str, str], int]] = {
    "customers": ({"id": _ID, "email": "'c' || :n || '@x.y'", "email_folded": "'c' || :n || '@x.y'"}, 10),
    "carts": ({"id": _ID, "handle": "'h' || :n", "handle_folded": "'h' || :n", "created_at": _THEN}, 10),
    "orders": (
        {"id": _ID, "number": "1001 + :n", "customer_id": _TENTH, "cart_id": _TENTH, "created_at": _THEN},
        1,
    ),
    # the first line's SKU decides half of the second's: some are bought together more than others
    "order_lines": (
        {
            "id": "substr(id, 1, 23) || position || printf('%012d', :n)",
            "order_id": _ID,
            "sku": "'SKU-' || ((:n * position + (:n % 7) * (position - 1)) % 1000)",
        },
        1,
    ),
    "payments": ({"id": _ID, "order_id": _ID, "gateway_key": "'k' || :n", "reference": "'r' || :n"}, 1),
}  # Columns that get another value per copy (:n), and how many orders share a row.


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = _filled(Path(folder))
        _copy(Path(folder, "shop.db"), count)
        before = frame.peak()
        with shop.read() as tx:
            year = reports.span(tx, str(tx.now.date().replace(year=tx.now.year - 1)))
            for by in reports.SALES:
                listing = reports.sales(tx, by, year)
                _timed(f"sales by {by}, a year", partial(listing.rows, tx, limit=50))
            _timed("sales by day, 30 days", lambda: reports.sales(tx, "day", reports.span(tx)).rows(tx))
            _timed("sales in all, a year", lambda: reports.sales_in_all(tx, year))
            _timed("stock", lambda: reports.stock(tx).rows(tx, limit=50))
            _timed("funnel, a year", lambda: reports.funnel(tx, year).rows(tx))
            _timed("related", lambda: related.related(tx, "SKU-7"))
        print(f"peak memory: {before} MiB before, {frame.peak()} MiB after")


def _filled(folder: Path) -> Shop:
    shop = shops.make(folder)
    for i in range(SKUS):
        shops.product(shop, f"SKU-{i}", units=10)
    for sku in ("SKU-0", "SKU-1"):
        cart.add(shop, handle="c", sku=sku, quantity=1)
    checkout.place(shop, shops.placement("c", "key"))
    orders.ship(shop, number="1001")
    return shop


def _copy(store: Path, count: int) -> None:
    started = time.perf_counter()
    numbers = "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ?)"
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for table, (own, share) in _COPIED.items():
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = [own.get(c, c).format(c=c).replace(":n", "n.n") for c in names]
            connection.execute(f"CREATE TEMP TABLE one AS SELECT * FROM {table}")
            connection.execute(
                f"INSERT OR IGNORE INTO {table} {numbers} SELECT {', '.join(values)} FROM n CROSS JOIN one",
                (count // share,),
            )
            connection.execute("DROP TABLE one")
        connection.commit()
    print(f"{count} orders, {store.stat().st_size >> 20} MiB, written in {time.perf_counter() - started:.1f} s")


def _timed(what: str, run: Callable[[], Any]) -> None:
    started = time.perf_counter()
    rows = run()
    count = len(rows) if isinstance(rows, list) else 1
    print(f"{time.perf_counter() - started:7.2f} s  {what}: {count} rows")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
