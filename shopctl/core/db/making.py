"""A store in the making: it is there whole, or not at all.

On SQLite it is a draft beside its place, published when it is finished; on a server one transaction.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.db import schema, upkeep
from shopctl.core.db.tables import metadata, settings
from shopctl.core.db.unit_of_work import Group
from shopctl.core.errors import StoreUnusable


@contextmanager
def new_store(url: sa.URL, version: str | None = None) -> Iterator[Group]:
    """The one transaction in which a store is made, with its tables and nothing in them; it is kept when the block ends."""
    path = stores.file_of(url)
    with drafted(path) if path else nullcontext() as draft:
        if draft:
            url = url.set(database=str(draft))
            upkeep.create_file(url)
        engine = stores.open_engine(url)
        try:
            with Group(engine) as group:
                _must_be_empty(group.connection)
                schema.create(group.connection, version)
                yield group
                group.commit()
        finally:
            engine.dispose()


@contextmanager
def drafted(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A place beside `path` for what is being made; it takes that name when the block ends, and is gone otherwise."""
    if not replace:
        must_not_exist(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        _publish(draft, path, replace)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal", "-writer"):
            Path(f"{draft}{suffix}").unlink(missing_ok=True)


def must_be_possible(url: sa.URL) -> None:
    """Refuse a place where there is something already, before any work is done for it."""
    path = stores.file_of(url)
    if path:
        must_not_exist(path)
        return
    engine = stores.open_engine(url)
    try:
        with Group(engine) as group:
            _must_be_empty(group.connection)
    finally:
        engine.dispose()


def _must_be_empty(connection: sa.Connection) -> None:
    """Refuse a database that holds a shop, or anything of somebody else. Our tables alone are no shop yet."""
    found = sa.inspect(connection).get_multi_columns()
    columns = {table: {column["name"] for column in has} for (_, table), has in found.items()}
    ours = {
        name for name, has in columns.items() if name in metadata.tables and has >= {*metadata.tables[name].c.keys()}
    }
    if settings.name in ours and connection.execute(sa.select(settings.c.key).limit(1)).first():
        raise StoreUnusable(
            "store_exists", "The database already holds a shop", hint="Use the shop that is there, or another --store."
        )
    others = sorted(columns.keys() - ours - {"alembic_version"})
    if others:
        some = ", ".join(others[:3]) + (" …" if len(others) > 3 else "")
        raise StoreUnusable(
            "database_not_empty",
            f"The database holds tables that are not a shop's: {some}",
            hint="A shop wants a database of its own: make an empty one with createdb, and name it with --store.",
        )
    if not upkeep.takes_all_text(connection):
        raise StoreUnusable(
            "bad_encoding",
            "The database cannot hold every text: its encoding is not UTF8",
            hint="Make it with `createdb --template=template0 --encoding=UTF8`.",
        )


def must_not_exist(path: Path) -> None:
    if path.exists():
        raise _exists(path)


def _publish(draft: Path, path: Path, replace: bool) -> None:
    try:
        if replace:
            os.replace(draft, path)
        else:
            os.link(draft, path)  # unlike rename, never over what somebody else made meanwhile
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise StoreUnusable("store_unwritable", f"Cannot make {path}: {error.strerror}") from None


def _exists(path: Path) -> StoreUnusable:
    return StoreUnusable("store_exists", f"{path} already exists", hint="Use what is there, or name another place.")
