"""A store made from a backup, of this release's schema or an earlier one's."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

import sqlalchemy as sa
from sqlalchemy import exc

from shopctl.core import settings
from shopctl.core.db import engine as stores
from shopctl.core.db import failures, making, schema, upkeep
from shopctl.core.db.unit_of_work import Group
from shopctl.core.errors import BadInput, StoreUnusable
from shopctl.core.moving import rows
from shopctl.core.moving.copy import Moved, Progress, checked, moved, must_have_arrived, told, transfer
from shopctl.core.moving.lines import Backup, Digest, damaged

_SQLITE, _GZIP = b"SQLite format 3\0", b"\x1f\x8b"
_MAX_LINE = 64 * 1024 * 1024


def restore(source: BinaryIO, target: str, *, progress: Progress, unverified: bool = False) -> Moved:
    """Make a store from a backup. Errors: store_exists, no_backup, backup_damaged, newer_schema, books_violated."""
    url = stores.parse_url(target)
    making.must_be_possible(url)
    source = cast(BufferedReader, source)  # as files and stdin are
    if source.peek(len(_SQLITE)).startswith(_SQLITE):
        return _from_file(_path_of(source), url, progress, unverified)
    try:
        return _from_lines(Backup(_lines(source)), url, progress, unverified)
    except (exc.StatementError, ValueError, failures.Conflict):  # with whom? A store in the making is nobody else's
        raise damaged("has rows that no shop can have") from None


def rehearse(source: BinaryIO, target: str, *, progress: Progress, unverified: bool = False) -> Moved:
    """Make it all in a temporary place, and throw it away."""
    making.must_be_possible(stores.parse_url(target))
    with tempfile.TemporaryDirectory() as place:
        made = restore(source, f"sqlite:///{place}/shop.db", progress=progress, unverified=unverified)
    return replace(made, store=stores.parse_url(target).render_as_string(hide_password=True))


# --- lines of JSON --------------------------------------------------------------------------------------------------
def _from_lines(backup: Backup, target: sa.URL, progress: Progress, unverified: bool) -> Moved:
    version = backup.header["schema"]
    if version > schema.HEAD:
        raise StoreUnusable(
            "newer_schema",
            f"The backup's schema is {version}, newer than this shopctl knows ({schema.HEAD})",
            hint="Upgrade shopctl.",
        )
    if version not in [step.version for step in schema.steps()]:
        raise damaged(f"is of a schema that no release had: {version}")
    with making.new_store(target, version) as group:
        _fill(group.connection, backup, progress)
        schema.complete(group.connection)
        return _made(group, target, unverified)


def _fill(connection: sa.Connection, backup: Backup, progress: Progress) -> None:
    """Write the rows, in the schema that they are of, and read them back."""
    sent = Digest()
    total = 2 * sum(backup.header["rows"].values())
    rows.write(connection, told(sent.of(backup.rows()), total, progress))
    must_have_arrived(sent, rows.read(connection, backup.columns), progress)


def _lines(source: BufferedReader) -> Iterator[bytes]:
    packed = source.peek(len(_GZIP)).startswith(_GZIP)
    file = gzip.GzipFile(fileobj=source) if packed else source
    try:
        while line := file.readline(_MAX_LINE):
            yield line
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise damaged("is cut or damaged: it cannot be unpacked") from None
    except OSError as error:
        raise StoreUnusable("backup_unreadable", f"The backup cannot be read: {error.strerror}") from None


# --- the file of an SQLite store ---------------------------------------------------------------------------------------
def _from_file(file: Path, target: sa.URL, progress: Progress, unverified: bool) -> Moved:
    path = stores.file_of(target)
    if path:
        with making.drafted(path) as draft:
            return _completed(file, draft, target, progress, unverified)
    with tempfile.TemporaryDirectory() as place:
        draft = Path(place) / "shop.db"
        _completed(file, draft, target, progress, True)
        return _copied(draft, target, progress, unverified)


def _completed(file: Path, draft: Path, target: sa.URL, progress: Progress, unverified: bool) -> Moved:
    """A copy of the file, in this release's schema."""
    engine = stores.open_engine(sa.URL.create("sqlite", database=str(file)), read_only=True)
    try:
        if schema.version(engine) is None:
            raise failures.not_a_shop()
        upkeep.copy_file(engine, draft, progress)
    finally:
        engine.dispose()
    upkeep.use_log(draft)
    engine = stores.open_engine(sa.URL.create("sqlite", database=str(draft)))
    try:
        schema.upgrade(engine)
        with Group(engine) as group:
            return _made(group, target, unverified)
    finally:
        engine.dispose()


def _copied(draft: Path, target: sa.URL, progress: Progress, unverified: bool) -> Moved:
    engine = stores.open_engine(sa.URL.create("sqlite", database=str(draft)))
    try:
        with engine.connect() as source, source.begin(), making.new_store(target) as group:
            transfer(source, group.connection, sum(rows.counts(source).values()), progress)
            return _made(group, target, unverified)
    finally:
        engine.dispose()


def _made(group: Group, target: sa.URL, unverified: bool) -> Moved:
    checks = None if unverified else checked(group)
    return moved(target, settings.facts_of(group.connection), rows.counts(group.connection), checks)


def _path_of(source: BufferedReader) -> Path:
    path = Path(str(source.name))
    if not path.is_file():
        raise BadInput("backup_unreadable", "An SQLite file cannot be read from a pipe", hint="Name the file.")
    return path
