"""What every screen of the console does: ask, show, ask again after a while; rest while hidden or paused."""

from __future__ import annotations

from time import monotonic
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from shopctl.core.domain.safe import safe
from shopctl.core.domain.times import about
from shopctl.core.errors import NotFound, ShopError
from shopctl.tui.asking import Answer, Asker, Failure, Question
from shopctl.tui.bridge import Bridge, json_of
from shopctl.tui.look import Cell
from shopctl.tui.screens.dialogs import JsonView
from shopctl.tui.widgets import KeyBar, LastDeed, TopBar, desk, styled

INTERVAL = 2.0
"""Seconds between two readings, as long as reading takes less."""
PATIENCE = 5
"""What takes longer is asked less often: at most a fifth of the time goes into asking."""
BEAT = 0.25


class LiveScreen(Asker, inherit_bindings=False):
    """A screen that keeps asking one question. While it is hidden or paused it rests."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="screen.back"),
        Binding("y", "json", "JSON", id="screen.json"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._answered: float | None = None
        self._due = 0.0
        self._asked: float | None = None
        self._problem: ShopError | None = None

    @property
    def bridge(self) -> Bridge:
        return desk(self).bridge

    # --- each screen says -----------------------------------------------------------------------------------------
    def crumb(self) -> str:
        """Its part of the breadcrumb, safe to show."""
        raise NotImplementedError

    def question(self) -> Question:
        raise NotImplementedError

    def present(self, value: Any) -> None:
        """Show an answer."""
        raise NotImplementedError

    def body(self) -> ComposeResult:
        raise NotImplementedError

    def command(self) -> str:
        """The command line that prints the same."""
        raise NotImplementedError

    def record(self) -> object | None:
        """What `y` shows as JSON."""
        raise NotImplementedError

    def clear(self) -> None:
        """Show nothing any more."""

    def note(self) -> Cell:
        """One line about what is shown; problems come before it."""
        return Cell("")

    # --- the frame ------------------------------------------------------------------------------------------------
    def compose(self) -> ComposeResult:
        yield TopBar(id="top")
        yield from self.body()
        with Vertical(id="foot"):
            yield Static(id="note")
            yield LastDeed(id="last")
            yield KeyBar(id="keys")

    def on_mount(self) -> None:  # Textual calls it for each class of the family, without super()
        self.set_interval(BEAT, self._beat)
        self.call_after_refresh(self.on_screen_resume)

    def on_screen_resume(self) -> None:
        if self.is_mounted and self.is_current:
            self.paint()
            self.reread()

    def on_resize(self) -> None:
        self.paint()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 — Textual's
        return not (action == "back" and self.app.screen_stack[0] is self)

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_json(self) -> None:
        record = None if self.vanished else self.record()
        if record is not None:
            self.app.push_screen(JsonView(self.command(), json_of(record)))

    # --- asking ---------------------------------------------------------------------------------------------------
    def reread(self) -> None:
        """Ask now; what is still under way is worthless."""
        self._asked = monotonic()
        self.ask(self.question())

    def _beat(self) -> None:
        if not self.is_current:
            return
        if self._asked is None and monotonic() >= self._due and not desk(self).paused:
            self.reread()
        self.paint_top()

    @on(Answer)
    def _on_answer(self, answer: Answer) -> None:
        if self.is_wanted(answer):
            self._settled(answer.seconds, None)
            self._answered = monotonic()
            self.present(answer.value)
            self.paint()

    @on(Failure)
    def _on_failure(self, failure: Failure) -> None:
        if self.is_wanted(failure):
            self._settled(failure.seconds, failure.error)
            if self.vanished:
                self.clear()
            self.paint()

    @property
    def vanished(self) -> bool:
        """Whether what the screen is about is not there, or not any more: then none of it stays to be read."""
        return isinstance(self._problem, NotFound)

    def _settled(self, seconds: float, problem: ShopError | None) -> None:
        self._asked, self._problem = None, problem
        self._due = monotonic() + max(INTERVAL, PATIENCE * seconds)

    # --- painting -------------------------------------------------------------------------------------------------
    def paint(self) -> None:
        if not self.query(TopBar):
            return  # not composed yet
        self.paint_top()
        self.query_one(LastDeed).paint()
        note = self.note() if self._problem is None else problem_note(self._problem)
        self.query_one("#note", Static).update(styled(self, note))

    def paint_top(self) -> None:
        trail = [screen.crumb() for screen in self.app.screen_stack if isinstance(screen, LiveScreen)]
        self.query_one(TopBar).paint(trail, self._freshness())

    def _freshness(self) -> Cell:
        now = monotonic()
        if self._asked is not None and now - self._asked > 1:
            return Cell(f"◌ reading {about(now - self._asked)}", "warning")
        age = "" if self._answered is None else f" · {about(now - self._answered)} ago"
        if desk(self).paused:
            return Cell(f"‖ paused{age}", "warning")
        return Cell(f"● live{age}", "success")


def problem_note(error: ShopError) -> Cell:
    return Cell(safe(f"! {error.message}" + (f" · {error.hint}" if error.hint else ""), 300), "warning")
