"""Is there anything to do? Each question is one look at the end of an index; it is asked again and again."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from shopctl.core.db.tables import (
    carts,
    orders,
    outbox,
    payment_actions,
    payments,
    rate_limits,
    refunds,
    reservations,
    shopper_tokens,
    webhook_deliveries,
)
from shopctl.core.db.tables import webhooks as hooks
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.lifecycle import MANUAL

SETTLING = timedelta(seconds=15)
"""How long a checkout at work is not asked after."""
DOUBTFUL = timedelta(days=1)
"""How long a payment that was given up may still turn out to be charged, and is asked about without being told to."""
FULL_SINCE = timedelta(minutes=10)
IN_FLIGHT: sa.ColumnElement[bool] = sa.literal_column("orders.in_flight")  # as its partial index says it, not "= 1"
WAITS_FOR_PEOPLE = sa.exists().where(payments.c.order_id == orders.c.id, payments.c.gateway == MANUAL)
"""Orders that are unfinished until somebody says that they are paid."""
WAITING = outbox.c.state.in_(
    sa.bindparam("waiting", ("pending", "taken"), expanding=True, literal_execute=True)  # the words of a partial index
)
ACTIVE_HOOKS = sa.select(hooks.c.id).where(hooks.c.active)
FOR_WEBHOOKS: sa.ColumnElement[bool] = sa.literal_column("outbox.for_webhooks")


def topics(tx: UnitOfWork) -> set[str]:
    """The topics of facts that can be delivered now."""
    return set(tx.execute(sa.select(outbox.c.topic).where(WAITING, outbox.c.due_at <= tx.now).distinct()).scalars())


def holds(tx: UnitOfWork) -> bool:
    r = reservations.c
    return _any(tx, sa.select(r.id).where(r.state == _word("held"), sa.not_(r.pinned), r.expires_at <= tx.now))


def open_carts(tx: UnitOfWork) -> bool:
    c = carts.c
    return _any(tx, sa.select(c.id).where(c.state == _word("open"), c.expires_at <= tx.now, c.claimed_by.is_(None)))


def sessions(tx: UnitOfWork) -> bool:
    return _any(tx, sa.select(shopper_tokens.c.token_hash).where(shopper_tokens.c.expires_at <= tx.now))


def limits(tx: UnitOfWork) -> bool:
    """Buckets that have been full for a while."""
    long_ago = int((tx.now - FULL_SINCE).timestamp() * 1_000_000)
    return _any(tx, sa.select(rate_limits.c.key).where(rate_limits.c.full_at <= long_ago))


def unfinished(tx: UnitOfWork) -> bool:
    """Checkouts and refunds that somebody may have left behind, and payments that were given up a short while ago."""
    o, p = orders.c, payments.c
    return (
        _any(tx, sa.select(o.id).where(IN_FLIGHT, sa.not_(WAITS_FOR_PEOPLE), o.updated_at <= tx.now - SETTLING))
        or _any(tx, sa.select(refunds.c.id).where(refunds.c.state == _word("pending")))
        or _any(tx, sa.select(payment_actions.c.id).where(payment_actions.c.state == _word("pending")))
        or _any(tx, sa.select(p.id).where(p.state == "voided", p.created_at > tx.now - DOUBTFUL))
    )


def webhooks(tx: UnitOfWork) -> bool:
    """Facts that webhooks may want, and deliveries whose time has come."""
    d = webhook_deliveries.c
    waiting = sa.select(d.id).where(d.state == _word("pending"), d.due_at <= tx.now, d.webhook_id.in_(ACTIVE_HOOKS))
    return _any(tx, sa.select(outbox.c.id).where(FOR_WEBHOOKS)) or _any(tx, waiting)


def old_events(tx: UnitOfWork) -> bool:
    """Facts that are older than the shop keeps them."""
    old = outbox.c.created_at < tx.now - tx.facts.events_ttl
    oldest = sa.select(outbox.c.id).where(old, outbox.c.state == "done", sa.not_(FOR_WEBHOOKS))
    return _any(tx, oldest)


def _any(tx: UnitOfWork, some: sa.Select[tuple[str]]) -> bool:
    return tx.row(some.limit(1)) is not None


def _word(value: str) -> sa.ColumnElement[str]:
    """A word of a partial index, written into the statement: SQLite chooses such an index only when it sees the word."""
    return sa.literal(value, literal_execute=True)
