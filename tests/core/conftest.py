"""Every test of the core runs on both stores; what is about one of them only has its room in tests/core/db."""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest import mock

import pytest

from tests import servers, shops


@pytest.fixture(autouse=True, params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """The store that `tests.shops` makes shops on."""
    kind: str = request.param
    with shops.on(kind):
        yield kind


@pytest.fixture(params=["database", "redis"])
def carts(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where `tests.shops` lets carts live while they change; for the tests that ask for it."""
    kind: str = request.param
    with mock.patch.dict(os.environ, SHOPCTL_TEST_CARTS=servers.redis() if kind == "redis" else ""):
        yield kind
