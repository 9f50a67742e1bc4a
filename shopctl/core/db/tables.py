"""Every table, one source for both stores. Each has exactly one writer module, named in its comment.

States are words checked by the database; every CHECK is named, so that a refusal can be told apart. Counters on
stock_levels are sums of stock_movements; orders, lines and payments are snapshots that later edits do not touch.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
    false,
    literal_column,
    text,
)

from shopctl.core.db.types import Count, Flag, Id, Instant, Json, Money, Word
from shopctl.core.domain import lifecycle

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MAX_QUANTITY = 10**9
"""Units of one SKU in one place; also the backorder limit that stands for "no limit"."""


# Partial indexes say sqlite_where only: naming Postgres's here would load its dialect into every command (30 ms). The
# migrations, which make the tables, say both.
def _table(name: str, *parts: Any) -> Table:
    table = Table(name, metadata, *parts, sqlite_strict=True)
    for constraint in table.constraints:  # a column knows the words it takes, for whoever asks with another
        if "words" in constraint.info:
            table.c[constraint.info["column"]].info["words"] = constraint.info["words"]
    return table


def _must(name: str, sql: str) -> CheckConstraint:
    return CheckConstraint(text(sql), name=name)


def _one_of(column: str, words: Collection[str]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    constraint = _must(f"{column}_word", f"{column} IN ({listed})")
    constraint.info.update(column=column, words=tuple(words))
    return constraint


def _ref(target: str) -> ForeignKey:
    return ForeignKey(target)


_LEVEL_KEY = ("sku", "warehouse", "pool", "bucket")


def _of_level() -> ForeignKeyConstraint:
    """A row that moves or holds stock belongs to a level."""
    return ForeignKeyConstraint(_LEVEL_KEY, [f"stock_levels.{name}" for name in _LEVEL_KEY])


# schema_version: core/db/schema.py. One row, the store's schema; alembic_version says which releases may use it.
schema_version = _table("schema_version", Column("version", Word, primary_key=True))

# settings: core/settings.py. The shop's own facts (id, name, currency …), rules (hold_at …) and marks (last_sweep_at).
settings = _table(
    "settings",
    Column("key", Word, primary_key=True),
    Column("value", Json, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# audit_log: core/operators.py. Written by the unit of work itself, in the same transaction; sealed in a chain later.
audit_log = _table(
    "audit_log",
    Column("seq", Count, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor", Word, nullable=False),
    Column("request_id", Id, nullable=False),
    Column("action", Word, nullable=False),
    Column("target", Word),
    Column("seal", Word),
)

# --- catalogue: core/catalog.py ------------------------------------------------------------------------------------
categories = _table(
    "categories",
    Column("id", Id, primary_key=True),
    Column("parent_id", Id, _ref("categories.id")),
    Column("name", Word, nullable=False),
    Column("path", Word, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    _must("not_its_own_parent", "parent_id <> id"),
)
Index("ix_categories_parent_id", categories.c.parent_id)

products = _table(
    "products",
    Column("id", Id, primary_key=True),
    Column("handle", Word, nullable=False, unique=True),
    Column("title", Word, nullable=False),
    Column("description", Word, nullable=False),
    Column("brand", Word),
    Column("category_id", Id, _ref("categories.id")),
    Column("tags", Json, nullable=False),
    Column("image_urls", Json, nullable=False),
    Column("status", Word, nullable=False),
    Column("extra", Json),  # by format, by column: what a file said and shopctl does not use
    Column("version", Count, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _one_of("status", ("draft", "active", "archived")),
    _must("titled", "title <> ''"),
    _must("version_positive", "version > 0"),
)
Index("ix_products_category_id", products.c.category_id)
Index("ix_products_brand", products.c.brand)
Index("ix_products_created_at", products.c.created_at, products.c.id)

variants = _table(
    "variants",
    Column("id", Id, primary_key=True),
    Column("product_id", Id, _ref("products.id"), nullable=False),
    Column("position", Count, nullable=False),
    Column("sku", Word, nullable=False, unique=True),
    Column("options", Json, nullable=False),
    Column("price", Money, nullable=False),
    Column("compare_at_price", Money),
    Column("currency", Word, nullable=False),
    Column("barcode", Word),
    Column("weight_grams", Count, nullable=False),
    Column("image_urls", Json, nullable=False),
    Column("taxable", Flag, nullable=False),
    Column("requires_shipping", Flag, nullable=False),
    Column("tracked", Flag, nullable=False),
    Column("backorder_limit", Count, nullable=False),
    Column("low_stock", Count),  # None: the shop's own threshold
    Column("hold_at", Word),
    Column("extra", Json),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("product_id", "options"),
    _must("price_in_range", "price BETWEEN 0 AND 1000000000000000"),
    _must("compare_at_price_in_range", "compare_at_price BETWEEN 0 AND 1000000000000000"),
    _must("weight_in_range", "weight_grams BETWEEN 0 AND 1000000000"),
    _must("backorder_limit_in_range", f"backorder_limit BETWEEN 0 AND {MAX_QUANTITY}"),
    _must("low_stock_in_range", f"low_stock BETWEEN 0 AND {MAX_QUANTITY}"),
    _one_of("hold_at", ("cart", "checkout")),
    _must("sku_given", "sku <> ''"),
)
Index("ix_variants_barcode", variants.c.barcode)
_with_threshold = text("low_stock IS NOT NULL")
Index("ix_variants_low_stock", variants.c.sku, variants.c.low_stock, variants.c.tracked, sqlite_where=_with_threshold)

# --- stock: core/stock/ ------------------------------------------------------------------------------------------
warehouses = _table(
    "warehouses",
    Column("code", Word, primary_key=True),
    Column("name", Word, nullable=False),
    Column("priority", Count, nullable=False),
    Column("active", Flag, nullable=False),
    Column("created_at", Instant, nullable=False),
)

stock_levels = _table(
    "stock_levels",
    Column("sku", Word, _ref("variants.sku"), primary_key=True),
    Column("warehouse", Word, _ref("warehouses.code"), primary_key=True),
    Column("pool", Word, primary_key=True),
    Column("bucket", Count, primary_key=True),
    Column("quantity", Count, nullable=False),
    Column("reserved", Count, nullable=False),
    Column("committed", Count, nullable=False),
    Column("tracked", Flag, nullable=False),
    Column("backorder_limit", Count, nullable=False),
    Column(
        "safety_stock", Count, nullable=False, server_default="0"
    ),  # never held for a shopper; an operator may use it up
    Column("updated_at", Instant, nullable=False),
    Column("buckets", Count, nullable=False, server_default="1"),  # over how many rows the level is spread now
    _must("quantity_in_range", f"quantity BETWEEN 0 AND {MAX_QUANTITY}"),
    _must("reserved_not_negative", "reserved >= 0"),
    _must("committed_not_negative", "committed >= 0"),
    _must("backorder_limit_in_range", f"backorder_limit BETWEEN 0 AND {MAX_QUANTITY}"),
    _must("safety_stock_in_range", f"safety_stock BETWEEN 0 AND {MAX_QUANTITY}"),
    _must("not_oversold", "reserved + committed <= quantity + backorder_limit"),
    _one_of("pool", ("general", "sale")),
)
Index("ix_stock_levels_warehouse", stock_levels.c.warehouse)

MOVEMENT_KINDS = ("receive", "adjust", "transfer", "hold", "release", "expire", "commit", "uncommit", "ship", "repair")

# Append-only. The sequence is drawn after the level row is locked, so that every prefix of it is a true history.
stock_movements = _table(
    "stock_movements",
    Column("seq", Count, primary_key=True, autoincrement=True),
    Column("sku", Word, nullable=False),
    Column("warehouse", Word, nullable=False),
    Column("pool", Word, nullable=False),
    Column("bucket", Count, nullable=False),
    Column("kind", Word, nullable=False),
    Column("quantity", Count, nullable=False),
    Column("reserved", Count, nullable=False),
    Column("committed", Count, nullable=False),
    Column("reason", Word),
    Column("reference", Word),
    Column("reservation_id", Id),
    Column("actor", Word, nullable=False),
    Column("request_id", Id, nullable=False),
    Column("at", Instant, nullable=False),
    _one_of("kind", MOVEMENT_KINDS),
    _of_level(),
    # A repair may move nothing: then only the level's counters were wrong, and it says so where everybody looks.
    _must("moves_something", "kind = 'repair' OR quantity <> 0 OR reserved <> 0 OR committed <> 0"),
)
Index("ix_stock_movements_level", *(stock_movements.c[name] for name in _LEVEL_KEY), stock_movements.c.seq)
Index("ix_stock_movements_reservation_id", stock_movements.c.reservation_id)

# --- reservations: core/reservations/ -----------------------------------------------------------------------------
reservations = _table(
    "reservations",
    Column("id", Id, primary_key=True),
    Column("owner_kind", Word, nullable=False),
    Column("owner_id", Id, nullable=False),
    Column("origin", Word, nullable=False),
    Column("reference", Word, nullable=False),
    Column("sku", Word, nullable=False),
    Column("warehouse", Word, nullable=False),
    Column("pool", Word, nullable=False),
    Column("bucket", Count, nullable=False),
    Column("quantity", Count, nullable=False),
    Column("state", Word, nullable=False),
    Column("pinned", Flag, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    _of_level(),
    _one_of("owner_kind", ("cart", "order")),
    _one_of("origin", ("cart", "checkout")),
    _one_of("state", lifecycle.RESERVATION),
    _must("quantity_positive", f"quantity BETWEEN 1 AND {MAX_QUANTITY}"),
    _must("resolved_once", "(state = 'held') = (resolved_at IS NULL)"),
)
_held = text("state = 'held'")
Index(
    "uq_reservations_live",
    *(reservations.c[name] for name in ("owner_id", "sku", "warehouse", "pool", "bucket", "origin")),
    unique=True,
    sqlite_where=_held,
)
Index(
    "ix_reservations_live_sku",
    reservations.c.sku,
    reservations.c.expires_at,
    sqlite_where=_held,
)
Index("ix_reservations_live_expiry", reservations.c.expires_at, sqlite_where=_held)
Index("ix_reservations_owner_id", reservations.c.owner_id)

# --- customers: core/customers.py ----------------------------------------------------------------------------------
customers = _table(
    "customers",
    Column("id", Id, primary_key=True),
    Column("email", Word, nullable=False),
    Column("email_folded", Word, nullable=False, unique=True),
    Column("name", Word),
    Column("registered", Flag, nullable=False),
    Column("erased_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

Index("ix_customers_created_at", customers.c.created_at, customers.c.id)

customer_addresses = _table(
    "customer_addresses",
    Column("id", Id, primary_key=True),
    Column("customer_id", Id, _ref("customers.id"), nullable=False),
    Column("address", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("customer_id", "address"),
)

# --- carts: core/cart/ ---------------------------------------------------------------------------------------------
carts = _table(
    "carts",
    Column("id", Id, primary_key=True),
    Column("handle", Word, nullable=False),
    Column("handle_folded", Word, nullable=False),
    Column("customer_id", Id, _ref("customers.id")),
    Column("state", Word, nullable=False),
    Column("version", Count, nullable=False),
    Column("claimed_by", Id),
    Column("ticket_id", Id),  # a turn at a sale: nobody changes what is in it
    Column("merged_into", Id, _ref("carts.id")),
    Column("hot_id", Id),  # version `hot_version` was written from this hot copy at this revision of it
    Column("hot_revision", Count),
    Column("hot_version", Count),
    Column("expires_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _one_of("state", lifecycle.CART_STATES),
)
_open = text("state = 'open'")
Index("uq_carts_open_handle", carts.c.handle_folded, unique=True, sqlite_where=_open)
Index("ix_carts_open_expiry", carts.c.expires_at, sqlite_where=_open)
Index("ix_carts_updated_at", carts.c.updated_at, carts.c.id)
_merged = text("state = 'merged'")
Index("ix_carts_merged_handle", carts.c.handle_folded, sqlite_where=_merged)
Index("ix_carts_merged_into", carts.c.merged_into, sqlite_where=_merged)
Index("ix_carts_customer_id", carts.c.customer_id)
_of_customer = text("state = 'open' AND customer_id IS NOT NULL")
Index("uq_carts_open_customer", carts.c.customer_id, unique=True, sqlite_where=_of_customer)

cart_lines = _table(
    "cart_lines",
    Column("cart_id", Id, _ref("carts.id"), primary_key=True),
    Column("sku", Word, _ref("variants.sku"), primary_key=True),
    Column("quantity", Count, nullable=False),
    Column("seen_price", Money, nullable=False),
    Column("agreed_price", Money),  # of a sale; None: what the variant costs
    Column("added_at", Instant, nullable=False),
    _must("agreed_price_in_range", "agreed_price BETWEEN 0 AND 1000000000000000"),
    _must("quantity_positive", f"quantity BETWEEN 1 AND {MAX_QUANTITY}"),
)
Index("ix_cart_lines_sku", cart_lines.c.sku)

# --- rates: core/rates.py ------------------------------------------------------------------------------------------
_place = ("country", "region")

tax_rates = _table(
    "tax_rates",
    Column("id", Id, primary_key=True),
    Column("name", Word, nullable=False),
    Column("country", Word, nullable=False),
    Column("region", Word, nullable=False),
    Column("parts_per_million", Count, nullable=False),
    Column("included", Flag, nullable=False),
    Column("on_shipping", Flag, nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("valid_to", Instant),
    Column("created_at", Instant, nullable=False),
    _must("rate_in_range", "parts_per_million BETWEEN 0 AND 1000000"),
    _must("dates_in_order", "valid_to > valid_from"),
)
Index("ix_tax_rates_place", *(tax_rates.c[name] for name in _place))

shipping_rates = _table(
    "shipping_rates",
    Column("id", Id, primary_key=True),
    Column("name", Word, nullable=False),
    Column("country", Word, nullable=False),
    Column("region", Word, nullable=False),
    Column("amount", Money, nullable=False),
    Column("currency", Word, nullable=False),
    Column("min_weight_grams", Count, nullable=False),
    Column("max_weight_grams", Count),
    Column("min_total", Money, nullable=False),
    Column("max_total", Money),
    Column("free_above", Money),
    Column("valid_from", Instant, nullable=False),
    Column("valid_to", Instant),
    Column("created_at", Instant, nullable=False),
    _must("amount_not_negative", "amount >= 0"),
    _must("weights_in_order", "max_weight_grams > min_weight_grams"),
    _must("totals_in_order", "max_total > min_total"),
    _must("dates_in_order", "valid_to > valid_from"),
)
Index("ix_shipping_rates_place", *(shipping_rates.c[name] for name in _place))

# --- orders: core/orders/ ------------------------------------------------------------------------------------------
orders = _table(
    "orders",
    Column("id", Id, primary_key=True),
    Column("number", Count, nullable=False, unique=True),
    Column("status", Word, nullable=False),
    Column("in_flight", Flag, nullable=False),
    Column("cart_id", Id, _ref("carts.id")),
    Column("customer_id", Id, _ref("customers.id"), nullable=False),
    Column("email", Word, nullable=False),
    Column("currency", Word, nullable=False),
    Column("subtotal", Money, nullable=False),
    Column("discount", Money, nullable=False),
    Column("shipping", Money, nullable=False),
    Column("tax", Money, nullable=False),
    Column("tax_included", Money, nullable=False),
    Column("taxes", Json, nullable=False),
    Column("total", Money, nullable=False),
    Column("shipping_method", Word),
    Column("shipping_address", Json, nullable=False),
    Column("problem", Json),
    Column("process", Word, nullable=False),
    Column("source", Word, nullable=False, server_default="checkout"),
    Column("reference", Word),  # what another platform called it
    Column("extra", Json),  # by format: what an orders file said and shopctl does not use
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _one_of("status", lifecycle.ORDER),
    _one_of("source", ("checkout", "import")),
    _must(
        "none_negative",
        "subtotal >= 0 AND discount >= 0 AND shipping >= 0 AND tax >= 0 AND tax_included >= 0 AND total >= 0",
    ),
    _must("total_adds_up", "total = subtotal - discount + shipping + tax - tax_included"),
    _must("only_pending_in_flight", "status = 'pending' OR NOT in_flight"),
)
_in_flight = text("in_flight")
Index(
    "uq_orders_open_checkout",
    orders.c.cart_id,
    unique=True,
    sqlite_where=_in_flight,
)
Index("ix_orders_cart_id", orders.c.cart_id)
Index("ix_orders_status", orders.c.status, orders.c.number)
Index("ix_orders_customer_id", orders.c.customer_id, orders.c.number)
Index("ix_orders_created_at", orders.c.created_at)
_imported = text("reference IS NOT NULL")
Index("ix_orders_reference", orders.c.reference, sqlite_where=_imported)

order_lines = _table(
    "order_lines",
    Column("id", Id, primary_key=True),
    Column("order_id", Id, _ref("orders.id"), nullable=False),
    Column("position", Count, nullable=False),
    Column("sku", Word, nullable=False),
    Column("product_name", Word, nullable=False),
    Column("options", Json, nullable=False),
    Column("quantity", Count, nullable=False),
    Column("unit_price", Money, nullable=False),
    Column("total_price", Money, nullable=False),
    Column("tax", Money, nullable=False),
    Column("taxable", Flag, nullable=False),
    Column("requires_shipping", Flag, nullable=False),
    Column("tracked", Flag, nullable=False),
    Column("weight_grams", Count, nullable=False),
    Column("cancelled", Count, nullable=False, server_default="0"),
    Column("returned", Count, nullable=False, server_default="0"),
    UniqueConstraint("order_id", "position"),
    _must("quantity_positive", f"quantity BETWEEN 1 AND {MAX_QUANTITY}"),
    _must("unit_price_not_negative", "unit_price >= 0"),
    _must("tax_not_negative", "tax >= 0"),
    _must("total_is_price_times_quantity", "total_price = unit_price * quantity"),
    _must("cancelled_in_range", "cancelled BETWEEN 0 AND quantity"),
    _must("returned_in_range", "returned BETWEEN 0 AND quantity - cancelled"),
)
Index("ix_order_lines_sku", order_lines.c.sku, order_lines.c.order_id)

# Which warehouse owes which units of a line, from its committed reservations: quantity − shipped − cancelled
# are committed stock.
order_allocations = _table(
    "order_allocations",
    Column("id", Id, primary_key=True),
    Column("order_id", Id, _ref("orders.id"), nullable=False),
    Column("order_line_id", Id, _ref("order_lines.id"), nullable=False),
    Column("reservation_id", Id, _ref("reservations.id"), nullable=False),
    Column("sku", Word, nullable=False),
    Column("warehouse", Word, nullable=False),
    Column("pool", Word, nullable=False),
    Column("bucket", Count, nullable=False),
    Column("quantity", Count, nullable=False),
    Column("shipped", Count, nullable=False),
    Column("cancelled", Count, nullable=False),
    _must("quantity_positive", "quantity > 0"),
    _must("shipped_in_range", "shipped >= 0 AND cancelled >= 0 AND shipped + cancelled <= quantity"),
)
Index("ix_order_allocations_order_id", order_allocations.c.order_id)
Index("ix_order_allocations_order_line_id", order_allocations.c.order_line_id)
Index("ix_order_allocations_level", *(order_allocations.c[name] for name in _LEVEL_KEY))

shipments = _table(
    "shipments",
    Column("id", Id, primary_key=True),
    Column("order_id", Id, _ref("orders.id"), nullable=False),
    Column("warehouse", Word),
    Column("tracking", Word),
    Column("shipped_at", Instant, nullable=False),
    Column("delivered_at", Instant),
)
Index("ix_shipments_order_id", shipments.c.order_id)

shipment_lines = _table(
    "shipment_lines",
    Column("shipment_id", Id, _ref("shipments.id"), primary_key=True),
    Column("order_line_id", Id, _ref("order_lines.id"), primary_key=True),
    Column("quantity", Count, nullable=False),
    _must("quantity_positive", "quantity > 0"),
)

order_events = _table(
    "order_events",
    Column("seq", Count, primary_key=True, autoincrement=True),
    Column("order_id", Id, _ref("orders.id"), nullable=False),
    Column("verb", Word, nullable=False),
    Column("from_status", Word),
    Column("to_status", Word, nullable=False),
    Column("note", Word),
    Column("actor", Word, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_order_events_order_id", order_events.c.order_id, order_events.c.seq)

# Goods that come back: core/orders/returns.py. They are asked for, received, and then restocked or written off.
returns = _table(
    "returns",
    Column("id", Id, primary_key=True),
    Column("order_id", Id, _ref("orders.id"), nullable=False),
    Column("number", Word, nullable=False, unique=True),  # the order's number and its own: 1001-R1
    Column("state", Word, nullable=False),
    Column("reason", Word, nullable=False),
    Column("actor", Word, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _one_of("state", lifecycle.RETURN),
)
Index("ix_returns_order_id", returns.c.order_id)
Index("ix_returns_state", returns.c.state, returns.c.created_at)

return_lines = _table(
    "return_lines",
    Column("return_id", Id, _ref("returns.id"), primary_key=True),
    Column("order_line_id", Id, _ref("order_lines.id"), primary_key=True),
    Column("quantity", Count, nullable=False),
    Column("restocked", Count, nullable=False),
    Column("written_off", Count, nullable=False),
    _must("quantity_positive", "quantity > 0"),
    _must("resolved_in_range", "restocked >= 0 AND written_off >= 0 AND restocked + written_off <= quantity"),
)

# What an order is not owed any more: core/orders/credits.py. What remains to be paid is its total less its credits.
credits = _table(
    "credits",
    Column("id", Id, primary_key=True),
    Column("order_id", Id, _ref("orders.id"), nullable=False),
    Column("kind", Word, nullable=False),
    Column("return_id", Id, _ref("returns.id"), unique=True),
    Column("items", Money, nullable=False),
    Column("shipping", Money, nullable=False),
    Column("tax", Money, nullable=False),  # of it, what was added to the price, see orders.tax_included
    Column("total", Money, nullable=False),
    Column("taxes", Json, nullable=False),  # how much of which tax, like orders.taxes: also what is inside the prices
    Column("currency", Word, nullable=False),
    Column("reason", Word, nullable=False),
    Column("key", Word, unique=True),  # the caller's, of a refund, and what it stands for
    Column("fingerprint", Word),
    Column("actor", Word, nullable=False),
    Column("at", Instant, nullable=False),
    _one_of("kind", ("cancel", "return", "refund")),
    _must("none_negative", "items >= 0 AND shipping >= 0 AND tax >= 0 AND total > 0"),
    _must("total_adds_up", "total = items + shipping + tax"),
)
Index("ix_credits_order_id", credits.c.order_id)

credit_lines = _table(
    "credit_lines",
    Column("credit_id", Id, _ref("credits.id"), primary_key=True),
    Column("order_line_id", Id, _ref("order_lines.id"), primary_key=True),
    Column("quantity", Count, nullable=False),
    Column("amount", Money, nullable=False),
    Column("tax", Money, nullable=False),
    _must("none_negative", "quantity >= 0 AND amount >= 0 AND tax >= 0"),
)

# Papers with numbers that have no gaps: core/orders/invoices.py. What was issued is kept as it was, and never removed.
invoices = _table(
    "invoices",
    Column("number", Count, primary_key=True, autoincrement=False),
    Column("kind", Word, nullable=False),
    Column("order_id", Id, _ref("orders.id"), nullable=False),
    Column("credit_id", Id, _ref("credits.id"), unique=True),
    Column("document", Json, nullable=False),
    Column("issued_at", Instant, nullable=False),
    _one_of("kind", ("invoice", "credit_note")),
    _must("number_positive", "number > 0"),
    _must("credit_of_note", "(kind = 'credit_note') = (credit_id IS NOT NULL)"),
)
Index("ix_invoices_order_id", invoices.c.order_id)
_invoice = text("kind = 'invoice'")
Index("uq_invoices_one_an_order", invoices.c.order_id, unique=True, sqlite_where=_invoice)

# The caller's key: one key, one order, one answer.
idempotency_keys = _table(
    "idempotency_keys",
    Column("key", Word, primary_key=True),
    Column("fingerprint", Word, nullable=False),
    Column("order_id", Id, _ref("orders.id"), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
)

# --- payments: core/payments.py ------------------------------------------------------------------------------------
payments = _table(
    "payments",
    Column("id", Id, primary_key=True),
    Column("order_id", Id, _ref("orders.id"), nullable=False),
    Column("gateway", Word, nullable=False),
    Column("gateway_key", Word, nullable=False, unique=True),
    Column("reference", Word, unique=True),
    Column("token", Word, nullable=False),
    Column("amount", Money, nullable=False),
    Column("captured", Money, nullable=False),
    Column("currency", Word, nullable=False),
    Column("state", Word, nullable=False),
    Column("decline_code", Word),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("capture", Word, nullable=False, server_default="order"),
    Column("open", Money, nullable=False, server_default="0"),  # authorized, and neither captured nor let go
    Column("action_url", Word),  # where the shopper has to go, while the state is requires_action
    Column("expires_at", Instant),  # when what is open lapses
    _one_of("state", lifecycle.PAYMENT),
    _one_of("capture", ("order", "shipment")),
    _must("open_in_range", "open BETWEEN 0 AND amount - captured"),
    _must("amount_positive", "amount > 0"),
    _must("captured_in_range", "captured BETWEEN 0 AND amount"),
    _must("captured_matches_state", "(state = 'captured') = (captured > 0)"),
)
_alive = text("state IN ('pending', 'unknown', 'requires_action', 'authorized', 'captured')")
Index("uq_payments_one_alive", payments.c.order_id, unique=True, sqlite_where=_alive)
_lapsing = text("open > 0")
Index("ix_payments_lapsing", payments.c.expires_at, sqlite_where=_lapsing)
Index("ix_payments_order_id", payments.c.order_id)
Index("ix_payments_state", payments.c.state, payments.c.created_at)

payment_attempts = _table(
    "payment_attempts",
    Column("id", Id, primary_key=True),
    Column("payment_id", Id, _ref("payments.id"), nullable=False),
    Column("verb", Word, nullable=False),
    Column("outcome", Word, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_payment_attempts_payment_id", payment_attempts.c.payment_id)

# What else the gateway is asked about a payment, each under a key of its own that is written before the call.
payment_actions = _table(
    "payment_actions",
    Column("id", Id, primary_key=True),
    Column("payment_id", Id, _ref("payments.id"), nullable=False),
    Column("order_id", Id, _ref("orders.id"), nullable=False),
    Column("verb", Word, nullable=False),
    Column("gateway_key", Word, nullable=False, unique=True),
    Column("amount", Money, nullable=False),
    Column("final", Flag, nullable=False),  # of a capture: nothing more will be captured, the gateway lets the rest go
    Column("currency", Word, nullable=False),
    Column("state", Word, nullable=False),
    Column("problem", Word),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _one_of("verb", ("capture", "void")),
    _one_of("state", ("pending", "succeeded", "failed")),
    _must("amount_positive", "amount > 0"),
)
Index("ix_payment_actions_payment_id", payment_actions.c.payment_id)
_asked = text("state = 'pending'")
Index("ix_payment_actions_pending", payment_actions.c.created_at, sqlite_where=_asked)

refunds = _table(
    "refunds",
    Column("id", Id, primary_key=True),
    Column("payment_id", Id, _ref("payments.id"), nullable=False),
    Column("order_id", Id, _ref("orders.id"), nullable=False),
    Column("gateway_key", Word, nullable=False, unique=True),
    Column("reference", Word, unique=True),
    Column("amount", Money, nullable=False),
    Column("currency", Word, nullable=False),
    Column("state", Word, nullable=False),
    Column("reason", Word, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _one_of("state", ("pending", "succeeded", "failed")),
    _must("amount_positive", "amount > 0"),
)
Index("ix_refunds_payment_id", refunds.c.payment_id)
Index("ix_refunds_order_id", refunds.c.order_id)
_refund_pending = text("state = 'pending'")
Index("ix_refunds_pending", refunds.c.created_at, sqlite_where=_refund_pending)

# --- sales: core/sales/ ------------------------------------------------------------------------------------------
sales = _table(
    "sales",
    Column("id", Id, primary_key=True),
    Column("name", Word, nullable=False, unique=True),
    Column("status", Word, nullable=False),
    Column("starts_at", Instant),
    Column("ends_at", Instant),
    Column("per_customer", Count, nullable=False),
    Column("batch", Count, nullable=False),  # most that are admitted at a time
    Column("rate", Count),  # most that are admitted a minute; None: as many as there are units for
    Column("hold_seconds", Count, nullable=False),
    Column("paced_at", Instant),  # since when the rate has admitted nobody
    Column("checked_at", Instant),  # the last time that what shoppers registered was looked at
    Column("problem", Word),  # why the clock could not open it
    Column("sold_out_at", Instant),
    Column("opened_at", Instant),
    Column("ended_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _one_of("status", lifecycle.SALE),
    _must("per_customer_positive", f"per_customer BETWEEN 1 AND {MAX_QUANTITY}"),
    _must("batch_positive", "batch BETWEEN 1 AND 10000"),
    _must("rate_positive", f"rate BETWEEN 1 AND {MAX_QUANTITY}"),
    _must("hold_in_range", "hold_seconds BETWEEN 1 AND 86400"),
    _must("ends_after_start", "starts_at < ends_at"),
)

sale_items = _table(
    "sale_items",
    Column("sale_id", Id, _ref("sales.id"), primary_key=True),
    Column("sku", Word, _ref("variants.sku"), primary_key=True),
    Column("price", Money, nullable=False),
    Column("allotment", Count, nullable=False),
    Column("tail", Count, nullable=False),  # the number of the last ticket given
    Column("head", Count, nullable=False),  # the number of the last ticket whose turn has come
    _must("price_in_range", "price BETWEEN 0 AND 1000000000000000"),
    _must("allotment_positive", f"allotment BETWEEN 1 AND {MAX_QUANTITY}"),
    _must("head_before_tail", "head BETWEEN 0 AND tail"),
)
Index("ix_sale_items_sku", sale_items.c.sku)

tickets = _table(
    "tickets",
    Column("id", Id, primary_key=True),
    Column("sale_id", Id, nullable=False),
    Column("sku", Word, nullable=False),
    Column("seq", Count, nullable=False),
    Column("email", Word, nullable=False),
    Column("email_folded", Word, nullable=False),
    Column("quantity", Count, nullable=False),
    Column("state", Word, nullable=False),
    Column("address", Json),
    Column("token", Word),
    Column("key_digest", Word),  # who has the key that it was asked for with is the same shopper
    Column("agreed_price", Money),  # what the shopper agreed to when joining
    Column("problem", Word),  # what keeps a registered cart from being bought
    Column("cart_id", Id),  # since its turn came
    Column("price", Money),  # since then: what one unit costs
    Column("joined_at", Instant, nullable=False),
    Column("admitted_at", Instant),
    Column("hold_until", Instant),
    Column("ended_at", Instant),
    ForeignKeyConstraint(("sale_id", "sku"), ["sale_items.sale_id", "sale_items.sku"]),
    UniqueConstraint("sale_id", "email_folded"),
    UniqueConstraint("sale_id", "sku", "seq"),
    _one_of("state", lifecycle.TICKET),
    _must("quantity_positive", f"quantity BETWEEN 1 AND {MAX_QUANTITY}"),
    _must("turn_has_a_cart", "(cart_id IS NULL) = (admitted_at IS NULL) AND (cart_id IS NULL) = (price IS NULL)"),
    _must("agreed_price_in_range", "agreed_price BETWEEN 0 AND 1000000000000000"),
    _must("price_in_range", "price BETWEEN 0 AND 1000000000000000"),
)
Index("ix_tickets_state", tickets.c.sale_id, tickets.c.state, tickets.c.sku, tickets.c.seq)
Index("ix_tickets_admitted_at", tickets.c.sale_id, tickets.c.admitted_at)
Index("ix_tickets_cart_id", tickets.c.cart_id)

# --- outbox: core/outbox.py. Facts in the same transaction, delivered later, taken by state. -----------------------
outbox = _table(
    "outbox",
    Column("id", Id, primary_key=True),
    Column("topic", Word, nullable=False),
    Column("subject", Word, nullable=False),
    Column("payload", Json, nullable=False),
    Column("actor", Word, nullable=False),
    Column("request_id", Id, nullable=False),
    Column("state", Word, nullable=False),
    Column("attempts", Count, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("problem", Word),
    # Webhooks are to be told of it. The store itself says so, in the INSERT, wherever there are any.
    Column(
        "for_webhooks",
        Flag,
        nullable=False,
        default=literal_column("EXISTS (SELECT 1 FROM webhooks WHERE active)", Flag),
        server_default=false(),
    ),
    _one_of("state", ("pending", "taken", "done", "dead")),
)
_waiting = text("state IN ('pending', 'taken')")
Index("ix_outbox_waiting", outbox.c.topic, outbox.c.due_at, sqlite_where=_waiting)
Index("ix_outbox_subject", outbox.c.subject, outbox.c.topic)
Index("ix_outbox_created_at", outbox.c.created_at, outbox.c.id)
_dead = text("state = 'dead'")
Index("ix_outbox_dead", outbox.c.created_at, sqlite_where=_dead)
_for_webhooks = text("for_webhooks")
Index("ix_outbox_for_webhooks", outbox.c.created_at, outbox.c.id, sqlite_where=_for_webhooks)

# --- webhooks: core/webhooks.py. Who is told of which facts, and what became of telling them. -----------------------
webhooks = _table(
    "webhooks",
    Column("id", Id, primary_key=True),
    Column("url", Word, nullable=False),
    Column("secret", Word, nullable=False),
    Column("topics", Json, nullable=False),
    Column("active", Flag, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

webhook_deliveries = _table(
    "webhook_deliveries",
    Column("id", Id, primary_key=True),
    Column("webhook_id", Id, _ref("webhooks.id"), nullable=False),
    Column("fact_id", Id, nullable=False),  # of the outbox, which forgets it earlier
    Column("topic", Word, nullable=False),
    Column("body", Json, nullable=False),
    Column("state", Word, nullable=False),
    Column("attempts", Count, nullable=False),
    Column("status_code", Count),
    Column("problem", Word),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    UniqueConstraint("webhook_id", "fact_id"),
    _one_of("state", ("pending", "done", "dead")),
)
_to_deliver = text("state = 'pending'")
Index("ix_webhook_deliveries_due", webhook_deliveries.c.due_at, sqlite_where=_to_deliver)
_given_up = text("state = 'dead'")
Index("ix_webhook_deliveries_dead", webhook_deliveries.c.webhook_id, sqlite_where=_given_up)
Index("ix_webhook_deliveries_fact_id", webhook_deliveries.c.fact_id)
Index("ix_webhook_deliveries_created_at", webhook_deliveries.c.created_at, webhook_deliveries.c.id)

# --- workers: core/workers/life.py. Who lives, by their heartbeats, and whose turn it is to do what one does at a time. ---
workers = _table(
    "workers",
    Column("id", Id, primary_key=True),
    Column("host", Word, nullable=False),
    Column("pid", Count, nullable=False),
    Column("version", Word, nullable=False),
    Column("doing", Word, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("beat_at", Instant, nullable=False),
)

leases = _table(
    "leases",
    Column("name", Word, primary_key=True),
    Column("holder", Id, nullable=False),
    Column("until", Instant, nullable=False),
)

# --- imports: core/imports/runs.py. How far a file has gone in, so that the same file goes on after a cut. ------------
import_runs = _table(
    "import_runs",
    Column("id", Id, primary_key=True),
    Column("kind", Word, nullable=False),
    Column("fingerprint", Word, nullable=False),
    Column("target", Word),
    Column("line", Count, nullable=False),
    Column("report", Json, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("finished_at", Instant),
    _one_of("kind", ("products", "stock", "orders")),
)
_unfinished = text("finished_at IS NULL")
Index("uq_import_runs_open", import_runs.c.kind, import_runs.c.fingerprint, unique=True, sqlite_where=_unfinished)

# --- the gateway: core/keys.py. Who may ask it for what. Of a secret, only its SHA-256 is kept. ----------------------
api_keys = _table(
    "api_keys",
    Column("id", Id, primary_key=True),
    Column("name", Word, nullable=False),
    Column("secret_hash", Word, nullable=False, unique=True),
    Column("scopes", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    _must("named", "name <> ''"),
)
_in_force = text("revoked_at IS NULL")
Index("uq_api_keys_in_force", api_keys.c.name, unique=True, sqlite_where=_in_force)

# --- shoppers at the gateway: core/accounts.py. By what they prove who they are. --------------------------------------
customer_passwords = _table(
    "customer_passwords",
    Column("customer_id", Id, _ref("customers.id"), primary_key=True),
    Column("hash", Word, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

shopper_tokens = _table(
    "shopper_tokens",
    Column("token_hash", Word, primary_key=True),
    Column("customer_id", Id, _ref("customers.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
Index("ix_shopper_tokens_customer_id", shopper_tokens.c.customer_id)
Index("ix_shopper_tokens_expires_at", shopper_tokens.c.expires_at)

# --- rate limits: core/adapters/limits_db.py. When each bucket is full again, in microseconds since 1970. -------------
rate_limits = _table(
    "rate_limits",
    Column("key", Word, primary_key=True),
    Column("full_at", Count, nullable=False),
)
Index("ix_rate_limits_full_at", rate_limits.c.full_at)
