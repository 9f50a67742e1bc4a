"""One transaction with its circumstances: who acts, under which request, at what time, in which mode.

    with shop.work("orders.ship", target="1001") as tx:
        ...                 # steps: they never commit
        tx.commit()         # leaving without it rolls everything back

`commit()` writes the audit row in the same transaction; in a dry run it rolls back instead. Inside a `Group` a unit is a
savepoint of the group's transaction, and its commit is durable when the group's is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeAlias

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.db.tables import audit_log
from shopctl.core.domain.facts import Facts

_LATEST = sa.select(audit_log.c.at).order_by(audit_log.c.seq.desc()).limit(1)
_AUDIT = sa.insert(audit_log)

Rows = Sequence[Mapping[str, Any]]
Row: TypeAlias = sa.Row[*tuple[Any, ...]]
"""One row of a result, its columns by name."""


class Group:
    """One writing transaction that many units of work share. Leaving it without `commit()` rolls all of them back."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Self:
        with ExitStack() as opened, _translated():
            connection = opened.enter_context(self._engine.connect())
            opened.enter_context(stores.writing(connection))
            self.connection = connection.execution_options(writes=True)
            self._transaction = self.connection.begin()
            opened.callback(self._transaction.close)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _translated():
            self._open.__exit__(kind, error, trace)
            if isinstance(error, sa.exc.SQLAlchemyError):
                raise error

    def commit(self) -> None:
        self._transaction.commit()


@dataclass(slots=True)
class UnitOfWork:
    """See the module. `now` is fixed for the whole unit."""

    engine: sa.Engine
    facts: Facts
    actor: str
    request_id: str
    clock: stores.Clock
    action: str | None  # None: a read, in one snapshot
    target: str | None = None
    dry_run: bool = False
    patience: stores.Patience | None = None
    group: Group | None = None
    connection: sa.Connection = field(init=False)
    now: datetime = field(init=False)
    _open: ExitStack = field(init=False)
    _transaction: sa.Transaction | None = field(init=False)

    def __enter__(self) -> Self:
        with ExitStack() as opened, _translated():
            self._transaction = self._begun(opened)
            if self._transaction:
                opened.callback(self._transaction.close)
            opened.enter_context(stores.bounded(self.connection, self.patience))
            self.now = stores.now(self.connection, self.clock, _LATEST)
            self._open = opened.pop_all()
        return self

    def _begun(self, opened: ExitStack) -> sa.Transaction | None:
        """The transaction of this unit; None for a read inside a group, which sees what the group has written."""
        if self.group:
            self.connection = self.group.connection
            return self.connection.begin_nested() if self.action else None
        self.connection = opened.enter_context(self.engine.connect())
        if self.action:
            opened.enter_context(stores.writing(self.connection))
            self.connection = self.connection.execution_options(writes=True)
        return self.connection.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _translated():
            self._open.__exit__(kind, error, trace)
            if isinstance(error, sa.exc.SQLAlchemyError):
                raise error

    def execute(
        self, statement: sa.Executable, parameters: Mapping[str, Any] | Rows | None = None
    ) -> sa.CursorResult[Any]:
        """Run one statement; many rows of parameters run as one executemany. An empty list of rows runs nothing."""
        return self.connection.execute(statement, parameters)

    def rows(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row]:
        return self.connection.execute(statement, parameters).all()

    def row(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> Row | None:
        return self.connection.execute(statement, parameters).first()

    def insert(self, table: sa.Table, rows: Rows) -> None:
        """Insert rows (columns as named); nothing for an empty list."""
        if rows:
            self.connection.execute(sa.insert(table), rows)

    def commit(self, *, audited: bool = True) -> None:
        """Make it all true, with its audit row; or, in a dry run, take it all back. What changes nothing of the shop (a
        worker's heartbeat) is not audited.
        """
        assert self.action, "a read has nothing to commit"
        assert self._transaction
        if self.dry_run:
            self._transaction.rollback()
            return
        if audited:
            self.execute(
                _AUDIT,
                {
                    "at": self.now,
                    "actor": self.actor,
                    "request_id": self.request_id,
                    "action": self.action,
                    "target": self.target,
                },
            )
        self._transaction.commit()


class _translated:
    """Turn what a driver raises into the ShopError that it stands for."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sa.exc.SQLAlchemyError):
            meaning = stores.translate(error)
            if meaning is not None:
                raise meaning from error
