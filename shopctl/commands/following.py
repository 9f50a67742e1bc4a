"""Following what happens: looking again and again, in a pipe until nobody reads, on a terminal in place."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

import typer

from shopctl.commands.output import BROKEN_PIPE, abandon_stdout, cut, flush, is_terminal, paint
from shopctl.core.domain.times import span
from shopctl.core.errors import BadInput

if TYPE_CHECKING:
    from shopctl.core.queries.events import Event, Feed
    from shopctl.core.shop import Shop

T = TypeVar("T")
SLICE = 0.2
"""Seconds between two looks at the keys and the size of the terminal."""

Interval = Annotated[float, typer.Option(metavar="SECONDS", help="How often to look.")]
For = Annotated[str | None, typer.Option("--for", metavar="TIME", help="Follow for so long: 30s, 5m, 2h.")]
Max = Annotated[int | None, typer.Option("--max", metavar="N", help="Follow until so many were shown.")]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="From then on, e.g. 2026-11-22 or a full RFC 3339 time.")
]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, until when (by the monotonic clock, None: for good), and for how many."""

    interval: float
    end: float | None
    most: int | None

    @classmethod
    def of(cls, interval: float, during: str | None, most: int | None) -> Pace:
        """As the options say it; BadInput for what cannot be."""
        if not 0.1 <= interval <= 3600:
            raise BadInput("bad_interval", f"An interval is a number of seconds from 0.1 to an hour, not {interval:g}")
        if most is not None and most < 1:
            raise BadInput("bad_max", f"--max is 1 or more, not {most}")
        return cls(interval, None if during is None else time.monotonic() + span(during).total_seconds(), most)

    def pause(self) -> float:
        """How long to wait before the next look; 0 when there is none."""
        return self.interval if self.end is None else max(min(self.interval, self.end - time.monotonic()), 0)


def follow(
    shop: Shop, feed: Feed, read: Callable[[Any, Sequence[Event]], Sequence[T]], pace: Pace, begin: Sequence[T] = ()
) -> Iterator[T]:
    """`begin`, and then what `read` makes of the events of a feed, as they come."""
    return islice(chain(begin, _follow(shop, feed, read, pace)), pace.most)


def _follow(shop: Shop, feed: Feed, read: Callable[[Any, Sequence[Event]], Sequence[T]], pace: Pace) -> Iterator[T]:
    while True:
        with shop.read() as tx:
            found = read(tx, feed.page(tx))
        yield from found
        if feed.caught_up:
            if not (pause := pace.pause()):
                return
            wait(pause)


def wait(seconds: float) -> None:
    """Let what was written be seen, and wait; the end when nobody reads it any more."""
    flush()
    if not hasattr(select, "poll"):  # not on Windows: there the next write tells
        time.sleep(seconds)
        return
    reader = select.poll()
    reader.register(sys.stdout.fileno(), 0)  # waits for no event, but is told at once that a reader has left
    if reader.poll(seconds * 1000):
        abandon_stdout()
        raise SystemExit(BROKEN_PIPE)


def can_redraw() -> bool:
    """Whether stdout is a terminal whose cursor can be moved."""
    return is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb"


class Screen:
    """A terminal that is drawn in place: its other screen, without a cursor, with keys read one by one. Put back at the end."""

    def __init__(self, *, bold: bool) -> None:
        self._bold = bold

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            if is_terminal(sys.stdin):
                opened.callback(_one_by_one())
            paint("\x1b[?1049h\x1b[?25l")
            opened.callback(paint, "\x1b[?25h\x1b[?1049l")
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    @property
    def size(self) -> os.terminal_size:
        """As it is now; COLUMNS and LINES of the environment are what it was."""
        now = os.get_terminal_size(sys.stdout.fileno())
        return os.terminal_size((now.columns or 80, now.lines or 24))

    def draw(self, lines: Sequence[str], head: int) -> None:
        """These lines from the top, as much of them as fits; line number `head` stands out."""
        width, height = self.size
        shown = [cut(line, width - 1) for line in lines[:height]]  # in the last column a cursor does not move on
        if self._bold and head < len(shown):
            shown[head] = f"\x1b[1m{shown[head]}\x1b[0m"
        paint("\x1b[H" + "\x1b[K\n".join(shown) + "\x1b[K\x1b[J")

    def wait(self, seconds: float) -> bool:
        """Wait, less long when the terminal gets another size; False when somebody wants to leave."""
        until, size = time.monotonic() + seconds, self.size
        while (left := until - time.monotonic()) > 0 and self.size == size:
            if not is_terminal(sys.stdin):
                time.sleep(min(left, SLICE))
            elif select.select([sys.stdin], [], [], min(left, SLICE))[0] and os.read(sys.stdin.fileno(), 1) in b"qQ":
                return False
        return True


def _one_by_one() -> Callable[[], None]:
    """Read keys without waiting for Enter and without showing them; what puts that back."""
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    return lambda: termios.tcsetattr(terminal, termios.TCSADRAIN, before)
