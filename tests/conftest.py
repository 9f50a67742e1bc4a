"""Fixtures for everyone: a real shop on a real SQLite file."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopctl.core.shop import Shop
from tests import shops


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = shops.make(tmp_path)
    yield opened
    opened.engine.dispose()


# Started in the background by a shell, we inherit that SIGINT is ignored, and so would every command under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
