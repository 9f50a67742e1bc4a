"""Turns given to a queue, in batches by one admitter, beside 8 clients who reserve the same SKU without a queue.

    python -m tests.benchmarks.admission [--store postgres] [--rounds 5] [--seconds 3] [--batch 1000] [--json]

A turn is a cart with a line, a hold on a unit with its movement and reservation, and the ticket; un-queued, a hold is the level,
its movement, its reservation and an audit row, in a transaction of its own: `reservations.hold` of ours, and on Postgres also
one prepared CTE through pgbench.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from shopctl.core import sales
from shopctl.core.sales import Item, Joining, Terms
from shopctl.core.shop import Shop
from tests import servers
from tests.benchmarks import frame, reserve
from tests.benchmarks.reserve import HOT

AT_ONCE = 2
"""Rounds of the admitter in one measurement."""
_HOT_CTE = reserve.CTE.replace("\\set n random(0, :skus - 1)\n", "").replace("'SKU-' || CAST(:n AS text)", f"'{HOT}'")


def queue(shop: Shop, batch: int, rounds: int) -> Callable[[], float]:
    """An open sale with a queue for so many measurements; tickets that get their turn a second."""
    tickets = batch * AT_ONCE * (rounds + 1)
    sales.create(shop, name="rush", items=[Item(HOT, tickets)], terms=Terms(batch=batch, hold_seconds=3600))
    sales.open_(shop, name="rush")
    for start in range(0, tickets, 1000):
        wanted = [Joining(f"s{n}@example.com") for n in range(start, start + 1000)]
        sales.join_all(shop, sale="rush", wanted=wanted)

    def admitted() -> float:
        began = time.perf_counter()
        count = sum(sales.admit(shop, name="rush").admitted for _ in range(AT_ONCE))
        assert count == batch * AT_ONCE, count
        return count / (time.perf_counter() - began)

    return admitted


def lines(kind: str, batch: int, rounds: int, seconds: float) -> Sequence[frame.Line]:
    with reserve.stocked(kind, 1) as (directory, shop):
        return [_ours(kind, directory, queue(shop, batch, rounds), rounds, seconds)]


def against_pgbench(batch: int, rounds: int, seconds: float) -> Sequence[frame.Line]:
    with reserve.stocked("postgres", 1) as (directory, shop):
        url = servers.database(directory)
        return [
            frame.compare(
                "postgres, one admitter",
                queue(shop, batch, rounds),
                partial(frame.pgbench, url, _HOT_CTE, clients=8, seconds=seconds),
                goal=25,
                rounds=rounds,
                note="beside 8 clients of pgbench on one row",
            )
        ]


def _ours(kind: str, directory: Path, admitted: Callable[[], float], rounds: int, seconds: float) -> frame.Line:
    with frame.Clients(8, partial(reserve.holding, directory, 0, "FULL")) as clients:
        return frame.compare(
            f"{kind}, one admitter",
            admitted,
            partial(reserve.rate, clients, seconds),
            goal=None,
            rounds=rounds,
            note="beside 8 clients of ours, without a queue",
        )


def main() -> None:
    parser = frame.parser(__doc__)
    parser.add_argument("--batch", type=int, default=1000)
    asked = parser.parse_args()
    found: list[frame.Line] = []
    for kind in asked.store or frame.STORES:
        found += lines(kind, asked.batch, asked.rounds, asked.seconds)
        if kind == "postgres":
            found += against_pgbench(asked.batch, asked.rounds, asked.seconds)
    frame.report(found, as_json=asked.json)


if __name__ == "__main__":
    main()
