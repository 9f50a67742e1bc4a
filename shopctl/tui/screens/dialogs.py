"""What comes in front of a screen: the question before a deed, JSON, the action log, the keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from shopctl.core.domain.safe import safe
from shopctl.core.domain.times import span
from shopctl.core.errors import BadInput
from shopctl.tui.look import plain_text
from shopctl.tui.widgets import desk

Check = Callable[[str], str | None]
"""What is wrong with something typed, said of it; None for nothing."""


# --- what may be typed -------------------------------------------------------------------------------------------------
def _check(pattern: str, wanted: str) -> Check:
    fits = re.compile(pattern).fullmatch
    return lambda typed: None if fits(typed) else wanted


anything = _check(r"(?s).*", "")
needed = _check(r"(?s).+", "is needed")
units = _check(r"0*[1-9][0-9]{0,8}", "is a whole number, 1 or more")
change = _check(r"[+-]?0*[1-9][0-9]{0,8}", "is a change such as -2 or +5")
counted = _check(r"[0-9]{0,10}", "is a whole number, 0 or more, or nothing")
amount = _check(r"[0-9]{1,12}(\.[0-9]{1,4})?", "is an amount such as 19.99")
optional_amount = _check(r"([0-9]{1,12}(\.[0-9]{1,4})?)?", "is an amount such as 19.99, or nothing")
optional_units = _check(r"[0-9]{0,9}", "is a whole number, or nothing")
optional_units_of = _check(r"(\S+=[0-9]{1,9}\s*)*", "are such as TEE=1 CAP=2, or nothing")
some_units = _check(r"(\S+=[0-9]{1,9}\s*)+", "are such as TEE=1 CAP=2")
yes_or_no = _check(r"yes|no", "is yes or no")


def term(typed: str) -> str | None:
    try:
        span(typed or "1s")
    except BadInput:
        return "is a span of time such as 30s, 5m, 2h or 7d"
    return None


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to type, and what may be. `exactly` is what a severe deed wants.

    `value` may be data: it is shown safe, and taken as it is when nobody has changed it.
    """

    name: str
    label: str
    value: str = ""
    check: Check = anything
    exactly: str | None = None

    @property
    def shown(self) -> str:
        return safe(self.value, LONGEST)

    def meant(self, typed: str) -> str:
        return self.value if typed == self.shown else typed

    def complaint(self, typed: str) -> str | None:
        if self.exactly is not None and typed.strip() != self.exactly:
            return f"Type {self.exactly} to go on"
        wrong = self.check(typed.strip())
        return f"{self.label} {wrong}" if wrong else None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a dialog asks about: the object, the effect, the word on the button."""

    title: str
    effect: str
    button: str
    fields: tuple[Field, ...] = ()
    severe: bool = False
    leave: str = "Cancel"


LONGEST = 200
"""Characters that a field takes."""
FEW = 4
"""Fields that have room for a blank line between them on a small terminal."""
Typed = dict[str, str]
R = TypeVar("R")


class Once(ModalScreen[R], inherit_bindings=False):
    """Something in front that is left once, however fast a key repeats."""

    left = False

    def leave(self, result: R | None = None) -> None:
        if not self.left:
            self.left = True
            self.dismiss(result)


class Dialog(Once[Typed | None]):
    """Asks before a deed. The focus is on Cancel; typing goes to the first field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="dialog.cancel"),
        Binding("tab,down,right", "app.focus_next", "Next", show=False, id="dialog.next"),
        Binding("shift+tab,up,left", "app.focus_previous", "Previous", show=False, id="dialog.previous"),
    ]

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self._begun = False

    def compose(self) -> ComposeResult:
        bridge = desk(self).bridge
        mode = " · READ-ONLY" if bridge.read_only else ""
        form = "dense" if len(self.plan.fields) > FEW else ""
        with Vertical(id="box", classes=f"{'severe' if self.plan.severe else ''} {form}"):
            yield Static(plain_text(self.plan.title), id="title")
            yield Static(_wrapped(self.plan.effect), id="effect")
            for field in self.plan.fields:
                with Horizontal(classes="field"):
                    yield Label(plain_text(field.label), classes="label")
                    yield Input(
                        field.shown, id=f"field-{field.name}", max_length=LONGEST, compact=True, select_on_focus=False
                    )
            yield Static(id="complaint")
            with Horizontal(id="buttons"):
                yield Button(self.plan.leave, id="cancel")
                yield Button(plain_text(self.plan.button), id="do")
            yield Static(plain_text(f"in {bridge.name} · as {bridge.actor}{mode}"), id="profile")

    def on_mount(self) -> None:
        self.query_one("#cancel", Button).focus()

    def on_key(self, event: events.Key) -> None:
        """A character typed at a button begins the first field; those typed before it has the focus go there, too."""
        first = next(iter(self.query(Input)), None)
        typed = event.is_printable and (event.character != " " or self._begun)
        if first is not None and isinstance(self.focused, Button) and typed:
            self._begun = True
            first.focus()
            first.insert_text_at_cursor(event.character or "")
            event.stop()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if self.focused is not event.input:
            return  # a second enter, too fast
        self.focus_next()
        if self.focused is self.query_one("#cancel"):
            self.query_one("#do").focus()

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.leave()

    @on(Button.Pressed, "#do")
    def _do(self) -> None:
        for field in self.plan.fields:
            line = self.query_one(f"#field-{field.name}", Input)
            complaint = field.complaint(line.value)
            if complaint:
                self.query_one("#complaint", Static).update(_wrapped(f"! {complaint}"))
                line.focus()
                return
        typed = {field: self.query_one(f"#field-{field.name}", Input).value for field in self.plan.fields}
        self.leave({field.name: field.meant(value) for field, value in typed.items()})


def _wrapped(text: str) -> Text:
    shown = plain_text(text, 600)
    shown.no_wrap = False
    return shown


class View(Once[None]):
    """Something to read, in front of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,y,a,?", "close", "Close", id="view.close"),
        Binding("j,down", "scroll('down')", "Down", show=False, id="view.down"),
        Binding("k,up", "scroll('up')", "Up", show=False, id="view.up"),
        Binding("pagedown,space", "scroll('page_down')", "Page down", show=False, id="view.page-down"),
        Binding("pageup", "scroll('page_up')", "Page up", show=False, id="view.page-up"),
        Binding("g,home", "scroll('home')", "First", show=False, id="view.first"),
        Binding("G,end", "scroll('end')", "Last", show=False, id="view.last"),
        Binding("ctrl+c", "screen.copy_text", "Copy what is selected", show=False, id="view.copy"),
    ]

    def __init__(self, title: str, content: Text) -> None:
        super().__init__()
        self._title, self._content = title, content

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(plain_text(self._title, 400), id="title")
            with VerticalScroll(id="page"):
                yield Static(self._content)
            yield Static(Text("escape closes · j k scroll", style="dim"), id="profile")

    def on_mount(self) -> None:
        self.query_one("#page").focus()

    def action_close(self) -> None:
        self.leave()

    def action_scroll(self, where: str) -> None:
        page = self.query_one("#page")
        getattr(page, f"scroll_{where}")(animate=False)


class JsonView(View):
    """A row as the command line prints it."""

    def __init__(self, command: str, encoded: str) -> None:
        super().__init__(command, Text(encoded))
        self.encoded = encoded


def keys_view(keys: Sequence[tuple[str, str]]) -> View:
    """The keys that work now."""
    width = max((len(key) for key, _ in keys), default=0)
    return View("Keys that work now", Text("\n".join(f"{key:>{width}}  {name}" for key, name in keys)))
