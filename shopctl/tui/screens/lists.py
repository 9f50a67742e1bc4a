"""What every list of the console does: filter in SQL as you type, page by key, open a row, keep its cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widgets import Static

from shopctl.tui.bridge import PAGE, Key, Page, Place
from shopctl.tui.look import Cell, counted
from shopctl.tui.screens.live import LiveScreen
from shopctl.tui.table import Column, Line, Table
from shopctl.tui.widgets import FilterLine

DEBOUNCE = 0.2
"""Seconds after the last typed character of a filter."""

T = TypeVar("T")


class ListScreen(LiveScreen, Generic[T]):
    """A page of rows of one kind."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("/", "filter", "Filter", id="list.filter"),
        Binding("]", "next_page", "Next page", id="list.next-page"),
        Binding("[", "previous_page", "Page back", id="list.previous-page"),
        Binding("o", "sort", "Order", id="list.sort"),
    ]
    COLUMNS: ClassVar[Sequence[Column]] = ()
    NOUN: ClassVar[str] = "rows"
    OPENS: ClassVar[bool] = True
    EXAMPLE: ClassVar[str] = ""
    SORTS: ClassVar[Mapping[str, str]] = {}
    """What may come first, and the field that sorts it so; the first one is the list's own order, the only one with pages."""

    def __init__(self, filter: str = "") -> None:
        super().__init__()
        self.filter = filter
        self._sorts = [*self.SORTS.items()] or [("", "")]
        self._trail: list[Key] = [()]
        self._shown: Place | None = None
        self._next: Key | None = None
        self._rows: dict[str, T] = {}
        self._typing: Timer | None = None

    # --- each list says -------------------------------------------------------------------------------------------
    def key(self, row: T) -> str:
        raise NotImplementedError

    def line(self, row: T) -> Line:
        raise NotImplementedError

    def open_row(self, row: T) -> None:
        """Drill down."""

    def page_of(self, value: Any) -> Page[T]:
        """The rows of an answer."""
        page: Page[T] = value
        return page

    # --- the frame ------------------------------------------------------------------------------------------------
    def head(self) -> ComposeResult:
        """What stands above the table."""
        yield from ()

    def body(self) -> ComposeResult:
        yield from self.head()
        yield FilterLine(self.filter, placeholder=f"{self.EXAMPLE}   enter keeps it, escape drops it", id="filter")
        yield Table(self.COLUMNS, opens=self.OPENS)

    def on_mount(self) -> None:
        self.query_one(FilterLine).display = bool(self.filter)
        self.table.focus()

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    @property
    def place(self) -> Place:
        return Place(self.filter, self._trail[-1], self._sorts[0][1])

    @property
    def current(self) -> T | None:
        """The row under the cursor."""
        key = self.table.cursor_key
        return None if key is None else self._rows.get(key)

    def record(self) -> object | None:
        return self.current

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "sort":
            return len(self._sorts) > 1
        if action == "next_page":
            return self._next is not None
        if action == "previous_page":
            return len(self._trail) > 1
        return bool(self.filter) or super().check_action(action, parameters)

    def present(self, value: Any) -> None:
        page = self.page_of(value)
        self._rows = {self.key(row): row for row in page.rows}
        self._next = page.next
        before = self.table.cursor_key
        self.table.present([self.line(row) for row in page.rows])
        if self._shown != self.place and before not in self._rows:
            self.table.move_cursor(row=0)
        self._shown = self.place
        self.refresh_bindings()

    def clear(self) -> None:
        self._rows, self._next = {}, None
        self.table.present([])
        for facts in self.query("#facts").results(Static):
            facts.update("")

    def note(self) -> Cell:
        if not self._rows:
            return Cell("Reading…" if self._answered is None else f"No {self.NOUN} here", "dim")
        words, sort = self._sorts[0]
        page = f"page {len(self._trail)} · " if len(self._trail) > 1 else f"{words} first · " if sort else ""
        if self._next is not None:
            return Cell(f"{page}{PAGE} {self.NOUN} shown, more follow: ] next page", "dim")
        return Cell(f"{page}{counted(len(self._rows), self.NOUN)}", "dim")

    @on(Table.RowSelected)
    def _open(self) -> None:
        row = self.current
        if row is not None:
            self.open_row(row)

    # --- filter and pages -----------------------------------------------------------------------------------------
    def action_filter(self) -> None:
        line = self.query_one(FilterLine)
        line.display = True
        line.focus()

    def action_sort(self) -> None:
        self._sorts.append(self._sorts.pop(0))
        self.first_page()

    def action_back(self) -> None:
        if self.filter:
            self.show_filter("")
        else:
            super().action_back()

    def show_filter(self, text: str) -> None:
        """Filter as if it had been typed."""
        line = self.query_one(FilterLine)
        line.display = bool(text)
        line.value = text
        self.table.focus()
        self._apply(text)

    @on(FilterLine.Changed)
    def _typed(self, event: FilterLine.Changed) -> None:
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(DEBOUNCE, lambda: self._apply(event.value))

    @on(FilterLine.Left)
    def _left(self, event: FilterLine.Left) -> None:
        line = self.query_one(FilterLine)
        self.show_filter("" if event.dropped else line.value)

    def _apply(self, text: str) -> None:
        if text != self.filter:
            self.filter = text
            self.first_page()

    def first_page(self) -> None:
        self._trail, self._next = [()], None
        self.reread()

    def action_next_page(self) -> None:
        if self._next is not None:
            self._trail.append(self._next)
            self._turned()

    def action_previous_page(self) -> None:
        if len(self._trail) > 1:
            self._trail.pop()
            self._turned()

    def _turned(self) -> None:
        self._next = None
        self.reread()
