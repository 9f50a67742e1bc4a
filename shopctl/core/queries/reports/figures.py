"""What reports share: spans of the shop's days, sums, and lists over what was added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopctl.core.db import dialects, types
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import Money
from shopctl.core.errors import BadInput
from shopctl.core.queries.listing import Listing

T = TypeVar("T")
DAYS = 30
"""A span's length when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days of the shop's time zone, both included, and the moments at which they begin and end."""

    first: date
    last: date
    start: datetime
    end: datetime


def span(tx: UnitOfWork, first: str | None = None, last: str | None = None) -> Span:
    """The days from `first` to `last`, written 2026-11-22 or today; the last 30 without a word. BadInput(bad_day)."""
    zone = ZoneInfo(tx.facts.timezone)
    today = tx.now.astimezone(zone).date()
    end = _day(last, today) if last else today
    start = _day(first, today) if first else end - timedelta(days=DAYS - 1)
    if start > end:
        raise BadInput("bad_day", f"The days go backwards: from {start} to {end}", value=str(start))
    midnights = [datetime.combine(day, time.min, zone) for day in (start, end + timedelta(days=1))]
    return Span(start, end, *midnights)


def _day(text: str, today: date) -> date:
    try:
        found = today if text == "today" else date.fromisoformat(text)
    except ValueError:
        raise BadInput("bad_day", f"{text!r} is not a day such as 2026-11-22, or today", value=text) from None
    if not 1970 <= found.year <= 9000:
        raise BadInput("bad_day", f"{text!r} is out of range", value=text)
    return found


def local_day(tx: UnitOfWork, moment: sa.ColumnElement[Any], when: Span) -> sa.ColumnElement[str]:
    """The shop's day of a moment of the span."""
    return dialects.local_day(tx.connection, moment, ZoneInfo(tx.facts.timezone), when.start, when.end).label("day")


def total(value: sa.ColumnElement[Any], kind: type[types.Count] = types.Count) -> sa.ColumnElement[Any]:
    """A sum; 0 over nothing."""
    return sa.type_coerce(sa.func.coalesce(sa.func.sum(value), 0), kind())


def named(sums: Mapping[str, sa.ColumnElement[Any]]) -> list[sa.ColumnElement[Any]]:
    return [column.label(name) for name, column in sums.items()]


def listing(
    kind: type[T],
    figures: sa.Select[Any],
    order: str,
    build: Callable[[UnitOfWork, Sequence[Row]], list[T]] | None = None,
) -> Listing[T]:
    """A list over figures, so that it can be filtered and sorted by what was added up. Their first column names the rows."""
    found = figures.subquery().c
    name, by = next(iter(found)), found[order.removeprefix("-")]
    return Listing(
        sa.select(*found),
        dict(found),
        [column.name for column in found if isinstance(column.type, sa.Text | types.Word)],
        (by.desc() if order.startswith("-") else by, name),
        build or (lambda tx, rows: [built(kind, tx, row) for row in rows]),
    )


def built(kind: type[T], tx: UnitOfWork, row: Row, **more: object) -> T:
    """A row as its dataclass: amounts as money, sums (Decimal on Postgres) as integers."""
    currency = tx.facts.currency
    said: dict[str, Any] = {"currency": currency, **row._mapping, **more}
    wanted = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
    for name, value in said.items():
        if wanted.get(name) == "Money":
            said[name] = Money(int(value), currency)
        elif isinstance(value, Decimal):
            said[name] = int(value)
    return kind(**{name: said[name] for name in wanted})
