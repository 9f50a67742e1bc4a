"""What import commands share: the file, refusals as they come, the difference that a rehearsal shows, the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, Protocol, TextIO

import typer

from shopctl.commands import progress
from shopctl.commands.face import Face
from shopctl.commands.output import unknown
from shopctl.core.domain.wire import plain
from shopctl.core.errors import BadInput, BatchFailed

if TYPE_CHECKING:
    from shopctl.core.shop import Shop

OnError = Annotated[str, typer.Option(metavar="continue|stop", help="Good rows go in, or nothing.")]
Refused = Annotated[
    str | None,
    typer.Option("--refused", metavar="FILE", help="Where refused rows go, to be mended and imported again."),
]
FromStart = Annotated[bool, typer.Option("--from-start", help="Not behind where an import of this file was cut.")]
Shown = Annotated[
    int, typer.Option("--limit", metavar="N", help="Changes that the table of a --dry-run shows; -1 is all.")
]

STOPPED = {
    "continue": "What went in stays; the same command completes it.",
    "stop": "Nothing was imported.",
    "indexing": "Everything is imported; shopctl store reindex makes it searchable.",
}


class Report(Protocol):
    """What the report of any import has."""

    rows_refused: int
    notes: list[str]


class Differences:
    """The changes that a rehearsal found, on disk until they are shown: there may be millions."""

    def __init__(self, file: TextIO) -> None:
        self.count = 0
        self._file = file

    def add(self, change: Mapping[str, object]) -> None:
        self.count += 1
        self._file.write(json.dumps(plain(change)) + "\n")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._file.seek(0)
        return map(json.loads, self._file)


@contextmanager
def differences() -> Iterator[Differences]:
    import tempfile

    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        yield Differences(file)


def policy(on_error: str) -> Literal["continue", "stop"]:
    if on_error not in ("continue", "stop"):
        raise unknown("policy", on_error, ("continue", "stop"))
    return "stop" if on_error == "stop" else "continue"


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """A file to read, or stdin for -."""
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with open(file, "rb") as source:
            yield source
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise BadInput("unreadable_file", f"{file} cannot be read: {error.strerror}", file=file) from None


@contextmanager
def if_stopped(me: Face, sentence: str) -> Iterator[None]:
    """Say to whoever stops an import what has become of it."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if not me.dry_run:
            me.out.say(f"Stopped. {sentence}")
        raise


@contextmanager
def taking_in(me: Face, file: str, rule: str) -> Iterator[tuple[Shop, BinaryIO, progress.Step]]:
    """The shop, the file, and what to tell of how far it has been read; whoever stops it is told what became of it."""
    with (
        me.shop(writes=True) as shop,
        opened(file) as source,
        if_stopped(me, STOPPED[rule]),
        progress.reading(me, "Importing", source) as step,
    ):
        yield shop, source, step


def export_format(me: Face, said: str | None, default: str) -> str:
    """The format of an export: what --format says, else -o, else the default."""
    if me.out.fields:
        raise BadInput("usage", "An export has every field; --fields is for lists")
    return said or (me.out.format if me.format_chosen else default)


def refusals(me: Face) -> Callable[[Any], None] | None:
    """Tells each refusal on stderr, where stdout will not have it in the report."""
    if me.out.format != "table" and not (me.dry_run and me.out.format != "json"):
        return None
    return lambda refusal: me.out.say(f"Line {refusal.line}, {refusal.column}: {refusal.value!r} {refusal.reason}")


def show(me: Face, report: Report, found: Differences, limit: int, refused: str | None) -> None:
    """Print what an import did or, in a dry run, what it would change; exit 9 when rows were refused."""
    if me.out.format == "table":
        for note in report.notes:
            me.out.say(note)
    if me.dry_run and me.out.format == "json":
        me.out.with_rows(report, "changes", found)
    elif me.dry_run and me.out.format != "table":
        me.out.many(found)
        counted = [(name, value) for name, value in _counts(report).items() if value and type(value) is int]
        me.out.say(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in counted))
    elif me.dry_run:
        _table(me, found, limit)
        me.out.whole(_counts(report))
    else:
        me.out.one(_counts(report) if me.out.format == "table" else report)
    if report.rows_refused:
        raise _incomplete(me, report.rows_refused, refused)


def _table(me: Face, found: Differences, limit: int) -> None:
    shown = found.count if limit < 0 else limit
    me.out.many(islice(found, shown))
    if found.count > shown:
        me.out.say(f"… and {found.count - shown} more; --limit -1 shows all.")
    if found.count:
        me.out.text("")


def _counts(report: Report) -> dict[str, Any]:
    """The report as a table has it: what stderr has told already is left out."""
    told = ("refusals", "notes")
    return {name: value for name, value in plain(report).items() if name not in told}


def _incomplete(me: Face, count: int, refused: str | None) -> BatchFailed:
    others = "would go in" if me.dry_run else "went in"
    hint = None
    if refused is not None:
        hint = f"They would go to {refused}." if me.dry_run else f"They are in {refused}: mend it and import it."
    rows = "1 row was" if count == 1 else f"{count} rows were"
    return BatchFailed("rows_refused", f"{rows} refused; the others {others}", hint=hint, refused=count)
