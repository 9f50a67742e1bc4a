"""What both CSV formats of orders share: the rows of an order stand together, its own cells on the first of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shopctl.core.imports.orders.raw import OrderSource
from shopctl.core.imports.rows import ROW, Refusal, shown
from shopctl.core.imports.table import Row, Table


def groups(table: Table, source: OrderSource, keys: Sequence[int]) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each order, with its name: those in a row with the same name, in the first of the columns `keys` that has one.

    A row that cannot be read stays with the rows around it.
    """
    rows: list[Row] = []
    current = ""
    for row in table:
        source.rows += 1
        name = next((cell for i in keys if i < len(row.cells) and (cell := row.cells[i].strip())), "")
        if not name and row.problem is None:
            row.problem = Refusal(row.line, table.header[keys[0]], "", "a row names its order")
        if rows and name and current and name != current:
            yield current, rows
            rows, current = [], ""
        rows.append(row)
        current = current or name
    if rows:
        yield current, rows


def problems(table: Table, rows: Sequence[Row], once: Sequence[int]) -> list[Refusal]:
    """Rows that cannot be read, and cells of later rows that contradict the order's first. One bad row refuses all of it."""
    first = rows[0]
    found = [row.problem for row in rows if row.problem]
    for row in rows[1:]:
        if row.problem is None and first.problem is None:
            found += [
                Refusal(row.line, table.header[i], shown(row.cells[i]), f"differs from its order's line {first.line}")
                for i in once
                if row.cells[i] and row.cells[i] != first.cells[i]
            ]
    return found


def others(name: str, rows: Sequence[int], told: Sequence[Refusal]) -> list[Refusal]:
    """A refusal for each further row of an order that is refused as a whole, for the reason told first."""
    named = {refusal.line for refusal in told}
    reason = f"its order is refused, see line {told[0].line}"
    return [Refusal(line, ROW, name, reason) for line in rows if line not in named]
