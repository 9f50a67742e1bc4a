"""API keys: which programs may use the gateway, and for what. The only writer of its table.

A secret is random, so its hash alone can be kept, and needs to be no slow one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.db.tables import api_keys
from shopctl.core.db.types import new_id
from shopctl.core.domain import text
from shopctl.core.domain.near import did_you_mean
from shopctl.core.errors import BadInput, NotPermitted, Refused
from shopctl.core.queries import keys as reads
from shopctl.core.queries.keys import ApiKey
from shopctl.core.shop import Shop, retried

SCOPES = {
    "read": "browse and search the catalogue, see what can be had",
    "sell": "carts, accounts, checkout, a shopper's own orders",
    "operate": "the back office: orders, stock, metrics",
}
PREFIX = "shopctl_"
LONGEST_NAME = 60
USED = timedelta(minutes=1)
"""How exactly it is known when a key was used last."""


@dataclass(frozen=True, slots=True)
class NewKey(ApiKey):
    """A key with its secret, which is shown this once."""

    secret: str


@retried
def create(shop: Shop, *, name: str, scopes: Sequence[str]) -> NewKey:
    """Let a program in. Errors: bad_name, unknown_scope, key_exists."""
    called, allowed = _name(name), _scopes(scopes)
    secret = PREFIX + secrets.token_urlsafe(32)
    with shop.work("keys.create", called) as tx:
        stores.one_at_a_time(tx.connection, "keys")
        if reads.find(tx, called) is not None:
            raise Refused("key_exists", f"There is an API key {called!r} already", hint="Revoke it first.", key=called)
        row = {"id": new_id(), "name": called, "secret_hash": digest(secret), "scopes": allowed, "created_at": tx.now}
        tx.insert(api_keys, [row])
        made = reads.named(tx, called)
        tx.commit()
    return NewKey(made.name, made.id, made.scopes, made.created_at, None, None, secret)


@retried
def revoke(shop: Shop, *, name: str) -> ApiKey:
    """Let a program in no more; its name is free again."""
    with shop.work("keys.revoke", name) as tx:
        found = reads.named(tx, name)
        row = tx.row(
            sa.update(api_keys).where(api_keys.c.id == found.id).values(revoked_at=tx.now).returning(*api_keys.c)
        )
        assert row is not None
        tx.commit()
    return reads.of_row(row)


def recognise(shop: Shop, secret: str) -> ApiKey:
    """The key in force that has this secret, and that it was used; NotPermitted(bad_api_key) when there is none."""
    with shop.read() as tx:
        found, now = reads.by_hash(tx, digest(secret)), tx.now
    if found is None:
        raise NotPermitted("bad_api_key", "The API key is not known, or was revoked")
    if not shop.read_only and (found.last_used_at is None or found.last_used_at < now - USED):
        _used(shop, found.id)
    return found


@retried
def _used(shop: Shop, key_id: str) -> None:
    with shop.work("keys.used", key_id) as tx:
        tx.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=tx.now))
        tx.commit(audited=False)


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _name(given: str) -> str:
    name = given.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadInput("bad_name", f"The name of a key has 1 to {LONGEST_NAME} visible characters", value=given)
    return text.refuse_card_number(name, "name")


def _scopes(given: Sequence[str]) -> list[str]:
    for scope in given:
        if scope not in SCOPES:
            hint = did_you_mean(scope, SCOPES) or f"One of {', '.join(SCOPES)}."
            raise BadInput("unknown_scope", f"There is no scope {scope!r}", hint=hint, value=scope)
    if not given:
        raise BadInput("scope_missing", "Say what the key is for", hint=f"--scope {'|'.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in given]
