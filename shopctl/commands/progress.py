"""A bar on stderr for long work, when somebody looks; nothing in a pipe and with --quiet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from shopctl.commands.face import Face
from shopctl.commands.output import is_terminal

Step = Callable[[int, int], None]


@contextmanager
def reading(me: Face, what: str, source: BinaryIO) -> Iterator[Step]:
    """Steps say rows and bytes read: a share of a file; of a pipe, which has no end in sight, the rows."""
    with _bar(me, what, _size(source), "{task.fields[rows]:,} rows") as update:
        yield lambda rows, size: update(size, rows=rows)


@contextmanager
def counting(me: Face, what: str) -> Iterator[Step]:
    """Steps say how much is done, and of how much."""
    with _bar(me, what) as update:
        yield lambda done, total: update(done, total=total)


@contextmanager
def _bar(me: Face, what: str, total: int | None = None, words: str = "") -> Iterator[Callable[..., None]]:
    if me.out.quiet or not is_terminal(sys.stderr):
        yield lambda _completed, **_fields: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(), TextColumn(words), TimeRemainingColumn())
    console = Console(stderr=True, no_color=True if me.out.color is False else None)
    # stdout stays as it is: it carries data.
    with Progress("{task.description}", *columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(what, total=total, rows=0)
        yield lambda completed, **fields: bar.update(task, completed=completed, **fields)


def _size(source: BinaryIO) -> int | None:
    """The size of a file on disk; None for a pipe."""
    try:
        return os.fstat(source.fileno()).st_size or None
    except OSError:
        return None
