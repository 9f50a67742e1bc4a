"""How long searches take over a catalogue: prints milliseconds, judges nothing.

python -m tests.benchmarks.search                     a generated catalogue of 20,000 products
python -m tests.benchmarks.search --products 100000
python -m tests.benchmarks.search --catalogue FILE    JSON lines as in data/catalogue.jsonl
python -m tests.benchmarks.search --queries FILE      one query a line
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import frame

SEED = 20261123
NOUNS = (
    "tee boot lamp kettle tent towel notebook knife jacket rug bottle basket glove scarf mug chair clock brush bag vase"
)
KINDS = "merino cotton steel oak waxed linen wool leather enamel canvas brass bamboo cork felt slate copper hemp birch"
NAMES = (
    "harbour alder tide oxlow pell corvane skerrow rud wexmoor quill stannick nettle ostrel wren ebb salt hollin drayle"
)
COLOURS = ("Red", "Navy", "Green", "Black", "White", "Slate")
SIZES = ("S", "M", "L")


def generated(count: int) -> Iterator[dict[str, Any]]:
    """A catalogue with words as unequal as in real ones, six variants for every third product."""
    chance = random.Random(SEED)
    nouns, kinds, names = NOUNS.split(), KINDS.split(), NAMES.split()
    rare = [f"{kind}{name}" for kind in kinds for name in names]
    for i in range(count):
        noun, kind = chance.choice(nouns), chance.choice(kinds)
        description = " ".join(chance.choices(rare, [1 / (n + 1) for n in range(len(rare))], k=25))
        colours = COLOURS[:2] if i % 3 == 0 else COLOURS[i % 6 : i % 6 + 1]
        sizes = SIZES if i % 3 == 0 else SIZES[:1]
        variants = [
            {"sku": f"P{i}-{c}-{s}", "options": {"Colour": c, "Size": s}, "price": f"{chance.randrange(500, 30000) / 100:.2f}"}
            for c in colours
            for s in sizes
        ]  # fmt: skip
        yield {
            "handle": f"p{i}",
            "title": f"{chance.choice(rare)} {kind} {noun}".title(),
            "description": description,
            "brand": chance.choice(names).title(),
            "category": f"Goods > {noun.title()}s",
            "tags": [kind],
            "status": "active",
            "variants": variants,
        }


def read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def fill(folder: Path, products: Iterator[dict[str, Any]]) -> Any:
    from shopctl import bootstrap, config
    from shopctl.core import catalog, stock, store
    from shopctl.core.db import engine as stores
    from tests.core.test_search import draft

    os.environ["XDG_DATA_HOME"] = str(folder)
    url = f"sqlite:///{folder}/shop.db"
    store.init(stores.parse_url(url), store.check(store.NewShop(test_store=True)), actor="benchmark")
    shop = bootstrap.open_shop(config.resolve(store=url))
    batch: list[dict[str, Any]] = []

    def flush() -> None:
        with shop.work("benchmark") as tx:
            catalog.put(tx, [draft(one) for one in batch])
            skus = [variant["sku"] for one in batch for variant in one["variants"]]
            stock.open_stock(tx, dict.fromkeys(skus[::2], 7))
            tx.commit()
        batch.clear()

    for one in products:
        batch.append(one)
        if len(batch) == 1000:
            flush()
    flush()
    return shop


def lap(name: str, run: Callable[[str], object], queries: Sequence[str]) -> None:
    took = []
    for query in queries:
        begun = time.perf_counter()
        run(query)
        took.append((time.perf_counter() - begun) * 1000)
    p50, p95, worst = (frame.percentile(took, share) for share in (0.5, 0.95, 1))
    print(f"{name:34} p50 {p50:7.1f}   p95 {p95:7.1f}   max {worst:7.1f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--catalogue", type=Path)
    parser.add_argument("--queries", type=Path)
    asked = parser.parse_args()
    products = list(read(asked.catalogue) if asked.catalogue else generated(asked.products))
    if asked.queries:
        queries = [line.strip() for line in asked.queries.read_text(encoding="utf-8").splitlines() if line.strip()]
    else:
        chance = random.Random(SEED)
        words = [one["title"].split() for one in products]
        queries = [" ".join(chance.sample(mine, min(len(mine), chance.choice((1, 1, 2)))))
                   for mine in chance.choices(words, k=100)]  # fmt: skip
    queries *= max(1, 200 // len(queries))
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), products, queries)


def measure(folder: Path, products: list[dict[str, Any]], queries: Sequence[str]) -> None:
    begun = time.perf_counter()
    shop = fill(folder, iter(products))
    print(f"{len(products):,} products in the store after {time.perf_counter() - begun:.1f} s")

    from shopctl.core import catalog, search
    from shopctl.core.search import Request

    begun = time.perf_counter()
    count = search.reindex(shop)
    took = time.perf_counter() - begun
    size = sum(path.stat().st_size for path in (shop.home / "index").rglob("*") if path.is_file())
    print(f"{count:,} indexed in {took:.1f} s, {count / took:,.0f} a second, {size / 2**20:.1f} MiB")
    begun = time.perf_counter()
    search.search(shop, Request("warm"))
    print(f"first search, Whoosh imported already: {(time.perf_counter() - begun) * 1000:.0f} ms")

    def ask(text: str, **more: Any) -> object:
        return search.search(shop, Request(text, **more))

    lap("search", lambda query: ask(query), queries)
    lap("search --in-stock", lambda query: ask(query, in_stock=True), queries)
    lap("search --sort price", lambda query: ask(query, sort="price"), queries)
    lap("search --facets", lambda query: ask(query, facets=True), queries)
    lap("prefix of three letters", lambda query: ask(query[:3] + "*"), queries)
    lap("a typo in each query", lambda query: ask(query[:2] + query[3:4] + query[2:3] + query[4:] + "q"), queries[:60])
    lap("browse", lambda _: ask(""), queries[:40])
    lap("browse --facets", lambda _: ask("", facets=True), queries[:10])
    brands = [one["brand"] for one in products[:40]]
    lap("browse --brand", lambda brand: ask("", brand=brand), brands)
    handles = [one["handle"] for one in products[:30]]

    def change(handle: str) -> None:
        catalog.edit(shop, name=handle, said={"title": f"Changed {time.time_ns()}"})
        search.index_changes(shop)

    lap("edit one product and index it", change, handles)
    lap("search after these", lambda query: ask(query), queries)
    shop.engine.dispose()


if __name__ == "__main__":
    main()
