"""Rows of other platforms' files: what a file spells otherwise than shopctl would is kept, and given back.

A module of `platforms/` says what the cells of a row mean, and how the same is spelled when nobody has said otherwise.
Reading keeps each cell that would be spelled otherwise (see extra.py): in columns that shopctl does not use, and in those
that it does (".5" pounds, two categories). Writing spells the fields and puts the kept cells over them, but for those
that by now say something else than the fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from shopctl.core.imports.cells import guarded, unguarded
from shopctl.core.imports.rows import Refusal, Source, shown
from shopctl.core.imports.table import Ignored, Row, Table

BLANK = "\u2422"
"""Kept for a blank cell where something would be written: the symbol for a blank."""

_NUMBER = re.compile(r"([+-]?)([0-9]{0,18})(?:[.,]([0-9]{0,18}))?")
_WHOLE = re.compile(r"([+-]?[0-9]{1,18})\.0+")


class Cells(dict[str, str]):
    """One row's cells by column; a column that the file has not is blank. Problems are noted beside."""

    def __init__(self, cells: Mapping[str, str] | Iterable[tuple[str, str]] = (), line: int = 0) -> None:
        super().__init__(cells)
        self.line = line
        self.problems: list[Refusal] = []

    def __missing__(self, name: str) -> str:
        return ""

    def refuse(self, name: str, reason: str) -> None:
        self.problems.append(Refusal(self.line, name, shown(self[name]), reason))


class Sheet:
    """A table whose rows are read by column, named as the platform spells its own. BadInput for a name that stands twice;
    a column without a name is ignored.
    """

    def __init__(self, table: Table, source: Source, spelled: Callable[[str], str]) -> None:
        table.index([name for name in table.names if name])
        self.header = [spelled(name) if name else "" for name in table.header]
        self._ignored = Ignored(table, [i for i, name in enumerate(self.header) if name], source)

    def cells(self, row: Row) -> Cells:
        """A row by column, without the quotes that keep spreadsheets from running it; one that is broken has none."""
        if row.problem:
            return Cells(line=row.line)
        self._ignored.see(row.cells)
        cells = Cells(zip(self.header, row.cells, strict=True), row.line)
        cells.pop("", None)
        if "'" in "".join(row.cells):
            cells.update({name: unguarded(cell) for name, cell in cells.items() if cell[:1] == "'"})
        return cells


def harmless(row: Mapping[str, str]) -> dict[str, str]:
    """A row whose cells no spreadsheet takes for formulas; a number is none."""
    return {name: cell if _NUMBER.fullmatch(cell) else guarded(cell) for name, cell in row.items()}


@lru_cache(maxsize=4096)
def number(cell: str) -> str:
    """A number as our own formats have it: ".5" is 0.5, "11,05" is 11.05. Anything else as it is, to be refused."""
    found = _NUMBER.fullmatch(cell.strip())
    if not found or not (found[2] or found[3]):
        return cell.strip()
    return f"{found[1]}{found[2] or '0'}" + (f".{found[3]}" if found[3] else "")


@lru_cache(maxsize=4096)
def whole(cell: str) -> str:
    """A whole number without the ".0" that some write; anything else as it is, to be refused."""
    found = _WHOLE.fullmatch(cell.strip())
    return found[1] if found else cell.strip()


def differing(cells: Mapping[str, str], spelled: Mapping[str, str]) -> dict[str, str]:
    """The cells of a row that would be spelled otherwise: those to keep. The others are blank here, which takes away
    what was kept of their columns. Numbers are compared as numbers.
    """
    return {
        name: "" if cell == (usual := spelled.get(name, "")) or _same(cell, usual) else cell or BLANK
        for name, cell in cells.items()
    }


def restored(
    spelled: Mapping[str, str],
    kept: Mapping[str, str],
    meaning: Callable[[Cells], Mapping[str, Any]],
    fields_of: Callable[[str], Sequence[str]],
) -> Cells:
    """A row with its kept cells, but for those of fields (of a column) that they no longer say."""
    cells = Cells({**spelled, **{name: "" if cell == BLANK else cell for name, cell in kept.items()}})
    if all(not fields_of(column) for column in kept):
        return cells
    now, then = meaning(Cells(spelled)), meaning(cells)
    stale = {name for name in now.keys() | then.keys() if not alike(now.get(name), then.get(name))}
    for column in kept if stale else ():
        if not stale.isdisjoint(fields_of(column)):
            cells[column] = spelled.get(column, "")
    return cells


def alike(one: Any, other: Any) -> bool:
    """Whether two values are one, numbers compared as numbers."""
    return bool(one == other) or (isinstance(one, str) and isinstance(other, str) and _same(one, other))


def _same(one: str, other: str) -> bool:
    """Whether two cells are one number: "20" is "20.00", and ".5" is "0.5"."""
    if not (one and other and _NUMBER.fullmatch(one) and _NUMBER.fullmatch(other)) or "," in one + other:
        return False
    one, other = number(one), number(other)
    return one[-1:].isdigit() and other[-1:].isdigit() and Decimal(one) == Decimal(other)
