"""Rate limits in the database: a row a bucket, one short transaction for all who ask at once. The only writer of its table.

A crash may forget the last of them: counting is not worth a wait for the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import dialects, failures
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import rate_limits
from shopctl.core.ports import Draw, Wait

TURN_SECONDS = 2.0
"""How long a question waits for its turn to write."""
_CHUNK = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
c = rate_limits.c
_LOCK = (
    sa.select(c.key, c.full_at)
    .where(c.key.in_(sa.bindparam("buckets", expanding=True)))
    .order_by(c.key)
    .with_for_update()
)
_WRITE: Any = (
    sa.update(rate_limits)
    .where(c.key == sa.bindparam("bucket"))
    .values(full_at=sa.bindparam("full", type_=c.full_at.type))
)


@dataclass(frozen=True)
class DatabaseLimits:
    """The buckets of a store; the time is the server's, or this machine's where there is none."""

    engine: sa.Engine
    clock: stores.Clock = stores.system_clock

    def take(self, asked: Sequence[Sequence[Draw]]) -> list[Wait | None]:
        keys = sorted({draw.key for draws in asked for draw in draws})
        with failures.translated(), stores.hasty(self.engine, TURN_SECONDS) as connection:
            now = self._now(connection)
            buckets = _Buckets(now, _locked(connection, keys, now))
            waits = [buckets.take(draws) for draws in asked]
            if buckets.changed:
                connection.execute(_WRITE, [{"bucket": key, "full": buckets.full_at[key]} for key in buckets.changed])
        return waits

    def sweep(self, most: int) -> int:
        with failures.translated(), stores.hasty(self.engine, TURN_SECONDS) as connection:
            full = sa.select(c.key).where(c.full_at < self._now(connection)).order_by(c.full_at).limit(most)
            return connection.execute(sa.delete(rate_limits).where(c.key.in_(full))).rowcount

    def _now(self, connection: sa.Connection) -> int:
        """Microseconds since 1970."""
        if connection.dialect.name == "postgresql":
            micros = sa.extract("epoch", sa.func.statement_timestamp()) * 1_000_000
            return int(connection.execute(sa.select(sa.cast(micros, sa.BigInteger))).scalar_one())
        return (self.clock() - _EPOCH) // _MICROSECOND


@dataclass
class _Buckets:
    """When each is full again, while one request after the other is answered."""

    now: int
    full_at: dict[str, int]
    changed: set[str] = field(default_factory=set)

    def take(self, draws: Sequence[Draw]) -> Wait | None:
        after = {draw.key: self._full_at(draw) + draw.cost for draw in draws}
        waits = [after[draw.key] - draw.capacity - self.now for draw in draws]
        if (longest := max(waits)) > 0:
            return Wait(longest / 1_000_000, waits.index(longest))
        self.full_at |= after
        self.changed |= after.keys()
        return None

    def _full_at(self, draw: Draw) -> int:
        """One that is full for longer, or would be only after the longest possible time, is full now: a clock that was set back
        must not shut anybody out."""
        full_at = self.full_at[draw.key]
        return full_at if self.now <= full_at <= self.now + draw.capacity else self.now


def _locked(connection: sa.Connection, keys: Sequence[str], now: int) -> dict[str, int]:
    """The buckets, made where there are none; nobody else draws from them until the transaction ends."""
    connection.execute(_make(connection.dialect.name), [{"key": key, "full_at": now} for key in keys])
    found: dict[str, int] = {}
    for start in range(0, len(keys), _CHUNK):
        rows = connection.execute(_LOCK, {"buckets": keys[start : start + _CHUNK]})
        found.update({row.key: row.full_at for row in rows})
    return found


@cache
def _make(dialect: str) -> Any:
    return dialects.insert_for(dialect, rate_limits).on_conflict_do_nothing()
