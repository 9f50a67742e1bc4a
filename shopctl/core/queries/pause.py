"""Reads of the pause: whether new checkouts are refused, since when, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import settings
from shopctl.core.db.unit_of_work import UnitOfWork

KEY = "paused"
_KEPT = sa.select(settings.c.value).where(settings.c.key == KEY)
KEPT: sa.ScalarSelect[Any] = _KEPT.scalar_subquery()
"""What is kept of the pause, for a statement that asks other things as well; None when there is none."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why no checkout may begin, since when, and who said so."""

    reason: str
    since: datetime
    actor: str


def of_kept(kept: Mapping[str, Any] | None) -> Pause | None:
    return None if kept is None else Pause(kept["reason"], datetime.fromisoformat(kept["since"]), kept["actor"])


def find(tx: UnitOfWork) -> Pause | None:
    return of_kept(tx.execute(_KEPT).scalar())
