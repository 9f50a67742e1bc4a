"""Our own CSV: one row a line of an order, the order's cells on its first row; lists and objects are JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shopctl.core.imports import cells
from shopctl.core.imports.orders.raw import LINE_FIELDS, ORDER_FIELDS, OrderSource, RawOrder
from shopctl.core.imports.orders.read import grouped
from shopctl.core.imports.rows import Refusal, shown
from shopctl.core.imports.table import Row, Table

LINE_TAX = "line_tax"
LINE_COLUMNS = tuple(LINE_TAX if name == "tax" else name for name in LINE_FIELDS)
COLUMNS = (*ORDER_FIELDS, *LINE_COLUMNS)
_KEYS = ("number", "reference")
_READERS: Mapping[str, Callable[[str], Any]] = {
    "taxes": cells.listed,
    "shipping_address": cells.mapped,
    "payments": cells.listed,
    "shipments": cells.listed,
    "credits": cells.listed,
    "extra": cells.mapped,
    "options": cells.mapped,
    "taxable": cells.flag,
    "requires_shipping": cells.flag,
}


def fits(names: Sequence[str]) -> bool:
    """Whether a header (folded names) is our own."""
    return any(key in names for key in _KEYS) and "unit_price" in names and "quantity" in names


def read(table: Table) -> OrderSource:
    """The orders of our own CSV, read as they are asked for."""
    source = OrderSource("csv", "shopctl")
    at, line_at = table.index(ORDER_FIELDS), table.index(LINE_COLUMNS)
    source.columns = {name: table.header[i] for name, i in at.items()}
    source.line_columns = {_field(name): table.header[i] for name, i in line_at.items()}
    used = {*at.values(), *line_at.values()}
    source.ignored = {name or f"column {i + 1}": None for i, name in enumerate(table.header) if i not in used}
    source.orders = _orders(table, source, at, line_at)
    return source


def _orders(table: Table, source: OrderSource, at: Mapping[str, int], line_at: Mapping[str, int]) -> Iterator[RawOrder]:
    for name, rows in grouped.groups(table, source, [at[name] for name in _KEYS if name in at]):
        first = rows[0]
        lines = [row.line for row in rows]
        raw = RawOrder(first.line, name, {}, lines, lines, problems=grouped.problems(table, rows, list(at.values())))
        if not any(row.problem for row in rows):
            raw.said = _said(table, first, at, raw.problems)
            raw.said["lines"] = [_said(table, row, line_at, raw.problems) for row in rows]
        yield raw


def _said(table: Table, row: Row, at: Mapping[str, int], problems: list[Refusal]) -> dict[str, Any]:
    """What the cells of a row say; a blank cell says nothing."""
    said: dict[str, Any] = {}
    for name, i in at.items():
        cell = cells.unguarded(row.cells[i])
        if not cell.strip():
            continue
        try:
            said[_field(name)] = _READERS[name](cell) if name in _READERS else cell
        except ValueError as error:
            problems.append(Refusal(row.line, table.header[i], shown(cell), str(error)))
    return said


def _field(column: str) -> str:
    return "tax" if column == LINE_TAX else column
