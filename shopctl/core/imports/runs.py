"""How far a file has gone in: recorded in the transaction of each batch, so that the same file goes on after a cut.

The only writer of import_runs. A run is of one kind (products, stock, orders) and known by its file's fingerprint. Its
state is the importer's: what it needs to go on. The last hundred runs are kept, finished or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import dialects
from shopctl.core.db.tables import import_runs
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork

KEPT = 100

_c = import_runs.c
_OPEN = _c.finished_at.is_(None)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was recorded last: how many lines had been read, and the importer's own state."""

    line: int
    state: Mapping[str, Any]
    started_at: datetime


# --- steps ---------------------------------------------------------------------------------------------------------
def unfinished(tx: UnitOfWork, kind: str, fingerprint: str) -> Run | None:
    """Where an import of this file was cut, if it was."""
    row = tx.row(sa.select(import_runs).where(_c.kind == kind, _c.fingerprint == fingerprint, _OPEN))
    return None if row is None else Run(row.line, row.report, row.started_at)


def record(
    tx: UnitOfWork, kind: str, fingerprint: str, target: str | None, line: int, state: Mapping[str, Any]
) -> None:
    """Say how far the file has gone in with this transaction."""
    told = {"target": target, "line": line, "report": state, "updated_at": tx.now}
    fresh = {"id": new_id(), "kind": kind, "fingerprint": fingerprint, "started_at": tx.now, **told}
    insert = dialects.insert_new(tx.connection, import_runs)
    tx.execute(
        insert.values(fresh).on_conflict_do_update(
            index_elements=[_c.kind, _c.fingerprint],
            index_where=sa.text("finished_at IS NULL"),
            set_={name: insert.excluded[name] for name in told},
        )
    )


def finish(tx: UnitOfWork, kind: str, fingerprint: str, state: Mapping[str, Any]) -> None:
    """The whole file has gone in: the run becomes history, with what is worth keeping of its state."""
    done = sa.update(import_runs).where(_c.kind == kind, _c.fingerprint == fingerprint, _OPEN)
    tx.execute(done.values(finished_at=tx.now, report=state))
    latest = sa.select(_c.id).order_by(_c.updated_at.desc(), _c.id.desc()).limit(KEPT)
    tx.execute(sa.delete(import_runs).where(_c.id.not_in(latest)))


def forget(tx: UnitOfWork, kind: str, fingerprint: str) -> None:
    """Let the file begin anew."""
    tx.execute(sa.delete(import_runs).where(_c.kind == kind, _c.fingerprint == fingerprint, _OPEN))
