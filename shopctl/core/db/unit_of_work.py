"""One transaction with its circumstances: who acts, under which request, at what time, in which mode.

    with shop.work("orders.ship", target="1001") as tx:
        ...                 # steps: they never commit
        tx.commit()         # leaving without it rolls everything back

`commit()` writes the audit row in the same transaction; in a dry run it rolls back instead. Inside a `Group` a unit is a
savepoint of the group's transaction, and its commit is durable when the group's is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeAlias

import sqlalchemy as sa

from shopctl.core.db import commits, failures
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import audit_log
from shopctl.core.domain.facts import Facts
from shopctl.core.errors import Unavailable
from shopctl.core.faults import Faults

_LATEST = sa.select(audit_log.c.at).order_by(audit_log.c.seq.desc()).limit(1)
_AUDIT = sa.insert(audit_log)
RECONNECT_SECONDS = 5.0
"""How long a unit of work waits at its beginning for a server that is being restarted."""

Rows = Sequence[Mapping[str, Any]]
Row: TypeAlias = sa.Row[*tuple[Any, ...]]
"""One row of a result, its columns by name."""


class Group:
    """One writing transaction that many units of work share. Leaving it without `commit()` rolls all of them back."""

    def __init__(self, engine: sa.Engine, faults: Faults | None = None) -> None:
        self._engine, self._faults = engine, faults
        self.receipt: commits.Receipt | None = None

    def __enter__(self) -> Self:
        _patiently(self._enter)
        return self

    def _enter(self) -> None:
        with ExitStack() as opened, failures.translated():
            self.connection = opened.enter_context(self._engine.connect())
            opened.enter_context(stores.writing(self.connection))
            self._transaction = self.connection.begin()
            opened.callback(self._transaction.close)
            self._open = opened.pop_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with failures.translated():
            self._open.__exit__(kind, error, trace)
            if isinstance(error, sa.exc.SQLAlchemyError):
                raise error

    def commit(self) -> None:
        if not stores.is_open(self.connection):
            raise failures.conflict()
        with _between(self._faults, "together"):
            commits.commit(self._engine, self._transaction, self.receipt)


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
    note: Callable[[str, str], None] = lambda _action, _target: None  # who did what to what, however it ends
    faults: Faults | None = None
    connection: sa.Connection = field(init=False)
    now: datetime = field(init=False)
    _at_commit: dict[sa.Table, list[Mapping[str, Any]]] = field(init=False, default_factory=dict)
    _open: ExitStack = field(init=False)
    _transaction: sa.Transaction | None = field(init=False)

    def __enter__(self) -> Self:
        if self.group:
            self._enter()
        else:
            _patiently(self._enter)
        return self

    def _enter(self) -> None:
        with ExitStack() as opened, failures.translated():
            self._transaction = self._begun(opened)
            if self._transaction:
                opened.callback(self._transaction.close)
            opened.enter_context(stores.bounded(self.connection, self.patience))
            self.now = stores.now(self.connection, self.clock, _LATEST)
            self._open = opened.pop_all()

    def look_at_the_clock(self) -> None:
        """After a wait for a lock: what is written from now on is not older than what those wrote who had it before."""
        if stores.has_rivals(self.connection):
            self.now = stores.now(self.connection, self.clock, _LATEST)

    def _begun(self, opened: ExitStack) -> sa.Transaction | None:
        """The transaction of this unit; None for a read inside a group, which sees what the group has written."""
        if self.group:
            self.connection = self.group.connection
            return self.connection.begin_nested() if self.action else None
        self.connection = opened.enter_context(self.engine.connect())
        if self.action:
            opened.enter_context(stores.writing(self.connection))
        else:
            self.connection = stores.snapshot(self.connection)
        return self.connection.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.action and self.target:
            self.note(self.action, self.target)
        with failures.translated():
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
            self.connection.execute(_into(table), rows)

    def insert_at_commit(self, table: sa.Table, rows: Rows) -> None:
        """Insert rows that nobody reads in this transaction: all of a table in one statement, whoever wrote them."""
        self._at_commit.setdefault(table, []).extend(rows)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """An error that leaves it takes back what was done inside, and nothing else of the transaction."""
        before = {table: list(rows) for table, rows in self._at_commit.items()}
        try:
            with self.connection.begin_nested():
                yield
        except BaseException:
            self._at_commit = before
            raise

    def commit(self, *, audited: bool = True) -> None:
        """Make it all true, with its audit row; or, in a dry run, take it all back. What changes nothing of the shop (a
        worker's heartbeat) is not audited.
        """
        assert self.action, "a read has nothing to commit"
        assert self._transaction
        if self.dry_run:
            self._transaction.rollback()
            return
        for table, rows in self._at_commit.items():
            self.insert(table, rows)
        receipt = self._audit() if audited else None
        if self.group:
            self.group.receipt = receipt
            self._transaction.commit()
        else:
            with _between(self.faults, self.action):
                commits.commit(self.engine, self._transaction, receipt)

    def _audit(self) -> commits.Receipt | None:
        entry = {
            "at": self.now,
            "actor": self.actor,
            "request_id": self.request_id,
            "action": self.action,
            "target": self.target,
        }
        return commits.append_audit(self.connection, _AUDIT, entry)


@cache
def _into(table: sa.Table) -> sa.Insert:
    """The INSERT of a table, made once; nobody wants the number that a row is given."""
    return sa.insert(table).inline()


@contextmanager
def _between(faults: Faults | None, action: str) -> Iterator[None]:
    """A commit is where a test store may be struck, before and after."""
    if faults:
        faults.point("commit", f"{action}.before_commit")
    yield
    if faults:
        faults.point("commit", f"{action}.after_commit")


def _patiently(enter: Callable[[], None]) -> None:
    """Begin a transaction, waiting a little for a server that is away: nothing has happened yet, so nothing can be lost."""
    for pause in stores.pauses(RECONNECT_SECONDS):
        try:
            return enter()
        except failures.Lost as error:
            away = error
            time.sleep(pause)
    raise Unavailable(away.code, away.message, hint=away.hint)
