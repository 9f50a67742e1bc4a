"""Reads of workers: who lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shopctl.core.db.tables import workers
from shopctl.core.db.unit_of_work import UnitOfWork

STALE = timedelta(seconds=60)
"""After so long without a heartbeat a worker is taken for dead: it was killed, or hangs."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that does what waits. `doing` is its job right now, or idle; `alive` when it was heard of lately."""

    id: str
    host: str
    pid: int
    version: str
    doing: str
    started_at: datetime
    beat_at: datetime
    alive: bool


def known(tx: UnitOfWork) -> Sequence[Worker]:
    """Every worker that has not ended in order, the oldest first."""
    rows = tx.rows(sa.select(workers).order_by(workers.c.started_at, workers.c.id))
    return [Worker(**row._mapping, alive=row.beat_at > tx.now - STALE) for row in rows]


def any_alive(tx: UnitOfWork) -> bool:
    """Whether somebody else will deliver and index what a command leaves behind."""
    return tx.row(sa.select(workers.c.id).where(workers.c.beat_at > tx.now - STALE).limit(1)) is not None
