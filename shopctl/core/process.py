"""This process, named so that another can tell whether it still lives."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


@cache
def name() -> str:
    """`host:pid:start`; the start time tells a process from a later one with the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


os.register_at_fork(after_in_child=name.cache_clear)


def is_alive(process: str) -> bool | None:
    """Whether that process runs; None when it is another machine's and cannot be known from here; "" is nobody's."""
    if not process:
        return False
    host, pid, started = process.rsplit(":", 2)
    if host != socket.gethostname():
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    """The start time in clock ticks since boot, from Linux's /proc; elsewhere unknown, and the number must do.

    A zombie, dead but not yet waited for by its parent, has none.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return "unknown"
    return "dead" if fields[0] in "ZX" else fields[19]
