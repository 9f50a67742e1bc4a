"""Rate limits where this machine's clock counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from shopctl.core.adapters.limits_db import DatabaseLimits
from tests import shops
from tests.core.test_limits import taken


def test_a_clock_that_is_set_back_shuts_nobody_out(tmp_path: Path) -> None:
    with shops.on("sqlite"):
        shop = shops.make(tmp_path)
        ahead = DatabaseLimits(shop.engine, lambda: datetime.now(UTC) + timedelta(hours=1))
        assert taken(shop.but(limiter=ahead), times=9, rate=1) == 5
        assert taken(shop, times=9, rate=1) == 5
