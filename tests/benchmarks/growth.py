"""Is a checkout slower in a shop with more orders behind it? `python -m tests.benchmarks.growth [--store S] [--orders A B]`.

Two shops, the one with A orders and the other with B, take turns. One order of each is walked through the shop, and its rows
are copied in SQL under other ids, with a cart, a customer and an address each: only what a checkout meets is true to life.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from shopctl.core.db.tables import metadata
from shopctl.core.shop import Shop
from tests import shops
from tests.benchmarks.checkout import SKUS, TURN, Timed, fill, handle_of, make_shop, timed
from tests.benchmarks.frame import STORES, store


def main() -> None:
    wanted = argparse.ArgumentParser(description="A checkout in a small shop and in a grown one.")
    wanted.add_argument("--store", choices=STORES, default="sqlite")
    wanted.add_argument("--orders", type=int, nargs=2, default=[10_000, 1_000_000])
    wanted.add_argument("--turns", type=int, default=50, help=f"of {TURN} checkouts, in each shop")
    said = wanted.parse_args()
    with store(said.store) as folder:
        small, large = (_grown(folder / str(orders), orders, said.turns) for orders in said.orders)
        times: tuple[list[float], list[float]] = ([], [])
        for turn in range(said.turns):
            handles = [handle_of(0, turn * TURN + i) for i in range(TURN)]
            for shop, seconds in zip((small, large), times, strict=True):
                seconds += [timed(shop, handle) for handle in handles]
    less, more = (statistics.median(seconds[TURN:]) for seconds in times)
    print(f"checkout: {less * 1e3:.2f} ms with {said.orders[0]:,} orders, {more * 1e3:.2f} ms with {said.orders[1]:,}")
    print(f"ratio {more / less:.2f}")


def _grown(folder: Path, orders: int, turns: int) -> Shop:
    shop = make_shop(folder)
    shops.buy(shop, "first", "S0", key="first")
    began = time.perf_counter()
    _copy(shop, orders)
    print(f"{orders:,} orders written in {time.perf_counter() - began:.0f} s", flush=True)
    fill(shop, 1, turns * TURN)
    return shop.but(gateway=Timed(shop.gateway))


# Columns that get another value per copy, of which `n` is the number. Ids end in 12 digits of it.
_SKU = f"'S' || (n - n / {SKUS} * {SKUS})"
_OWN: Mapping[str, Mapping[str, str]] = {
    "customers": {"id": "", "email": "'n' || n || '@x.com'", "email_folded": "'n' || n || '@x.com'"},
    "customer_addresses": {"id": "", "customer_id": ""},
    "carts": {"id": "", "handle": "'n' || n", "handle_folded": "'n' || n"},
    "orders": {"id": "", "number": "1001 + n", "cart_id": "", "customer_id": ""},
    "order_lines": {"id": "", "order_id": "", "sku": _SKU},
    "reservations": {"id": "", "owner_id": "", "sku": _SKU},
    "stock_movements": {"reservation_id": "", "sku": _SKU},
    "order_allocations": {"id": "", "order_id": "", "order_line_id": "", "reservation_id": "", "sku": _SKU},
    "order_events": {"order_id": ""},
    "idempotency_keys": {"key": "'key-' || n", "order_id": ""},
    "payments": {"id": "", "order_id": "", "gateway_key": "'order-' || n", "reference": "'sb_' || n"},
    "payment_attempts": {"id": "", "payment_id": ""},
    "outbox": {"id": "", "subject": "'n' || n", "state": "'done'"},
    "audit_log": {},
}
_WHICH = {
    "stock_movements": "reservation_id IS NOT NULL",
    "outbox": "topic IN ('customer.added', 'order.placed', 'payment.captured', 'order.confirmed')",
    "audit_log": "action IN ('checkout.reserve', 'checkout.settle')",
}


def _copy(shop: Shop, count: int) -> None:
    sqlite = shop.engine.dialect.name == "sqlite"
    id_of = "substr({0}, 1, 24) || printf('%012d', n)"
    if not sqlite:
        id_of = "CAST(substr(CAST({0} AS text), 1, 24) || lpad(CAST(n AS text), 12, '0') AS uuid)"
    with shop.engine.connect() as connection, connection.begin():
        for table, own in _OWN.items():
            names = [column.name for column in metadata.tables[table].columns if column.name != "seq"]
            values = [own.get(name, name) or id_of.format(name) for name in names]
            connection.exec_driver_sql(
                f"INSERT INTO {table} ({', '.join(names)}) "
                f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count - 1}) "
                f"SELECT {', '.join(values)} FROM n CROSS JOIN (SELECT * FROM {table} WHERE {_WHICH.get(table, 'true')}) one"
            )
        if not sqlite:
            connection.exec_driver_sql(f"SELECT setval('order_numbers', {1001 + count})")
    with shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


if __name__ == "__main__":
    main()
