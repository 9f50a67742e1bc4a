"""The door: API keys, shoppers' passwords and tokens, and rate limits, for the gateway.

It only expands, by tables that a shopctl of 0002 to 0004 knows nothing of. What it erases of a customer leaves their password
and tokens, which open nothing any more: an erased account has no e-mail address to log in with.
"""

import sqlalchemy as sa
from alembic import op

from shopctl.core.db import types

revision = "0005"
down_revision = "0004"
compatible_since = "0002"


def upgrade() -> None:
    op.create_table(
        "api_keys",
        _column("id", types.Id()),
        _column("name", types.Word()),
        _column("secret_hash", types.Word()),
        _column("scopes", types.Json()),
        _column("created_at", types.Instant()),
        _column("last_used_at", types.Instant(), null=True),
        _column("revoked_at", types.Instant(), null=True),
        _key("api_keys", "id"),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_keys_secret_hash")),
        sa.CheckConstraint("name <> ''", name=op.f("ck_api_keys_named")),
        sqlite_strict=True,
    )
    in_force = sa.text("revoked_at IS NULL")
    op.create_index(
        "uq_api_keys_in_force", "api_keys", ["name"], unique=True, sqlite_where=in_force, postgresql_where=in_force
    )
    op.create_table(
        "customer_passwords",
        _column("customer_id", types.Id()),
        _column("hash", types.Word()),
        _column("changed_at", types.Instant()),
        _key("customer_passwords", "customer_id"),
        _of_customer("customer_passwords"),
        sqlite_strict=True,
    )
    op.create_table(
        "shopper_tokens",
        _column("token_hash", types.Word()),
        _column("customer_id", types.Id()),
        _column("created_at", types.Instant()),
        _column("expires_at", types.Instant()),
        _key("shopper_tokens", "token_hash"),
        _of_customer("shopper_tokens"),
        sqlite_strict=True,
    )
    op.create_index("ix_shopper_tokens_customer_id", "shopper_tokens", ["customer_id"])
    op.create_index("ix_shopper_tokens_expires_at", "shopper_tokens", ["expires_at"])
    op.create_table(
        "rate_limits",
        _column("key", types.Word()),
        _column("full_at", types.Count()),
        _key("rate_limits", "key"),
        sqlite_strict=True,
    )
    op.create_index("ix_rate_limits_full_at", "rate_limits", ["full_at"])


def _column(name: str, kind: sa.types.TypeEngine[object], *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, kind, nullable=null)


def _key(table: str, column: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(column, name=op.f(f"pk_{table}"))


def _of_customer(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f(f"fk_{table}_customer_id"))
