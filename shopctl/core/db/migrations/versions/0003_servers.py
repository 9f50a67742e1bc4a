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
    _workers()
    _figures()
    _hot_carts()
    _stock_buckets()


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
        " AND c.data_type IN ('text', 'character varying') AND c.character_maximum_length IS NULL"
        " AND c.collation_name IS DISTINCT FROM 'C'"
    )
    for table, column in op.get_bind().execute(other).all():
        op.alter_column(table, column, type_=types.Word())


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("host", types.Word(), nullable=False),
        sa.Column("pid", types.Count(), nullable=False),
        sa.Column("version", types.Word(), nullable=False),
        sa.Column("doing", types.Word(), nullable=False),
        sa.Column("started_at", types.Instant(), nullable=False),
        sa.Column("beat_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
        sqlite_strict=True,
    )
    op.create_table(
        "leases",
        sa.Column("name", types.Word(), nullable=False),
        sa.Column("holder", types.Id(), nullable=False),
        sa.Column("until", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
        sqlite_strict=True,
    )


def _figures() -> None:
    """What the Overview counts again and again."""
    dead = sa.text("state = 'dead'")
    own = sa.text("low_stock IS NOT NULL")
    covered = ["sku", "low_stock", "tracked"]
    op.create_index("ix_variants_low_stock", "variants", covered, sqlite_where=own, postgresql_where=own)
    op.create_index("ix_outbox_dead", "outbox", ["created_at"], sqlite_where=dead, postgresql_where=dead)


def _hot_carts() -> None:
    """Which revision of which hot copy a version of a cart was written from."""
    for name, kind in (("hot_id", types.Id()), ("hot_revision", types.Count()), ("hot_version", types.Count())):
        op.add_column("carts", sa.Column(name, kind))


def _stock_buckets() -> None:
    """Over how many rows a level is spread, so that many buyers do not queue for one."""
    op.add_column("stock_levels", sa.Column("buckets", types.Count(), server_default="1", nullable=False))
