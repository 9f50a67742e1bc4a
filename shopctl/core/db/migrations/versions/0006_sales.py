"""Flash sales: a sale, its items, the tickets of its queue; carts that are a turn at a sale.

It only expands.
"""

import sqlalchemy as sa
from alembic import op

from shopctl.core.db import types

revision = "0006"
down_revision = "0005"
compatible_since = "0002"

_MOST = 10**9


def upgrade() -> None:
    op.add_column("carts", sa.Column("ticket_id", types.Id()))
    within = sa.CheckConstraint(
        "agreed_price BETWEEN 0 AND 1000000000000000", name=op.f("ck_cart_lines_agreed_price_in_range")
    )
    op.add_column("cart_lines", sa.Column("agreed_price", types.Money(), within))
    _sales()
    _items()
    _tickets()


def _sales() -> None:
    op.create_table(
        "sales",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("name", types.Word(), nullable=False),
        sa.Column("status", types.Word(), nullable=False),
        sa.Column("starts_at", types.Instant()),
        sa.Column("ends_at", types.Instant()),
        sa.Column("per_customer", types.Count(), nullable=False),
        sa.Column("batch", types.Count(), nullable=False),
        sa.Column("rate", types.Count()),
        sa.Column("hold_seconds", types.Count(), nullable=False),
        sa.Column("paced_at", types.Instant()),
        sa.Column("checked_at", types.Instant()),
        sa.Column("problem", types.Word()),
        sa.Column("sold_out_at", types.Instant()),
        sa.Column("opened_at", types.Instant()),
        sa.Column("ended_at", types.Instant()),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales")),
        sa.UniqueConstraint("name", name=op.f("uq_sales_name")),
        _check("sales", "status_word", "status IN ('scheduled', 'open', 'paused', 'closed', 'cancelled')"),
        _check("sales", "per_customer_positive", f"per_customer BETWEEN 1 AND {_MOST}"),
        _check("sales", "batch_positive", "batch BETWEEN 1 AND 10000"),
        _check("sales", "rate_positive", f"rate BETWEEN 1 AND {_MOST}"),
        _check("sales", "hold_in_range", "hold_seconds BETWEEN 1 AND 86400"),
        _check("sales", "ends_after_start", "starts_at < ends_at"),
        sqlite_strict=True,
    )


def _items() -> None:
    op.create_table(
        "sale_items",
        sa.Column("sale_id", types.Id(), nullable=False),
        sa.Column("sku", types.Word(), nullable=False),
        sa.Column("price", types.Money(), nullable=False),
        sa.Column("allotment", types.Count(), nullable=False),
        sa.Column("tail", types.Count(), nullable=False),
        sa.Column("head", types.Count(), nullable=False),
        sa.PrimaryKeyConstraint("sale_id", "sku", name=op.f("pk_sale_items")),
        sa.ForeignKeyConstraint(["sale_id"], ["sales.id"], name=op.f("fk_sale_items_sale_id")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_sale_items_sku")),
        _check("sale_items", "price_in_range", "price BETWEEN 0 AND 1000000000000000"),
        _check("sale_items", "allotment_positive", f"allotment BETWEEN 1 AND {_MOST}"),
        _check("sale_items", "head_before_tail", "head BETWEEN 0 AND tail"),
        sqlite_strict=True,
    )
    op.create_index("ix_sale_items_sku", "sale_items", ["sku"])


def _tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("sale_id", types.Id(), nullable=False),
        sa.Column("sku", types.Word(), nullable=False),
        sa.Column("seq", types.Count(), nullable=False),
        sa.Column("email", types.Word(), nullable=False),
        sa.Column("email_folded", types.Word(), nullable=False),
        sa.Column("quantity", types.Count(), nullable=False),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("address", types.Json()),
        sa.Column("token", types.Word()),
        sa.Column("key_digest", types.Word()),
        sa.Column("agreed_price", types.Money()),
        sa.Column("problem", types.Word()),
        sa.Column("cart_id", types.Id()),
        sa.Column("price", types.Money()),
        sa.Column("joined_at", types.Instant(), nullable=False),
        sa.Column("admitted_at", types.Instant()),
        sa.Column("hold_until", types.Instant()),
        sa.Column("ended_at", types.Instant()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
        sa.ForeignKeyConstraint(
            ["sale_id", "sku"], ["sale_items.sale_id", "sale_items.sku"], name=op.f("fk_tickets_sale_id_sku")
        ),
        sa.UniqueConstraint("sale_id", "email_folded", name=op.f("uq_tickets_sale_id_email_folded")),
        sa.UniqueConstraint("sale_id", "sku", "seq", name=op.f("uq_tickets_sale_id_sku_seq")),
        _check(
            "tickets",
            "state_word",
            "state IN ('waiting', 'admitted', 'bought', 'expired', 'left', 'sold_out', 'ended')",
        ),
        _check("tickets", "quantity_positive", f"quantity BETWEEN 1 AND {_MOST}"),
        _check(
            "tickets",
            "turn_has_a_cart",
            "(cart_id IS NULL) = (admitted_at IS NULL) AND (cart_id IS NULL) = (price IS NULL)",
        ),
        _check("tickets", "agreed_price_in_range", "agreed_price BETWEEN 0 AND 1000000000000000"),
        _check("tickets", "price_in_range", "price BETWEEN 0 AND 1000000000000000"),
        sqlite_strict=True,
    )
    op.create_index("ix_tickets_state", "tickets", ["sale_id", "state", "sku", "seq"])
    op.create_index("ix_tickets_admitted_at", "tickets", ["sale_id", "admitted_at"])
    op.create_index("ix_tickets_cart_id", "tickets", ["cart_id"])
    op.create_index("ix_orders_cart_id", "orders", ["cart_id"])


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))
