"""The cells of a row by the role of their column, whatever the file calls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shopctl.core.imports.platforms.words import Joint, Words, taken
from shopctl.core.imports.rows import Refusal, shown
from shopctl.core.imports.table import Row, Table


class Columns:
    """Where a file has the column of each role; and the roles of name and value of the options that it can say."""

    def __init__(self, table: Table, at: Mapping[str, int], options: Sequence[tuple[str, str]]) -> None:
        self.header, self.at = table.header, at
        self.options = [(name, value) for name, value in options if name in at or value in at]


class Cells:
    """One row's cells by role; problems are noted with the file's own spelling of the column.

    `kept` has, by role, cells that are used and still worth keeping as they are.
    """

    def __init__(self, columns: Columns, row: Row) -> None:
        self.columns, self._at, self._cells = columns, columns.at, row.cells
        self.line = row.line
        self.problems: list[Refusal] = []
        self.kept: dict[str, str] = {}

    def has(self, role: str) -> bool:
        return role in self._at

    def __getitem__(self, role: str) -> str:
        return self._cells[self._at[role]] if role in self._at else ""

    def refuse(self, role: str, reason: str) -> None:
        column = self.columns.header[self._at[role]] if role in self._at else role
        self.problems.append(Refusal(self.line, column, shown(self[role]), reason))

    def take(self, role: str, words: Words) -> Any:
        """What the cell means; a spelling that is not ours is kept."""
        value, self.kept[role] = taken(words, self[role])
        return value

    def take_all(self, roles: Sequence[str], joint: Joint) -> Any:
        """What the cells mean together."""
        found = [self[role] for role in roles]
        self.kept |= dict(zip(roles, joint.kept(found), strict=True))
        return joint.meaning(*found)
