"""What every row of every table promises, derived from tables.py. Checks 6, 23, 24; and 28, that the store is whole.

The database refuses all of this as it is written; verify asks again, because a store can be written by others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from itertools import chain
from operator import add
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import upkeep
from shopctl.core.db.tables import carts, metadata, orders, reservations, stock_movements
from shopctl.core.db.types import Count, Flag, Instant
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.verify.findings import LIMIT, Rule, Violation

JUDGED_ELSEWHERE = ("stock_levels", "orders", "refunds")
"""Tables whose CHECKs are checks of their own: 3, 8, 14."""

TYPES, DAMAGE = 24, 28

Faults = Mapping[str, sa.ColumnElement[bool]]


def _rule(check: int, name: str, table: sa.Table, faults: Faults, message: str) -> Rule:
    """Rows of a table with a fault: `key` names the row, `faults` what is wrong with it. One pass over the table."""
    keys: list[sa.ColumnElement[str]] = [sa.cast(column, sa.Text) for column in table.primary_key]
    key = reduce(lambda before, column: before + "/" + column, keys)
    found = reduce(add, [sa.case((fault, f" {word}"), else_="") for word, fault in faults.items()])
    breaks = sa.select(key.label("key"), found.label("faults")).select_from(table).where(sa.or_(*faults.values()))
    return Rule(check, name, breaks, f"{table.name} {{key}}", message.format(table=f"{table.name} {{key}}"))


def _ranges(table: sa.Table) -> Faults:
    """Each CHECK of a table, as a fault."""
    checks = [c for c in table.constraints if isinstance(c, sa.CheckConstraint)]
    return {str(c.name): sa.literal_column(f"(NOT ({c.sqltext}))", sa.Boolean) for c in checks}


def _dangling(table: sa.Table) -> Faults:
    """Each reference of a table that leads nowhere: its FOREIGN KEYs, and those that no FOREIGN KEY can say."""
    faults: dict[str, Any] = {}
    for key in table.foreign_key_constraints:
        parent = key.referred_table.alias()
        same = [one.parent == parent.c[one.column.name] for one in key.elements]
        faults["+".join(key.column_keys)] = sa.and_(
            *(one.parent.is_not(None) for one in key.elements), sa.not_(sa.exists().where(*same).select_from(parent))
        )
    return {**faults, **_SOFT.get(table.name, {})}


def _missing(column: sa.ColumnElement[Any], target: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.and_(column.is_not(None), sa.not_(sa.exists().where(target == column)))


_SOFT: Mapping[str, Faults] = {
    "stock_movements": {"reservation_id": _missing(stock_movements.c.reservation_id, reservations.c.id)},
    "carts": {"claimed_by": _missing(carts.c.claimed_by, orders.c.id)},
    "reservations": {
        "owner_id": sa.or_(
            sa.and_(reservations.c.owner_kind == "order", _missing(reservations.c.owner_id, orders.c.id)),
            sa.and_(reservations.c.owner_kind == "cart", _missing(reservations.c.owner_id, carts.c.id)),
        )
    },
}


def _not_integers(table: sa.Table) -> Faults:
    numbers = [c for c in table.c if isinstance(c.type, Count | Instant | Flag)]
    return {c.name: sa.func.typeof(c).not_in(("integer", "null")) for c in numbers}


RULES = (
    *(
        _rule(6, "row_in_range", table, _ranges(table), "{table} is outside what its table allows:{{faults}}")
        for table in metadata.sorted_tables
        if table.name not in JUDGED_ELSEWHERE and _ranges(table)
    ),
    Rule(
        23,
        "number_unique",
        sa.select(orders.c.number, sa.func.count().label("orders"))
        .group_by(orders.c.number)
        .having(sa.func.count() > 1),
        "order {number}",
        "The number {number} belongs to {orders} orders",
    ),
    *(
        _rule(23, "no_dangling_reference", table, _dangling(table), "{table} refers to what does not exist:{{faults}}")
        for table in metadata.sorted_tables
        if _dangling(table)
    ),
)
_INTEGERS = tuple(
    _rule(TYPES, "integers", table, _not_integers(table), "{table} holds no integer in:{{faults}}")
    for table in metadata.sorted_tables
    if _not_integers(table)
)


def typed(tx: UnitOfWork) -> Iterator[Violation]:
    """Check 24: every value is of its column's type. A server sees to that, so there it is the columns that are looked at."""
    found = upkeep.column_types(tx.connection)
    if found is None:
        yield from chain.from_iterable(rule.find(tx, {}) for rule in _INTEGERS)
        return
    for column in chain.from_iterable(table.c for table in metadata.sorted_tables):
        wanted = column.type.compile(tx.connection.dialect)
        actual = found.get((column.table.name, column.name), "missing")
        if actual != wanted:
            yield Violation(TYPES, "column_typed", str(column), f"The column {column} is {actual}, not {wanted}")


def damage(tx: UnitOfWork) -> Iterator[Violation]:
    """Check 28: what the database itself finds wrong with its file, and what of its schema is gone."""
    for complaint in upkeep.integrity(tx.connection, LIMIT + 1):
        yield Violation(DAMAGE, "integrity", "the store", f"The database finds: {complaint}")
    there = upkeep.enforced(tx.connection)
    for table in metadata.sorted_tables:
        for name in sorted(fences(table) - there):
            message = f"The constraint or index {name} of {table.name} is not there, or not valid"
            yield Violation(DAMAGE, "schema", name, message)


def fences(table: sa.Table) -> set[str]:
    """The names of a table's constraints and indexes."""
    return {str(part.name) for part in table.constraints} | {str(index.name) for index in table.indexes}
