"""No store, no I/O: each test runs once."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def store() -> None: ...
