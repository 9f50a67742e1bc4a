"""Eight processes write small transactions to one SQLite store: how long the unluckiest waits, who gets how much.

    python -m tests.benchmarks.writers [--clients 8] [--seconds 5] [--rounds 3]

The same rows (one stock level, one audit row), synchronous=FULL, in four ways: shopctl's unit of work with its file lock;
the same with SQLite's own busy loop; the raw driver behind a plain blocking flock; the raw driver with its busy loop.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from shopctl.core.db import turns
from shopctl.core.db.tables import stock_levels
from tests import shops
from tests.benchmarks import frame

SKU = "SKU-{n}"
LONGEST_WAIT = 0.5
FAIREST = 0.3
_TOUCH = (
    sa.update(stock_levels)
    .where(stock_levels.c.sku == sa.bindparam("k_sku"))
    .values(quantity=stock_levels.c.quantity + 1, updated_at=sa.bindparam("now"))
)


def with_unit_of_work(file_lock: bool, directory: Path, n: int) -> Callable[[], None]:
    if not file_lock:
        turns.LOCKS_WRITERS = False
    shop = shops.reopen(directory)
    sku = SKU.format(n=n)

    def step() -> None:
        with shop.work("benchmark", sku) as tx:
            tx.execute(_TOUCH, {"k_sku": sku, "now": tx.now})
            tx.commit()

    return step


def raw(file_lock: bool, directory: Path, n: int) -> Callable[[], None]:
    connection = sqlite3.connect(directory / "shop.db", timeout=30, isolation_level=None)
    connection.executescript("PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384")
    sku = SKU.format(n=n)
    run = connection.execute

    def step() -> None:
        now = time.time_ns() // 1000
        with ExitStack() as held:
            if file_lock:
                fcntl.flock(held.enter_context(open(directory / "raw-lock", "a")), fcntl.LOCK_EX)
            run("BEGIN IMMEDIATE")
            run("SELECT at FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
            run("UPDATE stock_levels SET quantity = quantity + 1, updated_at = ? WHERE sku = ?", (now, sku))
            run(
                "INSERT INTO audit_log (at, actor, request_id, action, target) VALUES (?, 'raw', 'raw', 'benchmark', ?)",
                (now, sku),
            )
            run("COMMIT")

    return step


WAYS = {
    "unit of work, file lock": partial(with_unit_of_work, True),
    "unit of work, busy loop": partial(with_unit_of_work, False),
    "raw, file lock": partial(raw, True),
    "raw, busy loop": partial(raw, False),
}


def main() -> None:
    parser = frame.parser(__doc__, rounds=3, seconds=5, stores=False)
    parser.add_argument("--clients", type=int, default=8)
    asked = parser.parse_args()
    with frame.store("sqlite") as directory, ExitStack() as open_clients:
        shop = shops.make(directory)
        for n in range(asked.clients):
            shops.product(shop, SKU.format(n=n), units=1)
        ways = {
            name: open_clients.enter_context(frame.Clients(asked.clients, partial(prepare, directory)))
            for name, prepare in WAYS.items()
        }
        rounds = [{name: clients.run(asked.seconds) for name, clients in ways.items()} for _ in range(asked.rounds)]
    for name in WAYS:
        tell(name, [served[name] for served in rounds], judged=name == "unit of work, file lock", as_json=asked.json)


def tell(name: str, rounds: list[frame.Served], *, judged: bool, as_json: bool) -> None:
    """The medians of the rounds, and the longest wait of them all."""
    found = {
        "what": name,
        "rate": round(median(served.rate for served in rounds)),
        "p50_ms": round(median(served.percentile(0.5) for served in rounds) * 1000, 1),
        "p99_ms": round(median(served.percentile(0.99) for served in rounds) * 1000, 1),
        "longest_ms": round(max(served.worst for served in rounds) * 1000),
        "least_of_most": round(min(served.fairness for served in rounds), 2),
    }
    if judged:
        met = found["longest_ms"] < LONGEST_WAIT * 1000 and found["least_of_most"] >= FAIREST  # type: ignore[operator]
        found["goals"] = "met" if met else "missed"
    if as_json:
        print(json.dumps(found))
    else:
        print("  ".join(f"{key} {value}" if key != "what" else f"{value:24}" for key, value in found.items()))


if __name__ == "__main__":
    main()
