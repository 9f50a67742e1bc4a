"""Reservations beside the raw driver and pgbench: one unit of a SKU held in a transaction of its own.

    python -m tests.benchmarks.reserve [--store sqlite] [--rounds 5] [--seconds 3] [--skus 10000] [--json]

Both sides write the same rows (level, movement, reservation, audit) into the same tables and sync them to disk. Ours is
`reservations.hold` in a unit of work. Beside it on SQLite: the standard library's driver, one statement a row, with
synchronous=NORMAL and FULL on both sides; on Postgres: one CTE, prepared, through pgbench. The hot SKU is one SKU that all
clients want, in 16 buckets: 16 clients of ours beside one.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from shopctl.core import reservations, stock
from shopctl.core.db.tables import variants
from shopctl.core.db.types import new_id
from shopctl.core.reservations import Owner
from shopctl.core.shop import Shop
from tests import servers, shops
from tests.benchmarks import frame

UNITS = 10**6
HOT = "HOT"
GOALS = {"NORMAL": 0.4, "FULL": 0.55}
BUCKETS = 16

_RAW = (
    """UPDATE stock_levels SET reserved = reserved + 1, updated_at = :now
       WHERE sku = :sku AND warehouse = 'MAIN' AND pool = 'general' AND bucket = 0
         AND reserved + 1 + committed <= quantity + backorder_limit - safety_stock""",
    """INSERT INTO stock_movements (sku, warehouse, pool, bucket, kind, quantity, reserved, committed, reason, reference,
                                    reservation_id, actor, request_id, at)
       VALUES (:sku, 'MAIN', 'general', 0, 'hold', 0, 1, 0, NULL, 'order 1', :id, 'bench', :owner, :now)""",
    """INSERT INTO reservations (id, owner_kind, owner_id, origin, reference, sku, warehouse, pool, bucket, quantity, state,
                                 pinned, expires_at, created_at)
       VALUES (:id, 'order', :owner, 'checkout', 'order 1', :sku, 'MAIN', 'general', 0, 1, 'held', 0, :until, :now)""",
    "INSERT INTO audit_log (at, actor, request_id, action, target) VALUES (:now, 'bench', :owner, 'bench', :sku)",
)
CTE = """
\\set n random(0, :skus - 1)
WITH held AS (
    UPDATE stock_levels SET reserved = reserved + 1, updated_at = now()
    WHERE sku = 'SKU-' || CAST(:n AS text) AND warehouse = 'MAIN' AND pool = 'general' AND bucket = 0
      AND reserved + 1 + committed <= quantity + backorder_limit - safety_stock
    RETURNING sku, gen_random_uuid() AS id, gen_random_uuid() AS owner
), moved AS (
    INSERT INTO stock_movements (sku, warehouse, pool, bucket, kind, quantity, reserved, committed, reference,
                                 reservation_id, actor, request_id, at)
    SELECT sku, 'MAIN', 'general', 0, 'hold', 0, 1, 0, 'order 1', id, 'bench', owner, now() FROM held
), kept AS (
    INSERT INTO reservations (id, owner_kind, owner_id, origin, reference, sku, warehouse, pool, bucket, quantity, state,
                              pinned, expires_at, created_at)
    SELECT id, 'order', owner, 'checkout', 'order 1', sku, 'MAIN', 'general', 0, 1, 'held',
           false, now() + interval '10 minutes', now() FROM held
)
INSERT INTO audit_log (at, actor, request_id, action, target) SELECT now(), 'bench', owner, 'bench', sku FROM held;
"""


# --- ours ----------------------------------------------------------------------------------------------------------
def holding(directory: Path, skus: int, synchronous: str, n: int) -> Callable[[], None]:
    """A client that holds one unit of a random SKU, or of the hot one when there are none."""
    shop = shops.reopen(directory)
    if shop.engine.dialect.name == "sqlite":
        sa.event.listen(shop.engine, "connect", lambda c, _: c.execute(f"PRAGMA synchronous={synchronous}"))
        shop.engine.dispose()  # the connections that are open sync as they are used to

    def step() -> None:
        sku = f"SKU-{random.randrange(skus)}" if skus else HOT
        with shop.work("bench", sku) as tx:
            reservations.hold(tx, Owner("order", new_id(), "order 1"), {sku: 1}, origin="checkout")
            tx.commit()

    return step


def rate(clients: frame.Clients, seconds: float) -> float:
    return clients.run(seconds).rate


# --- beside it -----------------------------------------------------------------------------------------------------
def raw(path: Path, skus: int, synchronous: str) -> Callable[[], None]:
    """The same rows through the standard library's driver."""
    driver = sqlite3.connect(path, isolation_level=None)
    driver.execute("PRAGMA foreign_keys=ON")
    driver.execute(f"PRAGMA synchronous={synchronous}")

    def step() -> None:
        now = time.time_ns() // 1000
        row = {"sku": f"SKU-{random.randrange(skus)}", "now": now, "until": now + 600_000_000}
        row |= {"id": new_id(), "owner": new_id()}
        driver.execute("BEGIN IMMEDIATE")
        assert driver.execute(_RAW[0], row).rowcount == 1
        for statement in _RAW[1:]:
            driver.execute(statement, row)
        driver.execute("COMMIT")

    return step


def steps(step: Callable[[], None], seconds: float) -> float:
    done, began = 0, time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        step()
        done += 1
    return done / (now - began)


# --- the shop ------------------------------------------------------------------------------------------------------
@contextmanager
def stocked(kind: str, skus: int) -> Iterator[tuple[Path, Shop]]:
    """A shop with so many SKUs, and one that everybody wants."""
    with frame.store(kind) as directory:
        shop = shops.make(directory)
        shops.product(shop, "SKU-0")
        shops.product(shop, HOT)
        with shop.work("bench") as tx:  # copies of one variant: a catalogue is not what is measured
            first = tx.rows(sa.select(variants).where(variants.c.sku == "SKU-0"))[0]._mapping
            copies = [
                {**first, "id": new_id(), "sku": f"SKU-{n}", "options": {"n": str(n)}, "position": n + 1}
                for n in range(1, skus)
            ]
            tx.insert(variants, copies)
            tx.commit()
        names = [HOT, *(f"SKU-{n}" for n in range(skus))]
        stock.receive_all(shop, rows=[(sku, "MAIN", UNITS) for sku in names], reason="bench")
        yield directory, shop


def on_sqlite(skus: int, rounds: int, seconds: float) -> Sequence[frame.Line]:
    lines = []
    for synchronous, goal in GOALS.items():
        with stocked("sqlite", skus) as (directory, _):
            ours = holding(directory, skus, synchronous, 0)
            beside = raw(directory / "shop.db", skus, synchronous)
            lines.append(
                frame.compare(
                    f"sqlite, {synchronous}, one process",
                    partial(steps, ours, seconds),
                    partial(steps, beside, seconds),
                    goal=goal,
                    rounds=rounds,
                    note="beside raw sqlite3",
                )
            )
    return lines


def on_postgres(skus: int, rounds: int, seconds: float) -> Sequence[frame.Line]:
    lines = []
    with stocked("postgres", skus) as (directory, shop):
        url = servers.database(directory)
        with shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        for count, goal in ((1, None), (8, 0.6)):
            with frame.Clients(count, partial(holding, directory, skus, "")) as clients:
                lines.append(
                    frame.compare(
                        f"postgres, {skus} SKUs, {count} client{'s' * (count > 1)}",
                        partial(rate, clients, seconds),
                        partial(frame.pgbench, url, CTE, clients=count, seconds=seconds, skus=skus),
                        goal=goal,
                        rounds=rounds,
                        note="beside pgbench, one CTE",
                    )
                )
        lines += [hot(directory, shop, buckets, rounds, seconds) for buckets in (1, BUCKETS)]
    return lines


def hot(directory: Path, shop: Shop, buckets: int, rounds: int, seconds: float) -> frame.Line:
    """16 clients beside one, on a SKU that all of them want."""
    stock.spread(shop, sku=HOT, buckets=buckets)
    with (
        frame.Clients(16, partial(holding, directory, 0, "")) as many,
        frame.Clients(1, partial(holding, directory, 0, "")) as one,
    ):
        return frame.compare(
            f"postgres, a hot SKU in {buckets} bucket{'s' * (buckets > 1)}",
            partial(rate, many, seconds),
            partial(rate, one, seconds),
            goal=1.0 if buckets > 1 else None,
            rounds=rounds,
            note="16 clients beside one of ours",
        )


def main() -> None:
    parser = frame.parser(__doc__)
    parser.add_argument("--skus", type=int, default=10_000)
    asked = parser.parse_args()
    measured = {"sqlite": on_sqlite, "postgres": on_postgres}
    lines = [
        line for kind in asked.store or frame.STORES for line in measured[kind](asked.skus, asked.rounds, asked.seconds)
    ]
    frame.report(lines, as_json=asked.json)


if __name__ == "__main__":
    main()
