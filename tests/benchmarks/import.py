"""Rows a second of an import, beside raw executemany of the very same rows in the same transactions.

    python -m tests.benchmarks.imports [VARIANTS] [jsonl|csv|shopify] [--whole]

Prints variants a second of the import, of the same file again (nothing to do), of raw sqlite3, and the ratio. With
--whole, in processes of their own as a user has them: `catalog import`, index and all, with its peak memory; killed half
way and gone on with; the same file again.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shopctl import bootstrap, config
from shopctl.core import store
from shopctl.core.db import engine as stores
from shopctl.core.imports.products import import_products
from shopctl.core.shop import Shop

SIZES = ("S", "M", "L", "XL")
BATCH = 500
TABLES = ("categories", "products", "variants", "stock_levels", "stock_movements", "outbox", "audit_log")


def main(arguments: list[str]) -> None:
    numbers = [int(word) for word in arguments if word.isdigit()]
    count = numbers[0] if numbers else 20_000
    format = next((word for word in arguments if word in WRITERS), "jsonl")
    gc.set_threshold(50_000, 20, 20)  # as the command line has it
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / f"products.{format}"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(WRITERS[format](count))
        print(f"{count} variants of {count // len(SIZES)} products, {format}, {path.stat().st_size / 1e6:.1f} MB")
        (whole if "--whole" in arguments else beside_raw)(folder, path, count)


def beside_raw(folder: Path, path: Path, count: int) -> None:
    shop = new_shop(folder / "shop.db")
    first = timed_import(shop, path)
    told("import", count, first)
    told("again, unchanged", count, timed_import(shop, path))
    raw = timed_raw(folder, count // len(SIZES) // BATCH or 1)
    told("raw executemany", count, raw)
    print(f"ratio              {raw / first:10.2f}")


def whole(folder: Path, path: Path, count: int) -> None:
    new_shop(folder / "shop.db").engine.dispose()
    command = [sys.executable, "-m", "shopctl", "catalog", "import", str(path), "-o", "json"]
    more = {"SHOPCTL_STORE": f"sqlite:///{folder}/shop.db", "SHOPCTL_DATA_DIR": str(folder / "data")}
    half = sqlite3.connect(folder / "shop.db")
    began = time.perf_counter()
    started = subprocess.Popen(command, env=os.environ | more)
    while half.execute("SELECT count(*) FROM products").fetchone()[0] < count // len(SIZES) // 2:
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


def told(name: str, count: int, seconds: float) -> None:
    print(f"{name:18} {count / seconds:10,.0f} variants/s   {seconds:6.2f} s", flush=True)


def new_shop(path: Path) -> Shop:
    settings = config.resolve(store=f"sqlite:///{path}")
    store.init(stores.parse_url(settings.store.value), store.check(store.NewShop(test_store=True)), actor="benchmark")
    return bootstrap.open_shop(settings).but(clock=lambda: datetime.now(UTC))


def timed_import(shop: Shop, path: Path) -> float:
    began = time.perf_counter()
    with path.open("rb") as file:
        report = import_products(shop, file, batch=BATCH)
    spent = time.perf_counter() - began
    assert not report.refusals_total, report.refusals[:3]
    return spent


def timed_raw(folder: Path, batches: int) -> float:
    """Write what the import wrote into a second store of the same schema, with the driver alone."""
    new_shop(folder / "raw.db").engine.dispose()
    source = sqlite3.connect(folder / "shop.db")
    rows = {table: source.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall() for table in TABLES}
    target = sqlite3.connect(folder / "raw.db", isolation_level=None)
    target.executescript(
        "PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384; DELETE FROM audit_log"
    )
    began = time.perf_counter()
    for batch in range(batches):
        target.execute("BEGIN IMMEDIATE")
        for table, all_rows in rows.items():
            # Few, and everything else refers to them: all in the first transaction.
            part = share(all_rows, batch, batches) if table != "categories" else all_rows * (batch == 0)
            if part:
                marks = ", ".join("?" * len(part[0]))
                target.executemany(f"INSERT INTO {table} VALUES ({marks})", part)
        target.execute("COMMIT")
    return time.perf_counter() - began


def share(rows: list[Any], batch: int, batches: int) -> list[Any]:
    return rows[len(rows) * batch // batches : len(rows) * (batch + 1) // batches]


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
    main(sys.argv[1:])
