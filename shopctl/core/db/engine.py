"""Opening a store, its clock, and its transactions, on SQLite and on Postgres."""

from __future__ import annotations

import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import exc

from shopctl.core.db import turns
from shopctl.core.errors import BadInput, StoreUnusable

LOCK_WAIT_SECONDS = 30.0
Clock = Callable[[], datetime]


def parse_url(text: str) -> sa.URL:
    """A store URL, or BadInput. Passwords never reach the message."""
    try:
        url = sa.make_url(re.sub("^postgres(ql)?://", "postgresql+psycopg://", text))
    except (exc.ArgumentError, ValueError):  # a port that is no number is the latter
        url = None
    if url is None or url.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise BadInput(
            "bad_store_url",
            "The store must be a URL: sqlite:///shop.db or postgresql+psycopg://user@host/name",
            hint="Three slashes and a relative path, four and an absolute one: sqlite:///shop.db, sqlite:////srv/shop.db.",
        )
    if url.get_backend_name() == "sqlite" and not url.database:
        raise BadInput("bad_store_url", "An SQLite store needs a file: sqlite:///shop.db")
    return url


def file_of(url: sa.URL) -> Path | None:
    """The file of an SQLite store; None for a server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def open_engine(url: sa.URL, *, read_only: bool = False, lock_wait: float = LOCK_WAIT_SECONDS) -> sa.Engine:
    """An engine over an existing store; the first statement may still find that it is none."""
    path = file_of(url)
    if path is None:
        return _server_engine(url, read_only, lock_wait)
    if not path.is_file():
        raise StoreUnusable(
            "store_missing",
            f"There is no store at {path}",
            hint="Run `shopctl init`, or name one with --store.",
        )
    mode = "rw" if os.access(path, os.W_OK) else "ro"
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=f"file:{_quoted(path)}", query={"uri": "true", "mode": mode}),
        hide_parameters=True,
        connect_args={"timeout": lock_wait},
        pool_size=CONNECTIONS,
        execution_options={"writer_lock": str(path) + "-writer", "lock_wait": lock_wait},
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are ours: see `begin` below
        for pragma in (
            "foreign_keys=ON",
            "synchronous=FULL",
            "cache_size=-16384",
            f"query_only={int(read_only)}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    identity = path.stat().st_ino

    def begin(connection: Any) -> None:
        if not path.exists() or path.stat().st_ino != identity:  # SQLite would go on reading the file that was
            raise StoreUnusable("store_gone", f"The store at {path} was removed or replaced")
        connection.execute("BEGIN IMMEDIATE" if connection.info.get(_WRITING) else "BEGIN")

    # No "begin" event: an engine with any listener looks for others at each step of each statement.
    engine.dialect.do_begin = begin  # type: ignore[assignment, method-assign]
    return engine


_WRITING = "writing"
"""Of a connection: its next transaction is going to write."""


def _server_engine(url: sa.URL, read_only: bool, lock_wait: float) -> sa.Engine:
    # A connection that breaks is told in our words alone.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        execution_options={"lock_wait": lock_wait},
        pool_size=CONNECTIONS,
        pool_timeout=lock_wait,
        pool_use_lifo=True,  # the fewer connections are in use, the more of them a quiet shop gives up
        pool_recycle=3600,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "shopctl",
            "client_encoding": "utf8",  # whatever PGCLIENTENCODING or the database says
            **_KEEPALIVES,
        },
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        """Nothing waits for good. One round trip a connection; a pooler in transaction mode can pass it on."""
        connection.autocommit = True
        connection.execute(
            f"SET lock_timeout = {int(lock_wait * 1000)}; SET statement_timeout = {STATEMENT_SECONDS * 1000};"
            f"SET idle_in_transaction_session_timeout = {STATEMENT_SECONDS * 1000}; SET TIME ZONE 'UTC'"
            f"; SET default_transaction_read_only = {'on' if read_only else 'off'}"
        )
        connection.autocommit = False

    return engine


CONNECTIONS = 16
"""Of one process at most that are kept for the next who needs one: a gateway has as many threads at work."""
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 300
"""The longest statement on a server, unless its reader has another patience."""
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""A connection whose other end is gone without a word is noticed within a minute."""


def pauses(seconds: float) -> Iterator[float]:
    """How long to wait before each new attempt: longer each time, with jitter, until `seconds` are over."""
    deadline = time.monotonic() + seconds
    step = 0.02
    while time.monotonic() < deadline:
        yield step * random.uniform(0.5, 1.5)
        step = min(step * 2, 1.0)


@contextmanager
def writing(connection: sa.Connection) -> Iterator[None]:
    """Hold the writers' turn while a writing transaction is open (SQLite; nothing to do on a server)."""
    options = connection.get_execution_options()
    path = options.get("writer_lock")
    if path is None:
        yield
        return
    about = connection.connection.info
    with turns.turn(path, options["lock_wait"]):
        about[_WRITING] = True
        try:
            yield
        finally:
            del about[_WRITING]


@contextmanager
def hasty(engine: sa.Engine, seconds: float) -> Iterator[sa.Connection]:
    """A writing transaction that is true before it is on the disk: a crash may take it back, and nothing else of the store.
    It waits for its turn so long.
    """
    with engine.connect().execution_options(lock_wait=seconds) as connection, writing(connection):
        if connection.dialect.name == "postgresql":
            with connection.begin():
                connection.exec_driver_sql(
                    f"SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = {int(seconds * 1000)}"
                )
                yield connection
            return
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA synchronous=NORMAL")
        try:
            with connection.begin():
                yield connection
        finally:
            driver.execute("PRAGMA synchronous=FULL")


def snapshot(connection: sa.Connection) -> sa.Connection:
    """The connection, its next transaction a read of one moment, as it is on SQLite anyway; said in its BEGIN, at no cost."""
    if connection.dialect.name != "postgresql":
        return connection
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one read may take, and whether anybody still waits for it."""

    seconds: float
    unwanted: Callable[[], bool] = lambda: False


@contextmanager
def bounded(connection: sa.Connection, patience: Patience | None) -> Iterator[None]:
    """End a statement of the open transaction when patience is out; the TimedOut comes from `translate`."""
    if patience is None:
        yield
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(patience.seconds * 1000)}")
        yield
        return
    driver: Any = connection.connection.driver_connection
    deadline = time.monotonic() + patience.seconds
    driver.set_progress_handler(lambda: patience.unwanted() or time.monotonic() > deadline, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


def take_time(connection: sa.Connection) -> None:
    """Let a long transaction be long: no timeout ends it, and its cursors are planned for all of their rows."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_NO_HURRY)


_NO_HURRY = (
    "SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),"
    " set_config('cursor_tuple_fraction', '1', true)"
)
_STEPS = 20_000
"""Instructions of SQLite's machine between two looks at the clock: under a millisecond."""
_SERVER_CLOCK = sa.select(sa.func.clock_timestamp())


def system_clock() -> datetime:
    """This machine's clock. On Postgres it stands for the server's, see `now`."""
    return datetime.now(UTC)


def now(connection: sa.Connection, clock: Clock, latest: sa.Select[Any]) -> datetime:
    """The time of a unit of work: on Postgres the server's clock, otherwise never before the latest time written."""
    if clock is system_clock and connection.dialect.name == "postgresql":
        return connection.execute(_SERVER_CLOCK).scalar_one().astimezone(UTC)  # type: ignore[no-any-return]
    written = connection.execute(latest).scalar()
    current = clock()
    return max(current, written) if written else current


def one_at_a_time(connection: sa.Connection, what: str) -> None:
    """From here to the end of the transaction nobody else passes here: what is looked up now stays so. On a server, for
    what no row can be locked for, because it is not there yet; SQLite's writers are alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME, sa.func.hashtext(what))))


def wait_at_most(connection: sa.Connection, seconds: float) -> None:
    """From here to the end of the transaction; on a server, where one waits for the rows of others."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(seconds * 1000)}")


def is_open(connection: sa.Connection) -> bool:
    """Whether its transaction can be committed. One that a failure has ended looks as if it could: a server answers COMMIT
    by rolling back, without a word."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        return bool(driver.info.transaction_status < _FAILED)
    return bool(driver.in_transaction)


_FAILED = 3
"""libpq's PQTRANS_INERROR; before it are idle (nothing was said yet), active, in a transaction; behind it a connection that is gone."""
_ONE_AT_A_TIME = 0x73686F70
"""The first half of the advisory locks' keys: "shop"."""


def has_rivals(connection: sa.Connection) -> bool:
    """Whether others can write while this transaction is open. On SQLite a writer is alone: what it has read, stays."""
    return connection.dialect.name != "sqlite"


def _quoted(path: Path) -> str:
    return quote(str(path.absolute()))
