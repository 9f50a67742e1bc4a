"""Fixtures for everyone: a real shop; and what is told at the end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopctl.core.shop import Shop
from tests import shops

STORES = ("sqlite", "postgres")


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
