"""The engine under a store, as an operator should know it: its version, and whether what is committed stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from shopctl.core.db import turns

Status = Literal["ok", "warn", "fail"]
OLDEST_SQLITE, OLDEST_POSTGRES = (3, 40, 0), 15
_SYNCHRONOUS = ("off", "normal", "full", "extra")
_NEEDED = ("fsync", "full_page_writes", "synchronous_commit")


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, and how it is. `fail` needs somebody, `warn` should be known."""

    check: str
    status: Status
    detail: str


def engine(connection: sa.Connection) -> Iterator[Check]:
    """The version of the database engine, and its durability."""
    yield from _postgres(connection) if connection.dialect.name == "postgresql" else _sqlite(connection)


def wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether SQLite may damage a file when a checkpoint meets a commit that begins its log anew (sqlite.org/wal.html)."""
    mended = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return version >= (3, 7) and not mended


def _sqlite(connection: sa.Connection) -> Iterator[Check]:
    version, found = sqlite3.sqlite_version_info, sqlite3.sqlite_version
    if version < OLDEST_SQLITE:
        yield Check("sqlite", "fail", f"{found} is too old: 3.40 is needed")
    elif not wal_reset_bug(version):
        yield Check("sqlite", "ok", f"{found}, without the WAL-reset bug")
    elif turns.LOCKS_WRITERS:
        yield Check(
            "sqlite", "ok", f"{found} has the WAL-reset bug of 3.7.0 to 3.51.2; the writers' lock keeps clear of it"
        )
    else:
        yield Check("sqlite", "warn", f"{found} has the WAL-reset bug, and there is no writers' lock here: take 3.51.3")
    journal = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())
    synchronous = _SYNCHRONOUS[int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())]
    status: Status = "fail" if synchronous in ("off", "normal") else "ok" if journal == "wal" else "warn"
    slow = "" if journal == "wal" else ": readers and writers wait for each other, it should be wal"
    yield Check("durability", status, f"synchronous {synchronous}, journal_mode {journal}{slow}")


def _postgres(connection: sa.Connection) -> Iterator[Check]:
    found = str(connection.exec_driver_sql("SHOW server_version").scalar_one())
    if int(found.split(".")[0]) < OLDEST_POSTGRES:
        yield Check("postgres", "fail", f"{found} is too old: {OLDEST_POSTGRES} is needed")
    else:
        yield Check("postgres", "ok", found)
    settings = {name: str(connection.exec_driver_sql(f"SHOW {name}").scalar_one()) for name in _NEEDED}
    said = ", ".join(f"{name} {value}" for name, value in settings.items())
    if "off" in settings.values():
        yield Check("durability", "fail", f"{said}: when the server crashes, what it has confirmed may be lost")
    else:
        yield Check("durability", "ok", said)
