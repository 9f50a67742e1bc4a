"""Shoppers at the gateway: who they are, by password and then by token. The only writer of both.

An e-mail address is not proof of anything: whoever registers one sees nothing that was bought with it before, or without
logging in. So a shopper's own orders are those of the carts that were theirs (queries/tracking.py).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shopctl.core import cart as carts
from shopctl.core import customers
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import customer_passwords, shopper_tokens
from shopctl.core.db.tables import customers as people
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import passwords, text
from shopctl.core.errors import NotPermitted, Refused
from shopctl.core.keys import digest
from shopctl.core.queries.carts import MergedCart
from shopctl.core.shop import Shop, retried

LASTS = timedelta(days=30)
"""How long a token opens the door."""
_TOKEN_OF = sa.select(people.c.id, people.c.email, people.c.name).join_from(
    shopper_tokens, people, people.c.id == shopper_tokens.c.customer_id
)
p, t = customer_passwords.c, shopper_tokens.c


@dataclass(frozen=True, slots=True)
class Shopper:
    id: str
    email: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """A shopper who has logged in. `cart` is theirs now, with what their device's brought into it; None where none was named."""

    token: str
    expires_at: datetime
    shopper: Shopper
    cart: MergedCart | None


# --- use cases -----------------------------------------------------------------------------------------------------
def register(shop: Shop, *, email: str, password: str, name: str | None = None) -> Shopper:
    """Open an account with a password. A guest's e-mail address may become one; Refused(customer_exists) for others'."""
    address = customers.email_address(email)
    called = customers.checked_name(name)
    return _registered(shop, address, called, passwords.hashed(passwords.checked(password)))


@retried
def _registered(shop: Shop, address: str, called: str | None, kept: str) -> Shopper:
    with shop.work("accounts.register") as tx:
        stores.one_at_a_time(tx.connection, "customers")
        if tx.execute(sa.select(people.c.registered).where(people.c.email_folded == text.fold(address))).scalar():
            raise Refused("customer_exists", f"{address} has an account already", email=address)
        account = tx.target = customers.register(tx, address, name=called)
        tx.insert(customer_passwords, [{"customer_id": account, "hash": kept, "changed_at": tx.now}])
        tx.commit()
    return Shopper(account, address, called)


def log_in(shop: Shop, *, email: str, password: str, cart: str | None = None) -> Session:
    """Let a shopper in. The cart of their device becomes theirs, or is merged into theirs. NotPermitted(wrong_password)."""
    with shop.read() as tx:
        found = _account(tx, email)
    if not passwords.is_right(found.hash if found else None, password) or found is None:
        raise NotPermitted("wrong_password", "The e-mail address or the password is wrong")
    merged = carts.login(shop, handle=cart, email=found.email) if cart else None
    token, until = _admitted(shop, found.id)
    return Session(token, until, Shopper(found.id, found.email, found.name), merged)


@retried
def _admitted(shop: Shop, account: str) -> tuple[str, datetime]:
    token = secrets.token_urlsafe(32)
    with shop.work("accounts.log_in", account) as tx:
        until = tx.now + LASTS
        row = {"token_hash": digest(token), "customer_id": account, "created_at": tx.now, "expires_at": until}
        tx.insert(shopper_tokens, [row])
        tx.commit()
    return token, until


def log_out(shop: Shop, *, token: str, cart: str | None = None) -> None:
    """Let a token open nothing any more, and the cart of the shopper's device go, whose handle is free then."""
    if cart:
        carts.logout(shop, handle=cart)
    _let_out(shop, token)


@retried
def _let_out(shop: Shop, token: str) -> None:
    with shop.work("accounts.log_out") as tx:
        tx.target = tx.execute(
            sa.delete(shopper_tokens).where(t.token_hash == digest(token)).returning(t.customer_id)
        ).scalar()
        tx.commit()


def shopper(shop: Shop, token: str) -> Shopper:
    """Who has logged in with this token; NotPermitted(bad_token)."""
    with shop.read() as tx:
        row = tx.row(_TOKEN_OF.where(t.token_hash == digest(token), t.expires_at > tx.now))
    if row is None:
        raise NotPermitted("bad_token", "The shopper's token is not known, or has expired", hint="Log in again.")
    return Shopper(row.id, row.email, row.name)


def sweep(shop: Shop, *, batch: int = 5000) -> int:
    """Forget tokens past their time, in batches; how many."""
    total = 0
    while True:
        with shop.work("accounts.sweep") as tx:
            old = sa.select(t.token_hash).where(t.expires_at <= tx.now).order_by(t.expires_at).limit(batch)
            count = tx.execute(sa.delete(shopper_tokens).where(t.token_hash.in_(old))).rowcount
            tx.commit()
        total += count
        if count < batch or shop.dry_run:
            return total


# --- steps ---------------------------------------------------------------------------------------------------------
def forget(tx: UnitOfWork, account: str) -> None:
    """Let an account that is erased have neither password nor token."""
    tx.execute(sa.delete(shopper_tokens).where(t.customer_id == account))
    tx.execute(sa.delete(customer_passwords).where(p.customer_id == account))


# --- how it works --------------------------------------------------------------------------------------------------
def _account(tx: UnitOfWork, email: str) -> Row | None:
    """Who has this e-mail address and a password."""
    return tx.row(
        sa.select(people.c.id, people.c.email, people.c.name, p.hash)
        .join_from(people, customer_passwords, p.customer_id == people.c.id)
        .where(people.c.email_folded == text.fold(email), people.c.erased_at.is_(None))
    )
