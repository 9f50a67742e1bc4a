"""Every test of the core runs on both stores; what is about one of them only has its room in tests/core/db."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import shops


@pytest.fixture(autouse=True, params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """The store that `tests.shops` makes shops on."""
    kind: str = request.param
    with shops.on(kind):
        yield kind
