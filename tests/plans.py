"""How a store answers what is asked: by an index, or by reading through a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.unit_of_work import UnitOfWork


def plans(tx: UnitOfWork, ask: Callable[[], object]) -> list[str]:
    """The plan of each statement that `ask` makes. On Postgres it is one for large tables, though these are small."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        asked.append((statement, values))

    sa.event.listen(tx.connection, "before_cursor_execute", note)
    ask()
    sa.event.remove(tx.connection, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN"
    if tx.connection.dialect.name == "postgresql":
        explain = "EXPLAIN"
        for method in ("seqscan", "bitmapscan", "sort"):
            tx.connection.exec_driver_sql(f"SET LOCAL enable_{method} = off")
    return [
        "\n".join(row[-1] for row in tx.connection.exec_driver_sql(f"{explain} {text}", values))
        for text, values in asked
    ]


def reads_through(plan: str) -> bool:
    """Whether a plan reads all of a table or of an index, or sorts what it finds."""
    if re.search(r"\bSCAN\b|TEMP B-TREE|Seq Scan|Sort", plan):
        return True
    return bool(re.search(r"Index (Only )?Scan[^\n]*\n(?!\s*Index Cond)", plan + "\n"))
