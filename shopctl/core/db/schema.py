"""The version of a store's schema: one SELECT to check it; Alembic, which is slow to load, only to change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.errors import StoreUnusable

HEAD = "0001"
_VERSION: sa.Select[Any] = sa.select(sa.column("version_num")).select_from(sa.table("alembic_version"))


def check(engine: sa.Engine) -> None:
    """Raise StoreUnusable unless the store holds a shop of this release's schema."""
    try:
        with engine.connect() as connection:
            version = connection.execute(_VERSION).scalar()
    except sa.exc.SQLAlchemyError as error:
        raise stores.translate(error) or error from None
    if version is None:
        raise stores.not_a_shop()
    if version > HEAD:
        raise StoreUnusable(
            "newer_schema",
            f"The store's schema is {version}, newer than this shopctl knows ({HEAD})",
            hint="Upgrade shopctl.",
        )
    if version < HEAD:
        raise StoreUnusable(
            "older_schema",
            f"The store's schema is {version}; this shopctl needs {HEAD}",
            hint="Run `shopctl store migrate`.",
        )


def upgrade(engine: sa.Engine) -> None:
    """Bring a store to HEAD, creating what is not there."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with (
        engine.connect().execution_options(writes=True) as connection,
        stores.writing(connection),
        connection.begin(),
    ):
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
