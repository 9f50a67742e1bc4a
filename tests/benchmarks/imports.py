"""Rows a second of an import, beside raw executemany of the very same rows in the same transactions.

    python -m tests.benchmarks.imports [VARIANTS] [jsonl|csv|shopify] [--memory]

Prints variants a second of the import, of the same file again (nothing to do), of raw sqlite3, and the ratio; with
--memory the peak resident size of this process, in which then only the import runs.
"""

from __future__ import annotations

import json
import resource
import sqlite3
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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"products.{format}"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(WRITERS[format](count))
        shop = new_shop(Path(folder) / "shop.db")
        print(f"{count} variants of {count // len(SIZES)} products, {format}, {path.stat().st_size / 1e6:.1f} MB")
        first = timed_import(shop, path)
        print(f"import             {count / first:10,.0f} variants/s   {first:6.2f} s")
        if "--memory" in arguments:
            print(f"peak resident      {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:10,.0f} MB")
            return
        again = timed_import(shop, path)
        print(f"again, unchanged   {count / again:10,.0f} variants/s   {again:6.2f} s")
        raw = timed_raw(Path(folder), count // len(SIZES) // BATCH or 1)
        print(f"raw executemany    {count / raw:10,.0f} variants/s   {raw:6.2f} s")
        print(f"ratio              {raw / first:10.2f}")


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
