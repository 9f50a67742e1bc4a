"""The parts of a statement that SQLite and Postgres spell differently."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from shopctl.core.db.types import Count
from shopctl.core.domain.zones import offsets


def next_order_numbers(connection: sa.Connection, numbers: sa.Column[Any], count: int) -> Sequence[int]:
    """The next order numbers: unique, increasing, gaps allowed. A shop's first is 1001."""
    if connection.dialect.name == "postgresql":
        return sorted(int(number) for number in connection.execute(_DRAWN, {"count": count}).scalars())
    # A writing transaction on SQLite is alone, so the largest number is stable until it ends.
    last = int(connection.execute(_largest(numbers)).scalar() or 1000)
    return range(last + 1, last + 1 + count)


_DRAWN = sa.select(sa.func.nextval("order_numbers")).select_from(
    sa.func.generate_series(1, sa.bindparam("count", type_=Count())).table_valued()
)


@cache
def _largest(numbers: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(sa.func.max(numbers))


def insert_new(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that can say `on_conflict_do_nothing` / `on_conflict_do_update`, alike on both stores."""
    return insert_for(connection.dialect.name, table)


def insert_once(connection: sa.Connection, table: sa.Table, *unique: str) -> sa.Insert:
    """An INSERT that leaves alone a row with the same `unique` columns, and returns the ids of the rows that it made."""
    return _insert_once(connection.dialect.name, table, *unique)


def insert_for(dialect: str, table: sa.Table) -> Any:
    """The same by the name of a dialect, for statements that are made once."""
    # Only the dialect in use is loaded: the other costs a one-shot command 20 ms.
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


@cache
def _insert_once(dialect: str, table: sa.Table, *unique: str) -> sa.Insert:
    made: sa.Insert = insert_for(dialect, table).on_conflict_do_nothing(index_elements=unique).returning(table.c.id)
    return made


class _json_items(FunctionElement[Any]):
    """The items of a JSON array, a row each."""

    name = "json_items"
    inherit_cache = True


@compiles(_json_items)
def _json_items_of(element: _json_items, compiler: SQLCompiler, **how: Any) -> str:
    array = compiler.process(element.clauses, **how)
    return f"json_each({array})" if compiler.dialect.name == "sqlite" else f"json_array_elements(CAST({array} AS JSON))"


def json_rows(document: sa.ColumnElement[str], fields: Mapping[str, TypeEngine[Any]]) -> sa.Select[Any]:
    """Rows out of one JSON document, [[…], …], for a set-based statement that is built once; fields in their order."""
    item = _json_items(document).table_valued("value", name="item")
    value = [item.c.value.op("->>")(sa.literal_column(str(at))) for at in range(len(fields))]
    return sa.select(
        *(sa.cast(found, kind).label(name) for found, (name, kind) in zip(value, fields.items(), strict=True))
    )


def pairs(connection: sa.Connection, values: Mapping[str, int]) -> sa.Subquery:
    """A mapping as rows of (key, value) for one set-based statement: all of it travels as one JSON parameter."""
    document = sa.literal(json.dumps(values, ensure_ascii=False))
    if connection.dialect.name == "postgresql":
        found = sa.func.json_each_text(sa.cast(document, sa.JSON)).table_valued("key", "value")
    else:
        found = sa.func.json_each(document).table_valued("key", "value")
    value = sa.cast(found.c.value, sa.BigInteger).label("value")
    return sa.select(sa.type_coerce(found.c.key, sa.Text).label("key"), value).subquery()


def among(connection: sa.Connection, column: sa.ColumnElement[str], values: Collection[str]) -> sa.ColumnElement[bool]:
    """Whether a text column has one of the values, however many: all of them travel as one JSON parameter."""
    document = sa.literal(json.dumps(list(values), ensure_ascii=False))
    if connection.dialect.name == "postgresql":
        found = sa.func.json_array_elements_text(sa.cast(document, sa.JSON)).table_valued("value")
    else:
        found = sa.func.json_each(document).table_valued("value")
    return column.in_(sa.select(sa.type_coerce(found.c.value, sa.Text)))


class seconds_between(FunctionElement[int]):
    """Whole seconds from one Instant to another, cut towards zero; negative when the second one is earlier."""

    type = Count()
    inherit_cache = True


@compiles(seconds_between)
def _seconds_between(element: seconds_between, compiler: SQLCompiler, **how: Any) -> str:
    start, end = (compiler.process(part, **how) for part in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"(({end} - {start}) / 1000000)"  # an Instant is its microseconds there
    return f"CAST(TRUNC(EXTRACT(EPOCH FROM ({end} - {start}))) AS BIGINT)"


def local_day(
    connection: sa.Connection, moment: sa.ColumnElement[Any], zone: ZoneInfo, start: datetime, end: datetime
) -> sa.ColumnElement[str]:
    """The day (2026-11-22) of a moment in a time zone. SQLite knows no zones, so it is told the offsets from start to end."""
    if connection.dialect.name == "postgresql":
        return sa.func.to_char(sa.func.timezone(zone.key, moment), "YYYY-MM-DD")
    *changes, last = offsets(zone, start, end)
    offset = sa.case(*((moment < until, seconds) for until, seconds in changes), else_=last[1]) if changes else last[1]
    seconds = sa.type_coerce(moment, sa.BigInteger) // 1_000_000
    return sa.func.strftime("%Y-%m-%d", seconds + offset, "unixepoch", type_=sa.Text)
