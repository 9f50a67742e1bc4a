"""Which handles a file has had already, and where: on disk, so that a file of millions costs no memory."""

from __future__ import annotations

import sqlite3
from types import TracebackType
from typing import Self


class Seen:
    """Handles with the line where each began. Use as a context."""

    def __enter__(self) -> Self:
        self._known = sqlite3.connect("")  # a private temporary database, gone when it is closed
        self._known.isolation_level = None
        self._known.execute("PRAGMA journal_mode=OFF")
        self._known.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, line INTEGER, name TEXT) WITHOUT ROWID")
        self._known.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._known.close()

    def first(self, key: str, line: int, name: str) -> tuple[int, str]:
        """The line where the key (a handle, a SKU) first stood, and whose it is there: `line` and `name` when it is new."""
        row = (key, line, name.encode(errors="replace").decode())
        added = self._known.execute("INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)
        if added.rowcount:
            return line, name
        began, owner = self._known.execute("SELECT line, name FROM seen WHERE key = ?", (key,)).fetchone()
        return int(began), str(owner)
