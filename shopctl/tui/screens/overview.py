"""The shop at a glance; each card opens the list that it counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Vertical
from textual.widgets import Sparkline, Static

from shopctl.core.domain.money import Money
from shopctl.core.domain.safe import safe
from shopctl.core.queries.overview import Overview
from shopctl.tui import deeds
from shopctl.tui.asking import Question
from shopctl.tui.look import ORDER, Cell
from shopctl.tui.screens import dialogs
from shopctl.tui.screens.dialogs import Field, Plan
from shopctl.tui.screens.live import LiveScreen
from shopctl.tui.widgets import desk, styled

PAUSE = Plan(
    "Refuse new checkouts",
    "Carts and the checkouts that have begun go on; nobody can begin another.",
    "Refuse them",
    (Field("reason", "Why", check=dialogs.needed),),
)
RESUME = Plan("Resume checkouts", "New orders are taken again.", "Resume")
Row = tuple[Cell, str]
"""A figure and what it counts."""


class Card(Static, can_focus=True):
    """A few figures under a title. Enter opens the list behind them."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Open", id="card.open")]

    def __init__(self, title: str, mode: str, filter: str, id: str) -> None:
        super().__init__(id=id)
        self.border_title = title
        self.mode, self.filter = mode, filter

    def show_rows(self, rows: Sequence[Row]) -> None:
        width = max((len(figure.text) for figure, _ in rows), default=0)
        parts = [
            part
            for figure, words in rows
            for part in (Cell(f"{figure.text:>{width}}", figure.tone or "bold"), Cell(f"  {words}\n", "dim"))
        ]
        text = styled(self, *parts)
        text.rstrip()
        self.update(text)

    def action_open(self) -> None:
        desk(self).action_go(self.mode, self.filter)


class OverviewScreen(LiveScreen):
    """Live figures: what comes in, what is short, what waits."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down,right,tab", "app.focus_next", "Next card", show=False, id="overview.next"),
        Binding("x", "pause_checkouts", "Refuse checkouts", id="overview.pause-checkouts"),
        Binding("x", "resume_checkouts", "Resume checkouts", id="overview.resume-checkouts"),
        Binding("k,up,left,shift+tab", "app.focus_previous", "Previous card", show=False, id="overview.previous"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.figures: Overview | None = None

    def body(self) -> ComposeResult:
        with Vertical(id="rate"):
            yield Sparkline([0.0] * 30, id="spark")
            yield Static(id="axis")
        with Grid(id="cards"):
            yield Card("Today", "orders", "created_at:today", "today")
            yield Card("Orders", "orders", "", "by-status")
            yield Card("Stock at risk", "stock", "low:yes", "risk")
            yield Card("Holds", "reservations", "", "holds")
            yield Card("Checkouts", "orders", "in_flight:yes", "checkouts")
            yield Static(id="outbox", classes="card")

    def on_mount(self) -> None:
        self.query_one("#rate").border_title = "Orders per minute"
        self.query_one("#outbox").border_title = "Outbox"
        self.query_one("#today").focus()

    def crumb(self) -> str:
        return "Overview"

    def question(self) -> Question:
        return lambda reads: reads.overview()

    def record(self) -> object | None:
        return self.figures

    def command(self) -> str:
        return "shopctl store info -o json"

    def present(self, value: Any) -> None:
        self.figures = figures = value
        self.refresh_bindings()
        per_minute = figures.orders_by_minute
        self.query_one(Sparkline).data = [float(count) for count in per_minute]
        self.query_one("#axis", Static).update(
            styled(self, (f"{per_minute[-1]}", "bold"), (f" this minute · {sum(per_minute)} in 30 minutes", "dim"))
        )
        for name, rows in card_rows(figures).items():
            found = self.query_one(f"#{name}")
            if isinstance(found, Card):
                found.show_rows(rows)
            elif isinstance(found, Static):
                found.update(
                    styled(self, *(part for figure, words in rows for part in (figure, (f" {words}\n", "dim"))))
                )

    # --- deeds ----------------------------------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only one of the two, and none before it is known which."""
        if action in ("pause_checkouts", "resume_checkouts"):
            is_paused = self.figures and self.figures.paused is not None
            return self.figures is not None and is_paused == (action == "resume_checkouts")
        return super().check_action(action, parameters)

    def action_pause_checkouts(self) -> None:
        desk(self).consider(PAUSE, lambda typed: deeds.pause_checkouts(typed["reason"].strip()))

    def action_resume_checkouts(self) -> None:
        desk(self).consider(RESUME, lambda _: deeds.resume_checkouts())

    def note(self) -> Cell:
        if self.figures is None:
            return Cell("Reading…", "dim")
        if paused := self.figures.paused:
            since = desk(self).bridge.local(paused.since)
            return Cell(f"‖ No new checkouts since {since:%Y-%m-%d %H:%M}: {safe(paused.reason, 200)}", "error")
        worries = worries_of(self.figures)
        return Cell("! " + " · ".join(worries), "warning") if worries else Cell("✓ nothing waits for you", "success")


def card_rows(figures: Overview) -> dict[str, list[Row]]:
    revenue: Money = figures.revenue_today
    return {
        "today": [(Cell(_grouped(figures.orders_today)), "orders"), (Cell(str(revenue)), revenue.currency)],
        "by-status": [
            (Cell(_grouped(figures.by_status.get(status, 0)), shown.tone), shown.text)
            for status, shown in ORDER.items()
        ],
        "risk": [
            (_count(figures.skus_out_of_stock, "error"), "✗ out of stock"),
            (_count(figures.skus_low, "warning"), "! low"),
        ],
        "holds": [
            (Cell(_grouped(figures.live_holds)), "live"),
            (Cell(_grouped(figures.units_held)), "units held"),
            (_count(figures.overdue_holds, "warning"), "! overdue"),
        ],
        "checkouts": [
            (Cell(_grouped(figures.in_flight)), "in flight"),
            *([(Cell("‖", "error"), "new ones are refused")] if figures.paused else []),
        ],
        "outbox": [
            (Cell(_grouped(figures.outbox_waiting), "bold"), "waiting"),
            (_count(figures.outbox_dead, "error"), "✗ dead"),
            (_count(figures.webhooks_dead, "error"), "✗ webhook deliveries"),
        ],
    }


def worries_of(figures: Overview) -> list[str]:
    found = [
        (figures.overdue_holds, "overdue holds: shopctl reservations sweep"),
        (figures.outbox_dead, "dead letters: shopctl events letters --filter state:dead"),
        (figures.webhooks_dead, "deliveries given up: shopctl events deliveries --filter state:dead"),
        (figures.skus_out_of_stock, "SKUs out of stock"),
    ]
    return [f"{_grouped(count)} {words}" for count, words in found if count]


def _count(number: int, tone: str) -> Cell:
    """A figure that should be 0."""
    return Cell(_grouped(number), tone if number else "dim")


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")
