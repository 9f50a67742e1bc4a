"""Every test of the core runs on both stores; what is about one of them only has its room in tests/core/db."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import servers, shops


@pytest.fixture(autouse=True, params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The store that `tests.shops` makes shops on."""
    kind: str = request.param
    monkeypatch.setenv("SHOPCTL_TEST_STORE", kind)
    if kind == "postgres":
        monkeypatch.setenv("SHOPCTL_TEST_POSTGRES", servers.postgres().render_as_string(hide_password=False))
    yield kind
    shops.close_all()
    servers.drop_databases()
