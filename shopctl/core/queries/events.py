"""Reads of the outbox as a feed: what happened, oldest first, from a moment on and for as long as somebody listens."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import orders, outbox
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.orders import LIST as ORDERS
from shopctl.core.queries.orders import Order

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
PAGE = 500
WINDOW = timedelta(minutes=1)
"""How long a transaction may take to commit and still be heard of.

Facts carry the time at which their transaction began, so one that commits late appears *behind* facts that were read
already (on Postgres; SQLite has one writer at a time, and its units of work never go back in time). Whoever asks only for
"later than the last" would skip it. So the last minute is read again each time, and what was shown is dropped.
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. `subject` is what it is about, `command` the command line that would do it again, where there is one."""

    id: str
    at: datetime
    topic: str
    subject: str
    actor: str
    request_id: str
    data: Mapping[str, Any]
    command: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to an order, and the order as it is now."""

    id: str
    at: datetime
    topic: str
    number: str
    from_status: str | None
    to_status: str
    actor: str
    order: Order


def _build(_: UnitOfWork, rows: Sequence[Row]) -> list[Event]:
    return [
        Event(
            id=row.id,
            at=row.created_at,
            topic=row.topic,
            subject=row.subject,
            actor=row.actor,
            request_id=row.request_id,
            data=row.payload,
            command=command_of(row.topic, row.subject, row.payload),
        )
        for row in rows
    ]


LIST: Listing[Event] = Listing(
    sa.select(outbox),
    {
        "at": outbox.c.created_at,
        "topic": outbox.c.topic,
        "subject": outbox.c.subject,
        "actor": outbox.c.actor,
        "request_id": outbox.c.request_id,
        "data": outbox.c.payload,
    },
    ("topic", "subject", "data"),  # an order is known by the number in its data
    (outbox.c.created_at.desc(), outbox.c.id.desc()),
    _build,
)


def latest(tx: UnitOfWork, limit: int, *, topics: Sequence[str] = (), since: datetime = BEGINNING) -> list[Event]:
    """The last so many events, oldest first."""
    where = [outbox.c.created_at >= since, *_about(topics)]
    return LIST.rows(tx, where=where, limit=limit)[:limit][::-1]


@dataclass(slots=True)
class Feed:
    """Every event from `since` on, each once. A page is read in a snapshot of its own, so a slow reader holds none open."""

    topics: Sequence[str] = ()
    since: datetime = BEGINNING
    caught_up: bool = False
    _shown: dict[str, datetime] = field(default_factory=dict)
    _behind: tuple[datetime, str] | None = None

    @classmethod
    def from_now(cls, tx: UnitOfWork, topics: Sequence[str] = ()) -> Feed:
        """What is not in this snapshot yet."""
        newest = tx.execute(sa.select(sa.func.max(outbox.c.created_at))).scalar() or BEGINNING
        feed = cls(topics, newest - WINDOW)
        while not feed.caught_up:
            feed._fresh(tx)
        return feed

    def page(self, tx: UnitOfWork) -> list[Event]:
        """The next events, at most PAGE; `caught_up` says whether there are more now."""
        fresh = self._fresh(tx)
        rows = tx.rows(
            sa.select(outbox)
            .where(outbox.c.id.in_(fresh), *_about(self.topics))
            .order_by(outbox.c.created_at, outbox.c.id)
        )
        return _build(tx, rows)

    def _fresh(self, tx: UnitOfWork) -> list[str]:
        """Ids of the next page that were not shown yet. Only the index is read, not the facts."""
        found = self._scan(tx)
        fresh = [row.id for row in found if row.id not in self._shown]
        self._shown |= {row.id: row.created_at for row in found}
        self.caught_up = len(found) < PAGE
        self._behind = None if self.caught_up else (found[-1].created_at, found[-1].id)
        if found:
            self.since = max(self.since, found[-1].created_at - WINDOW)
            self._shown = {id_: at for id_, at in self._shown.items() if at >= self.since}
        return fresh

    def _scan(self, tx: UnitOfWork) -> Sequence[Row]:
        key = (outbox.c.created_at, outbox.c.id)
        if self._behind is None:
            here = outbox.c.created_at >= self.since
        else:
            there = (sa.literal(value, column.type) for value, column in zip(self._behind, key, strict=True))
            here = sa.tuple_(*key) > sa.tuple_(*there)
        return tx.rows(sa.select(*key).where(here).order_by(*key).limit(PAGE))


def changes(tx: UnitOfWork, events: Iterable[Event], filters: Iterable[str]) -> list[Change]:
    """What events (of `order.*`) say about orders that pass the filters now."""
    told = list(events)
    if not told:
        return []
    about = {event.subject for event in told}
    known = {order.id: order for order in ORDERS.rows(tx, filters=filters, where=[orders.c.id.in_(sorted(about))])}
    return [
        Change(
            id=event.id,
            at=event.at,
            topic=event.topic,
            number=known[event.subject].number,
            from_status=event.data.get("from_status"),
            to_status=event.data.get("to_status", known[event.subject].status),
            actor=event.actor,
            order=known[event.subject],
        )
        for event in told
        if event.subject in known
    ]


def _about(topics: Sequence[str]) -> Iterator[sa.ColumnElement[bool]]:
    """The topics that were asked for; `*` stands for anything."""
    if topics:
        escaped = (topic.replace("/", "//").replace("%", "/%").replace("_", "/_") for topic in topics)
        yield sa.or_(*(outbox.c.topic.like(pattern.replace("*", "%"), escape="/") for pattern in escaped))


# --- the command that would do it again ----------------------------------------------------------------------------
def command_of(topic: str, subject: str, data: Mapping[str, Any]) -> str | None:
    """The command line that would do the same again; None for what no command does (a gateway's answer) or what an event
    does not tell for the sake of privacy (a note, an address).
    """
    again = _AGAIN.get(topic)
    words = again(subject, data) if again else None
    return None if words is None else shlex.join(("shopctl", *words))


_Words = tuple[str, ...]


def _of_order(*verb: str) -> Callable[[str, Mapping[str, Any]], _Words]:
    return lambda _, data: ("orders", verb[0], str(data["number"]), *verb[1:])


def _of_sale(*verb: str) -> Callable[[str, Mapping[str, Any]], _Words]:
    return lambda _, data: ("sales", verb[0], str(data["name"]), *verb[1:])


def _cancelled(subject: str, data: Mapping[str, Any]) -> _Words | None:
    """A pending order is given up by its checkout, not by a command."""
    return _of_order("cancel", "--yes")(subject, data) if data.get("from_status") == "confirmed" else None


def _received(sku: str, data: Mapping[str, Any]) -> _Words | None:
    """Of one SKU; many at once have only the number of their rows."""
    return _booked("receive", sku, data, ("warehouse", "reason")) if "warehouse" in data else None


def _adjusted(sku: str, data: Mapping[str, Any]) -> _Words | None:
    """Only with its reason, for an adjustment needs one."""
    return _booked("adjust", sku, data, ("warehouse", "reason")) if data.get("reason") else None


def _booked(verb: str, sku: str, data: Mapping[str, Any], options: Sequence[str]) -> _Words:
    """A change of what is on hand; the options are called as the fields of the event."""
    said = [(f"--{name.replace('_', '-')}", str(data[name])) for name in options if data.get(name) is not None]
    return ("stock", verb, sku, str(data["quantity"]), *(word for pair in said for word in pair))


_AGAIN: Mapping[str, Callable[[str, Mapping[str, Any]], _Words | None]] = {
    "order.shipped": _of_order("ship"),
    "order.delivered": _of_order("deliver"),
    "order.cancelled": _cancelled,
    "stock.receive": _received,
    "stock.adjust": _adjusted,
    "stock.set": lambda sku, data: _booked("set", sku, data, ("warehouse", "safety_stock")),
    "stock.transfer": lambda sku, data: (
        *("stock", "transfer", sku, str(data["quantity"])),
        *("--from", str(data["source"]), "--to", str(data["target"])),
    ),
    "sale.opened": _of_sale("open"),
    "sale.paused": _of_sale("pause"),
    "sale.resumed": _of_sale("resume"),
    "sale.closed": _of_sale("close"),
    "sale.cancelled": _of_sale("cancel", "--yes"),
    "sale.admitted": _of_sale("admit"),
    "sale.checked": _of_sale("check"),
    "shop.paused": lambda _, data: ("store", "pause", f"--reason={data['reason']}"),
    "shop.resumed": lambda _, __: ("store", "resume"),
    "settings.changed": lambda key, data: ("store", "set", key, str(data["value"])),
}
