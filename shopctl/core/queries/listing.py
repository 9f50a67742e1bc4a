"""Lists for people: filtered, sorted and cut in SQL, by names from an allow-list.

A filter is `field:value` (text contains the value, whatever the case; numbers and money also `field:>5`, `field:<=5`; a day
for times), `!field:value` for the opposite, or a bare word, looked for in the list's main text fields. Filters add up.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopctl.core.db import types
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import money
from shopctl.core.domain.near import did_you_mean
from shopctl.core.errors import BadInput

T = TypeVar("T")


@dataclass(frozen=True)
class Listing(Generic[T]):
    """One list. `fields` may be filtered and sorted by; `text` are searched by a bare word; `order` is the default.

    `sums` are the fields of a grouped statement that add rows up: they are filtered after grouping, the others before.
    `among` are fields of other rows that belong to a row, with the query for those: any of them may match, none sorts.
    `given` are the values of the parameters that the statement and the fields name (now, the shop's own threshold …).
    """

    statement: sa.Select[Any]
    fields: Mapping[str, sa.ColumnElement[Any]]
    text: Sequence[str]
    order: Sequence[sa.ColumnElement[Any]]
    build: Callable[[UnitOfWork, Sequence[Row]], list[T]]
    sums: frozenset[str] = frozenset()
    among: Mapping[str, sa.Select[Any]] = field(default_factory=dict)
    given: Callable[[UnitOfWork], Mapping[str, Any]] = lambda _: {}

    def rows(
        self,
        tx: UnitOfWork,
        *,
        filters: Iterable[str] = (),
        sort: str | None = None,
        limit: int = -1,
        where: Iterable[sa.ColumnElement[bool]] = (),
        after: Sequence[Any] = (),
    ) -> list[T]:
        """The rows; one more than `limit`, so that a cut can be told. -1 is all. BadInput for an unknown field.

        `after` goes on behind a row, named by its values of the default `order` (keyset paging; not with `sort`).
        """
        words = [word for text in filters for word in text.split()]
        conditions = [*where, *(self._condition(tx, word) for word in words if not self._adds_up(word))]
        conditions += [self._behind(after)] if after else []
        totals = [self._condition(tx, word) for word in words if self._adds_up(word)]
        order = [*self._sorting(sort), *self.order]
        statement = self.statement.where(*conditions).order_by(*order).limit(None if limit < 0 else limit + 1)
        return self.build(tx, tx.rows(statement.having(*totals) if totals else statement, self.given(tx)))

    def _adds_up(self, word: str) -> bool:
        name, colon, _ = word.removeprefix("!").partition(":")
        return bool(colon) and name in self.sums

    def _behind(self, values: Sequence[Any]) -> sa.ColumnElement[bool]:
        descending = isinstance(self.order[0], sa.UnaryExpression)
        columns = [part.element if isinstance(part, sa.UnaryExpression) else part for part in self.order]
        here = sa.tuple_(*columns)
        there = sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(values, columns, strict=True)))
        return here < there if descending else here > there

    def _sorting(self, sort: str | None) -> list[sa.ColumnElement[Any]]:
        if not sort:
            return []
        name = sort.removeprefix("-")
        if name in self.among:
            raise BadInput(
                "bad_sort", f"A row has several values of {name!r}: it can be filtered by, not sorted", value=name
            )
        column = self._field(name)
        return [column.desc().nulls_last() if sort.startswith("-") else column.asc().nulls_first()]

    def _condition(self, tx: UnitOfWork, word: str) -> sa.ColumnElement[bool]:
        name, colon, value = word.removeprefix("!").partition(":")
        if not colon:
            return sa.or_(*(_contains(self.fields[one], name) for one in self.text))
        column, known = self._field(name), self.words(name)
        if not value:
            raise BadInput("bad_filter", f"{name}: is followed by no value", value=word)
        if known and not any(value.casefold() in word for word in known):
            hint = did_you_mean(value, known)
            raise BadInput("bad_filter", f"{name} is never {value!r}", hint=hint, field=name, value=value)
        found = _matches(tx, column, value, name)
        if name in self.among:
            found = self.among[name].where(found).exists()
        return sa.not_(sa.func.coalesce(found, sa.false())) if word.startswith("!") else found

    def _field(self, name: str) -> sa.ColumnElement[Any]:
        if name in self.fields:
            return self.fields[name]
        hint = did_you_mean(name, self.fields)
        raise BadInput("unknown_field", f"There is no field {name!r} to filter or sort by", hint=hint, value=name)

    def words(self, name: str) -> Sequence[str]:
        """The words that a field takes; none when it takes any text, or is no text."""
        found: Sequence[str] = getattr(self.fields[name], "info", {}).get("words", ())
        return found


_COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "": operator.eq}
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _matches(tx: UnitOfWork, column: sa.ColumnElement[Any], value: str, name: str) -> sa.ColumnElement[bool]:
    kind = column.type
    if isinstance(kind, types.Flag):
        if value.lower() not in _FLAGS:
            raise BadInput("bad_filter", f"{name} is yes or no: {name}:yes, {name}:no", value=value)
        return column == sa.literal(_FLAGS[value.lower()], types.Flag())
    if isinstance(kind, types.Instant):
        return _on_day(tx, column, value, name)
    if isinstance(kind, types.Count | sa.Integer):
        sign = next(sign for sign in _COMPARE if value.startswith(sign))
        number = value.removeprefix(sign)
        wanted = (
            money.parse_amount(number, tx.facts.currency) if isinstance(kind, types.Money) else _whole(number, name)
        )
        return sa.type_coerce(_COMPARE[sign](column, wanted), sa.Boolean)
    return _contains(column, value)


def _contains(column: sa.ColumnElement[Any], value: str) -> sa.ColumnElement[bool]:
    return sa.cast(column, sa.Text).icontains(value, autoescape=True)


def _whole(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadInput("bad_filter", f"{name} is a number: {name}:5, {name}:<5, {name}:>5", value=text) from None


def _on_day(tx: UnitOfWork, column: sa.ColumnElement[Any], value: str, name: str) -> sa.ColumnElement[bool]:
    """A day of the shop's own time zone, or before or after it, with that day or without."""
    sign = next(sign for sign in _COMPARE if value.startswith(sign))
    text = value.removeprefix(sign)
    zone = ZoneInfo(tx.facts.timezone)
    try:
        day = tx.now.astimezone(zone).date() if text == "today" else date.fromisoformat(text)
    except ValueError:
        raise BadInput(
            "bad_filter", f"{name} is a day: {name}:2026-11-22, {name}:today, {name}:>2026-11-22", value=text
        ) from None
    start = datetime.combine(day, time.min, zone)
    end = datetime.combine(day + timedelta(days=1), time.min, zone)
    if sign:
        edge = end if sign in ("<=", ">") else start
        return column < edge if sign.startswith("<") else column >= edge
    return sa.and_(column >= start, column < end)
