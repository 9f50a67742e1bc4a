"""Day one: imports, events, transfers, safety stock, carts of customers.

New columns are added in place. SQLite cannot change a constraint of a table, so Alembic copies the table there (a "batch");
only tables that no other one refers to may be copied so, because a foreign key is checked when its target is dropped. That
is why columns added to the others keep their DEFAULT.
"""

import sqlalchemy as sa
from alembic import op

from shopctl.core.db import types

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _products_and_stock()
    _people()
    _orders()
    _outbox()
    _imports()


def _products_and_stock() -> None:
    op.add_column("products", sa.Column("extra", types.Json()))
    op.add_column(
        "variants",
        sa.Column(
            "low_stock",
            types.Count(),
            sa.CheckConstraint("low_stock BETWEEN 0 AND 1000000000", name=op.f("ck_variants_low_stock_in_range")),
        ),
    )
    op.add_column("variants", sa.Column("extra", types.Json()))
    op.add_column(
        "stock_levels",
        sa.Column(
            "safety_stock",
            types.Count(),
            sa.CheckConstraint(
                "safety_stock BETWEEN 0 AND 1000000000", name=op.f("ck_stock_levels_safety_stock_in_range")
            ),
            nullable=False,
            server_default="0",
        ),
    )
    kind_word = op.f("ck_stock_movements_kind_word")
    with op.batch_alter_table("stock_movements") as movements:
        movements.drop_constraint(kind_word, type_="check")
        movements.create_check_constraint(
            kind_word,
            "kind IN ('receive', 'adjust', 'transfer', 'hold', 'release', 'expire', 'commit', 'uncommit', 'ship')",
        )


def _people() -> None:
    op.add_column("customers", sa.Column("erased_at", types.Instant()))
    op.create_index("ix_customers_created_at", "customers", ["created_at", "id"])
    op.create_index("ix_carts_updated_at", "carts", ["updated_at", "id"])
    merged = sa.text("state = 'merged'")
    for name, column in (("ix_carts_merged_handle", "handle_folded"), ("ix_carts_merged_into", "merged_into")):
        op.create_index(name, "carts", [column], sqlite_where=merged, postgresql_where=merged)
    of_customer = sa.text("state = 'open' AND customer_id IS NOT NULL")
    op.create_index(
        "uq_carts_open_customer",
        "carts",
        ["customer_id"],
        unique=True,
        sqlite_where=of_customer,
        postgresql_where=of_customer,
    )


def _orders() -> None:
    op.add_column(
        "orders",
        sa.Column(
            "source",
            types.Word(),
            sa.CheckConstraint("source IN ('checkout', 'import')", name=op.f("ck_orders_source_word")),
            nullable=False,
            server_default="checkout",
        ),
    )
    op.add_column("orders", sa.Column("reference", types.Word()))
    op.add_column("orders", sa.Column("extra", types.Json()))
    imported = sa.text("reference IS NOT NULL")
    op.create_index("ix_orders_reference", "orders", ["reference"], sqlite_where=imported, postgresql_where=imported)
    op.drop_index("ix_order_lines_sku", "order_lines")
    op.create_index("ix_order_lines_sku", "order_lines", ["sku", "order_id"])


def _outbox() -> None:
    """Who did what a fact tells stands in the audit row of its transaction, which has the same time: when there was one
    request at that time, else the migration did it. E-mail addresses leave the facts of orders: events tell nothing personal.
    """
    op.add_column("outbox", sa.Column("actor", types.Word(), nullable=False, server_default="migration"))
    op.add_column("outbox", sa.Column("request_id", types.Id(), nullable=False, server_default=types.new_id()))
    op.create_index("ix_outbox_created_at", "outbox", ["created_at", "id"])  # before the UPDATE, which joins by it
    op.execute(
        """
        UPDATE outbox SET actor = audit_log.actor, request_id = audit_log.request_id
        FROM audit_log JOIN (
            SELECT min(seq) AS seq FROM audit_log GROUP BY at HAVING count(DISTINCT request_id) = 1
        ) AS alone ON alone.seq = audit_log.seq
        WHERE audit_log.at = outbox.created_at
        """
    )
    on_server = op.get_bind().dialect.name == "postgresql"
    nameless = "CAST(payload AS jsonb) - 'email'" if on_server else "json_remove(payload, '$.email')"
    op.execute(f"UPDATE outbox SET payload = CAST({nameless} AS text) WHERE topic LIKE 'order.%'")
    with op.batch_alter_table("outbox") as outbox:
        outbox.alter_column("actor", server_default=None)
        outbox.alter_column("request_id", server_default=None)


def _imports() -> None:
    op.create_table(
        "import_runs",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("kind", types.Word(), nullable=False),
        sa.Column("fingerprint", types.Word(), nullable=False),
        sa.Column("target", types.Word(), nullable=True),
        sa.Column("line", types.Count(), nullable=False),
        sa.Column("report", types.Json(), nullable=False),
        sa.Column("started_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.Column("finished_at", types.Instant(), nullable=True),
        sa.CheckConstraint("kind IN ('products', 'stock', 'orders')", name=op.f("ck_import_runs_kind_word")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_runs")),
        sqlite_strict=True,
    )
    unfinished = sa.text("finished_at IS NULL")
    op.create_index(
        "uq_import_runs_open",
        "import_runs",
        ["kind", "fingerprint"],
        unique=True,
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
