"""What the doctor says of the engine under a store: on SQLite here, on a server in tests/core/test_doctor.py."""

from __future__ import annotations

from shopctl.core.db import health
from shopctl.core.shop import Shop


def test_what_is_committed_must_stay(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert [found.status for found in health.engine(connection)] == ["ok", "ok"]
        connection.rollback()
        driver.execute("PRAGMA synchronous=NORMAL")
        assert [found.detail for found in health.engine(connection)][1] == "synchronous normal, journal_mode wal"
        assert [found.status for found in health.engine(connection)] == ["ok", "fail"]
        connection.rollback()
        driver.execute("PRAGMA synchronous=FULL")
        connection.rollback()
        driver.execute("PRAGMA journal_mode=DELETE")
        assert [found.status for found in health.engine(connection)] == ["ok", "warn"]
