"""Rows that belong together wherever they stand in a file: on disk until its end, so that it costs no memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Self

from shopctl.core.imports.seen import Seen
from shopctl.core.imports.table import Row

_TABLES = """
CREATE INDEX keys_of_line ON seen (line);
CREATE TABLE parents (line INTEGER PRIMARY KEY, cells TEXT);
CREATE TABLE members (key TEXT, line INTEGER, cells TEXT, PRIMARY KEY (key, line)) WITHOUT ROWID;
"""


class Families(Seen):
    """Parents with their members, by the keys that members name their parents by: `first` notes each row's keys and
    kind. Use as a context.
    """

    def __enter__(self) -> Self:
        super().__enter__()
        for statement in filter(str.strip, _TABLES.split(";")):
            self._known.execute(statement)
        return self

    def bearer(self, key: str) -> tuple[int, str] | None:
        """The line and the kind of the row that has this key."""
        found = self._known.execute("SELECT line, name FROM seen WHERE key = ?", (key,)).fetchone()
        return (int(found[0]), str(found[1])) if found else None

    def add_parent(self, row: Row) -> None:
        self._known.execute("INSERT INTO parents VALUES (?, ?)", (row.line, json.dumps(row.cells)))

    def add_member(self, row: Row, key: str) -> None:
        self._known.execute("INSERT INTO members VALUES (?, ?, ?)", (key, row.line, json.dumps(row.cells)))

    def __iter__(self) -> Iterator[tuple[Row, list[Row]]]:
        """Each parent with its members, in the order of the file."""
        members = "SELECT m.line, m.cells FROM seen k JOIN members m ON m.key = k.key WHERE k.line = ? ORDER BY m.line"
        for line, cells in self._known.execute("SELECT line, cells FROM parents ORDER BY line"):
            yield _row(line, cells), [_row(*member) for member in self._known.execute(members, (line,))]

    def orphans(self) -> Iterator[tuple[Row, str]]:
        """The members whose key is no parent's, each with the key, in the order of the file."""
        told = (
            "SELECT m.line, m.cells, m.key FROM members m LEFT JOIN seen k ON k.key = m.key "
            "LEFT JOIN parents p ON p.line = k.line WHERE p.line IS NULL ORDER BY m.line"
        )
        for line, cells, key in self._known.execute(told):
            yield _row(line, cells), key


def _row(line: int, cells: str) -> Row:
    return Row(line, json.loads(cells))
