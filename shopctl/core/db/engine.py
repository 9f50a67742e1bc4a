"""Opening a store, and everything in which SQLite and Postgres differ.

SQLite runs in WAL with synchronous=FULL. A writing transaction takes a file lock first and then BEGIN IMMEDIATE: the
kernel hands a file lock on in the order of asking, whereas SQLite's own busy loop sleeps and starves waiters.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from shopctl.core.db import failures
from shopctl.core.db.types import Count
from shopctl.core.domain.zones import offsets
from shopctl.core.errors import BadInput, StillPending, StoreUnusable, TimedOut

try:
    import fcntl
except ImportError:  # no flock on this platform: writers queue on SQLite's busy loop, correct but less fair
    fcntl = None  # type: ignore[assignment]

LOCKS_WRITERS = fcntl is not None
LOCK_WAIT_SECONDS = 30.0
Clock = Callable[[], datetime]


def parse_url(text: str) -> sa.URL:
    """A store URL, or BadInput. Passwords never reach the message."""
    try:
        url = sa.make_url(re.sub("^postgres(ql)?://", "postgresql+psycopg://", text))
    except exc.ArgumentError:
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
        pool_timeout=lock_wait,
        pool_use_lifo=True,  # the fewer connections are in use, the more of them a quiet shop gives up
        pool_recycle=3600,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "shopctl", **_KEEPALIVES},
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


def create_file(url: sa.URL) -> None:
    """Make an empty SQLite store file, private to its owner, in WAL mode; refuse one that is already there."""
    path = file_of(url)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        use_log(path)
    except FileExistsError:
        raise StoreUnusable(
            "store_exists",
            f"{path} already exists",
            hint="Choose another --store, or use the shop that is there.",
        ) from None
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable("store_unwritable", f"Cannot make a store at {path}: {error}") from None


def use_log(path: Path) -> None:
    """Put an SQLite file in WAL mode, in which readers and the writer do not wait for each other."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


@contextmanager
def writing(connection: sa.Connection) -> Iterator[None]:
    """Hold the writers' turn while a writing transaction is open (SQLite; nothing to do on a server)."""
    options = connection.get_execution_options()
    path = options.get("writer_lock")
    if path is None:
        yield
        return
    about = connection.connection.info
    with _turn(path, options["lock_wait"]) if fcntl else nullcontext():
        about[_WRITING] = True
        try:
            yield
        finally:
            del about[_WRITING]


@contextmanager
def _turn(path: str, seconds: float) -> Iterator[None]:
    try:
        handle = open(path, "a")  # noqa: SIM115 — closing it is what gives the lock back
    except OSError as error:
        raise StoreUnusable("store_read_only", f"The store cannot be written: {error.strerror}") from None
    _take_turn(handle, seconds)
    try:
        yield
    finally:
        handle.close()


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
    """Let a long read be long: no timeout ends the open transaction, and its cursors are planned for all of their rows."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_NO_HURRY)


_NO_HURRY = (
    "SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),"
    " set_config('cursor_tuple_fraction', '1', true)"
)
_STEPS = 20_000
"""Instructions of SQLite's machine between two looks at the clock: under a millisecond."""


def _take_turn(handle: Any, seconds: float) -> None:
    """Lock `handle`: a few tries first, then a place in the kernel's queue.

    A turn is short, and whoever has just had one often comes back: with the queue alone the store lies idle while each
    next writer is woken, with tries alone somebody starves. Together eight writers get four times as much done as with the
    queue, and none waits longer (tests/benchmarks/writers.py).
    """
    for _ in range(_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            time.sleep(_BETWEEN_TRIES)
    _queue(handle, seconds)


_TRIES = 20
_BETWEEN_TRIES = 0.0005


def _queue(handle: Any, seconds: float) -> None:
    """Lock `handle`, waiting in the kernel's queue. A blocking flock knows no deadline, so a thread does the waiting."""
    decided = threading.Lock()
    outcome: list[str] = []

    def wait() -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with decided:
            if outcome:  # the caller has given up: nobody else will give the lock back
                handle.close()
            outcome.append("locked")

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    waiter.join(seconds)
    with decided:
        if not outcome:
            outcome.append("gave up")
            raise failures.busy(seconds)


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


def next_order_numbers(connection: sa.Connection, numbers: sa.Column[Any], count: int) -> Sequence[int]:
    """The next order numbers: unique, increasing, gaps allowed. A shop's first is 1001."""
    if connection.dialect.name == "postgresql":
        return sorted(int(number) for number in connection.execute(_DRAWN, {"count": count}).scalars())
    # A writing transaction on SQLite is alone, so the largest number is stable until it ends.
    last = int(connection.execute(_largest(numbers)).scalar() or 1000)
    return range(last + 1, last + 1 + count)


_DRAWN = sa.select(sa.func.nextval("order_numbers")).select_from(
    sa.func.generate_series(1, sa.bindparam("count", type_=Count())).table_valued()
)


@cache
def _largest(numbers: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(sa.func.max(numbers))


def insert_new(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that can say `on_conflict_do_nothing` / `on_conflict_do_update`, alike on both stores."""
    return _insert(connection.dialect.name, table)


def insert_once(connection: sa.Connection, table: sa.Table, *unique: str) -> sa.Insert:
    """An INSERT that leaves alone a row with the same `unique` columns, and returns the ids of the rows that it made."""
    return _insert_once(connection.dialect.name, table, *unique)


def _insert(dialect: str, table: sa.Table) -> Any:
    # Only the dialect in use is loaded: the other costs a one-shot command 20 ms.
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


@cache
def _insert_once(dialect: str, table: sa.Table, *unique: str) -> sa.Insert:
    made: sa.Insert = _insert(dialect, table).on_conflict_do_nothing(index_elements=unique).returning(table.c.id)
    return made


def overwrite_deleted(connection: sa.Connection) -> None:
    """From now on, what this connection deletes or replaces is overwritten with zeros in the file (SQLite)."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def fold_log(engine: sa.Engine) -> None:
    """Write the log into the file and cut it to nothing, as far as readers allow: pages that were replaced lie in it (SQLite)."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection, writing(connection):  # the WAL-reset bug: see health.py
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # outside any transaction, where alone it can run


@contextmanager
def referring_later(connection: sa.Connection, references: Collection[sa.ForeignKeyConstraint]) -> Iterator[None]:
    """While rows are written into a store in the making, these references may lead to rows that are still to come."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")  # until the transaction ends
        yield
        return

    def alter(how: str) -> None:
        for reference in references:
            connection.exec_driver_sql(f"ALTER TABLE {reference.table.name} ALTER CONSTRAINT {reference.name} {how}")

    alter("DEFERRABLE INITIALLY DEFERRED")
    yield
    connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    alter("NOT DEFERRABLE")


def count_on(connection: sa.Connection, counted: Collection[sa.Column[Any]], numbers: sa.Column[Any]) -> None:
    """After rows were written with their numbers, the next number is the one after; and the planner knows the tables.

    SQLite looks for the largest number itself.
    """
    if connection.dialect.name != "postgresql":
        return
    for column in counted:
        sequence = sa.func.pg_get_serial_sequence(column.table.name, column.name)
        connection.execute(sa.select(sa.func.setval(sequence, _next(column, 1), sa.false())))
    connection.execute(sa.select(sa.func.setval("order_numbers", _next(numbers, 1001), sa.false())))
    connection.exec_driver_sql("ANALYZE")


def _next(column: sa.Column[Any], first: int) -> sa.ScalarSelect[Any]:
    return sa.select(sa.func.coalesce(sa.func.max(column) + 1, first)).scalar_subquery()


def copy_file(engine: sa.Engine, target: Path, step: Callable[[int, int], None]) -> None:
    """A whole SQLite store as a new file, private to its owner, while others write to the store: one snapshot of it."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with engine.connect() as connection, connection.begin(), closing(sqlite3.connect(target)) as writer:
        # The snapshot begins with the first read. Without it each commit of others would start the copy anew.
        connection.exec_driver_sql("SELECT 1 FROM sqlite_master")
        driver: Any = connection.connection.driver_connection
        driver.backup(writer, pages=_PAGES, progress=lambda _, left, total: step(total - left, total))
        writer.execute("PRAGMA journal_mode=DELETE")  # one file, which needs no other beside it


_PAGES = 4096


def one_at_a_time(connection: sa.Connection, what: str) -> None:
    """From here to the end of the transaction nobody else passes here: what is looked up now stays so. On a server, for
    what no row can be locked for, because it is not there yet; SQLite's writers are alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME, sa.func.hashtext(what))))


_ONE_AT_A_TIME = 0x73686F70
"""The first half of the advisory locks' keys: "shop"."""


def migrating(connection: sa.Connection) -> None:
    """The turn of the one that changes the schema, in its transaction. On a server it waits in line for the tables only
    briefly, because everybody who comes after it waits behind it: `patiently` tries again."""
    if connection.dialect.name == "postgresql":
        unhurried(connection)
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))


def unhurried(connection: sa.Connection) -> None:
    """The open transaction has long statements, and long pauses between them."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")


def patiently(engine: sa.Engine, change: Callable[[], Changed]) -> Changed:
    """Make a change to the schema; on a server anew, until it gets its locks or the wait is over."""
    for pause in pauses(LOCK_WAIT_SECONDS):
        try:
            return change()
        except exc.SQLAlchemyError as error:
            meaning = failures.translate(error)
            if not isinstance(meaning, TimedOut) or engine.dialect.name != "postgresql":
                raise meaning or error from None
        time.sleep(pause)  # whoever waited behind it goes first
    raise failures.busy(LOCK_WAIT_SECONDS)


_MIGRATING = 0x73686F7063746C
"""The key of the advisory lock: "shopctl"."""
_LOCK_MILLISECONDS = 500
Changed = TypeVar("Changed")


@contextmanager
def scratch() -> Iterator[sa.Connection]:
    """A database of its own in an unnamed temporary file, gone afterwards: for what must not be kept in memory."""
    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(""), poolclass=sa.pool.StaticPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def integrity(connection: sa.Connection, limit: int) -> Iterator[str]:
    """What SQLite finds wrong with the file: pages, indexes, CHECKs, NOT NULLs, references. A server watches over its own."""
    if connection.dialect.name != "sqlite":
        return
    for (complaint,) in connection.exec_driver_sql(f"PRAGMA integrity_check({limit})"):
        if complaint != "ok":
            yield str(complaint)
    broken: dict[tuple[str, str], int] = {}
    for child, _, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        broken[child, parent] = broken.get((child, parent), 0) + 1
    for (child, parent), count in broken.items():
        yield f"{count} rows of {child} refer to no row of {parent}"


def has_rivals(connection: sa.Connection) -> bool:
    """Whether others can write while this transaction is open. On SQLite a writer is alone: what it has read, stays."""
    return connection.dialect.name != "sqlite"


class _json_items(FunctionElement[Any]):
    """The items of a JSON array, a row each."""

    name = "json_items"
    inherit_cache = True


@compiles(_json_items)
def _json_items_of(element: _json_items, compiler: SQLCompiler, **how: Any) -> str:
    array = compiler.process(element.clauses, **how)
    return f"json_each({array})" if compiler.dialect.name == "sqlite" else f"json_array_elements(CAST({array} AS JSON))"


def json_rows(document: sa.ColumnElement[str], fields: Mapping[str, TypeEngine[Any]]) -> sa.Select[Any]:
    """Rows out of one JSON document, [[…], …], for a set-based statement that is built once; fields in their order."""
    item = _json_items(document).table_valued("value", name="item")
    value = [item.c.value.op("->>")(sa.literal_column(str(at))) for at in range(len(fields))]
    return sa.select(
        *(sa.cast(found, kind).label(name) for found, (name, kind) in zip(value, fields.items(), strict=True))
    )


def enforced(connection: sa.Connection) -> set[str]:
    """The names of all constraints and indexes of the store; on a server those that are valid, for it keeps others, too."""
    if connection.dialect.name == "postgresql":
        return set(connection.exec_driver_sql(_VALID).scalars())
    made = connection.exec_driver_sql("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").all()
    return {name for name, _ in made} | {name for _, sql in made for name in re.findall(r"CONSTRAINT (\w+)", sql)}


_VALID = """
SELECT conname FROM pg_constraint WHERE convalidated AND connamespace = current_schema()::regnamespace
UNION SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indisvalid AND relnamespace = current_schema()::regnamespace
"""


def column_types(connection: sa.Connection) -> Mapping[tuple[str, str], str] | None:
    """The types of a server's columns, by table and name; None on SQLite, where each value has its own."""
    if connection.dialect.name == "sqlite":
        return None
    tables = sa.inspect(connection).get_multi_columns()
    return {
        (name, c["name"]): c["type"].compile(connection.dialect) for (_, name), found in tables.items() for c in found
    }


def pairs(connection: sa.Connection, values: Mapping[str, int]) -> sa.Subquery:
    """A mapping as rows of (key, value) for one set-based statement: all of it travels as one JSON parameter."""
    document = sa.literal(json.dumps(values, ensure_ascii=False))
    if connection.dialect.name == "postgresql":
        found = sa.func.json_each_text(sa.cast(document, sa.JSON)).table_valued("key", "value")
    else:
        found = sa.func.json_each(document).table_valued("key", "value")
    value = sa.cast(found.c.value, sa.BigInteger).label("value")
    return sa.select(sa.type_coerce(found.c.key, sa.Text).label("key"), value).subquery()


def among(connection: sa.Connection, column: sa.ColumnElement[str], values: Collection[str]) -> sa.ColumnElement[bool]:
    """Whether a text column has one of the values, however many: all of them travel as one JSON parameter."""
    document = sa.literal(json.dumps(list(values), ensure_ascii=False))
    if connection.dialect.name == "postgresql":
        found = sa.func.json_array_elements_text(sa.cast(document, sa.JSON)).table_valued("value")
    else:
        found = sa.func.json_each(document).table_valued("value")
    return column.in_(sa.select(sa.type_coerce(found.c.value, sa.Text)))


class seconds_between(FunctionElement[int]):
    """Whole seconds from one Instant to another, cut towards zero; negative when the second one is earlier."""

    type = Count()
    inherit_cache = True


@compiles(seconds_between)
def _seconds_between(element: seconds_between, compiler: SQLCompiler, **how: Any) -> str:
    start, end = (compiler.process(part, **how) for part in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"(({end} - {start}) / 1000000)"  # an Instant is its microseconds there
    return f"CAST(TRUNC(EXTRACT(EPOCH FROM ({end} - {start}))) AS BIGINT)"


def local_day(
    connection: sa.Connection, moment: sa.ColumnElement[Any], zone: ZoneInfo, start: datetime, end: datetime
) -> sa.ColumnElement[str]:
    """The day (2026-11-22) of a moment in a time zone. SQLite knows no zones, so it is told the offsets from start to end."""
    if connection.dialect.name == "postgresql":
        return sa.func.to_char(sa.func.timezone(zone.key, moment), "YYYY-MM-DD")
    *changes, last = offsets(zone, start, end)
    offset = sa.case(*((moment < until, seconds) for until, seconds in changes), else_=last[1]) if changes else last[1]
    seconds = sa.type_coerce(moment, sa.BigInteger) // 1_000_000
    return sa.func.strftime("%Y-%m-%d", seconds + offset, "unixepoch", type_=sa.Text)


def _quoted(path: Path) -> str:
    return quote(str(path.absolute()))
