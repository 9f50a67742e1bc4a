"""All rows of a store, table by table, so that what a row refers to comes before it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import groupby, islice
from typing import Any, TypeAlias

import sqlalchemy as sa

from shopctl.core.db import upkeep
from shopctl.core.db.tables import (
    leases,
    metadata,
    orders,
    rate_limits,
    schema_version,
    shopper_tokens,
    workers,
)

_OF_ONE_STORE = (schema_version, workers, leases, shopper_tokens, rate_limits)
"""What its migrations have made of it, who is at work in it, and who is logged in: a backup must not log in again who has
logged out since."""
TABLES: Mapping[str, sa.Table] = {table.name: table for table in metadata.sorted_tables if table not in _OF_ONE_STORE}
"""What a shop is made of."""

CHUNK = 1000
Values: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Iterable[tuple[sa.Table, Values]]

_TO_THEIR_OWN = [
    key.constraint
    for table in TABLES.values()
    for key in table.foreign_keys
    if key.references(table) and key.constraint is not None
]
"""References of rows to rows of the same table, which may come after them."""


def counts(connection: sa.Connection) -> dict[str, int]:
    """How many rows there are of each table."""
    return {
        name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for name, table in TABLES.items()
    }


@contextmanager
def read(
    connection: sa.Connection, columns: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Iterator[tuple[sa.Table, Values]]]:
    """Every row, in the order of the keys; CHUNK of them are in memory at a time. `columns`: of these tables these only."""
    with closing(_read(connection, columns)) as found:
        yield found


def _read(
    connection: sa.Connection, columns: Mapping[str, Sequence[str]] | None
) -> Generator[tuple[sa.Table, Values], None, None]:
    for name, table in TABLES.items():
        if columns is None or name in columns:
            names = tuple(columns[name] if columns else table.c.keys())
            wanted = sa.select(*(table.c[column] for column in names)).order_by(*table.primary_key)
            with connection.execute(wanted.execution_options(yield_per=CHUNK)) as result:
                for row in result:
                    yield table, dict(zip(names, row, strict=True))


def write(connection: sa.Connection, rows: Rows) -> None:
    """Insert rows as they come; afterwards the store counts on from where they end."""
    with upkeep.referring_later(connection, _TO_THEIR_OWN):
        for table, of_table in groupby(rows, lambda row: row[0]):
            while chunk := [values for _, values in islice(of_table, CHUNK)]:
                connection.execute(sa.insert(table), chunk)
    counted = [c for table in TABLES.values() for c in table.primary_key if c.autoincrement is True]
    upkeep.count_on(connection, counted, orders.c.number)
