"""Bars and curves in a terminal, drawn in text: eighths of a block, or # where the stream knows no blocks. No colour."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shopctl.commands.output import is_terminal, padded, width_of
from shopctl.core.domain.safe import safe

if TYPE_CHECKING:
    from shopctl.core.rehearsal import Moment

LABEL = 30
SHORTEST = 10
IN_A_PIPE = 80
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


@dataclass(frozen=True, slots=True)
class Bar:
    """`length` is to be drawn, `text` says it."""

    label: str
    length: int
    text: str


def bars(given: Sequence[Bar]) -> Iterator[str]:
    """A line a bar, as wide as the terminal; the longest bar fills it."""
    labels = [_cut(safe(bar.label)) for bar in given]
    label, text = max(map(width_of, labels), default=0), max((len(bar.text) for bar in given), default=0)
    room = max(SHORTEST, _columns() - label - text - 4)
    longest = max((bar.length for bar in given), default=0)
    for name, bar in zip(labels, given, strict=True):
        drawn = _bar(bar.length, longest, room)
        yield f"{padded(name, label, False)}  {drawn.ljust(room)}  {bar.text.rjust(text)}".rstrip()


def _bar(length: int, longest: int, room: int) -> str:
    """Nothing for nothing and less, at least a sliver for more."""
    if length <= 0:
        return ""
    whole, rest = divmod(max(1, length * room * 8 // longest), 8)
    return "█" * whole + _EIGHTHS[rest] if _knows_blocks() else "#" * max(1, whole)


def _columns() -> int:
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else IN_A_PIPE


def _cut(label: str) -> str:
    while width_of(label) > LABEL:
        label = label[:-2] + "…"
    return label


def _knows_blocks() -> bool:
    try:
        "█▏…".encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


# --- the course of a sale ------------------------------------------------------------------------------------------
COURSE = ("queue", "held", "sold", "left")
ROWS = 4
_UPWARDS = " ▁▂▃▄▅▆▇█"


def course(moments: Sequence[Moment]) -> Iterator[str]:
    """A panel for each figure over the same time, each with a scale of its own: a queue is a hundred times its units."""
    width = max(SHORTEST, min(_columns(), IN_A_PIPE) - _MARGIN)
    for name in COURSE:
        values = [getattr(moment, name) for moment in moments]
        most = max(values)
        columns = [values[n * (len(values) - 1) // max(1, width - 1)] for n in range(width)]
        for row in reversed(range(ROWS)):
            scale = f"{most:>10,}" if row == ROWS - 1 else f"{name:>10}" if row == ROWS - 2 else f"{0:>10}" * (not row)
            yield f"{scale:10} {_SIDE}{''.join(_cell(value, most, row) for value in columns).rstrip()}"
    first, last = moments[0].at_s, moments[-1].at_s
    middle = f"{(first + last) / 2:.0f} s"
    yield f"{'':12}{f'{first:.0f} s':{width // 2}}{middle}{f'{last:.0f} s':>{width - width // 2 - len(middle)}}"


_MARGIN, _SIDE = 13, "│"


def _cell(value: int, most: int, row: int) -> str:
    """What of a column lies in one row: a part of it, in eighths; what is more than nothing is seen."""
    eighths = -(-value * ROWS * 8 // most) if most else 0
    part = min(8, max(0, eighths - row * 8))
    return _UPWARDS[part] if _knows_blocks() else "#" if part else " "
