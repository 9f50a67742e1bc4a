"""A backup as text: a line of JSON that says what it is, one for each row under its table's name, and one that ends it.

    {"backup":1,"shop":"…","name":"…","schema":"0004","release":"0.3.0","taken_at":"…","rows":{"settings":9, …}}
    {"settings":{"key":"id","value":"…","updated_at":"2026-11-22T10:00:00.000000+00:00"}}
    {"end":{"rows":41234,"sha256":"… of all lines before"}}

The last line tells a whole file from one that was cut or changed. Text is ASCII, so that no tool on the way can alter it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.types import Instant
from shopctl.core.errors import BadInput
from shopctl.core.moving.rows import TABLES, Rows, Values

FORMAT = 1
_encoded = json.JSONEncoder(
    separators=(",", ":"), default=lambda moment: moment.isoformat(timespec="microseconds")
).encode
_INSTANTS = {name: [c.name for c in table.c if isinstance(c.type, Instant)] for name, table in TABLES.items()}
_COLUMNS = {name: frozenset(table.c.keys()) for name, table in TABLES.items()}


class Digest:
    """A running checksum of rows or lines."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = hashlib.sha256()

    def of(self, rows: Rows) -> Iterator[tuple[sa.Table, Values]]:
        """The rows, each counted in as it passes."""
        for table, values in rows:
            self.add(line_of(table, values))
            yield table, values

    def add(self, line: str) -> None:
        self.rows += 1
        self._sum.update(line.encode("ascii"))

    def __str__(self) -> str:
        return self._sum.hexdigest()


def line_of(table: sa.Table, values: Values) -> str:
    """A row as its line."""
    return _encoded({table.name: values}) + "\n"


def written(header: Mapping[str, Any], rows: Rows) -> Iterator[str]:
    """The lines of a backup."""
    digest = Digest()
    first = _encoded({"backup": FORMAT, **header}) + "\n"
    digest.add(first)
    yield first
    for table, values in rows:
        line = line_of(table, values)
        digest.add(line)
        yield line
    yield _encoded({"end": {"rows": digest.rows - 1, "sha256": str(digest)}}) + "\n"


class Backup:
    """A backup that is read: its header at once, its rows once; BadInput(backup_damaged) where it is not as it was written."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = enumerate(lines, 1)
        self._digest = Digest()
        self.columns: dict[str, Sequence[str]] = {}
        """Of each table that has come so far, the columns that its rows have."""
        self.header = self._header()

    def rows(self) -> Iterator[tuple[sa.Table, Values]]:
        for number, line in self._lines:
            found = _parsed(number, line)
            if "end" in found:
                self._ended(number, found["end"])
                return
            self._digest.add(line.decode("ascii"))
            table, values = _row(number, found)
            if self.columns.setdefault(table.name, tuple(values)) != tuple(values):
                raise damaged(f"has other columns in line {number}")
            yield table, values
        raise damaged("ends before its last line")

    def _header(self) -> Mapping[str, Any]:
        number, line = next(self._lines, (1, b""))
        found = _parsed(number, line)
        if "backup" not in found or not isinstance(found.get("schema"), str) or not isinstance(found.get("rows"), dict):
            raise BadInput("no_backup", "This is no backup of a shop", hint="`shopctl store backup FILE` makes one.")
        if found["backup"] != FORMAT:
            raise BadInput("newer_backup", "A newer shopctl wrote this backup", hint="Upgrade shopctl.")
        self._digest.add(line.decode("ascii"))
        return found

    def _ended(self, number: int, end: Any) -> None:
        if end != {"rows": self._digest.rows - 1, "sha256": str(self._digest)}:
            raise damaged("is not what was written: its checksum is another")
        if next(self._lines, None) is not None:
            raise damaged(f"goes on after its last line, {number}")


def _parsed(number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        if number == 1:
            raise BadInput("no_backup", "This is no backup of a shop", hint="`shopctl store backup FILE` makes one.")
        raise damaged(f"cannot be read at line {number}")
    return found


def _row(number: int, found: Mapping[str, Any]) -> tuple[sa.Table, Values]:
    ((name, values),) = found.items() if len(found) == 1 else (("", None),)
    if name not in TABLES or not isinstance(values, dict) or not _COLUMNS[name] >= values.keys():
        raise damaged(f"has no row of a shop in line {number}")
    try:
        for column in _INSTANTS[name]:
            if values.get(column) is not None:
                values[column] = datetime.fromisoformat(values[column])
    except (TypeError, ValueError):
        raise damaged(f"has no time in line {number}") from None
    return TABLES[name], values


def damaged(what: str) -> BadInput:
    return BadInput("backup_damaged", f"The backup {what}", hint="Nothing was restored; take another backup.")
