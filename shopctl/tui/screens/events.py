"""What happened, the latest first, with the command that would do it again → what it happened to."""

from __future__ import annotations

from collections.abc import Sequence

from shopctl.core.queries.subjects import Subject
from shopctl.tui.asking import Question
from shopctl.tui.bridge import Happened
from shopctl.tui.look import Cell, cell, when
from shopctl.tui.screens.lists import ListScreen
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import desk


class EventsScreen(ListScreen[Happened]):
    """The feed of events."""

    NOUN = "events"
    EXAMPLE = "topic:order.  actor:ana  subject:TEE  at:today  1001"
    COLUMNS = (
        Column("at", "AT", 12),
        Column("topic", "TOPIC", 18),
        Column("about", "SUBJECT", 13, grow=True),
        Column("actor", "BY", 8),
        Column("told", "TOLD", 4, rank=1),
        Column("again", "AGAIN: SHOPCTL …", 16, grow=True),
    )

    def crumb(self) -> str:
        return "Events"

    def question(self) -> Question:
        place = self.place
        return lambda reads: reads.events(place)

    def key(self, row: Happened) -> str:
        return row.event.id

    def line(self, row: Happened) -> Line:
        event = row.event
        return Line(
            event.id,
            {
                "at": cell(when(self.bridge.local(event.at), self.bridge.now()), "dim"),
                "topic": cell(event.topic, "bold"),
                "about": _subject(row.about),
                "actor": cell(event.actor, "dim"),
                "told": _told(row.told),
                "again": cell(event.command.removeprefix("shopctl ")) if event.command else Cell("·", "dim"),
            },
        )

    def open_row(self, row: Happened) -> None:
        about = row.about
        detail = desk(self).detail(about.kind, about.name) if about.name else None
        if detail is not None:
            self.app.push_screen(detail)
        else:
            self.notify(_why_not(row.about), markup=False)

    def record(self) -> object | None:
        row = self.current
        return row and row.event

    def command(self) -> str:
        return "shopctl events tail -o jsonl"


def _subject(about: Subject) -> Cell:
    """Its name; with its kind where that is a number or a handle, which might be taken for anything."""
    if about.name is None:
        return Cell("∅ erased" if about.kind == "customer" else "∅ gone", "dim")
    return cell(f"{about.kind} {about.name}" if about.kind in ("order", "cart", "sale") else about.name)


def _told(states: Sequence[str]) -> Cell:
    """Whether the customer and the webhooks know: one that was given up counts before one that waits."""
    if "dead" in states:
        return Cell("✗", "error")
    if {"pending", "taken"} & {*states}:
        return Cell("…", "warning")
    return Cell("✓", "success") if states else Cell("·", "dim")


def _why_not(about: Subject) -> str:
    if about.name is not None:
        return f"There is no screen for {about.kind}"
    return "That customer was erased" if about.kind == "customer" else f"That {about.kind} is not there any more"
