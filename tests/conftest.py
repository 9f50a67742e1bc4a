"""Fixtures for everyone: a real shop; where tests write; and what is told at the end."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopctl.core.shop import Shop
from tests import shops

STORES = ("sqlite", "postgres")
MEMORY, ENOUGH = Path("/dev/shm"), 4 << 30


def pytest_configure() -> None:
    """What the processes of tests inherit."""
    if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        # Thousands of stores are made and thrown away, and every commit waits for the disk.
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    if sys.flags.dont_write_bytecode:  # not here; but hundreds of processes would each compile the same modules
        place = tempfile.mkdtemp(prefix="shopctl-compiled-")
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = place
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.dont_write_bytecode = False


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = shops.make(tmp_path)
    yield opened
    opened.engine.dispose()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests ran on which store: as many on each, and none skipped."""
    ran = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    for store in STORES:
        mine = [report for report in ran if f"[{store}" in report.nodeid and report.when == "call"]
        terminalreporter.write_line(f"{len(mine)} tests on {store}")


# Started in the background by a shell, we inherit that SIGINT is ignored, and so would every command under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
