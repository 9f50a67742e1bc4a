"""Servers: what the same shop needs on Postgres and Redis.

It only expands: a shopctl of 0002 goes on working on it (docs/backups.md says by which rules).
"""

import sqlalchemy as sa
from alembic import op

from shopctl.core.db import types

revision = "0003"
down_revision = "0002"
compatible_since = "0002"


def upgrade() -> None:
    _schema_version()


def _schema_version() -> None:
    """What the schema is, apart from who may use it: `schema.py` fills it."""
    op.create_table(
        "schema_version",
        sa.Column("version", types.Word(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_schema_version")),
        sqlite_strict=True,
    )
