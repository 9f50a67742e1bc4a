"""Rate limits in the database: a row a bucket, one statement a question. The only writer of its table.

A crash may forget the last of them: counting is not worth a wait for the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import dialects, failures
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import rate_limits
from shopctl.core.db.types import Count
from shopctl.core.ports import Allowance

TURN_SECONDS = 2.0
"""How long a question waits for its turn to write."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_cost, _capacity = sa.bindparam("cost", type_=Count()), sa.bindparam("capacity", type_=Count())
c = rate_limits.c


@dataclass(frozen=True)
class DatabaseLimits:
    """The buckets of a store; the time is the server's, or this machine's where there is none."""

    engine: sa.Engine
    clock: stores.Clock = stores.system_clock

    def take(self, key: str, allowance: Allowance, units: int) -> float:
        cost, capacity = allowance.cost(units), allowance.cost(allowance.burst)
        asked = {"bucket": key, "cost": cost, "capacity": capacity, **self._now()}
        with failures.translated(), stores.hasty(self.engine, TURN_SECONDS) as connection:
            taken = connection.execute(_take(connection.dialect.name), asked).scalar()
            if taken is not None:
                return 0
            wait: int = connection.execute(_wait(connection.dialect.name), asked).scalar_one()
        return max(wait, 1) / 1_000_000

    def sweep(self, most: int) -> int:
        with failures.translated(), stores.hasty(self.engine, TURN_SECONDS) as connection:
            now = _clock(connection.dialect.name)
            full = sa.select(c.key).where(c.full_at < now).order_by(c.full_at).limit(most)
            return connection.execute(sa.delete(rate_limits).where(c.key.in_(full)), self._now()).rowcount

    def _now(self) -> Mapping[str, int]:
        return {} if self.engine.dialect.name == "postgresql" else {"now": (self.clock() - _EPOCH) // _MICROSECOND}


def _clock(dialect: str) -> sa.ColumnElement[int]:
    """Microseconds since 1970; in one statement always the same."""
    if dialect == "postgresql":
        return sa.cast(sa.extract("epoch", sa.func.statement_timestamp()) * 1_000_000, sa.BigInteger)
    return sa.bindparam("now", type_=Count())


def _full_at(now: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """When a bucket is full. One that is so for longer, or would be only after the longest possible time, is full now: a
    clock that was set back must not shut anybody out.
    """
    return sa.case((sa.or_(c.full_at < now, c.full_at > now + _capacity), now), else_=c.full_at)


@cache
def _take(dialect: str) -> Any:
    now = _clock(dialect)
    after = _full_at(now) + _cost
    new = dialects.insert_for(dialect, rate_limits).values(key=sa.bindparam("bucket"), full_at=now + _cost)
    return new.on_conflict_do_update(
        index_elements=[c.key], set_={"full_at": after}, where=after <= now + _capacity
    ).returning(c.full_at)


@cache
def _wait(dialect: str) -> sa.Select[Any]:
    now = _clock(dialect)
    return sa.select(c.full_at + _cost - _capacity - now).where(c.key == sa.bindparam("bucket"))
