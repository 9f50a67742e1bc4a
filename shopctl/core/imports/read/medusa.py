"""Medusa's product CSV, with commas or semicolons: rows of one handle are one product, each row is a variant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shopctl.core.errors import BadInput
from shopctl.core.imports.cells import unguarded
from shopctl.core.imports.kept import Cells, Sheet, differing
from shopctl.core.imports.platforms import medusa
from shopctl.core.imports.rows import RawProduct, RawVariant, Source
from shopctl.core.imports.table import Names, Row, Table, groups, second_thoughts

_SPELLINGS = {name.casefold(): name for name in (*medusa.HEADER, medusa.QUANTITY)}
_NUMBERED = ("product image ", "product tag ", "variant image ", "variant option ")


def fits(names: Sequence[str]) -> bool:
    """Whether a header (folded names) is Medusa's."""
    return "product handle" in names and any(name.startswith("variant ") for name in names)


def read(table: Table) -> Source:
    """The products of a Medusa file, read as they are asked for. BadInput without a Product Handle."""
    if "product handle" not in table.names:
        raise BadInput("column_missing", "A Medusa product file has a Product Handle column, this one has none")
    source = Source(medusa.FORMAT)
    source.product_columns = medusa.PRODUCT_COLUMNS
    source.products = _Reader(table, source).products()
    return source


class _Reader:
    def __init__(self, table: Table, source: Source) -> None:
        self._table, self._source = table, source
        sheet = Sheet(table, source, _spelled)
        self._header, self._cells = sheet.header, sheet.cells
        self._once = [i for i, name in enumerate(self._header) if name.startswith("Product ")]
        self._of_product = [self._header[i] for i in self._once]
        self._keys = [i for i, name in enumerate(self._header) if name in ("Product Handle", "Product Title")]
        self._priced = [name for name in self._header if medusa.priced_in(name)]
        self._met: dict[str, None] = {}  # price columns with prices that are not used

    def products(self) -> Iterator[RawProduct]:
        self._price = medusa.price_column(self._source.currency)
        self._source.variant_columns = {**medusa.VARIANT_COLUMNS, "price": self._price}
        for handle, rows in groups(self._table, self._source, self._names):
            yield self._product(handle, rows)
        self._note()

    def _names(self, row: Row) -> Names:
        said = {self._header[i]: unguarded(row.cells[i]) for i in self._keys if i < len(row.cells)}
        return said.get("Product Handle", "").strip(), said.get("Product Title", "")

    def _product(self, handle: str, rows: list[Row]) -> RawProduct:
        first = rows[0]
        raw = RawProduct(first.line, handle, {}, [], [row.line for row in rows])
        found = [self._cells(row) for row in rows]
        head = Cells(found[0], first.line)
        of_product = {name: head[name] for name in self._of_product}
        if first.problem:
            raw.problems.append(first.problem)
        else:
            raw.said = medusa.product_said(head) | ({"handle": handle} if head["Product Handle"].strip() else {})
            raw.problems = head.problems
            raw.said["extra"] = {medusa.FORMAT: differing(of_product, medusa.spelled_product(raw.said))}
        priced = any(cells[self._price].strip() for cells in found)
        for row, cells in zip(rows, found, strict=True):
            if row.problem:
                raw.variants.append(RawVariant(row.line, {}, problems=[row.problem]))
                continue
            raw.variants.append(self._variant(cells, of_product, priced))
            if row is not first and not first.problem:
                raw.variants[-1].problems += second_thoughts(self._table, first, row, self._once)
        return raw

    def _variant(self, cells: Cells, of_product: Mapping[str, str], priced: bool) -> RawVariant:
        """A row's variant; `priced`: some row of its product has a price in the shop's currency."""
        said = medusa.variant_said(cells, self._source.currency)
        others = [name for name in self._priced if name != self._price and cells[name].strip()]
        if "price" in said or not others:
            self._met |= dict.fromkeys(others)
        elif not priced:
            told = ", ".join(map(_priced_in, others))
            cells.refuse(others[0], f"has prices in {told} only; the shop's currency is {self._source.currency}")
        if "price" not in said and self._price in cells and not cells.problems:
            cells.refuse(self._price, "a variant needs a price")
        spelled = medusa.spelled_variant(said, self._source.currency)
        said["extra"] = {medusa.FORMAT: differing(cells, {**of_product, **spelled})}
        return RawVariant(cells.line, said, problems=cells.problems)

    def _note(self) -> None:
        """Say which prices were kept and are not used."""
        if self._met:
            told = ", ".join(map(_priced_in, self._met))
            self._source.notes[f"prices in {told} were kept but are not used"] = None


def _priced_in(column: str) -> str:
    """What a price column is for: EUR, or Nordics (EUR)."""
    currency, region = medusa.priced_in(column) or ("", "")
    return f"{region} ({currency})" if region else currency


def _spelled(name: str) -> str:
    """A column's name as Medusa spells it, where it is Medusa's; else as the file does."""
    folded = name.casefold()
    priced = medusa.priced_in(name)
    if priced and not priced[1]:
        return medusa.price_column(priced[0])
    return _SPELLINGS.get(folded) or (name.title() if folded.startswith(_NUMBERED) else name)
