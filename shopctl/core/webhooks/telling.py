"""Facts become deliveries, one for each webhook that wants them; deliveries are posted until they are taken.

A fact and its deliveries change hands in one transaction. A delivery is leased, posted outside any transaction, and what
became of it is recorded; killed in between, its lease runs out and it is posted again, under the same ids.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import groupby

import sqlalchemy as sa

from shopctl.core import outbox
from shopctl.core.db import dialects
from shopctl.core.db.tables import webhook_deliveries, webhooks
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import wire
from shopctl.core.errors import NotFound
from shopctl.core.ports import NoReply
from shopctl.core.queries.due import ACTIVE_HOOKS
from shopctl.core.queries.webhooks import DELIVERIES, Delivery
from shopctl.core.shop import Shop, retried
from shopctl.core.webhooks.wire import request

LEASE = timedelta(seconds=60)
SECONDS = 20.0
"""After so long the rest of what was taken is given back, well before its lease runs out."""
AT_ONCE = 8
"""Webhooks that are posted to at the same time, each its own deliveries one after the other."""
FIRST_PAUSE, LONGEST_PAUSE, FACTOR = 10.0, 6 * 3600.0, 3
MAX_ATTEMPTS = 12
"""With these, a delivery is tried for a bit more than a day: after 10 s, 30 s, 90 s … 2 h, and then every 6 h."""
GONE = 410
d = webhook_deliveries.c


@dataclass(frozen=True, slots=True)
class _Told:
    """What became of a delivery: the status, or why there was none."""

    delivery: Row
    status: int | None
    problem: str | None


def tell(shop: Shop, limit: int, problems: list[str] | None = None) -> int:
    """Post up to `limit` deliveries that are due, those of new facts among them; how many were taken.

    Why others were not is added to `problems`; they are tried again for about a day. One webhook that fails keeps none of
    the others waiting: what else it is to get is put off.
    """
    _fan_out(shop, limit)
    with shop.work("webhooks.take") as tx:
        taken = _take(tx, limit)
        if not taken:
            return 0
        tx.commit()
    until = time.monotonic() + SECONDS
    by_hook = [list(rows) for _, rows in groupby(taken, lambda row: row.webhook_id)]
    with ThreadPoolExecutor(min(AT_ONCE, len(by_hook))) as pool:
        told = [one for found in pool.map(lambda rows: list(_post(shop, rows, until)), by_hook) for one in found]
    _record(shop, taken, told)
    if problems is not None:
        problems += sorted({f"{one.delivery.url}: {one.problem}" for one in told if one.problem})
    return sum(one.problem is None for one in told)


# --- facts → deliveries --------------------------------------------------------------------------------------------
@retried
def _fan_out(shop: Shop, limit: int) -> None:
    with shop.work("webhooks.fan_out") as tx:
        facts = outbox.take_for_webhooks(tx, limit)
        hooks = tx.rows(sa.select(webhooks).where(webhooks.c.active).order_by(webhooks.c.id)) if facts else []
        rows = [_row(tx, hook, fact) for fact in facts for hook in hooks if _wants(hook, fact)]
        if rows:
            made = dialects.insert_new(tx.connection, webhook_deliveries)
            tx.execute(made.on_conflict_do_nothing(index_elements=["webhook_id", "fact_id"]), rows)
        if facts:
            tx.commit()


def _wants(hook: Row, fact: outbox.Fact) -> bool:
    """Of what happened before it was added, a webhook is told nothing."""
    return fact.at >= hook.created_at and any(fnmatchcase(fact.topic, topic) for topic in hook.topics)


def _row(tx: UnitOfWork, hook: Row, fact: outbox.Fact) -> dict[str, object]:
    body = {
        "id": fact.id,
        "topic": fact.topic,
        "at": wire.plain(fact.at),
        "subject": fact.subject,
        "data": fact.payload,
    }
    row = {"id": new_id(), "webhook_id": hook.id, "fact_id": fact.id, "topic": fact.topic, "body": body}
    return {**row, "state": "pending", "attempts": 0, "due_at": tx.now, "created_at": tx.now}


# --- deliveries → POST ---------------------------------------------------------------------------------------------
def _take(tx: UnitOfWork, limit: int) -> Sequence[Row]:
    """Lease deliveries that are due, oldest first, passing over what others have; by webhook, in order."""
    pending = d.state == sa.literal("pending", literal_execute=True)  # the word of a partial index
    due = (
        sa.select(d.id)
        .where(pending, d.due_at <= tx.now, d.webhook_id.in_(ACTIVE_HOOKS))
        .order_by(d.due_at, d.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    leased = {"attempts": d.attempts + 1, "due_at": tx.now + LEASE}
    mine = sa.update(webhook_deliveries).where(d.id.in_(sa.select(due.c.id))).values(leased).returning(d.id)
    ids = [row.id for row in tx.rows(mine)]
    rows = sa.select(webhook_deliveries, webhooks.c.url, webhooks.c.secret).join(webhooks)
    return tx.rows(rows.where(d.id.in_(ids)).order_by(d.webhook_id, d.id)) if ids else []


def _post(shop: Shop, rows: Iterable[Row], until: float) -> Iterator[_Told]:
    """The deliveries of one webhook, in order; the first that fails is the last that is tried."""
    for row in rows:
        if time.monotonic() > until:
            return
        try:
            status = shop.poster.post(row.url, *request(row.secret, row.id, row.body))
        except NoReply as error:
            yield _Told(row, None, str(error))
            return
        if not 200 <= status < 300:
            yield _Told(row, status, _meaning(status))
            return
        yield _Told(row, status, None)


def _meaning(status: int) -> str:
    if status == GONE:
        return "410: it says that it is gone for good; `shopctl events webhooks remove` ends it"
    return f"{status}: redirects are not followed" if 300 <= status < 400 else f"answered {status}"


def _record(shop: Shop, taken: Sequence[Row], told: Sequence[_Told]) -> None:
    failed = {one.delivery.webhook_id: one for one in told if one.problem}
    tried = {one.delivery.id for one in told}
    with shop.work("webhooks.told") as tx:
        for one in told:
            _update(tx, one.delivery, **_became(tx.now, one))
        for row in taken:
            if row.id not in tried:  # no try of its own is counted; behind a failure it waits for as long
                failure = failed.get(row.webhook_id)
                pause = _pause(failure.delivery.attempts) if failure else timedelta()
                _update(tx, row, attempts=row.attempts - 1, due_at=tx.now + pause)
        tx.commit()


def _became(now: datetime, one: _Told) -> dict[str, object]:
    if one.problem is None:
        return {"state": "done", "status_code": one.status, "problem": None, "done_at": now}
    given_up = one.status == GONE or one.delivery.attempts >= MAX_ATTEMPTS
    changes = {"state": "dead" if given_up else "pending", "status_code": one.status, "problem": one.problem}
    return {**changes, "due_at": now + _pause(one.delivery.attempts)}


def _update(tx: UnitOfWork, delivery: Row, **changes: object) -> None:
    """Unless its webhook, or the delivery itself, has become another's matter meanwhile."""
    mine = sa.and_(d.id == delivery.id, d.state == "pending", d.attempts == delivery.attempts)
    tx.execute(sa.update(webhook_deliveries).where(mine).values(**changes))


def _pause(attempts: int) -> timedelta:
    """Each time longer, and never quite the same: many that failed together do not come back together."""
    pause = min(FIRST_PAUSE * FACTOR ** (attempts - 1), LONGEST_PAUSE)
    return timedelta(seconds=pause * random.uniform(0.9, 1.1))


# --- afterwards ----------------------------------------------------------------------------------------------------
@retried
def redeliver(shop: Shop, *, delivery_id: str) -> Delivery:
    """Post a delivery once more, whatever became of it; it is due at once. NotFound(unknown_delivery)."""
    with shop.work("webhooks.redeliver", delivery_id) as tx:
        anew = {"state": "pending", "attempts": 0, "due_at": tx.now, "problem": None, "done_at": None}
        if not tx.execute(sa.update(webhook_deliveries).where(d.id == delivery_id).values(anew)).rowcount:
            raise NotFound("unknown_delivery", f"There is no delivery {delivery_id!r}", id=delivery_id)
        (found,) = DELIVERIES.rows(tx, where=[d.id == delivery_id])
        tx.commit()
    return found


def prune(tx: UnitOfWork, before: datetime, limit: int) -> int:
    """Remove up to `limit` of the deliveries from before that nobody waits for, oldest first; how many."""
    old = sa.select(d.id).where(d.created_at < before, d.state != "pending").order_by(d.created_at, d.id).limit(limit)
    return tx.execute(sa.delete(webhook_deliveries).where(d.id.in_(old))).rowcount
