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
    _text_by_code_point()


def _schema_version() -> None:
    """What the schema is, apart from who may use it: `schema.py` fills it."""
    op.create_table(
        "schema_version",
        sa.Column("version", types.Word(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_schema_version")),
        sqlite_strict=True,
    )


def _text_by_code_point() -> None:
    """A store that was made on Postgres before text had its collation: now it sorts there as on SQLite."""
    if op.get_bind().dialect.name != "postgresql":
        return
    other = sa.text(
        "SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t"
        " USING (table_schema, table_name) WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'"
        " AND c.data_type = 'text' AND c.collation_name IS DISTINCT FROM 'C'"
    )
    for table, column in op.get_bind().execute(other).all():
        op.alter_column(table, column, type_=types.Word())
