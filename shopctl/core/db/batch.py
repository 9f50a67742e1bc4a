"""A batch: guarded changes of rows, and what is written with them, all or nothing.

On SQLite it runs row by row: a statement costs microseconds there, and its writer is alone. On a server it is one
statement and one round trip: all rows are locked first, in the order of their key; they change if the guard lets each of
them; and what is written with them (a ledger's next number, for one) is drawn after the locks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from shopctl.core.db import engine as stores
from shopctl.core.db.tables import metadata
from shopctl.core.db.unit_of_work import Rows, UnitOfWork

FEW = 20
"""Up to so many rows a server is given parameters, and has a plan ready for that number."""
Said = Mapping[str, sa.ColumnElement[Any]]
"""What a row of a batch says, by field: bind parameters, or columns."""


@dataclass(eq=False)
class Batch:
    """`fields` is what each row says; those named like the table's key say which row of it changes, `adds` by how much.

    `change` gives the columns their new values, where `guard` holds; `inserts` writes a row of another table for each.
    Many rows may change the same one; what they add is added up. Values that all rows share are bind parameters of these
    expressions; their names are no column's.
    """

    table: sa.Table
    fields: Mapping[str, TypeEngine[Any]]
    adds: Sequence[str]
    guard: Callable[[Said], Sequence[sa.ColumnElement[bool]]]
    change: Callable[[Said], Mapping[str, sa.ColumnElement[Any]]]
    inserts: Mapping[str, Callable[[Said], Mapping[str, sa.ColumnElement[Any]]]]
    _made: dict[int, sa.Executable] = field(init=False, default_factory=dict)

    def writing(self, table: sa.Table, row: Callable[[Said], Mapping[str, sa.ColumnElement[Any]]]) -> Batch:
        """The same batch, that writes a row of one more table with each change."""
        return replace(self, inserts={**self.inserts, table.name: row})

    def apply(self, tx: UnitOfWork, rows: Rows, shared: Mapping[str, Any]) -> bool:
        """Whether all rows could be changed. If not, a server has changed nothing, and on SQLite the caller rolls back."""
        if stores.has_rivals(tx.connection):
            targets = len({tuple(row[column.name] for column in self.table.primary_key) for row in rows})
            changed = tx.execute(*self._at_once(rows, {**shared, "b_targets": targets})).scalar_one()
            return bool(changed == targets)
        change, *inserts = self._one_by_one
        said = [{**shared, **{f"b_{field}": row[field] for field in self.fields}} for row in rows]
        if tx.execute(change, said).rowcount != len(rows):
            return False
        for insert in inserts:
            tx.execute(insert, said)
        return True

    @cached_property
    def _row(self) -> Said:
        return {field: sa.bindparam(f"b_{field}", type_=kind) for field, kind in self.fields.items()}

    @cached_property
    def _change(self) -> sa.Update:
        said = self._row
        return sa.update(self.table).where(*self._is(said), *self.guard(said)).values(self.change(said))

    @cached_property
    def _one_by_one(self) -> Sequence[sa.Update | sa.Insert]:
        written = [sa.insert(metadata.tables[name]).values(row(self._row)) for name, row in self.inserts.items()]
        return self._change, *written

    def _at_once(self, rows: Rows, shared: Mapping[str, Any]) -> tuple[sa.Executable, Mapping[str, Any]]:
        """Few rows are parameters each, for which the server plans once; many are an array a field, planned each time."""
        if len(rows) == 1:
            return self._of_one, {**shared, **{f"b_{field}": rows[0][field] for field in self.fields}}
        if len(rows) <= FEW:
            few = {f"b_{field}_{n}": row[field] for n, row in enumerate(rows) for field in self.fields}
            return self._of_few(len(rows)), {**shared, **few}
        return self._of_many, {**shared, **{f"b_{field}": [row[field] for row in rows] for field in self.fields}}

    @cached_property
    def _of_one(self) -> sa.Executable:
        changed = self._change.returning(sa.literal_column("1")).cte("changed")
        return self._writing(changed, lambda values: sa.select(*values).select_from(changed), self._row)

    def _of_few(self, count: int) -> sa.Executable:
        if count not in self._made:
            each = (
                sa.select(
                    *(sa.bindparam(f"b_{name}_{n}", type_=kind).label(name) for name, kind in self.fields.items())
                )
                for n in range(count)
            )
            self._made[count] = self._from(sa.union_all(*each).cte("asked"))
        return self._made[count]

    @cached_property
    def _of_many(self) -> sa.Executable:
        arrays = [sa.bindparam(f"b_{field}", type_=sa.ARRAY(kind)) for field, kind in self.fields.items()]
        columns = [sa.column(field, kind) for field, kind in self.fields.items()]
        return self._from(sa.select(sa.func.unnest(*arrays).table_valued(*columns).render_derived("said")).cte("asked"))

    def _from(self, asked: sa.CTE) -> sa.Executable:
        key = [asked.c[column.name] for column in self.table.primary_key]
        sums = [sa.cast(sa.func.sum(asked.c[name]), self.fields[name]).label(name) for name in self.adds]
        added = sa.select(*key, *sums).group_by(*key).cte("added")
        locked = (
            sa.select(added)
            .join_from(self.table, added, sa.and_(*self._is(added.c)))
            .where(*self.guard(_said(added)))
            .order_by(*self.table.primary_key)
            .with_for_update(of=self.table)
            .cte("locked")
        )
        targets = sa.bindparam("b_targets", type_=sa.BigInteger)
        all_fit = sa.select(sa.func.count()).select_from(locked).scalar_subquery() == targets
        change = sa.update(self.table).where(*self._is(locked.c), all_fit).values(self.change(_said(locked)))
        changed = change.returning(sa.literal_column("1")).cte("changed")
        done = sa.select(sa.func.count()).select_from(changed).scalar_subquery() == targets
        return self._writing(
            changed, lambda values: sa.select(*values).select_from(asked).where(done).order_by(*key), _said(asked)
        )

    def _writing(
        self, changed: sa.CTE, of_rows: Callable[[Sequence[sa.ColumnElement[Any]]], sa.Select[Any]], said: Said
    ) -> sa.Executable:
        """How many rows were changed, and what is written with them."""
        statement = sa.select(sa.func.count()).select_from(changed)
        for name, row in self.inserts.items():
            values = row(said)
            insert = sa.insert(metadata.tables[name]).from_select(list(values), of_rows(list(values.values())))
            statement = statement.add_cte(insert.cte(f"into_{name}"))
        return statement

    def _is(self, said: Any) -> Sequence[sa.ColumnElement[bool]]:
        return [column == said[column.name] for column in self.table.primary_key]


def _said(rows: sa.CTE) -> Said:
    return {column.name: column for column in rows.c}
