"""Money: authorizations that are captured later, returns, credits, invoices, webhooks.

It only expands: a shopctl of 0002 or 0003 goes on working on it. An authorization, which it knows nothing of, it leaves alone.
"""

import sqlalchemy as sa
from alembic import op

from shopctl.core.db import types
from shopctl.core.domain.money import allocate

revision = "0004"
down_revision = "0003"
compatible_since = "0002"


def upgrade() -> None:
    _stock_movements()
    _order_lines()
    _returns()
    _credits()
    _credit_what_was_refunded()
    _invoices()
    _payments()
    _payment_actions()
    _webhooks()


def _column(table: str, name: str, kind: object, check: str | None = None, **more: object) -> None:
    """Add a column, with a CHECK named after `check` = "name: condition"."""
    constraints = []
    if check:
        label, condition = check.split(": ", 1)
        constraints.append(sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{label}")))
    op.add_column(table, sa.Column(name, kind, *constraints, **more))  # type: ignore[arg-type]


def _index(name: str, table: str, columns: list[str], where: str | None = None, *, unique: bool = False) -> None:
    some = sa.text(where) if where else None
    op.create_index(name, table, columns, unique=unique, sqlite_where=some, postgresql_where=some)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _ref(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _word(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, types.Word(), nullable=null)


def _id(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, types.Id(), nullable=null)


def _count(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, types.Count(), nullable=null)


def _money(name: str) -> sa.Column[object]:
    return sa.Column(name, types.Money(), nullable=False)


def _instant(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, types.Instant(), nullable=null)


def _stock_movements() -> None:
    """What `store repair` mends is in the ledger, too."""
    kind_word, moves_something = op.f("ck_stock_movements_kind_word"), op.f("ck_stock_movements_moves_something")
    with op.batch_alter_table("stock_movements") as movements:
        for name in (kind_word, moves_something):
            movements.drop_constraint(name, type_="check")
        movements.create_check_constraint(
            kind_word,
            "kind IN ('receive', 'adjust', 'transfer', 'hold', 'release', 'expire', 'commit', 'uncommit', 'ship', 'repair')",
        )
        movements.create_check_constraint(
            moves_something, "kind = 'repair' OR quantity <> 0 OR reserved <> 0 OR committed <> 0"
        )


def _order_lines() -> None:
    _column(
        "order_lines",
        "cancelled",
        types.Count(),
        "cancelled_in_range: cancelled BETWEEN 0 AND quantity",
        nullable=False,
        server_default="0",
    )
    _column(
        "order_lines",
        "returned",
        types.Count(),
        "returned_in_range: returned BETWEEN 0 AND quantity - cancelled",
        nullable=False,
        server_default="0",
    )


def _returns() -> None:
    op.create_table(
        "returns",
        _id("id"),
        _id("order_id"),
        _word("number"),
        _word("state"),
        _word("reason"),
        _word("actor"),
        _instant("created_at"),
        _instant("updated_at"),
        _key("returns", "id"),
        _ref("returns", "order_id", "orders.id"),
        _unique("returns", "number"),
        _check("returns", "state_word", "state IN ('requested', 'received', 'resolved', 'rejected')"),
        sqlite_strict=True,
    )
    _index("ix_returns_order_id", "returns", ["order_id"])
    _index("ix_returns_state", "returns", ["state", "created_at"])
    op.create_table(
        "return_lines",
        _id("return_id"),
        _id("order_line_id"),
        _count("quantity"),
        _count("restocked"),
        _count("written_off"),
        _key("return_lines", "return_id", "order_line_id"),
        _ref("return_lines", "return_id", "returns.id"),
        _ref("return_lines", "order_line_id", "order_lines.id"),
        _check("return_lines", "quantity_positive", "quantity > 0"),
        _check(
            "return_lines",
            "resolved_in_range",
            "restocked >= 0 AND written_off >= 0 AND restocked + written_off <= quantity",
        ),
        sqlite_strict=True,
    )


def _credits() -> None:
    op.create_table(
        "credits",
        _id("id"),
        _id("order_id"),
        _word("kind"),
        _id("return_id", null=True),
        _money("items"),
        _money("shipping"),
        _money("tax"),
        _money("total"),
        sa.Column("taxes", types.Json(), nullable=False),
        _word("currency"),
        _word("reason"),
        _word("key", null=True),
        _word("fingerprint", null=True),
        _word("actor"),
        _instant("at"),
        _key("credits", "id"),
        _ref("credits", "order_id", "orders.id"),
        _ref("credits", "return_id", "returns.id"),
        _unique("credits", "return_id"),
        _unique("credits", "key"),
        _check("credits", "kind_word", "kind IN ('cancel', 'return', 'refund')"),
        _check("credits", "none_negative", "items >= 0 AND shipping >= 0 AND tax >= 0 AND total > 0"),
        _check("credits", "total_adds_up", "total = items + shipping + tax"),
        sqlite_strict=True,
    )
    _index("ix_credits_order_id", "credits", ["order_id"])
    op.create_table(
        "credit_lines",
        _id("credit_id"),
        _id("order_line_id"),
        _count("quantity"),
        _money("amount"),
        _money("tax"),
        _key("credit_lines", "credit_id", "order_line_id"),
        _ref("credit_lines", "credit_id", "credits.id"),
        _ref("credit_lines", "order_line_id", "order_lines.id"),
        _check("credit_lines", "none_negative", "quantity >= 0 AND amount >= 0 AND tax >= 0"),
        sqlite_strict=True,
    )


def _credit_what_was_refunded() -> None:
    """Imported orders of which a part was given back: what is not kept is not owed. In proportion of its parts."""
    text, amount = types.Word(), types.Money()
    o = sa.table(
        "orders",
        *(sa.column(name, text) for name in ("id", "source", "status", "currency")),
        *(sa.column(name, amount) for name in ("shipping", "tax", "tax_included", "total")),
        sa.column("taxes", types.Json()),
    ).c
    r = sa.table(
        "refunds",
        *(sa.column(name, text) for name in ("order_id", "state")),
        sa.column("amount", amount),
        sa.column("created_at", types.Instant()),
    ).c
    refunded = sa.select(
        r.order_id, sa.func.sum(r.amount).label("amount"), sa.func.max(r.created_at, type_=types.Instant()).label("at")
    )
    given = refunded.where(r.state == "succeeded").group_by(r.order_id).subquery().c
    found = sa.select(
        o.id, o.currency, o.shipping, (o.tax - o.tax_included).label("tax"), o.total, o.taxes, given.amount, given.at
    )
    standing = found.where(o.id == given.order_id, o.source == "import", o.status != "cancelled")
    credits = sa.table(
        "credits",
        *(sa.column(name, text) for name in ("id", "order_id", "kind", "currency", "reason", "actor")),
        *(sa.column(name, amount) for name in ("items", "shipping", "tax", "total")),
        sa.column("taxes", types.Json()),
        sa.column("at", types.Instant()),
    )
    for row in op.get_bind().execute(standing.order_by(o.id)).all():
        back = int(row.amount)
        added = max(0, int(row.tax))
        items, shipping, tax = allocate(back, [max(0, row.total - row.shipping - added), row.shipping, added])
        values = {"id": types.new_id(), "order_id": row.id, "kind": "refund", "currency": row.currency, "at": row.at}
        values |= {"items": items, "shipping": shipping, "tax": tax, "total": back}
        values |= {"taxes": [{**part, "amount": back * part["amount"] // row.total} for part in row.taxes]}
        op.get_bind().execute(
            sa.insert(credits).values(**values, reason="refunded before the import", actor="migration")
        )


def _invoices() -> None:
    op.create_table(
        "invoices",
        sa.Column("number", types.Count(), autoincrement=False, nullable=False),
        _word("kind"),
        _id("order_id"),
        _id("credit_id", null=True),
        sa.Column("document", types.Json(), nullable=False),
        _instant("issued_at"),
        _key("invoices", "number"),
        _ref("invoices", "order_id", "orders.id"),
        _ref("invoices", "credit_id", "credits.id"),
        _unique("invoices", "credit_id"),
        _check("invoices", "kind_word", "kind IN ('invoice', 'credit_note')"),
        _check("invoices", "number_positive", "number > 0"),
        _check("invoices", "credit_of_note", "(kind = 'credit_note') = (credit_id IS NOT NULL)"),
        sqlite_strict=True,
    )
    _index("ix_invoices_order_id", "invoices", ["order_id"])
    _index("uq_invoices_one_an_order", "invoices", ["order_id"], "kind = 'invoice'", unique=True)


def _payments() -> None:
    _column(
        "payments",
        "capture",
        types.Word(),
        "capture_word: capture IN ('order', 'shipment')",
        nullable=False,
        server_default="order",
    )
    _column(
        "payments",
        "open",
        types.Money(),
        "open_in_range: open BETWEEN 0 AND amount - captured",
        nullable=False,
        server_default="0",
    )
    _column("payments", "action_url", types.Word())
    _column("payments", "expires_at", types.Instant())
    _index("ix_payments_lapsing", "payments", ["expires_at"], "open > 0")


def _payment_actions() -> None:
    op.create_table(
        "payment_actions",
        _id("id"),
        _id("payment_id"),
        _id("order_id"),
        _word("verb"),
        _word("gateway_key"),
        _money("amount"),
        sa.Column("final", types.Flag(), nullable=False),
        _word("currency"),
        _word("state"),
        _word("problem", null=True),
        _instant("created_at"),
        _instant("updated_at"),
        _key("payment_actions", "id"),
        _ref("payment_actions", "payment_id", "payments.id"),
        _ref("payment_actions", "order_id", "orders.id"),
        _unique("payment_actions", "gateway_key"),
        _check("payment_actions", "verb_word", "verb IN ('capture', 'void')"),
        _check("payment_actions", "state_word", "state IN ('pending', 'succeeded', 'failed')"),
        _check("payment_actions", "amount_positive", "amount > 0"),
        sqlite_strict=True,
    )
    _index("ix_payment_actions_payment_id", "payment_actions", ["payment_id"])
    _index("ix_payment_actions_pending", "payment_actions", ["created_at"], "state = 'pending'")


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        _id("id"),
        _word("url"),
        _word("secret"),
        sa.Column("topics", types.Json(), nullable=False),
        sa.Column("active", types.Flag(), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        _key("webhooks", "id"),
        sqlite_strict=True,
    )
    op.create_table(
        "webhook_deliveries",
        _id("id"),
        _id("webhook_id"),
        _id("fact_id"),
        _word("topic"),
        sa.Column("body", types.Json(), nullable=False),
        _word("state"),
        _count("attempts"),
        _count("status_code", null=True),
        _word("problem", null=True),
        _instant("due_at"),
        _instant("created_at"),
        _instant("done_at", null=True),
        _key("webhook_deliveries", "id"),
        _ref("webhook_deliveries", "webhook_id", "webhooks.id"),
        _unique("webhook_deliveries", "webhook_id", "fact_id"),
        _check("webhook_deliveries", "state_word", "state IN ('pending', 'done', 'dead')"),
        sqlite_strict=True,
    )
    _column("outbox", "for_webhooks", types.Flag(), nullable=False, server_default=sa.false())
    _index("ix_outbox_for_webhooks", "outbox", ["created_at", "id"], "for_webhooks")
    _index("ix_webhook_deliveries_due", "webhook_deliveries", ["due_at"], "state = 'pending'")
    _index("ix_webhook_deliveries_dead", "webhook_deliveries", ["webhook_id"], "state = 'dead'")
    _index("ix_webhook_deliveries_fact_id", "webhook_deliveries", ["fact_id"])
    _index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at", "id"])
