"""CSV files whose rows of one handle make one product: rows, their groups, and what both CSV formats share."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shopctl.core.errors import BadInput
from shopctl.core.imports.rows import ROW, Refusal, Source, handle_of, shown
from shopctl.core.imports.source import MAX_LINE, Lines

_QUOTED = re.compile(r'"[^"]*"')


@dataclass(slots=True)
class Row:
    """One row: its first line, its cells, and the problem that keeps it from being read."""

    line: int
    cells: list[str]
    problem: Refusal | None = None


class Table:
    """A CSV file behind its header. Iterating gives its rows, ragged and broken ones with their problem.

    Comma or semicolon is told from the header. Where lines are kept, each row's text is, by its first line. Raises
    BadInput for a header that is no CSV.
    """

    def __init__(self, lines: Lines) -> None:
        # The module's own limit of 128 KiB a cell is below what a list of image URLs may take. It is global.
        csv.field_size_limit(MAX_LINE)
        plain = _QUOTED.sub("", lines.peek())
        self._lines, self._text = lines, list[str]()
        delimiter = ";" if plain.count(";") > plain.count(",") else ","
        self._reader = csv.reader(self._noted() if lines.kept else lines, delimiter=delimiter, strict=True)
        try:
            self.header = [name.strip() for name in next(self._reader)]
        except csv.Error as error:
            raise BadInput("bad_header", f"The header on line {lines.number} is not CSV: {error}") from None
        if lines.kept:
            lines.kept.start += self._taken()
        self.names = [name.casefold() for name in self.header]

    def index(self, wanted: Sequence[str]) -> dict[str, int]:
        """Where the wanted columns stand; those that are missing are absent. BadInput when one stands twice."""
        for name in wanted:
            if self.names.count(name) > 1:
                raise BadInput("column_twice", f"The header has the column {name!r} more than once", column=name)
        return {name: self.names.index(name) for name in wanted if name in self.names}

    def __iter__(self) -> Iterator[Row]:
        width = len(self.header)
        while True:
            line = self._lines.number + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._keep(line)
                yield Row(line, [], Refusal(line, ROW, "", _meaning(error)))
                if _open_ended(error):
                    return
                continue
            if not any(cells):
                self._text.clear()
                continue
            self._keep(line)
            yield Row(line, cells) if len(cells) == width else Row(line, cells, _ragged(line, cells, width))

    def _noted(self) -> Iterator[str]:
        """The lines, each noted as part of the row that is being read."""
        for line in self._lines:
            self._text.append(line)
            yield line

    def _taken(self) -> str:
        text = "".join(self._text)
        self._text.clear()
        return text

    def _keep(self, line: int) -> None:
        if self._lines.kept:
            self._lines.kept.add(line, self._taken())


Names: TypeAlias = tuple[str, str]
"""What a row says of its product: handle, title; "" for either."""


def groups(table: Table, source: Source, names_of_row: Callable[[Row], Names]) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each product, by handle. A row whose handle cannot be told stays with the rows around it.

    Rows without a handle of their own belong together by their title: two titles can make the same handle.
    """
    rows: list[Row] = []
    current, told = "", ""
    for row in table:
        source.rows += 1
        said, title = names_of_row(row)
        handle, name = handle_of(said, title), said or title
        if not handle and row.problem is None:
            row.problem = Refusal(row.line, source.product_columns["handle"], "", "a row needs a handle, or a title")
        if rows and handle and (handle != current or name != told):
            yield current, rows
            rows, current = [], ""
        rows.append(row)
        if not current:
            current, told = handle, name
    if rows:
        yield current, rows


class Ignored:
    """Notes the columns that nobody reads, once each, when a row has something in them."""

    def __init__(self, table: Table, used: Sequence[int], source: Source) -> None:
        self._open = [i for i in range(len(table.header)) if i not in set(used)]
        self._table, self._source = table, source

    def see(self, cells: Sequence[str]) -> None:
        met = [i for i in self._open if cells[i]] if self._open else ()
        for i in met:
            self._source.ignored[self._table.header[i] or f"column {i + 1}"] = None
            self._open.remove(i)


def second_thoughts(table: Table, first: Row, row: Row, columns: Sequence[int]) -> list[Refusal]:
    """Product-level cells of a later row that say something else than the product's first row."""
    return [
        Refusal(
            row.line, table.header[i], shown(row.cells[i]), f"differs from the product's first row, line {first.line}"
        )
        for i in columns
        if row.cells[i] and row.cells[i] != first.cells[i]
    ]


def _ragged(line: int, cells: Sequence[str], width: int) -> Refusal:
    return Refusal(
        line, ROW, f"{len(cells)} cells", f"the header has {width} cells and this row {len(cells)}; it is never guessed"
    )


def _open_ended(error: csv.Error) -> bool:
    return "unexpected end" in str(error) or "field limit" in str(error)


def _meaning(error: csv.Error) -> str:
    if _open_ended(error):
        return "a quote opens in this row and never closes; nothing after it can be read"
    if "new-line" in str(error):
        return "a bare carriage return stands outside quotes"
    return f"is not CSV: {error}"
