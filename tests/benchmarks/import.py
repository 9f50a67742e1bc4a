"""Variants a second of a product import, beside the very same rows through the driver, in transactions of the same size.

    python -m tests.benchmarks.import [--variants 20000] [--format jsonl|csv|shopify] [--store sqlite|postgres]
    python -m tests.benchmarks.import --whole --variants 1000000 --store sqlite

Beside it run executemany of sqlite3 or psycopg, and on Postgres COPY. With --whole, in processes of their own as a user has
them: `catalog import`, index and all, with its peak memory; killed half way and gone on with; the same file again.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import sqlalchemy as sa

from shopctl.core.imports.products import import_products
from shopctl.core.shop import Shop
from tests import shops
from tests.benchmarks import frame

SIZES = ("S", "M", "L", "XL")
BATCH = 500
GOAL = 0.4
TABLES = ("categories", "products", "variants", "stock_levels", "stock_movements", "outbox", "audit_log")

Rows = Sequence[tuple[Any, ...]]
Write = Callable[[Path, Mapping[str, Rows], int], float]
"""Write rows by table into an empty shop's store, in so many transactions; the seconds that it took."""


def main() -> None:
    parser = frame.parser(__doc__, rounds=3)
    parser.add_argument("--variants", type=int, default=20_000)
    parser.add_argument("--format", choices=WRITERS, default="jsonl")
    parser.add_argument("--whole", action="store_true", help="as a user has it, with memory; not compared")
    asked = parser.parse_args()
    gc.set_threshold(50_000, 20, 20)  # as the command line has it
    lines: list[frame.Line] = []
    for kind in asked.store or frame.STORES:
        with frame.store(kind) as folder:
            path = folder / f"products.{asked.format}"
            with path.open("w", encoding="utf-8") as file:
                file.writelines(WRITERS[asked.format](asked.variants))
            if asked.whole:
                whole(folder, path, asked.variants)
            else:
                lines += beside_raw(kind, folder, path, asked)
    if lines:
        frame.report(lines, as_json=asked.json)


def beside_raw(kind: str, folder: Path, path: Path, asked: Any) -> Iterator[frame.Line]:
    """Each round imports into a shop of its own, and then writes what that import wrote into others."""
    writes = RAW[kind]
    ours: list[float] = []
    again: list[float] = []
    beside: dict[str, list[float]] = {name: [] for name in writes}
    batches = asked.variants // len(SIZES) // BATCH or 1
    for n in range(asked.rounds):
        shop = new_shop(folder / f"ours-{n}")
        ours.append(timed_import(shop, path))
        again.append(timed_import(shop, path))
        rows = rows_of(shop)
        for name, write in writes.items():
            target = new_shop(folder / f"{name}-{n}")
            with target.engine.begin() as connection:
                connection.execute(sa.text("DELETE FROM audit_log"))
            target.engine.dispose()
            beside[name].append(write(folder / f"{name}-{n}", rows, batches))
    rate = asked.variants / median(ours)
    for name, seconds in beside.items():
        goal = GOAL if name == "executemany" else None
        yield frame.Line(f"import, {kind}, beside {name}", rate, asked.variants / median(seconds), goal)
    yield frame.Line(f"the same file again, {kind}, beside the first time", asked.variants / median(again), rate)


def whole(folder: Path, path: Path, count: int) -> None:
    shop = new_shop(folder / "whole")
    command = [sys.executable, "-m", "shopctl", "catalog", "import", str(path), "-o", "json"]
    more = {"SHOPCTL_STORE": shops.store_url(folder / "whole"), "SHOPCTL_DATA_DIR": str(folder / "whole" / "data")}
    began = time.perf_counter()
    started = subprocess.Popen(command, env=os.environ | more)
    while imported(shop) < count // len(SIZES) // 2:
        time.sleep(0.05)
    started.kill()
    started.wait()
    told("killed half way", count // 2, time.perf_counter() - began)
    for name in ("the same command, and the index", "the same file again"):
        began = time.perf_counter()
        done = subprocess.run(command, env=os.environ | more, capture_output=True, check=True, text=True)
        told(name, count, time.perf_counter() - began)
        report = json.loads(done.stdout)
        print("   ", done.stderr.strip(), {name: value for name, value in report.items() if value and name != "rows"})
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak resident of any of them {peak:,.0f} MB")


def imported(shop: Shop) -> int:
    with shop.read() as tx:
        return int(tx.execute(sa.text("SELECT count(*) FROM products")).scalar_one())


def told(name: str, count: int, seconds: float) -> None:
    print(f"{name:18} {count / seconds:10,.0f} variants/s   {seconds:6.2f} s", flush=True)


def new_shop(folder: Path) -> Shop:
    folder.mkdir()
    return shops.make(folder)


def timed_import(shop: Shop, path: Path) -> float:
    began = time.perf_counter()
    with path.open("rb") as file:
        report = import_products(shop, file, batch=BATCH)
    spent = time.perf_counter() - began
    assert not report.refusals_total, report.refusals[:3]
    return spent


def rows_of(shop: Shop) -> dict[str, Rows]:
    """What the import wrote, as the driver gives it, in the order of its keys."""
    with shop.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        return {table: driver.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in TABLES}


def by_transaction(rows: Mapping[str, Rows], batches: int) -> Iterator[list[tuple[str, Rows]]]:
    """A share of each table for each transaction. Categories are few, and others refer to them: all in the first."""
    for batch in range(batches):
        parts = {
            t: share(r, batch, batches) if t != "categories" else r[: 0 if batch else None] for t, r in rows.items()
        }
        yield [(table, part) for table, part in parts.items() if part]


def share(rows: Rows, batch: int, batches: int) -> Rows:
    return rows[len(rows) * batch // batches : len(rows) * (batch + 1) // batches]


def sqlite_executemany(folder: Path, rows: Mapping[str, Rows], batches: int) -> float:
    with closing(sqlite3.connect(folder / "shop.db", isolation_level=None)) as target:
        target.executescript("PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384")
        began = time.perf_counter()
        for parts in by_transaction(rows, batches):
            target.execute("BEGIN IMMEDIATE")
            for table, part in parts:
                target.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(part[0]))})", part)
            target.execute("COMMIT")
        return time.perf_counter() - began


def postgres_raw(copy: bool, folder: Path, rows: Mapping[str, Rows], batches: int) -> float:
    with psycopg.connect(frame.conninfo(sa.make_url(shops.store_url(folder)))) as target, target.cursor() as cursor:
        began = time.perf_counter()
        for parts in by_transaction(rows, batches):
            for table, part in parts:
                if copy:
                    with cursor.copy(f"COPY {table} FROM STDIN") as stream:
                        for row in part:
                            stream.write_row(row)
                else:
                    marks = ", ".join(["%s"] * len(part[0]))
                    cursor.executemany(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE VALUES ({marks})", part)
            target.commit()
        return time.perf_counter() - began


RAW: Mapping[str, Mapping[str, Write]] = {
    "sqlite": {"executemany": sqlite_executemany},
    "postgres": {"executemany": partial(postgres_raw, False), "COPY": partial(postgres_raw, True)},
}


def products(count: int) -> Iterator[dict[str, Any]]:
    for n in range(count // len(SIZES)):
        yield {
            "handle": f"shirt-{n:07}",
            "title": f"Shirt number {n}",
            "description": f"A comfortable shirt of soft cotton, number {n}. Machine wash warm, tumble dry low.",
            "brand": f"Brand {n % 100}",
            "category": f"Clothing > Shirts > Kind {n % 20}",
            "tags": ["cotton", f"tag {n % 50}"],
            "image_urls": [f"https://img.example/{n}.jpg"],
            "variants": [
                {
                    "sku": f"SH-{n:07}-{size}",
                    "options": {"Size": size},
                    "price": f"{n % 90 + 9}.95",
                    "weight_grams": 180,
                }
                | {"barcode": f"{n * 4 + i:013}", "quantity": 10}
                for i, size in enumerate(SIZES)
            ],
        }


def jsonl(count: int) -> Iterator[str]:
    return (json.dumps(product) + "\n" for product in products(count))


def own_csv(count: int) -> Iterator[str]:
    yield "handle,title,description,brand,category,tags,image_urls,sku,options,price,weight_grams,barcode,quantity\n"
    for p in products(count):
        head = f'{p["handle"]},{p["title"]},"{p["description"]}",{p["brand"]},{p["category"]},'
        head += f'"{", ".join(p["tags"])}",{p["image_urls"][0]},'
        for v in p["variants"]:
            yield f"{head}{v['sku']},Size={v['options']['Size']},{v['price']},180,{v['barcode']},10\n"
            head = f"{p['handle']},,,,,,,"


def shopify(count: int) -> Iterator[str]:
    yield "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,"
    yield "Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Barcode,Image Src\n"
    for p in products(count):
        head = f'{p["handle"]},{p["title"]},"{p["description"]}",{p["brand"]},{p["category"]},'
        head += f'"{", ".join(p["tags"])}",TRUE,Size'
        for v in p["variants"]:
            row = f"{v['options']['Size']},{v['sku']},180,shopify,10,deny,{v['price']},{v['barcode']},{p['image_urls'][0]}"
            yield f"{head},{row}\n"
            head = f"{p['handle']},,,,,,,"


WRITERS = {"jsonl": jsonl, "csv": own_csv, "shopify": shopify}

if __name__ == "__main__":
    main()
