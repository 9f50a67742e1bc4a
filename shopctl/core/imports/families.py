"""Rows that belong together wherever they stand in a file: on disk until its end, so that it costs no memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from shopctl.core.imports.table import Row

_TABLES = """
CREATE TABLE keys (key TEXT PRIMARY KEY, line INTEGER, kind TEXT) WITHOUT ROWID;
CREATE INDEX keys_of_line ON keys (line);
CREATE TABLE parents (line INTEGER PRIMARY KEY, cells TEXT);
CREATE TABLE members (key TEXT, line INTEGER, cells TEXT, PRIMARY KEY (key, line)) WITHOUT ROWID;
"""


class Families:
    """Parents with their members, by the keys that members name their parents by. Use as a context."""

    def __enter__(self) -> Self:
        self._known = sqlite3.connect("")  # a private temporary database, gone when it is closed
        self._known.isolation_level = None
        self._known.execute("PRAGMA journal_mode=OFF")
        self._known.executescript(_TABLES)
        self._known.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._known.close()

    def first(self, key: str, line: int, kind: str) -> int:
        """The line where this key stood first: `line` when it is new."""
        added = self._known.execute("INSERT INTO keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (key, line, kind))
        found = None if added.rowcount else self.bearer(key)
        return found[0] if found else line

    def bearer(self, key: str) -> tuple[int, str] | None:
        """The line and the kind of the row that has this key."""
        found = self._known.execute("SELECT line, kind FROM keys WHERE key = ?", (key,)).fetchone()
        return (int(found[0]), str(found[1])) if found else None

    def add_parent(self, row: Row) -> None:
        self._known.execute("INSERT INTO parents VALUES (?, ?)", (row.line, json.dumps(row.cells)))

    def add_member(self, row: Row, key: str) -> None:
        self._known.execute("INSERT INTO members VALUES (?, ?, ?)", (key, row.line, json.dumps(row.cells)))

    def __iter__(self) -> Iterator[tuple[Row, list[Row]]]:
        """Each parent with its members, in the order of the file."""
        members = "SELECT m.line, m.cells FROM keys k JOIN members m ON m.key = k.key WHERE k.line = ? ORDER BY m.line"
        for line, cells in self._known.execute("SELECT line, cells FROM parents ORDER BY line"):
            yield _row(line, cells), [_row(*member) for member in self._known.execute(members, (line,))]

    def orphans(self) -> Iterator[tuple[Row, str]]:
        """The members whose key is no parent's, each with the key, in the order of the file."""
        told = (
            "SELECT m.line, m.cells, m.key FROM members m LEFT JOIN keys k ON k.key = m.key "
            "LEFT JOIN parents p ON p.line = k.line WHERE p.line IS NULL ORDER BY m.line"
        )
        for line, cells, key in self._known.execute(told):
            yield _row(line, cells), key


def _row(line: int, cells: str) -> Row:
    return Row(line, json.loads(cells))
