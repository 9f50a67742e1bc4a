"""What is done to a store as a whole, on either store: made, copied, changed in its schema, looked through."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from shopctl.core.db import failures
from shopctl.core.db.engine import LOCK_WAIT_SECONDS, file_of, pauses, take_time, writing
from shopctl.core.errors import StoreUnusable, TimedOut


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


def takes_all_text(connection: sa.Connection) -> bool:
    """Whether every text can be kept, and its characters counted: a database on a server has an encoding of its own."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.exec_driver_sql("SHOW server_encoding").scalar() == "UTF8")


def use_log(path: Path) -> None:
    """Put an SQLite file in WAL mode, in which readers and the writer do not wait for each other."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


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


def migrating(connection: sa.Connection) -> None:
    """The turn of the one that changes the schema, in its transaction. On a server it waits in line for the tables only
    briefly, because everybody who comes after it waits behind it: `patiently` tries again."""
    if connection.dialect.name == "postgresql":
        take_time(connection)
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))


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
