"""The outbox: facts written in the transaction that made them true, delivered later, at least once.

A row is a fact (topic, subject, payload); docs/events.md lists the topics. A payload holds ids, numbers and states, never a
name, an address or an e-mail: facts outlive the erasure of a customer. Topics that nobody delivers are history from the
start; the others wait until `take` leases them, by state and never by "id > last seen", because transactions commit out of
order. All of them are a feed to listen to (queries/events.py) until `prune` removes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import outbox
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.facts import LETTERS
from shopctl.core.queries.due import FOR_WEBHOOKS, WAITING

CATALOG_CHANGED = "catalog.changed"
ORDER_CONFIRMED = "order.confirmed"
DELIVERED_TOPICS = (CATALOG_CHANGED, *LETTERS)

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 100
LONGEST_PAUSE = timedelta(hours=1)
"""With both, a fact is tried for about four days before it is put aside."""
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Fact:
    id: str
    topic: str
    subject: str
    payload: Mapping[str, Any]
    attempts: int
    at: datetime


_FACT = (outbox.c.id, outbox.c.topic, outbox.c.subject, outbox.c.payload, outbox.c.attempts, outbox.c.created_at)


def add(tx: UnitOfWork, topic: str, subject: str, **payload: object) -> None:
    """Write one fact in this transaction."""
    add_all(tx, topic, [(subject, payload)])


def add_all(tx: UnitOfWork, topic: str, found: Iterable[tuple[str, Mapping[str, object]]]) -> None:
    """Write facts of one topic, as (subject, payload)."""
    waiting = topic in DELIVERED_TOPICS
    same = {"topic": topic, "actor": tx.actor, "request_id": tx.request_id, "attempts": 0}
    same |= {"state": "pending" if waiting else "done", "due_at": tx.now, "created_at": tx.now}
    same |= {"done_at": None if waiting else tx.now}
    tx.insert_at_commit(
        outbox, [{"id": new_id(), "subject": subject, "payload": payload, **same} for subject, payload in found]
    )


def take(tx: UnitOfWork, topics: Collection[str], limit: int) -> Sequence[Fact]:
    """Lease up to `limit` facts that are due, oldest first; those whose lease ran out are due again.

    Many may take at once: on a server each passes over what others have locked. (A CTE is run once; a subquery that skips
    what is locked could be run again for each row, and find others.)
    """
    due = (
        sa.select(outbox.c.id)
        .where(outbox.c.topic.in_(topics), WAITING, outbox.c.due_at <= tx.now)
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    leased = tx.rows(
        sa.update(outbox)
        .where(outbox.c.id.in_(sa.select(due.c.id)))
        .values(state="taken", attempts=outbox.c.attempts + 1, due_at=tx.now + LEASE)
        .returning(*_FACT)
    )
    return sorted((Fact(*row) for row in leased), key=lambda fact: fact.id)


def waiting(tx: UnitOfWork, topic: str, limit: int | None = None) -> Sequence[Fact]:
    """Facts that are not delivered yet, oldest first: due, leased, or put off after a failure."""
    rows = tx.rows(
        sa.select(*_FACT).where(outbox.c.topic == topic, WAITING).order_by(outbox.c.due_at, outbox.c.id).limit(limit)
    )
    return [Fact(*row) for row in rows]


def waiting_ids(tx: UnitOfWork, topic: str) -> Sequence[str]:
    """The ids of all facts that are not delivered yet, without what they carry: there may be many."""
    here = sa.select(outbox.c.id).where(outbox.c.topic == topic, WAITING)
    return [row.id for row in tx.rows(here.order_by(outbox.c.id))]


def lag(tx: UnitOfWork, topic: str) -> int:
    """How many facts are not delivered yet."""
    here = sa.select(sa.func.count()).where(outbox.c.topic == topic, WAITING)
    return int(tx.execute(here).scalar_one())


def done(tx: UnitOfWork, facts: Iterable[Fact]) -> None:
    done_ids(tx, [fact.id for fact in facts])


def done_ids(tx: UnitOfWork, ids: Sequence[str]) -> None:
    tx.execute(sa.update(outbox).where(outbox.c.id.in_(ids)).values(state="done", done_at=tx.now, problem=None))


def release(tx: UnitOfWork, facts: Iterable[Fact]) -> None:
    """Give back what was taken and not tried: it is due at once, and no try is counted."""
    ids = [fact.id for fact in facts]
    back = {"state": "pending", "attempts": outbox.c.attempts - 1, "due_at": tx.now}
    tx.execute(sa.update(outbox).where(outbox.c.id.in_(ids), outbox.c.state == "taken").values(back))


def failed(tx: UnitOfWork, fact: Fact, problem: str, *, for_good: bool = False) -> None:
    """Try again later, each time twice as late up to an hour; after MAX_ATTEMPTS, or `for_good`, it is put aside as dead."""
    dead = for_good or fact.attempts >= MAX_ATTEMPTS
    tx.execute(
        sa.update(outbox)
        .where(outbox.c.id == fact.id)
        .values(
            state="dead" if dead else "pending",
            due_at=tx.now + min(timedelta(seconds=2 ** min(fact.attempts, 20)), LONGEST_PAUSE),
            problem=problem[:500],
        )
    )


def forget(tx: UnitOfWork, subjects: Sequence[str]) -> None:
    """Letters about these subjects that are not sent yet never will be, nor is it kept why others failed."""
    for i in range(0, len(subjects), _CHUNK):
        about = outbox.c.subject.in_(subjects[i : i + _CHUNK])
        tx.execute(sa.update(outbox).where(about).values(problem=None))
        unsent = sa.and_(about, outbox.c.topic.in_(LETTERS), outbox.c.state != "done")
        tx.execute(sa.update(outbox).where(unsent).values(state="done", done_at=tx.now))


def revive(tx: UnitOfWork) -> int:
    """Give facts that were put aside another round of tries; how many."""
    again = sa.update(outbox).where(outbox.c.state == "dead").values(state="pending", attempts=0, due_at=tx.now)
    return tx.execute(again).rowcount


def again(tx: UnitOfWork, fact_id: str) -> bool:
    """Send the letter of a fact once more, whatever became of it before; False when it has none."""
    found = sa.update(outbox).where(outbox.c.id == fact_id, outbox.c.topic.in_(LETTERS))
    revived = {"state": "pending", "attempts": 0, "due_at": tx.now, "done_at": None, "problem": None}
    return bool(tx.execute(found.values(revived)).rowcount)


def take_for_webhooks(tx: UnitOfWork, limit: int) -> Sequence[Fact]:
    """Up to `limit` facts that webhooks may want, oldest first, each once: they are theirs when this transaction commits."""
    told = (
        sa.select(outbox.c.id)
        .where(FOR_WEBHOOKS)
        .order_by(outbox.c.created_at, outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("told")
    )
    taken = sa.update(outbox).where(outbox.c.id.in_(sa.select(told.c.id))).values(for_webhooks=False).returning(*_FACT)
    return sorted((Fact(*row) for row in tx.rows(taken)), key=lambda fact: (fact.at, fact.id))


def prune(tx: UnitOfWork, before: datetime, limit: int) -> int:
    """Remove up to `limit` of the facts from before that nobody waits for any more, oldest first; how many."""
    old = (
        sa.select(outbox.c.id)
        .where(outbox.c.created_at < before, outbox.c.state == "done", sa.not_(FOR_WEBHOOKS))
        .order_by(outbox.c.created_at, outbox.c.id)
        .limit(limit)
    )
    return tx.execute(sa.delete(outbox).where(outbox.c.id.in_(old))).rowcount
