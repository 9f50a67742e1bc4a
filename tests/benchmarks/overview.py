"""How long the console's Overview and `store metrics` take on a large shop: `python -m tests.benchmarks.overview [ROWS] [sqlite|postgres]`.

One order is walked through a shop, and its rows are copied in SQL: so many SKUs with a stock level each, orders, events and
reservations. 2 % of the SKUs are out of stock, every tenth has a threshold of its own.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import sqlalchemy as sa

from shopctl.core import cart, metrics
from shopctl.core.db.tables import metadata
from shopctl.core.queries import overview
from shopctl.core.shop import Shop
from tests import shops

COPIED: Mapping[str, Mapping[str, str]] = {
    "products": {"id": "{id}", "handle": "'p' || n"},
    "variants": {
        "id": "{id}",
        "sku": "'S' || n",
        "options": "'{{\"n\":\"' || n || '\"}}'",
        "low_stock": "CASE WHEN n % 10 = 0 THEN 5 END",
    },
    "stock_levels": {"sku": "'S' || n", "quantity": "CASE WHEN n % 50 = 0 THEN 0 ELSE n % 100 END", "committed": "0"},
    "orders": {
        "id": "{id}",
        "number": "2000 + n",
        "cart_id": "NULL",
        "status": "CASE n % 100 WHEN 0 THEN 'confirmed' WHEN 1 THEN 'cancelled' ELSE 'delivered' END",
        "created_at": "{ago}",
    },
    "payments": {"id": "{id}", "order_id": "{id}", "gateway_key": "'k' || n", "reference": "'r' || n"},
    "outbox": {"id": "{id}", "state": "'done'", "created_at": "{ago}"},
    "reservations": {"id": "{id}", "owner_id": "{id}"},
}
"""Columns that get another value per copy (n)."""
DIALECTS: Mapping[str, Mapping[str, str]] = {
    "sqlite": {
        "id": "printf('00000000-0000-7000-8000-%012d', n)",
        "ago": "created_at - n * 20000000",
        "numbers": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})",
    },
    "postgresql": {
        "id": "CAST('00000000-0000-7000-8000-' || lpad(CAST(n AS text), 12, '0') AS uuid)",
        "ago": "created_at - n * interval '20 seconds'",
        "numbers": "WITH numbers(n) AS (SELECT generate_series(1, {count}))",
    },
}


def _overview(shop: Shop) -> overview.Overview:
    with shop.read() as tx:
        return overview.figures(tx)


READS: Mapping[str, Callable[[Shop], object]] = {"Overview": _overview, "metrics": metrics.read}


def main(count: int, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder, shops.on(kind):
        shop = filled(Path(folder), count)
        for name, read in READS.items():
            taken = []
            for _ in range(4):  # the first one fills the caches
                started = time.perf_counter()
                read(shop)
                taken.append(time.perf_counter() - started)
            print(f"{1000 * min(taken):8.0f} ms  {name} (the first time {1000 * taken[0]:.0f})")


def filled(folder: Path, count: int) -> Shop:
    """A shop with so many rows of everything."""
    shop = shops.make(folder, low_stock=3)
    shops.product(shop, "TEE", units=10)
    shops.buy(shop, "c", "TEE")
    cart.add(shop, handle="c2", sku="TEE", quantity=1)
    started = time.perf_counter()
    with shop.engine.connect().execution_options(writes=True) as connection, connection.begin():
        words = DIALECTS[connection.dialect.name]
        for table, own in COPIED.items():
            names = metadata.tables[table].columns.keys()
            values = ", ".join(own[name].format(**words) if name in own else f"one.{name}" for name in names)
            connection.execute(sa.text(f"CREATE TEMP TABLE one AS SELECT * FROM {table} LIMIT 1"))
            connection.execute(
                sa.text(
                    f"INSERT INTO {table} ({', '.join(names)}) {words['numbers'].format(count=count)} "
                    f"SELECT {values} FROM numbers CROSS JOIN one"
                )
            )
            connection.execute(sa.text("DROP TABLE one"))
    if shop.engine.dialect.name == "postgresql":  # as its autovacuum does
        with shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    print(f"{count} rows of each, written in {time.perf_counter() - started:.1f} s")
    return shop


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, sys.argv[2] if len(sys.argv) > 2 else "sqlite")
