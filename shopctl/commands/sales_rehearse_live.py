"""`sales rehearse --live`: shoppers as real as they can be had, in processes of their own, over HTTP or by calls; a gateway and an
admitter as anybody would start them; by the real clock, in a scratch store of the shop's own kind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shopctl import core
from shopctl.commands import progress
from shopctl.commands.face import Face
from shopctl.core.errors import Unavailable

if TYPE_CHECKING:
    from shopctl.core.rehearsal import Report, Scratch
    from shopctl.core.rehearsal.shoppers import Way
    from shopctl.core.shop import Shop

START_SECONDS = 60.0
INTERVAL = "0.1"
"""Seconds between rounds that have nothing to do."""


@dataclass(frozen=True, slots=True)
class Live:
    """How a live rehearsal is run: by `calls` in the shoppers' processes or over HTTP, how many processes there are of shoppers and
    of the gateway, how many of the shoppers are bots, and which part of those whose turn it is lets it pass."""

    shoppers: int
    stock: int
    seed: int
    calls: bool
    processes: int
    bots: int
    abandon: float


def settings_of(me: Face, url: str, place: Path, *, redis: bool) -> Mapping[str, str]:
    """The settings of a scratch store: nothing of the shop's around it but, where that is wanted, its Redis."""
    kept = me.settings().redis_url if redis else ""
    none = dict.fromkeys(("smtp", "sandbox", "failpoint", "stripe_key_file"), "")
    return {"store": url, "data_dir": str(place), "gateway": "sandbox", "redis": kept or "", **none}


def opened(me: Face, values: Mapping[str, str], **circumstances: object) -> Shop:
    """A scratch store."""
    from shopctl.config import Value

    own = {name: Value(value, "rehearsal") for name, value in values.items()}
    return me.open_shop(replace(me.settings(), **own), **circumstances).but(actor="rehearsal")


def run(me: Face, scratch: Scratch, place: Path, terms: core.sales.Terms, how: Live) -> tuple[Shop, Report]:
    """Run it to its end; the scratch store, which is open, and what is to be told."""
    values = settings_of(me, scratch.url, place, redis=True)
    shop = opened(me, values)
    core.rehearsal.furnish(shop, scratch, terms)
    environment = _environment(values)
    alone = replace(me, opened=None, log=None)  # what travels to another process
    address = core.rehearsal.address_in(shop.facts.country)
    with _admitter(environment), progress.counting(me, f"Rehearsing {scratch.sku} live") as step:
        if how.calls:
            report = _let_loose(shop, how, partial(_direct, alone, values, address), step)
        else:
            key = core.keys.create(shop, name="rehearsal", scopes=["sell"]).secret
            with _gateway(environment, how.processes) as url:
                report = _let_loose(shop, how, partial(_wire, url, key, address), step)
    core.sales.close(shop, name=core.rehearsal.NAME)
    core.sales.run_all(shop)
    return shop, report


def _let_loose(shop: Shop, how: Live, way: object, step: progress.Step) -> Report:
    from shopctl.core.rehearsal.live import Throngs

    throngs = Throngs(way, how.shoppers, how.seed, how.processes, how.bots, how.abandon)  # type: ignore[arg-type]

    def begin() -> None:
        core.sales.open_(shop, name=core.rehearsal.NAME)

    def watch() -> None:
        with shop.read() as tx:
            board = core.queries.sales.board(tx, core.rehearsal.NAME)
        step(board.queues[0].tail, how.shoppers)

    return throngs.run(begin, watch).report(shop, throngs, how.stock)


async def _direct(me: Face, values: Mapping[str, str], address: Mapping[str, str]) -> Way:
    from shopctl.core.rehearsal.ways import Direct

    return Direct(opened(me, values), address)


async def _wire(url: str, key: str, address: Mapping[str, str]) -> Way:
    from shopctl.core.rehearsal.ways import Wire

    return Wire(url, key, address)


# --- processes -----------------------------------------------------------------------------------------------------
def _environment(values: Mapping[str, str]) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOPCTL_")}
    return kept | {f"SHOPCTL_{name.upper()}": value for name, value in values.items()}


@contextmanager
def _started(environment: Mapping[str, str], *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of ours in the background; it is ended with the block."""
    command = [sys.executable, "-m", "shopctl", *words]
    process = subprocess.Popen(  # noqa: S603 — our own command
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _admitter(environment: Mapping[str, str]) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return _started(environment, "sales", "admit", core.rehearsal.NAME, "--watch", "--interval", INTERVAL)


@contextmanager
def _gateway(environment: Mapping[str, str], workers: int) -> Iterator[str]:
    """Where it listens."""
    with socket.socket() as any_free:
        any_free.bind(("127.0.0.1", 0))
        port = any_free.getsockname()[1]
    words = ("--port", str(port), "--workers", str(workers), "--rate", "0", "--shopper-rate", "0")
    with _started(environment, "gateway", "serve", *words) as process:
        until = time.monotonic() + START_SECONDS
        while not _is_there(port):
            if process.poll() is not None or time.monotonic() > until:
                raise Unavailable("gateway_missing", "The gateway does not begin", hint="Try `shopctl gateway serve`.")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"


def _is_there(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
