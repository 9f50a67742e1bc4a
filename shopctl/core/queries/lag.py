"""Reads of what waits to be delivered: how much, and for how long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core.db.dialects import seconds_between
from shopctl.core.db.tables import outbox
from shopctl.core.db.types import Instant
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.queries.due import WAITING


@dataclass(frozen=True, slots=True)
class Lag:
    """So many facts of a topic are not delivered yet; the oldest was written so many seconds ago."""

    facts: int = 0
    seconds: int = 0


def by_topic(tx: UnitOfWork) -> Mapping[str, Lag]:
    """What waits, by topic; a topic of which nothing waits is not there."""
    oldest = seconds_between(sa.func.min(outbox.c.created_at), sa.literal(tx.now, Instant()))
    rows = tx.rows(sa.select(outbox.c.topic, sa.func.count(), oldest).where(WAITING).group_by(outbox.c.topic))
    return {topic: Lag(count, max(int(seconds), 0)) for topic, count, seconds in rows}


def of(waiting: Mapping[str, Lag], topics: Iterable[str]) -> Lag:
    """What waits of these topics together."""
    found = [waiting[topic] for topic in topics if topic in waiting]
    return Lag(sum(lag.facts for lag in found), max((lag.seconds for lag in found), default=0))


def dead(tx: UnitOfWork) -> int:
    """Facts that were put aside after many tries."""
    which = outbox.c.state == sa.literal("dead", literal_execute=True)  # the word of a partial index
    return int(tx.execute(sa.select(sa.func.count()).select_from(outbox).where(which)).scalar_one())
