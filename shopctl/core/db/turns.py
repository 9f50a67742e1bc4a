"""Whose turn it is to write to an SQLite file.

A writing transaction takes a file lock first and then BEGIN IMMEDIATE: the kernel hands a file lock on in the order of
asking, whereas SQLite's own busy loop sleeps and starves waiters.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shopctl.core.db import failures
from shopctl.core.errors import StoreUnusable

try:
    import fcntl
except ImportError:  # no flock on this platform: writers queue on SQLite's busy loop, correct but less fair
    fcntl = None  # type: ignore[assignment]

LOCKS_WRITERS = fcntl is not None


@contextmanager
def turn(path: str, seconds: float) -> Iterator[None]:
    """Hold the lock of the file at `path`, which is made if need be; `busy` after `seconds` of waiting."""
    if not LOCKS_WRITERS:
        yield
        return
    try:
        handle = open(path, "a")  # noqa: SIM115 — closing it is what gives the lock back
    except OSError as error:
        raise StoreUnusable("store_read_only", f"The store cannot be written: {error.strerror}") from None
    _take_turn(handle, seconds)
    try:
        yield
    finally:
        handle.close()


def _take_turn(handle: Any, seconds: float) -> None:
    """Lock `handle`: a few tries first, then a place in the kernel's queue.

    A turn is short, and whoever has just had one often comes back: with the queue alone the store lies idle while each
    next writer is woken, with tries alone somebody starves. Together eight writers get four times as much done as with the
    queue, and none waits longer (tests/benchmarks/writers.py).
    """
    for _ in range(_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            time.sleep(_BETWEEN_TRIES)
    _queue(handle, seconds)


_TRIES = 20
_BETWEEN_TRIES = 0.0005


def _queue(handle: Any, seconds: float) -> None:
    """Lock `handle`, waiting in the kernel's queue. A blocking flock knows no deadline, so a thread does the waiting."""
    decided = threading.Lock()
    outcome: list[str] = []

    def wait() -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with decided:
            if outcome:  # the caller has given up: nobody else will give the lock back
                handle.close()
            outcome.append("locked")

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    waiter.join(seconds)
    with decided:
        if not outcome:
            outcome.append("gave up")
            raise failures.busy(seconds)
