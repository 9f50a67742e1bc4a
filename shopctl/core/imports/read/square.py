"""Square's item library. A row is a variation; rows of one Reference Handle, or else of one Item Name, are one product.

Cells that shopctl does not use are kept with the row's variant, the product's own other words with the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shopctl.core.errors import BadInput
from shopctl.core.imports import cells, extra
from shopctl.core.imports.kept import BLANK
from shopctl.core.imports.platforms import square
from shopctl.core.imports.read.roles import Cells, Columns
from shopctl.core.imports.read.square_cells import product_said, variant_said
from shopctl.core.imports.rows import RawProduct, RawVariant, Source
from shopctl.core.imports.table import Ignored, Names, Row, Table, groups, second_thoughts

_PRODUCT_ROLES = {"handle": "handle", "title": "title", "description": "description", "status": "archived"}
_VARIANT_ROLES = {"sku": "sku", "options": "variation", "price": "price", "barcode": "barcode"}


def fits(names: Sequence[str]) -> bool:
    """Whether a header (folded names) is Square's."""
    return "item name" in names and ("variation name" in names or "token" in names)


def read(table: Table) -> Source:
    """The products of an item library, read as they are asked for. BadInput without an Item Name column."""
    folded = {role: name.casefold() for role, name in square.COLUMNS.items()}
    found = table.index(list(folded.values()))
    at = {role: found[name] for role, name in folded.items() if name in found}
    if "title" not in at:
        raise BadInput("column_missing", "A Square item library has an Item Name column, this one has none")
    source = Source(square.FORMAT, id_column="Token")
    source.product_columns = {"handle": table.header[at["title"]]}
    source.product_columns |= {field: table.header[at[role]] for field, role in _PRODUCT_ROLES.items() if role in at}
    category = next((role for role in reversed(square.CATEGORY) if role in at), None)
    source.product_columns |= {"category": table.header[at[category]]} if category else {}
    source.variant_columns = {field: table.header[at[role]] for field, role in _VARIANT_ROLES.items() if role in at}
    source.products = _Reader(table, source, at).products()
    return source


class _Reader:
    def __init__(self, table: Table, source: Source, at: Mapping[str, int]) -> None:
        self._table, self._source, self._at = table, source, at
        self._once = {role: at[role] for role in square.OF_PRODUCT if role in at}
        self._unused = extra.unused(table, at.values(), square.HEADER)
        # Columns that are named after a place, a tax or a unit are found by their names.
        self._columns = Columns(table, {**at, **self._unused}, square.OPTIONS)
        self._ignored = Ignored(table, list(self._columns.at.values()), source)
        self._named = square.Named.of(self._unused)
        self._prices = square.other_prices(self._unused)

    def products(self) -> Iterator[RawProduct]:
        for handle, rows in groups(self._table, self._source, self._names):
            yield self._product(handle, rows)

    def _names(self, row: Row) -> Names:
        row.cells = [cells.unguarded(cell) if cell[:1] == "'" else cell for cell in row.cells]
        handle, title = (
            row.cells[i] if (i := self._at.get(role)) is not None and i < len(row.cells) else ""
            for role in ("handle", "title")
        )
        return square.HANDLE.meaning(handle), title

    def _product(self, handle: str, rows: list[Row]) -> RawProduct:
        raw = RawProduct(rows[0].line, handle, {}, [], [row.line for row in rows])
        first = next((row for row in rows if row.problem is None), None)
        if first is None:
            raw.problems = [row.problem for row in rows if row.problem]
            return raw
        head = Cells(self._columns, first)
        raw.said, raw.problems = product_said(head), head.problems
        raw.said["extra"] = self._kept({}, head)
        raw.variants = [self._variant(row, first, len(rows) == 1) for row in rows]
        return raw

    def _variant(self, row: Row, first: Row, alone: bool) -> RawVariant:
        if row.problem:
            return RawVariant(row.line, {}, problems=[row.problem])
        self._ignored.see(row.cells)
        found = Cells(self._columns, row)
        said = variant_said(found, self._named, alone)
        if row is not first:
            found.problems += second_thoughts(self._table, first, row, list(self._once.values()))
            for role, i in self._once.items():
                found.kept[role] = BLANK if first.cells[i] and not row.cells[i] else ""
        said["extra"] = self._kept(extra.picked(row.cells, self._unused), found)
        self._tell(found)
        return RawVariant(row.line, said, problems=found.problems)

    def _kept(self, unused: dict[str, str], found: Cells) -> dict[str, dict[str, str]]:
        for role, cell in found.kept.items():
            if role not in square.COLUMNS:
                unused[role] = cell
            elif found.has(role):
                unused[square.COLUMNS[role]] = cell
        return {square.FORMAT: unused}

    def _tell(self, found: Cells) -> None:
        for name in [name for name in self._prices if found[name]]:
            self._source.notes[f"{name}: kept for an export, not used; a variant has one price"] = None
            self._prices.remove(name)
        places = [square.place_of(name) for name in self._named.on_hand if found[name]]
        if len(places) > 1:
            self._source.notes[f"Stock at {', '.join(places)} is booked as one"] = None
        for name in [name for name in self._named.set_to if places and found[name]]:
            self._source.notes[f"{name}: kept for an export, not used beside the current quantity"] = None
