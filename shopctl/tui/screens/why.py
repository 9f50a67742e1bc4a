"""Why units of a SKU cannot be had: what is sold, kept back, and held for whom."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from shopctl.core.queries.reservations import Hold, WhyHeld
from shopctl.tui.asking import Question
from shopctl.tui.bridge import PAGE, Page
from shopctl.tui.look import Cell, cell, counted, left, short_id, when
from shopctl.tui.screens.reservations import HoldActions, HoldScreen
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import styled


class WhyScreen(HoldActions[Hold]):
    """The holds of a SKU, those that end first, under the sum of them all."""

    NOUN = "holds"
    COLUMNS = (
        Column("id", "HOLD", 9, rank=1),
        Column("kind", "KIND", 5),
        Column("owner", "FOR", 12, grow=True),
        Column("warehouse", "WAREHOUSE", 10, rank=2),
        Column("quantity", "UNITS", 5, right=True),
        Column("since", "SINCE", 12, rank=3),
        Column("left", "LEFT", 10, right=True),
        Column("why", "WHY", 20, grow=True),
    )

    def __init__(self, sku: str) -> None:
        super().__init__()
        self.sku = sku
        self.answer: WhyHeld | None = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "filter" and super().check_action(action, parameters)

    def head(self) -> ComposeResult:
        yield Static(id="facts")

    def crumb(self) -> str:
        return f"why {cell(self.sku, limit=24).text}"

    def question(self) -> Question:
        return lambda reads: reads.why(self.sku)

    def present(self, value: Any) -> None:
        self.answer = value
        self.query_one("#facts", Static).update(self._facts(value))
        super().present(value)

    def page_of(self, value: WhyHeld) -> Page[Hold]:
        return Page(value.holds, None)

    def key(self, row: Hold) -> str:
        return row.id

    def line(self, row: Hold) -> Line:
        return Line(
            row.id,
            {
                "id": Cell(short_id(row.id), "bold"),
                "kind": cell(row.owner_kind, "dim"),
                "owner": cell(row.owner),
                "warehouse": cell(row.warehouse),
                "quantity": cell(row.quantity),
                "since": cell(when(self.bridge.local(row.since), self.bridge.now()), "dim"),
                "left": left(row.left_seconds),
                "why": cell(row.why),
            },
        )

    def hold(self) -> tuple[str, str] | None:
        row = self.current
        if row is None:
            return None
        return row.id, f"{row.quantity} of {self.sku} in {row.warehouse} for {row.owner_kind} {row.owner}"

    def open_row(self, row: Hold) -> None:
        self.app.push_screen(HoldScreen(row.id))

    def record(self) -> object | None:
        return self.answer

    def command(self) -> str:
        return f"shopctl reservations why {cell(self.sku).text} -o json"

    def note(self) -> Cell:
        if self.answer is not None and len(self.answer.holds) == PAGE:
            return Cell(f"the {PAGE} holds that end first", "dim")
        return super().note()

    def _facts(self, found: WhyHeld) -> Text:
        text = styled(self, cell(found.sku, "bold"), ("  ", ""), cell(_to_be_had(found)))
        free = f"{found.available} available  =  {found.quantity} on hand − {found.reserved} reserved"
        rows = [
            ("stock", f"{free} − {found.committed} committed"),
            ("kept back", counted(found.safety_stock, "units") + " of safety stock"),
            ("backorder", f"up to {found.backorder_limit} beyond what is there" if found.backorder_limit else "none"),
            ("overdue", f"{counted(found.expired, 'units')} in holds past their time: whoever needs them gets them"),
        ]
        for label, words in rows:
            text.append("\n").append_text(styled(self, (f"{label:<10}", "dim"), cell(words)))
        return text


def _to_be_had(found: WhyHeld) -> str:
    if found.can_be_had is None:
        return "is not counted: anybody can have it"
    return f"{counted(found.can_be_had, 'units')} can be had by a new buyer"
