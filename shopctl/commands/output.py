"""The only writer of stdout and stderr, and the boundary behind which no text from outside can steer a terminal.

stdout is data in one of five formats, which never depend on the terminal; stderr is narration. json and jsonl are escaped
losslessly; table, csv and tsv pass `safe()`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from shopctl.core.domain.near import did_you_mean
from shopctl.core.domain.safe import safe
from shopctl.core.domain.wire import encoded, error_record, plain
from shopctl.core.errors import BadInput, ShopError

FORMATS = ("table", "json", "jsonl", "csv", "tsv")
MACHINE = ("json", "jsonl", "csv", "tsv")
BROKEN_PIPE = 141
CELL = 120
"""Characters of one table cell; machine formats are never cut."""

Record = Mapping[str, Any]
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@dataclass(slots=True)
class Output:
    """How this command speaks."""

    format: str = "table"
    fields: Sequence[str] = ()
    quiet: bool = False
    color: bool | None = None
    lenient: bool = False  # after a change: an unknown field is told, and is no reason to fail any more

    # --- data ---------------------------------------------------------------------------------------------------------
    def many(self, rows: Iterable[object], columns: Sequence[str] = ()) -> None:
        """A list of rows; `columns` are the table's, the machine formats have every field."""
        records = (self.picked(plain(row)) for row in rows)
        match self.format:
            case "json":
                self._json_array(records)
            case "jsonl":
                for record in records:
                    self.line(record)
            case "csv" | "tsv":
                self._separated(records)
            case _:
                self._table(list(records), self.fields or columns)

    def stream(
        self, rows: Iterable[object], columns: Mapping[str, int], heads: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Rows that come one by one: nothing waits for the last. `columns` are the table's, with their widths; `heads`, where
        a name is too long for it."""
        if self.format != "table":
            self.many(rows)
            return
        widths = {name: columns.get(name, 0) for name in self.fields or columns}
        for i, record in enumerate(self.picked(plain(row)) for row in rows):
            if not i:
                head = "  ".join(padded(heads.get(name, _head(name)), width, False) for name, width in widths.items())
                _write(self._bold(head.rstrip(), sys.stdout) + "\n")
            cells = (padded(safe(_short(record.get(name)), CELL), width, False) for name, width in widths.items())
            _write("  ".join(cells).rstrip() + "\n")

    def one(self, thing: object) -> None:
        """One object: a result, or what `show` shows."""
        self.whole(self.picked(plain(thing)))

    def whole(self, record: Record) -> None:
        """One object with all its fields."""
        match self.format:
            case "json":
                _write(encoded(record, indent=2) + "\n")
            case "jsonl":
                self.line(record)
            case "csv" | "tsv":
                self._separated([record])
            case _:
                self._card(record)

    def with_rows(self, thing: object, name: str, rows: Iterable[Record]) -> None:
        """One JSON object whose last field is a list of rows that is never all in memory; --fields is for the rows."""
        head = encoded(plain(thing), indent=2).removesuffix("\n}")
        _write(f'{head},\n  "{name}": ')
        self._json_array(self.picked(row) for row in rows)
        _write("}\n")

    def line(self, record: object) -> None:
        """One JSON object on a line of its own."""
        _write(encoded(plain(record)) + "\n")

    def raw(self, chunks: Iterable[str]) -> None:
        """Text as it is: for `export` to a file or pipe only."""
        for chunk in chunks:
            _write(chunk)

    def text(self, text: str) -> None:
        """A line for people, on stdout."""
        _write(f"{safe(text)}\n")

    # --- narration ----------------------------------------------------------------------------------------------------
    def say(self, sentence: str) -> None:
        """Progress, counts, warnings; silent with --quiet."""
        if not self.quiet:
            _write(f"{safe(sentence)}\n", sys.stderr)

    def log(self, line: str) -> None:
        """A line of the log that goes to stderr, also with --quiet: it was asked for."""
        _write(line, sys.stderr)

    def error(self, error: ShopError) -> None:
        if self.format in MACHINE:
            _write(encoded({"error": error_record(error)}) + "\n", sys.stderr)
            return
        _write(f"{self._bold('Error:', sys.stderr)} {safe(error.message)}\n", sys.stderr)
        if error.hint:
            _write(f"{safe(error.hint)}\n", sys.stderr)

    def ask(self, question: str) -> bool:
        """A yes or no from the terminal, No by default; asked on stderr."""
        _write(f"{safe(question)} [y/N] ", sys.stderr)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    # --- formats ------------------------------------------------------------------------------------------------------
    def picked(self, record: Record) -> Record:
        """The fields that were asked for."""
        if not self.fields:
            return record
        for name in self.fields:
            if name not in record:
                error = unknown("field", name, record)
                if not self.lenient:
                    raise error
                self.say(f"{error.message}. {error.hint}")
        return {name: record[name] for name in self.fields if name in record}

    def _json_array(self, records: Iterable[Record]) -> None:
        separator = "[\n"
        for record in records:
            _write(separator + encoded(record))
            separator = ",\n"
        _write("\n]\n" if separator == ",\n" else "[]\n")

    def _separated(self, records: Iterable[Record]) -> None:
        writer = None
        for record in records:
            if writer is None:
                writer = csv.writer(_Lines(), delimiter="," if self.format == "csv" else "\t", lineterminator="\n")
                writer.writerow(record)
            writer.writerow([safe(_cell(value)) for value in record.values()])

    def _table(self, records: Sequence[Record], columns: Sequence[str]) -> None:
        if not records:
            return
        head, *rows = table_lines(records, columns)
        _write(self._bold(head, sys.stdout) + "\n")
        for row in rows:
            _write(row + "\n")

    def _card(self, record: Record) -> None:
        """Name and value a line; lists of objects as small tables below."""
        flat = {name: value for name, value in record.items() if not _is_rows(value)}
        width = max((len(name) for name in flat), default=0)
        for name, value in flat.items():
            _write(f"{self._bold(name.replace('_', ' ').ljust(width), sys.stdout)}  {safe(_short(value), 2000)}\n")
        for name, value in record.items():
            if _is_rows(value):
                _write(f"\n{self._bold(name.replace('_', ' '), sys.stdout)}\n")
                self._table(value, ())

    def _bold(self, text: str, stream: Any) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.colored(stream) else text

    def colored(self, stream: Any) -> bool:
        """Whether text on a stream may be emphasised."""
        if self.color is not None:
            return self.color
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            return False
        return stream is not None and stream.isatty()


def table_lines(records: Sequence[Record], columns: Sequence[str] = ()) -> list[str]:
    """A table as lines, its heads first; there is at least one record."""
    names = list(columns or records[0])
    rows = [[safe(_short(record.get(name)), CELL) for name in names] for record in records]
    right = [all(_is_number(record.get(name)) for record in records) for name in names]
    widths = [max(width_of(name), *(width_of(row[i]) for row in rows)) for i, name in enumerate(names)]
    lines = [[_head(name) for name in names], *rows]
    return ["  ".join(padded(cell, widths[i], right[i]) for i, cell in enumerate(line)).rstrip() for line in lines]


def cut(text: str, columns: int) -> str:
    """As much of a line as fits."""
    used = 0
    for i, character in enumerate(text):
        used += width_of(character)
        if used > columns:
            return text[:i]
    return text


def paint(text: str) -> None:
    """What moves the cursor of a terminal: for screens that are drawn in place."""
    _write(text)
    flush()


class _Lines(io.TextIOBase):
    def write(self, text: str, /) -> int:
        _write(text)
        return len(text)


def is_terminal(stream: Any) -> bool:
    """Whether somebody is looking (progress) or can answer (questions)."""
    return stream is not None and stream.isatty()


def unknown(noun: str, name: str, known: Iterable[str]) -> BadInput:
    """There is no such field, column, format …; did you mean …?"""
    return BadInput(f"unknown_{noun}", f"There is no {noun} {name!r}", hint=did_you_mean(name, known), value=name)


def _write(text: str, stream: Any = None) -> None:
    target = sys.stdout if stream is None else stream
    encoding = target.encoding or "utf-8"
    with _reaching():
        target.write(text.encode(encoding, "backslashreplace").decode(encoding))
        if target is sys.stderr:
            target.flush()


def flush() -> None:
    """Let what was written be seen now."""
    if sys.stdout is not None:
        with _reaching():
            sys.stdout.flush()


@contextmanager
def _reaching() -> Iterator[None]:
    """What becomes of a command whose words do not arrive. Left alone, the parser would end it with a status of its own."""
    try:
        yield
    except BrokenPipeError:
        abandon_stdout()
        raise SystemExit(BROKEN_PIPE) from None
    except OSError as error:
        raise output_failed(error) from None


def output_failed(error: OSError) -> ShopError:
    """Not "retry is safe": what the command changed has been changed."""
    abandon_stdout()
    hint = "What the command did stays done; look before you repeat it."
    return ShopError("output_failed", f"The output cannot be written: {error.strerror}", hint=hint)


def abandon_stdout() -> None:
    """Nobody reads any more; keep the interpreter from complaining when it closes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _head(name: str) -> str:
    return name.upper().replace("_", " ")


def _short(value: Any) -> str:
    """A cell for people: as everywhere, but times to the second."""
    return f"{value[:10]} {value[11:19]}Z" if isinstance(value, str) and _TIME.fullmatch(value) else _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return _summary(value)
    return str(value)


def _summary(value: list[Any] | dict[str, Any]) -> str:
    if isinstance(value, dict) and all(not isinstance(item, list | dict) for item in value.values()):
        return "; ".join(f"{key}={_cell(item)}" for key, item in value.items() if item not in (None, ""))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _is_number(value: Any) -> bool:
    if value is None or isinstance(value, int | float):
        return not isinstance(value, bool)
    return isinstance(value, str) and value.replace(".", "", 1).removeprefix("-").isdigit()


def width_of(text: str) -> int:
    """Terminal columns: wide East Asian characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int, right: bool) -> str:
    blank = " " * (width - width_of(text))
    return blank + text if right else text + blank
