"""A table that lives: rows keep their place, changed cells are updated where they are, columns follow the width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from shopctl.tui.look import Cell

GAP = 2
"""Blank columns that a DataTable puts around each cell, both sides together."""


@dataclass(frozen=True, slots=True)
class Column:
    """`rank` 0 is always shown; the higher the rank, the sooner a narrow terminal leaves the column out."""

    key: str
    title: str
    width: int
    rank: int = 0
    right: bool = False
    grow: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its stable key, and a cell for each column by key."""

    key: str
    cells: Mapping[str, Cell]


def fit(columns: Sequence[Column], width: int) -> tuple[Column, ...]:
    """The columns that `width` has room for, the growing one taking what is left over."""
    chosen = list(columns)
    while len(chosen) > 1 and _needed(chosen) > width and max(column.rank for column in chosen):
        chosen.remove(max(reversed(chosen), key=lambda column: column.rank))
    growing = [column for column in chosen if column.grow]
    spare = width - _needed(chosen)
    if not growing or spare == 0:
        return tuple(chosen)
    share = spare // len(growing)
    return tuple(
        Column(c.key, c.title, max(4, c.width + share), c.rank, c.right, c.grow) if c.grow else c for c in chosen
    )


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.width + GAP for column in columns)


class Table(DataTable[Text], inherit_bindings=False):
    """See the module. `present` is the only way in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open", id="table.open"),
        Binding("j,down", "cursor_down", "Down", show=False, id="table.down"),
        Binding("k,up", "cursor_up", "Up", show=False, id="table.up"),
        Binding("g,home", "scroll_top", "First", show=False, id="table.first"),
        Binding("G,end", "scroll_bottom", "Last", show=False, id="table.last"),
        Binding("pagedown", "page_down", "Page down", show=False, id="table.page-down"),
        Binding("pageup", "page_up", "Page up", show=False, id="table.page-up"),
    ]

    def __init__(self, columns: Sequence[Column], *, opens: bool = True) -> None:
        super().__init__(cursor_type="row", zebra_stripes=False, header_height=1)
        self._all_columns = columns
        self._fitted: tuple[Column, ...] = ()
        self._lines: dict[str, Line] = {}
        self.opens = opens

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 — Textual's
        return not (action == "select_cursor" and not self.opens)

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor."""
        if not self._lines:
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    def line(self, key: str) -> Line:
        return self._lines[key]

    # --- showing --------------------------------------------------------------------------------------------------
    def present(self, lines: Sequence[Line]) -> None:
        """Show these rows, in this order: only what differs is touched, and the cursor stays on its row."""
        self._refit()
        under_cursor, offset = self.cursor_key, self.cursor_row - round(self.scroll_y)
        wanted = {line.key: line for line in lines}
        with self.app.batch_update():
            for key in self._lines.keys() - wanted.keys():
                self.remove_row(key)
            for key, line in wanted.items():
                if key in self._lines:
                    self._update(line)
                else:
                    self.add_row(*self._texts(line), key=key)
            self._lines = wanted
            self._reorder()
            self._restore(under_cursor, offset)

    def _update(self, line: Line) -> None:
        before = self._lines[line.key].cells
        for column in self._fitted:
            if before[column.key] != line.cells[column.key]:
                self.update_cell(line.key, column.key, self._text(line, column))

    def _reorder(self) -> None:
        """Bring new rows to their places."""
        wanted = list(self._lines)
        if [row.key.value for row in self.ordered_rows] == wanted:
            return
        first = self._fitted[0].key
        rank = {id(self.get_cell(key, first)): place for place, key in enumerate(wanted)}
        self.sort(first, key=lambda text: rank[id(text)])

    def _restore(self, key: str | None, offset: int) -> None:
        """The cursor's row stays under the cursor, and where it was on the screen."""
        if key is None or key not in self._lines:
            return
        row = self.get_row_index(key)
        if row != self.cursor_row:
            scrolled = self.scroll_y > 0
            self.move_cursor(row=row, scroll=False)
            if scrolled:
                self.scroll_to(y=row - offset, animate=False, force=True)

    # --- width ----------------------------------------------------------------------------------------------------
    def on_resize(self) -> None:
        self._refit()

    def _refit(self) -> None:
        width = (self.size.width or self.app.size.width) - 1  # a column for the scroll bar, so that it may come and go
        fitted = fit(self._all_columns, width)
        if fitted == self._fitted:
            return
        under_cursor, lines, self._fitted = self.cursor_key, list(self._lines.values()), fitted
        self.clear(columns=True)
        for column in fitted:
            title = column.title.rjust(column.width) if column.right else column.title
            self.add_column(Text(title), width=column.width, key=column.key)
        for line in lines:
            self.add_row(*self._texts(line), key=line.key)
        if under_cursor is not None:
            self.move_cursor(row=self.get_row_index(under_cursor))

    def repaint(self) -> None:
        """Draw all cells again: the theme has changed."""
        for line in self._lines.values():
            for column in self._fitted:
                self.update_cell(line.key, column.key, self._text(line, column))

    def _texts(self, line: Line) -> list[Text]:
        return [self._text(line, column) for column in self._fitted]

    def _text(self, line: Line, column: Column) -> Text:
        shown = line.cells[column.key]
        text = Text(shown.text, tone(self.app.theme_variables, shown.tone), no_wrap=True, overflow="ellipsis")
        text.truncate(column.width, overflow="ellipsis")
        if column.right:
            text.pad_left(column.width - cell_len(text.plain))
        return text


def tone(variables: Mapping[str, str], name: str) -> Style:
    """A tone as a style of the current theme."""
    if name in ("", "bold", "dim"):
        return Style(bold=name == "bold" or None, dim=name == "dim" or None)
    return Style(color=variables.get(name) or None)
