"""The cells of another platform's file that shopctl does not use: kept by column, so that an export has them again.

`extra` of a product or a variant is {format: {column: cell}}. What a file says is merged into what is kept, column by
column (catalog.put): a blank cell takes its column away, a column that the file does not have stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from shopctl.core.imports.table import Table


def unused(table: Table, used: Collection[int], standard: Sequence[str] = ()) -> dict[str, int]:
    """The columns that a reader does not use, named as the format's `standard` header spells them, else as the file does.

    A column without a name is not among them. BadInput for a name that stands twice: nothing could say which is which.
    """
    table.index([name for name in table.names if name])
    spelled = {name.casefold(): name for name in standard}
    free = [(i, name) for i, name in enumerate(table.names) if name and i not in used]
    return {spelled.get(name, table.header[i]): i for i, name in free}


def picked(cells: Sequence[str], columns: Mapping[str, int]) -> dict[str, str]:
    """A row's cells in the columns, the blank ones too."""
    return {name: cells[i] for name, i in columns.items()}


def of(part: Mapping[str, Any], format: str) -> dict[str, str]:
    """What is kept with an exported product or variant for a format."""
    kept: dict[str, dict[str, str]] = part.get("extra") or {}
    return kept.get(format, {})
