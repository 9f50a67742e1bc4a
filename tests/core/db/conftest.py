"""About one store or the other: each test says which, and runs once."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def store() -> None: ...
