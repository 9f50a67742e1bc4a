"""Fixtures for everyone: a real shop on a real SQLite file."""

from __future__ import annotations

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
