"""What the words in single cells mean, and how we write it, for formats whose rows are not alike: the first of a product
says more than the others (see kept.py for rows that are).

A cell that says in other words what we would write is kept as it is, and written again while it still means what our own
field says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from shopctl.core.imports.kept import BLANK


@dataclass(frozen=True, slots=True)
class Words:
    """A cell that says one field."""

    meaning: Callable[[str], Any]
    written: Callable[[Any], str]

    def spelled(self, value: Any, kept: str) -> str:
        """The kept cell while it means the value, else our own word for it."""
        cell = kept_cell(kept, "")
        return cell if kept and self.meaning(cell) == value else self.written(value)


@dataclass(frozen=True, slots=True)
class Joint:
    """Cells that say one field together."""

    meaning: Callable[..., Any]
    written: Callable[[Any], tuple[str, ...]]

    def kept(self, cells: Sequence[str]) -> list[str]:
        return [keep(cell, ours) for cell, ours in zip(cells, self.written(self.meaning(*cells)), strict=True)]

    def spelled(self, value: Any, kept: Sequence[str]) -> Sequence[str]:
        ours = self.written(value)
        cells = [kept_cell(cell, word) for cell, word in zip(kept, ours, strict=True)]
        return cells if self.meaning(*cells) == value else ours


@lru_cache(maxsize=16_384)
def taken(words: Words, cell: str) -> tuple[Any, str]:
    """What a cell means, and the cell to keep if it says so in other words than ours."""
    value = words.meaning(cell)
    return value, keep(cell, words.written(value))


def kept_cell(kept: str, ours: str) -> str:
    """The cell that was kept, else ours."""
    return "" if kept == BLANK else kept or ours


def keep(cell: str, ours: str) -> str:
    """What to keep of a cell: all of it, unless it is ours in other letter case."""
    return "" if cell.strip().casefold() == ours.casefold() else cell or BLANK
