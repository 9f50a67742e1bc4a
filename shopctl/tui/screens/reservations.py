"""Reservations → what each did to the stock. Releasing and extending on the way."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from shopctl.core.domain.times import about
from shopctl.core.queries.reservations import Reservation
from shopctl.core.queries.stock import Movement
from shopctl.tui import deeds
from shopctl.tui.asking import Question
from shopctl.tui.bridge import Held, Page
from shopctl.tui.look import Cell, cell, hold_state, left, short_id, when
from shopctl.tui.screens import dialogs
from shopctl.tui.screens.dialogs import Field, Plan
from shopctl.tui.screens.lists import ListScreen, T
from shopctl.tui.screens.movements import MovementList
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import desk, styled


def extend_plan(key: str, words: str) -> Plan:
    return Plan(
        f"Extend hold {short_id(key)}",
        f"{words}: it gets a new term from now, never a shorter one. Without one it is the shop's own.",
        "Extend",
        (Field("term", "Term (90s, 15m, 2h)", check=dialogs.term),),
    )


class HoldActions(ListScreen[T]):
    """The deeds of a hold, wherever one is at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "release", "Release", id="reservations.release"),
        Binding("e", "extend", "Extend", id="reservations.extend"),
    ]

    def hold(self) -> tuple[str, str] | None:
        """The id of the hold at hand, and what it is in words."""
        raise NotImplementedError

    def action_release(self) -> None:
        if found := self.hold():
            key, words = found
            plan = Plan(f"Release hold {short_id(key)}", f"{words}: the units can be had by others again.", "Release")
            desk(self).consider(plan, lambda _: deeds.release(key))

    def action_extend(self) -> None:
        if found := self.hold():
            key, words = found
            desk(self).consider(extend_plan(key, words), lambda typed: deeds.extend(key, typed["term"]))


class ReservationsScreen(HoldActions[Reservation]):
    """What is held now; with `t` what was, too."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("t", "everything", "Resolved too", id="reservations.everything")]
    NOUN = "holds"
    EXAMPLE = "owner_kind:cart  left:<60  age:>300  pinned:yes  sku:TEE"
    SORTS: ClassVar[dict[str, str]] = {"latest": "", "ending soon": "expires_at", "oldest": "created_at"}
    COLUMNS = (
        Column("id", "HOLD", 9, rank=1),
        Column("state", "STATE", 12),
        Column("kind", "KIND", 5),
        Column("owner", "FOR", 12, grow=True),
        Column("sku", "SKU", 14, grow=True),
        Column("warehouse", "WAREHOUSE", 10, rank=2),
        Column("quantity", "UNITS", 5, right=True),
        Column("age", "AGE", 6, right=True),
        Column("left", "LEFT", 10, right=True),
    )

    def __init__(self, filter: str = "") -> None:
        super().__init__(filter)
        self.everything = False

    def crumb(self) -> str:
        return "Reservations, resolved too" if self.everything else "Reservations"

    def question(self) -> Question:
        place, everything = self.place, self.everything or "state:" in self.filter
        return lambda reads: reads.reservations(place, everything=everything)

    def key(self, row: Reservation) -> str:
        return row.id

    def line(self, row: Reservation) -> Line:
        return Line(
            row.id,
            {
                "id": Cell(short_id(row.id), "bold"),
                "state": hold_state(row.state, row.pinned, row.left_seconds),
                "kind": cell(row.owner_kind, "dim"),
                "owner": cell(row.owner),
                "sku": cell(row.sku),
                "warehouse": cell(row.warehouse),
                "quantity": cell(row.quantity),
                "age": cell(about(row.age_seconds), "dim"),
                "left": left(row.left_seconds),
            },
        )

    def hold(self) -> tuple[str, str] | None:
        row = self.current
        return None if row is None else (row.id, hold_words(row))

    def open_row(self, row: Reservation) -> None:
        self.app.push_screen(HoldScreen(row.id))

    def action_everything(self) -> None:
        self.everything = not self.everything
        self.first_page()

    def command(self) -> str:
        return f"shopctl reservations list {'--all ' if self.everything else ''}-o jsonl"


class HoldScreen(MovementList, HoldActions[Movement]):
    """One hold, and the movements that it made."""

    def __init__(self, reservation_id: str) -> None:
        super().__init__()
        self.reservation_id = reservation_id
        self.reservation: Reservation | None = None

    def head(self) -> ComposeResult:
        yield Static(id="facts")

    def crumb(self) -> str:
        return f"hold {short_id(self.reservation_id)}"

    def question(self) -> Question:
        place = self.place
        return lambda reads: reads.reservation(self.reservation_id, place)

    def page_of(self, value: Held) -> Page[Movement]:
        return value.movements

    def present(self, value: Any) -> None:
        self.reservation = value.reservation
        if self.reservation is not None:
            self.query_one("#facts", Static).update(self._facts(self.reservation))
        super().present(value)

    def hold(self) -> tuple[str, str] | None:
        row = self.reservation
        return None if row is None else (row.id, hold_words(row))

    def command(self) -> str:
        sku = self.reservation.sku if self.reservation else ""
        return f"shopctl stock history {cell(sku).text} -o jsonl"

    def _facts(self, row: Reservation) -> Any:
        now, local = self.bridge.now(), self.bridge.local
        ends = ("resolved", row.resolved_at) if row.resolved_at else ("until", row.expires_at)
        text = styled(
            self,
            (f"Hold {short_id(row.id)}  ", "bold"),
            hold_state(row.state, row.pinned, row.left_seconds),
        )
        for label, value in (
            ("what", cell(f"{row.quantity} of {row.sku} in {row.warehouse}")),
            ("for", cell(f"{row.owner_kind} {row.owner}")),
            ("since", cell(f"{when(local(row.created_at), now)}, {ends[0]} {when(local(ends[1]), now)}")),
        ):
            text.append("\n").append_text(styled(self, (f"{label:<10}", "dim"), value))
        return text


def hold_words(row: Reservation) -> str:
    return f"{row.quantity} of {row.sku} in {row.warehouse} for {row.owner_kind} {row.owner}"
