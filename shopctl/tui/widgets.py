"""The frame around every screen: where you are and how fresh it is, the filter, what was done last, the keys that work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from shopctl.tui.look import Cell, plain_text
from shopctl.tui.table import tone

if TYPE_CHECKING:
    from shopctl.tui.app import Console

PLACES = {
    "overview": ("1", "Overview"),
    "orders": ("2", "Orders"),
    "catalog": ("3", "Catalog"),
    "stock": ("4", "Stock"),
    "reservations": ("5", "Reservations"),
    "carts": ("6", "Carts"),
    "customers": ("7", "Customers"),
    "sales": ("8", "Flash sale"),
    "events": ("9", "Events"),
}
"""Mode → its key and its name."""


def desk(widget: Widget) -> Console:
    """The app, by its own type."""
    return cast("Console", widget.app)


def styled(widget: Widget, *cells: Cell | tuple[str, str]) -> Text:
    """Cells one after the other, in the colours of the theme."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for words, name in cells:
        text.append(words, tone(widget.app.theme_variables, name))
    return text


def spread(left: Text, right: Text, width: int) -> Text:
    """Left and right ends of one line; the left one gives way."""
    room = width - cell_len(right.plain)
    left.truncate(max(0, room - 1), overflow="ellipsis")
    left.append(" " * max(0, room - cell_len(left.plain)))
    return left.append_text(right)


class TopBar(Static):
    """Two lines: the screens and the shop; the breadcrumb and the age of what is shown."""

    def paint(self, trail: Sequence[str], fresh: Cell) -> None:
        console, width = desk(self), self.app.size.width - 2
        guard = ("READ-ONLY  ", "warning") if console.bridge.read_only else ("", "")
        shop = styled(self, guard).append_text(plain_text(console.bridge.name, 32))
        tabs = _tabs(console.current_mode, named=True)
        if cell_len(tabs.plain) + cell_len(shop.plain) >= width:
            tabs = _tabs(console.current_mode, named=False)
        crumbs = styled(self, *_crumbs(trail))
        self.update(spread(tabs, shop, width).append("\n").append_text(spread(crumbs, styled(self, fresh), width)))


def _tabs(current: str, *, named: bool) -> Text:
    """The screens with their keys; where it is narrow only the current one has its name."""
    tabs = Text()
    for mode, (key, name) in PLACES.items():
        here = mode == current
        label = f" {key} {name} " if named or here else f" {key} "
        tabs.append(label, Style(bold=True, reverse=True) if here else Style(dim=True)).append(" ")
    return tabs


def _crumbs(trail: Sequence[str]) -> list[tuple[str, str]]:
    parts: list[tuple[str, str]] = []
    for i, name in enumerate(trail):
        last = i == len(trail) - 1
        parts += [(name, "bold" if last else "dim"), *([] if last else [(" › ", "dim")])]
    return parts


def working(screen: Screen[Any]) -> list[Binding]:
    """The bindings that work now: letters do not while something is typed."""
    typing = isinstance(screen.focused, Input)
    return [
        binding
        for _, binding, enabled, _ in screen.active_bindings.values()
        if enabled and not (typing and len(screen.app.get_key_display(binding)) == 1 and binding.key.isprintable())
    ]


class KeyBar(Static):
    """The keys that work now, as many as there is room for; the last one is ?, which has them all."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self.paint)

    def on_resize(self) -> None:
        self.paint(self.screen)

    def paint(self, screen: Screen[Any]) -> None:
        if screen is not self.screen:
            return
        shown: dict[str, str] = {}
        room = self.app.size.width - 2
        for binding in sorted(working(screen), key=lambda binding: binding.action != "keys"):
            key = self.app.get_key_display(binding)
            size = cell_len(key) + cell_len(binding.description) + 3
            if binding.show and binding.description not in shown and size <= room + 2:
                room -= size
                shown[binding.description] = key
        if "Keys" in shown:
            shown["Keys"] = shown.pop("Keys")
        self.update(
            styled(self, *(part for name, key in shown.items() for part in ((key, "accent"), (f" {name}  ", "dim"))))
        )


class LastDeed(Static):
    """The command line of what was done last; the action log has the others."""

    def paint(self) -> None:
        log = desk(self).deeds_done
        self.display = bool(log)
        if log:
            done = log[-1]
            mark = ("✓ ", "success") if done.ok else ("✗ ", "error")
            left = styled(self, mark).append_text(plain_text(done.command, 400))
            self.update(spread(left, styled(self, ("  a: log", "dim")), self.app.size.width - 2))


class FilterLine(Input):
    """The filter, typed. Enter goes to the list and keeps it, escape drops it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "leave", "To the list", id="filter.leave"),
        Binding("escape", "drop", "Drop the filter", id="filter.drop"),
    ]

    class Left(Message):
        """The list should have the focus again; `dropped` without a filter."""

        def __init__(self, *, dropped: bool) -> None:
            super().__init__()
            self.dropped = dropped

    def action_leave(self) -> None:
        self.post_message(self.Left(dropped=False))

    def action_drop(self) -> None:
        self.post_message(self.Left(dropped=True))
