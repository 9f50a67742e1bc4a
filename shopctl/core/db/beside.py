"""A database beside another one on the same server, for what is only tried: made empty, and gone afterwards unless it is kept, or shows
what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import sqlalchemy as sa

from shopctl.core.db import failures
from shopctl.core.errors import ShopError


@contextmanager
def database(engine: sa.Engine, name: str, *, keep: bool) -> Iterator[str]:
    """The URL of an empty Postgres database, called after `name`. Unavailable, NotPermitted as the server says."""
    made = f"{name}_{uuid4().hex[:12]}"
    url = engine.url.set(database=made)
    server = sa.create_engine(engine.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with failures.translated(), server.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{made}" TEMPLATE template0')
    try:
        yield url.render_as_string(hide_password=False)
    except ShopError as error:
        keep = keep or error.code == "rehearsal_failed"
        raise
    finally:
        if not keep:
            with failures.translated(), server.connect() as connection:
                connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{made}" WITH (FORCE)')
