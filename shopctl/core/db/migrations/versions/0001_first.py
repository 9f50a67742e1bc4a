"""The first schema."""

import sqlalchemy as sa
from alembic import op

from shopctl.core.db import types

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("seq", types.Count(), autoincrement=True, nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("actor", types.Word(), nullable=False),
        sa.Column("request_id", types.Id(), nullable=False),
        sa.Column("action", types.Word(), nullable=False),
        sa.Column("target", types.Word(), nullable=True),
        sa.Column("seal", types.Word(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_log")),
        sqlite_strict=True,
    )
    op.create_table(
        "categories",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("parent_id", types.Id(), nullable=True),
        sa.Column("name", types.Word(), nullable=False),
        sa.Column("path", types.Word(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_categories_not_its_own_parent")),
        sa.ForeignKeyConstraint(["parent_id"], ["categories.id"], name=op.f("fk_categories_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_categories")),
        sa.UniqueConstraint("path", name=op.f("uq_categories_path")),
        sqlite_strict=True,
    )
    op.create_index("ix_categories_parent_id", "categories", ["parent_id"], unique=False)
    op.create_table(
        "customers",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("email", types.Word(), nullable=False),
        sa.Column("email_folded", types.Word(), nullable=False),
        sa.Column("name", types.Word(), nullable=True),
        sa.Column("registered", types.Flag(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("email_folded", name=op.f("uq_customers_email_folded")),
        sqlite_strict=True,
    )
    op.create_table(
        "outbox",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("topic", types.Word(), nullable=False),
        sa.Column("subject", types.Word(), nullable=False),
        sa.Column("payload", types.Json(), nullable=False),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("attempts", types.Count(), nullable=False),
        sa.Column("due_at", types.Instant(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("done_at", types.Instant(), nullable=True),
        sa.Column("problem", types.Word(), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'taken', 'done', 'dead')", name=op.f("ck_outbox_state_word")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_strict=True,
    )
    op.create_index("ix_outbox_subject", "outbox", ["subject", "topic"], unique=False)
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["topic", "due_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('pending', 'taken')"),
        postgresql_where=sa.text("state IN ('pending', 'taken')"),
    )
    op.create_table(
        "settings",
        sa.Column("key", types.Word(), nullable=False),
        sa.Column("value", types.Json(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_settings")),
        sqlite_strict=True,
    )
    op.create_table(
        "shipping_rates",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("name", types.Word(), nullable=False),
        sa.Column("country", types.Word(), nullable=False),
        sa.Column("region", types.Word(), nullable=False),
        sa.Column("amount", types.Money(), nullable=False),
        sa.Column("currency", types.Word(), nullable=False),
        sa.Column("min_weight_grams", types.Count(), nullable=False),
        sa.Column("max_weight_grams", types.Count(), nullable=True),
        sa.Column("min_total", types.Money(), nullable=False),
        sa.Column("max_total", types.Money(), nullable=True),
        sa.Column("free_above", types.Money(), nullable=True),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_shipping_rates_amount_not_negative")),
        sa.CheckConstraint("max_total > min_total", name=op.f("ck_shipping_rates_totals_in_order")),
        sa.CheckConstraint("max_weight_grams > min_weight_grams", name=op.f("ck_shipping_rates_weights_in_order")),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_shipping_rates_dates_in_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipping_rates")),
        sqlite_strict=True,
    )
    op.create_index("ix_shipping_rates_place", "shipping_rates", ["country", "region"], unique=False)
    op.create_table(
        "tax_rates",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("name", types.Word(), nullable=False),
        sa.Column("country", types.Word(), nullable=False),
        sa.Column("region", types.Word(), nullable=False),
        sa.Column("parts_per_million", types.Count(), nullable=False),
        sa.Column("included", types.Flag(), nullable=False),
        sa.Column("on_shipping", types.Flag(), nullable=False),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.CheckConstraint("parts_per_million BETWEEN 0 AND 1000000", name=op.f("ck_tax_rates_rate_in_range")),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_tax_rates_dates_in_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_rates")),
        sqlite_strict=True,
    )
    op.create_index("ix_tax_rates_place", "tax_rates", ["country", "region"], unique=False)
    op.create_table(
        "warehouses",
        sa.Column("code", types.Word(), nullable=False),
        sa.Column("name", types.Word(), nullable=False),
        sa.Column("priority", types.Count(), nullable=False),
        sa.Column("active", types.Flag(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_warehouses")),
        sqlite_strict=True,
    )
    op.create_table(
        "carts",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("handle", types.Word(), nullable=False),
        sa.Column("handle_folded", types.Word(), nullable=False),
        sa.Column("customer_id", types.Id(), nullable=True),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("version", types.Count(), nullable=False),
        sa.Column("claimed_by", types.Id(), nullable=True),
        sa.Column("merged_into", types.Id(), nullable=True),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'merged', 'expired')", name=op.f("ck_carts_state_word")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_carts_customer_id")),
        sa.ForeignKeyConstraint(["merged_into"], ["carts.id"], name=op.f("fk_carts_merged_into")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carts")),
        sqlite_strict=True,
    )
    op.create_index("ix_carts_customer_id", "carts", ["customer_id"], unique=False)
    op.create_index(
        "ix_carts_open_expiry",
        "carts",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "uq_carts_open_handle",
        "carts",
        ["handle_folded"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "customer_addresses",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("customer_id", types.Id(), nullable=False),
        sa.Column("address", types.Json(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_addresses_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_addresses")),
        sa.UniqueConstraint("customer_id", "address", name=op.f("uq_customer_addresses_customer_id_address")),
        sqlite_strict=True,
    )
    op.create_table(
        "products",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("handle", types.Word(), nullable=False),
        sa.Column("title", types.Word(), nullable=False),
        sa.Column("description", types.Word(), nullable=False),
        sa.Column("brand", types.Word(), nullable=True),
        sa.Column("category_id", types.Id(), nullable=True),
        sa.Column("tags", types.Json(), nullable=False),
        sa.Column("image_urls", types.Json(), nullable=False),
        sa.Column("status", types.Word(), nullable=False),
        sa.Column("version", types.Count(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.CheckConstraint("status IN ('draft', 'active', 'archived')", name=op.f("ck_products_status_word")),
        sa.CheckConstraint("title <> ''", name=op.f("ck_products_titled")),
        sa.CheckConstraint("version > 0", name=op.f("ck_products_version_positive")),
        sa.ForeignKeyConstraint(["category_id"], ["categories.id"], name=op.f("fk_products_category_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("handle", name=op.f("uq_products_handle")),
        sqlite_strict=True,
    )
    op.create_index("ix_products_brand", "products", ["brand"], unique=False)
    op.create_index("ix_products_category_id", "products", ["category_id"], unique=False)
    op.create_index("ix_products_created_at", "products", ["created_at", "id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("number", types.Count(), nullable=False),
        sa.Column("status", types.Word(), nullable=False),
        sa.Column("in_flight", types.Flag(), nullable=False),
        sa.Column("cart_id", types.Id(), nullable=True),
        sa.Column("customer_id", types.Id(), nullable=False),
        sa.Column("email", types.Word(), nullable=False),
        sa.Column("currency", types.Word(), nullable=False),
        sa.Column("subtotal", types.Money(), nullable=False),
        sa.Column("discount", types.Money(), nullable=False),
        sa.Column("shipping", types.Money(), nullable=False),
        sa.Column("tax", types.Money(), nullable=False),
        sa.Column("tax_included", types.Money(), nullable=False),
        sa.Column("taxes", types.Json(), nullable=False),
        sa.Column("total", types.Money(), nullable=False),
        sa.Column("shipping_method", types.Word(), nullable=True),
        sa.Column("shipping_address", types.Json(), nullable=False),
        sa.Column("problem", types.Json(), nullable=True),
        sa.Column("process", types.Word(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.CheckConstraint("status = 'pending' OR NOT in_flight", name=op.f("ck_orders_only_pending_in_flight")),
        sa.CheckConstraint(
            "status IN ('pending', 'confirmed', 'shipped', 'delivered', 'cancelled')",
            name=op.f("ck_orders_status_word"),
        ),
        sa.CheckConstraint(
            "subtotal >= 0 AND discount >= 0 AND shipping >= 0 AND tax >= 0 AND tax_included >= 0 AND total >= 0",
            name=op.f("ck_orders_none_negative"),
        ),
        sa.CheckConstraint(
            "total = subtotal - discount + shipping + tax - tax_included", name=op.f("ck_orders_total_adds_up")
        ),
        sa.ForeignKeyConstraint(["cart_id"], ["carts.id"], name=op.f("fk_orders_cart_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_orders_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
        sqlite_strict=True,
    )
    op.create_index("ix_orders_created_at", "orders", ["created_at"], unique=False)
    op.create_index("ix_orders_customer_id", "orders", ["customer_id", "number"], unique=False)
    op.create_index("ix_orders_status", "orders", ["status", "number"], unique=False)
    op.create_index(
        "uq_orders_open_checkout",
        "orders",
        ["cart_id"],
        unique=True,
        sqlite_where=sa.text("in_flight"),
        postgresql_where=sa.text("in_flight"),
    )
    op.create_table(
        "variants",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("product_id", types.Id(), nullable=False),
        sa.Column("position", types.Count(), nullable=False),
        sa.Column("sku", types.Word(), nullable=False),
        sa.Column("options", types.Json(), nullable=False),
        sa.Column("price", types.Money(), nullable=False),
        sa.Column("compare_at_price", types.Money(), nullable=True),
        sa.Column("currency", types.Word(), nullable=False),
        sa.Column("barcode", types.Word(), nullable=True),
        sa.Column("weight_grams", types.Count(), nullable=False),
        sa.Column("image_urls", types.Json(), nullable=False),
        sa.Column("taxable", types.Flag(), nullable=False),
        sa.Column("requires_shipping", types.Flag(), nullable=False),
        sa.Column("tracked", types.Flag(), nullable=False),
        sa.Column("backorder_limit", types.Count(), nullable=False),
        sa.Column("hold_at", types.Word(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.CheckConstraint("hold_at IN ('cart', 'checkout')", name=op.f("ck_variants_hold_at_word")),
        sa.CheckConstraint("sku <> ''", name=op.f("ck_variants_sku_given")),
        sa.CheckConstraint(
            "backorder_limit BETWEEN 0 AND 1000000000", name=op.f("ck_variants_backorder_limit_in_range")
        ),
        sa.CheckConstraint(
            "compare_at_price BETWEEN 0 AND 1000000000000000", name=op.f("ck_variants_compare_at_price_in_range")
        ),
        sa.CheckConstraint("price BETWEEN 0 AND 1000000000000000", name=op.f("ck_variants_price_in_range")),
        sa.CheckConstraint("weight_grams BETWEEN 0 AND 1000000000", name=op.f("ck_variants_weight_in_range")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_variants_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variants")),
        sa.UniqueConstraint("product_id", "options", name=op.f("uq_variants_product_id_options")),
        sa.UniqueConstraint("sku", name=op.f("uq_variants_sku")),
        sqlite_strict=True,
    )
    op.create_index("ix_variants_barcode", "variants", ["barcode"], unique=False)
    op.create_table(
        "cart_lines",
        sa.Column("cart_id", types.Id(), nullable=False),
        sa.Column("sku", types.Word(), nullable=False),
        sa.Column("quantity", types.Count(), nullable=False),
        sa.Column("seen_price", types.Money(), nullable=False),
        sa.Column("added_at", types.Instant(), nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 1000000000", name=op.f("ck_cart_lines_quantity_positive")),
        sa.ForeignKeyConstraint(["cart_id"], ["carts.id"], name=op.f("fk_cart_lines_cart_id")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_cart_lines_sku")),
        sa.PrimaryKeyConstraint("cart_id", "sku", name=op.f("pk_cart_lines")),
        sqlite_strict=True,
    )
    op.create_index("ix_cart_lines_sku", "cart_lines", ["sku"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("key", types.Word(), nullable=False),
        sa.Column("fingerprint", types.Word(), nullable=False),
        sa.Column("order_id", types.Id(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("finished_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_idempotency_keys_order_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint("order_id", name=op.f("uq_idempotency_keys_order_id")),
        sqlite_strict=True,
    )
    op.create_table(
        "order_events",
        sa.Column("seq", types.Count(), autoincrement=True, nullable=False),
        sa.Column("order_id", types.Id(), nullable=False),
        sa.Column("verb", types.Word(), nullable=False),
        sa.Column("from_status", types.Word(), nullable=True),
        sa.Column("to_status", types.Word(), nullable=False),
        sa.Column("note", types.Word(), nullable=True),
        sa.Column("actor", types.Word(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_events_order_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_order_events")),
        sqlite_strict=True,
    )
    op.create_index("ix_order_events_order_id", "order_events", ["order_id", "seq"], unique=False)
    op.create_table(
        "order_lines",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("order_id", types.Id(), nullable=False),
        sa.Column("position", types.Count(), nullable=False),
        sa.Column("sku", types.Word(), nullable=False),
        sa.Column("product_name", types.Word(), nullable=False),
        sa.Column("options", types.Json(), nullable=False),
        sa.Column("quantity", types.Count(), nullable=False),
        sa.Column("unit_price", types.Money(), nullable=False),
        sa.Column("total_price", types.Money(), nullable=False),
        sa.Column("tax", types.Money(), nullable=False),
        sa.Column("taxable", types.Flag(), nullable=False),
        sa.Column("requires_shipping", types.Flag(), nullable=False),
        sa.Column("tracked", types.Flag(), nullable=False),
        sa.Column("weight_grams", types.Count(), nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 1000000000", name=op.f("ck_order_lines_quantity_positive")),
        sa.CheckConstraint("tax >= 0", name=op.f("ck_order_lines_tax_not_negative")),
        sa.CheckConstraint(
            "total_price = unit_price * quantity", name=op.f("ck_order_lines_total_is_price_times_quantity")
        ),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_order_lines_unit_price_not_negative")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_lines_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_lines")),
        sa.UniqueConstraint("order_id", "position", name=op.f("uq_order_lines_order_id_position")),
        sqlite_strict=True,
    )
    op.create_index("ix_order_lines_sku", "order_lines", ["sku"], unique=False)
    op.create_table(
        "payments",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("order_id", types.Id(), nullable=False),
        sa.Column("gateway", types.Word(), nullable=False),
        sa.Column("gateway_key", types.Word(), nullable=False),
        sa.Column("reference", types.Word(), nullable=True),
        sa.Column("token", types.Word(), nullable=False),
        sa.Column("amount", types.Money(), nullable=False),
        sa.Column("captured", types.Money(), nullable=False),
        sa.Column("currency", types.Word(), nullable=False),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("decline_code", types.Word(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.CheckConstraint("(state = 'captured') = (captured > 0)", name=op.f("ck_payments_captured_matches_state")),
        sa.CheckConstraint(
            "state IN ('pending', 'unknown', 'requires_action', 'authorized', 'voided', 'captured', 'failed')",
            name=op.f("ck_payments_state_word"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payments_amount_positive")),
        sa.CheckConstraint("captured BETWEEN 0 AND amount", name=op.f("ck_payments_captured_in_range")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("gateway_key", name=op.f("uq_payments_gateway_key")),
        sa.UniqueConstraint("reference", name=op.f("uq_payments_reference")),
        sqlite_strict=True,
    )
    op.create_index("ix_payments_order_id", "payments", ["order_id"], unique=False)
    op.create_index("ix_payments_state", "payments", ["state", "created_at"], unique=False)
    op.create_index(
        "uq_payments_one_alive",
        "payments",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('pending', 'unknown', 'requires_action', 'authorized', 'captured')"),
        postgresql_where=sa.text("state IN ('pending', 'unknown', 'requires_action', 'authorized', 'captured')"),
    )
    op.create_table(
        "shipments",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("order_id", types.Id(), nullable=False),
        sa.Column("warehouse", types.Word(), nullable=True),
        sa.Column("tracking", types.Word(), nullable=True),
        sa.Column("shipped_at", types.Instant(), nullable=False),
        sa.Column("delivered_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_shipments_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipments")),
        sqlite_strict=True,
    )
    op.create_index("ix_shipments_order_id", "shipments", ["order_id"], unique=False)
    op.create_table(
        "stock_levels",
        sa.Column("sku", types.Word(), nullable=False),
        sa.Column("warehouse", types.Word(), nullable=False),
        sa.Column("pool", types.Word(), nullable=False),
        sa.Column("bucket", types.Count(), nullable=False),
        sa.Column("quantity", types.Count(), nullable=False),
        sa.Column("reserved", types.Count(), nullable=False),
        sa.Column("committed", types.Count(), nullable=False),
        sa.Column("tracked", types.Flag(), nullable=False),
        sa.Column("backorder_limit", types.Count(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.CheckConstraint("pool IN ('general', 'sale')", name=op.f("ck_stock_levels_pool_word")),
        sa.CheckConstraint(
            "backorder_limit BETWEEN 0 AND 1000000000", name=op.f("ck_stock_levels_backorder_limit_in_range")
        ),
        sa.CheckConstraint("committed >= 0", name=op.f("ck_stock_levels_committed_not_negative")),
        sa.CheckConstraint("quantity BETWEEN 0 AND 1000000000", name=op.f("ck_stock_levels_quantity_in_range")),
        sa.CheckConstraint(
            "reserved + committed <= quantity + backorder_limit", name=op.f("ck_stock_levels_not_oversold")
        ),
        sa.CheckConstraint("reserved >= 0", name=op.f("ck_stock_levels_reserved_not_negative")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_stock_levels_sku")),
        sa.ForeignKeyConstraint(["warehouse"], ["warehouses.code"], name=op.f("fk_stock_levels_warehouse")),
        sa.PrimaryKeyConstraint("sku", "warehouse", "pool", "bucket", name=op.f("pk_stock_levels")),
        sqlite_strict=True,
    )
    op.create_index("ix_stock_levels_warehouse", "stock_levels", ["warehouse"], unique=False)
    op.create_table(
        "payment_attempts",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("payment_id", types.Id(), nullable=False),
        sa.Column("verb", types.Word(), nullable=False),
        sa.Column("outcome", types.Word(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_payment_attempts_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_attempts")),
        sqlite_strict=True,
    )
    op.create_index("ix_payment_attempts_payment_id", "payment_attempts", ["payment_id"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("payment_id", types.Id(), nullable=False),
        sa.Column("order_id", types.Id(), nullable=False),
        sa.Column("gateway_key", types.Word(), nullable=False),
        sa.Column("reference", types.Word(), nullable=True),
        sa.Column("amount", types.Money(), nullable=False),
        sa.Column("currency", types.Word(), nullable=False),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("reason", types.Word(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'succeeded', 'failed')", name=op.f("ck_refunds_state_word")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount_positive")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_refunds_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("gateway_key", name=op.f("uq_refunds_gateway_key")),
        sa.UniqueConstraint("reference", name=op.f("uq_refunds_reference")),
        sqlite_strict=True,
    )
    op.create_index("ix_refunds_order_id", "refunds", ["order_id"], unique=False)
    op.create_index("ix_refunds_payment_id", "refunds", ["payment_id"], unique=False)
    op.create_index(
        "ix_refunds_pending",
        "refunds",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "reservations",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("owner_kind", types.Word(), nullable=False),
        sa.Column("owner_id", types.Id(), nullable=False),
        sa.Column("origin", types.Word(), nullable=False),
        sa.Column("reference", types.Word(), nullable=False),
        sa.Column("sku", types.Word(), nullable=False),
        sa.Column("warehouse", types.Word(), nullable=False),
        sa.Column("pool", types.Word(), nullable=False),
        sa.Column("bucket", types.Count(), nullable=False),
        sa.Column("quantity", types.Count(), nullable=False),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("pinned", types.Flag(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("resolved_at", types.Instant(), nullable=True),
        sa.CheckConstraint("(state = 'held') = (resolved_at IS NULL)", name=op.f("ck_reservations_resolved_once")),
        sa.CheckConstraint("origin IN ('cart', 'checkout')", name=op.f("ck_reservations_origin_word")),
        sa.CheckConstraint("owner_kind IN ('cart', 'order')", name=op.f("ck_reservations_owner_kind_word")),
        sa.CheckConstraint(
            "state IN ('held', 'committed', 'released', 'expired')", name=op.f("ck_reservations_state_word")
        ),
        sa.CheckConstraint("quantity BETWEEN 1 AND 1000000000", name=op.f("ck_reservations_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["sku", "warehouse", "pool", "bucket"],
            ["stock_levels.sku", "stock_levels.warehouse", "stock_levels.pool", "stock_levels.bucket"],
            name=op.f("fk_reservations_sku_warehouse_pool_bucket"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_reservations_live_expiry",
        "reservations",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "ix_reservations_live_sku",
        "reservations",
        ["sku", "expires_at"],
        unique=False,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index("ix_reservations_owner_id", "reservations", ["owner_id"], unique=False)
    op.create_index(
        "uq_reservations_live",
        "reservations",
        ["owner_id", "sku", "warehouse", "pool", "bucket", "origin"],
        unique=True,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_table(
        "shipment_lines",
        sa.Column("shipment_id", types.Id(), nullable=False),
        sa.Column("order_line_id", types.Id(), nullable=False),
        sa.Column("quantity", types.Count(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_shipment_lines_quantity_positive")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"], name=op.f("fk_shipment_lines_order_line_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_shipment_lines_shipment_id")),
        sa.PrimaryKeyConstraint("shipment_id", "order_line_id", name=op.f("pk_shipment_lines")),
        sqlite_strict=True,
    )
    op.create_table(
        "stock_movements",
        sa.Column("seq", types.Count(), autoincrement=True, nullable=False),
        sa.Column("sku", types.Word(), nullable=False),
        sa.Column("warehouse", types.Word(), nullable=False),
        sa.Column("pool", types.Word(), nullable=False),
        sa.Column("bucket", types.Count(), nullable=False),
        sa.Column("kind", types.Word(), nullable=False),
        sa.Column("quantity", types.Count(), nullable=False),
        sa.Column("reserved", types.Count(), nullable=False),
        sa.Column("committed", types.Count(), nullable=False),
        sa.Column("reason", types.Word(), nullable=True),
        sa.Column("reference", types.Word(), nullable=True),
        sa.Column("reservation_id", types.Id(), nullable=True),
        sa.Column("actor", types.Word(), nullable=False),
        sa.Column("request_id", types.Id(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('receive', 'adjust', 'hold', 'release', 'expire', 'commit', 'uncommit', 'ship')",
            name=op.f("ck_stock_movements_kind_word"),
        ),
        sa.CheckConstraint(
            "quantity <> 0 OR reserved <> 0 OR committed <> 0", name=op.f("ck_stock_movements_moves_something")
        ),
        sa.ForeignKeyConstraint(
            ["sku", "warehouse", "pool", "bucket"],
            ["stock_levels.sku", "stock_levels.warehouse", "stock_levels.pool", "stock_levels.bucket"],
            name=op.f("fk_stock_movements_sku_warehouse_pool_bucket"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_stock_movements")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_stock_movements_level", "stock_movements", ["sku", "warehouse", "pool", "bucket", "seq"], unique=False
    )
    op.create_index("ix_stock_movements_reservation_id", "stock_movements", ["reservation_id"], unique=False)
    op.create_table(
        "order_allocations",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("order_id", types.Id(), nullable=False),
        sa.Column("order_line_id", types.Id(), nullable=False),
        sa.Column("reservation_id", types.Id(), nullable=False),
        sa.Column("sku", types.Word(), nullable=False),
        sa.Column("warehouse", types.Word(), nullable=False),
        sa.Column("pool", types.Word(), nullable=False),
        sa.Column("bucket", types.Count(), nullable=False),
        sa.Column("quantity", types.Count(), nullable=False),
        sa.Column("shipped", types.Count(), nullable=False),
        sa.Column("cancelled", types.Count(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_allocations_quantity_positive")),
        sa.CheckConstraint(
            "shipped >= 0 AND cancelled >= 0 AND shipped + cancelled <= quantity",
            name=op.f("ck_order_allocations_shipped_in_range"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_allocations_order_id")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"], name=op.f("fk_order_allocations_order_line_id")),
        sa.ForeignKeyConstraint(
            ["reservation_id"], ["reservations.id"], name=op.f("fk_order_allocations_reservation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_allocations")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_order_allocations_level", "order_allocations", ["sku", "warehouse", "pool", "bucket"], unique=False
    )
    op.create_index("ix_order_allocations_order_id", "order_allocations", ["order_id"], unique=False)
    op.create_index("ix_order_allocations_order_line_id", "order_allocations", ["order_line_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE order_numbers START 1001")
