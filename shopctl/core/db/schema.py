"""The version of a store's schema: one SELECT to check it; Alembic, which is slow to load, only to change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.db import failures
from shopctl.core.errors import StoreUnusable

HEAD = "0002"
_VERSION: sa.Select[Any] = sa.select(sa.column("version_num")).select_from(sa.table("alembic_version"))


def check(engine: sa.Engine) -> None:
    """Raise StoreUnusable unless the store holds a shop of this release's schema."""
    found = version(engine)
    if found is None:
        raise failures.not_a_shop()
    if found < HEAD:
        raise StoreUnusable(
            "older_schema",
            f"The store's schema is {found}; this shopctl needs {HEAD}",
            hint="Run `shopctl store migrate`.",
        )


def version(engine: sa.Engine) -> str | None:
    """The store's schema version; None when it has none. StoreUnusable(newer_schema) when this release cannot know it."""
    try:
        with engine.connect() as connection:
            found = connection.execute(_VERSION).scalar()
    except sa.exc.SQLAlchemyError as error:
        raise failures.translate(error) or error from None
    if found is not None and found > HEAD:
        raise StoreUnusable(
            "newer_schema",
            f"The store's schema is {found}, newer than this shopctl knows ({HEAD})",
            hint="Upgrade shopctl.",
        )
    return found


def upgrade(engine: sa.Engine, to: str = HEAD, *, dry_run: bool = False) -> None:
    """Bring a store to a version, creating what is not there: all of it in one transaction, or nothing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    try:
        with (
            engine.connect().execution_options(writes=True) as connection,
            stores.writing(connection),
            connection.begin() as transaction,
        ):
            config.attributes["connection"] = connection
            command.upgrade(config, to)
            if dry_run:
                transaction.rollback()
    except sa.exc.SQLAlchemyError as error:
        raise failures.translate(error) or error from None
