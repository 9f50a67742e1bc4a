"""Whether a transaction was committed, also when the server's answer to COMMIT is lost: its audit row is its receipt."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from shopctl.core.db.engine import pauses
from shopctl.core.errors import StillPending


@dataclass(frozen=True, slots=True)
class Receipt:
    """By what a server's transaction can be recognised after its end: its audit row, and its own number."""

    seq: int
    request_id: str
    transaction: str


_RECEIPT = sa.literal_column("pg_current_xact_id()::text", sa.Text)


def append_audit(connection: sa.Connection, insert: sa.Insert, entry: Mapping[str, Any]) -> Receipt | None:
    """Write the audit row of a transaction; on a server, its receipt."""
    if connection.dialect.name != "postgresql":
        connection.execute(insert, entry)
        return None
    seq, transaction = connection.execute(_with_receipt(insert), entry).one()
    return Receipt(seq, entry["request_id"], transaction)


@cache
def _with_receipt(insert: sa.Insert) -> sa.Insert:
    return insert.returning(insert.table.c.seq, _RECEIPT)


def commit(engine: sa.Engine, transaction: sa.Transaction, receipt: Receipt | None) -> None:
    """Commit. When a server's answer is lost, find out whether it was done: the audit row is there, or will never be."""
    try:
        transaction.commit()
    except exc.DBAPIError as error:
        if receipt is None or not error.connection_invalidated or not _came_true(engine, receipt):
            raise


_OUTCOME = sa.text("""
    SELECT EXISTS (SELECT FROM audit_log WHERE seq = :seq AND request_id = CAST(:request_id AS uuid)) AS written,
           CASE WHEN CAST(:transaction AS xid8) < pg_snapshot_xmax(pg_current_snapshot())
                THEN pg_xact_status(CAST(:transaction AS xid8)) END AS status
""")
COMMIT_SECONDS = 15.0


def _came_true(engine: sa.Engine, receipt: Receipt) -> bool:
    """Whether a transaction was committed. Its session may still be at it: while it is, nothing is decided.

    A number that the server has forgotten in a crash may be another transaction's by now; the audit row tells.
    """
    undecided = 0
    for pause in pauses(COMMIT_SECONDS):
        try:
            with engine.connect() as connection:
                found = connection.execute(_OUTCOME, asdict(receipt)).one()
        except exc.DBAPIError:
            found = None
        if found is not None:
            if found.written:
                return True
            undecided += found.status == "committed"  # just now, after the look for its row; or it is another's
            if found.status in (None, "aborted") or undecided > 1:
                return False
        time.sleep(pause)
    raise StillPending(
        "commit_unknown",
        "The connection was lost while the change was being made: it was made whole, or not at all",
        hint="Look before you repeat it; a checkout is repeated with its key.",
    )
