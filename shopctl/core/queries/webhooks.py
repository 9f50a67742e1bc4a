"""Reads of webhooks, and of what became of their deliveries. The secret is in neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import webhook_deliveries, webhooks
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import NotFound
from shopctl.core.queries.listing import Listing

w, d = webhooks.c, webhook_deliveries.c


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told of what. `pending` and `dead` are how many deliveries wait, and how many were given up."""

    id: str
    url: str
    topics: Sequence[str]
    active: bool
    pending: int
    dead: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a webhook. `status_code` is the last answer, `problem` what was wrong with it."""

    id: str
    webhook: str
    url: str
    event: str
    topic: str
    state: str
    attempts: int
    status_code: int | None
    problem: str | None
    due_at: datetime
    created_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookDetail(Webhook):
    """With its latest deliveries."""

    deliveries: Sequence[Delivery]


def _is(state: str) -> sa.ColumnElement[bool]:
    """In this state, as a partial index says it."""
    return d.state == sa.literal(state, literal_execute=True)


def _count(state: str) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).where(d.webhook_id == w.id, _is(state)).scalar_subquery()


def _hooks(_: UnitOfWork, rows: Sequence[Row]) -> list[Webhook]:
    return [Webhook(**_fields(row)) for row in rows]


def _fields(row: Row) -> Mapping[str, Any]:
    return {name: getattr(row, name) for name in Webhook.__slots__}


def _deliveries(_: UnitOfWork, rows: Sequence[Row]) -> list[Delivery]:
    return [Delivery(**{name: getattr(row, name) for name in Delivery.__slots__}) for row in rows]


_PENDING, _DEAD = _count("pending"), _count("dead")
HOOKS: Listing[Webhook] = Listing(
    sa.select(
        w.id, w.url, w.topics, w.active, w.created_at, w.updated_at, _PENDING.label("pending"), _DEAD.label("dead")
    ),
    {
        "id": w.id,
        "url": w.url,
        "topics": w.topics,
        "active": w.active,
        "pending": _PENDING,
        "dead": _DEAD,
        "created_at": w.created_at,
    },
    ("url", "topics"),
    (w.created_at, w.id),
    _hooks,
)
DELIVERIES: Listing[Delivery] = Listing(
    sa.select(webhook_deliveries, d.fact_id.label("event"), d.webhook_id.label("webhook"), w.url).join(
        webhooks, w.id == d.webhook_id
    ),
    {
        "webhook": d.webhook_id,
        "url": w.url,
        "event": d.fact_id,
        "topic": d.topic,
        "state": d.state,
        "attempts": d.attempts,
        "status_code": d.status_code,
        "problem": d.problem,
        "created_at": d.created_at,
    },
    ("topic", "url", "problem"),
    (d.created_at.desc(), d.id.desc()),
    _deliveries,
)
LATEST = 20


def named(tx: UnitOfWork, name: str) -> Row:
    """A webhook's row, by its id, or by its address where only one has that. NotFound(unknown_webhook)."""
    found = tx.rows(sa.select(webhooks).where(sa.or_(w.id == name, w.url == name)).order_by(w.id).limit(2))
    if len(found) != 1:
        hint = "Several have this address: say which by its id." if found else "See `shopctl events webhooks list`."
        raise NotFound("unknown_webhook", f"There is no webhook {name!r}", hint=hint, webhook=name)
    return found[0]


def get(tx: UnitOfWork, webhook_id: str) -> Webhook:
    (found,) = HOOKS.rows(tx, where=[w.id == webhook_id])
    return found


def detail(tx: UnitOfWork, name: str) -> WebhookDetail:
    """One webhook with its latest deliveries."""
    found = get(tx, named(tx, name).id)
    latest = DELIVERIES.rows(tx, where=[d.webhook_id == found.id], limit=LATEST)[:LATEST]
    return WebhookDetail(**{field: getattr(found, field) for field in Webhook.__slots__}, deliveries=latest)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Deliveries that wait after they have failed, and those that were given up."""

    failing: int
    dead: int


def of_events(tx: UnitOfWork, events: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """What became of the deliveries of these events: a state for each webhook that wants it."""
    found: dict[str, list[str]] = {}
    for row in tx.rows(sa.select(d.fact_id, d.state).where(d.fact_id.in_(events)).order_by(d.fact_id, d.id)):
        found.setdefault(row.fact_id, []).append(row.state)
    return found


def trouble(tx: UnitOfWork) -> Trouble:
    failing = sa.select(sa.func.count()).where(_is("pending"), d.problem.is_not(None)).scalar_subquery()
    dead = sa.select(sa.func.count()).where(_is("dead")).select_from(webhook_deliveries).scalar_subquery()
    return Trouble(*tx.rows(sa.select(failing, dead))[0])
