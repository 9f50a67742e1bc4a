"""The rows of the orders that a shop has, found, and copied in SQL under other ids and numbers, on either store.

Which rows belong to an order is not listed here but found: what mentions its id, or the id of a row that does, and what
such rows refer to; so a new table is copied as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import metadata
from shopctl.core.db.types import Id, Json, Word

UNCOPIED = ("audit_log",)
"""No check reads it."""
Row = dict[str, Any]
_UUID = re.compile("[0-9a-f]{8}(?=(-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_WHOLE = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEAD, NUMBER, PAPER = "{H}", "{N}", "{P}"
"""What stands in a template: the beginning of each id, the order's number, the number of the paper."""


@dataclass(frozen=True)
class Walked:
    """Orders that were walked through a shop, by their numbers, with all rows that belong to them."""

    numbers: Sequence[int]
    ids: set[str]
    rows: Mapping[str, Sequence[Row]]
    spans: Mapping[str, int]  # by column: what one copy adds to a number

    def is_meant(self, text: str) -> bool:
        """Whether a text mentions one of the rows."""
        return bool(self.ids.intersection(_WHOLE.findall(text)))


def walked(connection: sa.Connection) -> Walked:
    """All orders that there are."""
    with connection.begin():
        everything = {t: _all(connection, t) for t in metadata.sorted_tables if t.name not in UNCOPIED}
    ordered = everything[metadata.tables["orders"]]
    numbers = [row["number"] for row in ordered]
    ids = {row["id"] for row in ordered}
    rows: dict[str, list[Row]] = {}
    known = -1
    while known < len(ids):  # until nothing more is mentioned
        known = len(ids)
        for table, found in everything.items():
            rows[table.name] = [row for row in found if _belongs(row, ids, numbers)]
            ids |= {row[name] for row in rows[table.name] for name in _links(table) if row[name]}
    spans = {
        str(column): max(values) - min(values) + 1
        for table, found in everything.items()
        for column in _counted(table)
        if (values := [row[column.name] for row in found])
    }
    return Walked(numbers, ids, {name: some for name, some in rows.items() if some}, spans)


def _all(connection: sa.Connection, table: sa.Table) -> list[Row]:
    columns = ", ".join(f"CAST({c.name} AS TEXT) AS {c.name}" if _is_text(c) else c.name for c in table.c)
    found = connection.exec_driver_sql(f"SELECT {columns} FROM {table.name}")
    return [dict(row) for row in found.mappings()]


def _belongs(row: Row, ids: set[str], numbers: Sequence[int]) -> bool:
    texts = [value for value in row.values() if isinstance(value, str)]
    named = re.match(r"(?:order|return) (\d+)", str(row.get("reference")))
    return bool(named and int(named[1]) in numbers) or any(ids.intersection(_WHOLE.findall(text)) for text in texts)


def _links(table: sa.Table) -> set[str]:
    """The columns whose ids are of this row, or of one that it refers to."""
    return {c.name for c in table.c if isinstance(c.type, Id) and (c.primary_key or c.foreign_keys)}


def _is_text(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, Id | Word | Json)


def _counted(table: sa.Table) -> list[sa.Column[Any]]:
    """Numbers of which each row has one of its own."""
    return [c for c in _alone(table) if not _is_text(c)]


def _alone(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that are unique by themselves."""
    keys = [
        part.columns for part in table.constraints if isinstance(part, sa.PrimaryKeyConstraint | sa.UniqueConstraint)
    ]
    keys += [index.columns for index in table.indexes if index.unique]
    return [*{column.name: column for key in keys if len(key) == 1 for column in key}.values()]


# --- copies ------------------------------------------------------------------------------------------------------------
def copy(connection: sa.Connection, base: Walked, times: int, *, twins: int) -> None:
    """Write each row so many times more; what is about a SKU is about one of its twins (SKU-0 …) then."""
    for table in metadata.sorted_tables:
        if table.name in base.rows:
            _copy(connection, base, table, times, twins)


def head(n: int) -> str:
    """How the ids of the nth copy begin."""
    return f"{n:08x}"


def marked(text: str) -> str:
    """A text, with a mark where each id begins."""
    return _UUID.sub(HEAD, text)


def _copy(connection: sa.Connection, base: Walked, table: sa.Table, times: int, twins: int) -> None:
    sqlite = connection.dialect.name == "sqlite"
    templates = [_template(table, row, base.numbers) for row in base.rows[table.name]]
    columns = list(table.c)
    begin = "printf('%08x', n)" if sqlite else "lpad(to_hex(n), 8, '0')"
    series = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :times)"
    number = f"CAST(one.of_order + n * {base.spans['orders.number']} AS TEXT)"
    paper = f"CAST(one.number + n * {base.spans.get('invoices.number', 0)} AS TEXT)"

    def value(column: sa.Column[Any]) -> str:
        if str(column) in base.spans:
            return f"one.{column.name} + n * {base.spans[str(column)]}"
        if column.name == "sku":
            return f"one.sku || '-' || CAST(n % {twins} AS TEXT)"
        said = f"one.{column.name}"
        for mark, by in ((HEAD, begin), (NUMBER, number), (PAPER, paper)):
            if any(mark in str(template[column.name]) for template in templates):
                said = f"replace({said}, '{mark}', {by})"
        return f"CAST({said} AS uuid)" if isinstance(column.type, Id) and not sqlite else said

    names = ", ".join(c.name for c in columns)
    shown = ", ".join(f"CAST({c.name} AS TEXT) AS {c.name}" if _is_text(c) else c.name for c in columns)
    marks = ", ".join(f":{c.name}" for c in columns)
    with connection.begin():
        connection.exec_driver_sql(
            f"CREATE TEMP TABLE one AS SELECT {shown}, CAST(0 AS bigint) AS of_order FROM {table.name} WHERE false"
        )
        connection.execute(sa.text(f"INSERT INTO one ({names}, of_order) VALUES ({marks}, :of_order)"), templates)
        connection.execute(
            sa.text(
                f"INSERT INTO {table.name} ({names}) {series} "
                f"SELECT {', '.join(map(value, columns))} FROM numbers CROSS JOIN one"
            ),
            {"times": times},
        )
        connection.exec_driver_sql("DROP TABLE one")


def _template(table: sa.Table, row: Row, numbers: Sequence[int]) -> Row:
    """A row with marks for what is different in each copy, and the number of its order."""
    of_order = 0
    made = dict(row)
    for column in filter(_is_text, table.c):
        text = row[column.name]
        if text is None:
            continue
        said = marked(text)
        for found in re.findall(r"(?<![\w.])1\d{3}(?![\w.])", said):
            if int(found) in numbers:
                of_order = int(found)
                said = re.sub(rf"(?<![\w.]){found}(?![\w.])", NUMBER, said)
        if table.name == "invoices" and column.name == "document":
            said = said.replace(f'"number":"{row["number"]}"', f'"number":"{PAPER}"')
        made[column.name] = said
    for column in filter(_is_text, _alone(table)):
        if (plain := made[column.name]) and HEAD not in plain and NUMBER not in plain:
            made |= {name: f"{HEAD}{plain}" for name, text in made.items() if text == plain}
    return {**made, "of_order": of_order}
