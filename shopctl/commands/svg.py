"""The course of a sale as an SVG: a panel for each figure over the same time. The same figures are the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from shopctl.core.rehearsal import Moment

WIDTH, PANEL, GAP, LEFT, TOP, RIGHT = 800, 110, 34, 90, 56, 24
FIGURES = {"queue": "#4c6ef5", "held": "#f59f00", "sold": "#2f9e44", "left": "#868e96"}
"""What is drawn, and in which colour."""
TICKS = 6


def course(moments: Sequence[Moment], title: str) -> str:
    return "\n".join(_lines(moments, title)) + "\n"


def _lines(moments: Sequence[Moment], title: str) -> Iterator[str]:
    height = TOP + len(FIGURES) * (PANEL + GAP) + GAP
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">'
    yield f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
    yield f'<text x="{LEFT}" y="28" font-size="15" fill="#212529">{escape(title)}</text>'
    for n, (name, colour) in enumerate(FIGURES.items()):
        yield from _panel(moments, name, colour, TOP + n * (PANEL + GAP))
    yield from _times(moments, TOP + len(FIGURES) * (PANEL + GAP))
    yield "</svg>"


def _panel(moments: Sequence[Moment], name: str, colour: str, top: int) -> Iterator[str]:
    """A filled curve that stands on its axis, with the most of it written beside it."""
    values = [getattr(moment, name) for moment in moments]
    most, floor = max(values), top + PANEL
    points = [
        (_x(moments, moment.at_s), floor - PANEL * value / most if most else floor)
        for moment, value in zip(moments, values, strict=True)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polygon points="{LEFT},{floor} {line} {WIDTH - RIGHT},{floor}" fill="{colour}" fill-opacity="0.15"/>'
    yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield f'<path d="M{LEFT} {top}V{floor}H{WIDTH - RIGHT}" fill="none" stroke="#adb5bd"/>'
    yield from (_label(LEFT - 8, y, text) for y, text in ((top + 10, f"{most:,}"), (floor, "0")))
    yield f'<text x="{LEFT - 8}" y="{top + PANEL // 2}" text-anchor="end" font-weight="bold" fill="{colour}">{name}</text>'


def _times(moments: Sequence[Moment], y: int) -> Iterator[str]:
    first, last = moments[0].at_s, moments[-1].at_s
    for n in range(TICKS):
        at = first + (last - first) * n / (TICKS - 1)
        yield f'<text x="{_x(moments, at):.1f}" y="{y}" text-anchor="middle" fill="#495057">{at:.0f} s</text>'


def _label(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="end" fill="#495057">{text}</text>'


def _x(moments: Sequence[Moment], at: float) -> float:
    first, last = moments[0].at_s, moments[-1].at_s
    return LEFT + (WIDTH - LEFT - RIGHT) * ((at - first) / (last - first) if last > first else 0)
