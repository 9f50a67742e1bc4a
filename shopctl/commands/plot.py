"""Bars in a terminal, drawn in text: eighths of a block, or # where the stream knows no blocks. No colour."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shopctl.commands.output import is_terminal, padded, width_of
from shopctl.core.domain.safe import safe

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
