"""Reads of API keys. A key's secret is nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db import types
from shopctl.core.db.tables import api_keys
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import NotFound
from shopctl.core.queries import near
from shopctl.core.queries.listing import Listing

k = api_keys.c


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a program at the gateway may do."""

    name: str
    id: str
    scopes: Sequence[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def _build(_: UnitOfWork, rows: Sequence[Row]) -> list[ApiKey]:
    return [of_row(row) for row in rows]


LIST: Listing[ApiKey] = Listing(
    sa.select(api_keys),
    {
        "name": k.name,
        "scopes": k.scopes,
        "created_at": k.created_at,
        "last_used_at": k.last_used_at,
        "revoked": sa.type_coerce(k.revoked_at.is_not(None), types.Flag()),
    },
    ("name",),
    (k.created_at.desc(), k.id.desc()),
    _build,
)
_IN_FORCE = k.revoked_at.is_(None)
_BY_SECRET = sa.select(api_keys).where(k.secret_hash == sa.bindparam("hash"), _IN_FORCE)


def of_row(row: Row) -> ApiKey:
    return ApiKey(row.name, row.id, row.scopes, row.created_at, row.last_used_at, row.revoked_at)


def by_hash(tx: UnitOfWork, secret_hash: str) -> ApiKey | None:
    """The key in force whose secret has this hash."""
    row = tx.row(_BY_SECRET, {"hash": secret_hash})
    return None if row is None else of_row(row)


def find(tx: UnitOfWork, name: str) -> ApiKey | None:
    """The key in force that is called so."""
    row = tx.row(sa.select(api_keys).where(k.name == name, _IN_FORCE))
    return None if row is None else of_row(row)


def named(tx: UnitOfWork, name: str) -> ApiKey:
    """The same, or NotFound(unknown_key)."""
    found = find(tx, name)
    if found is None:
        hint = near.hint(tx, k.name, name, _IN_FORCE, otherwise="See `shopctl gateway keys list`.")
        raise NotFound("unknown_key", f"There is no API key {name!r} in force", hint=hint, key=name)
    return found
