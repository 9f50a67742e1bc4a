"""WooCommerce's product CSV.

The rows of a variable product may stand anywhere, its variations before it. Simple products are read as they come;
the rows of variable ones wait on disk for the end of the file. Products have no handles there: a product is the one
that has its SKUs, or its ID, and a new one's handle is made from its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shopctl.core.errors import BadInput
from shopctl.core.imports.families import Families
from shopctl.core.imports.kept import Cells, Sheet, differing
from shopctl.core.imports.platforms import woocommerce as woo
from shopctl.core.imports.rows import RawProduct, RawVariant, Source, handle_of
from shopctl.core.imports.table import Row, Table

_SPELLINGS = {name.casefold(): name for name in (*woo.HEADER, *woo.WEIGHTS)}
_OFF = "this variation is switched off, and shopctl sells every variant of a product"


def fits(names: Sequence[str]) -> bool:
    """Whether a header (folded names) is WooCommerce's."""
    return {"type", "name", "regular price"} <= set(names)


def read(table: Table) -> Source:
    """The products of a WooCommerce file, read as they are asked for. BadInput without Type and Name."""
    for name in ("Type", "Name"):
        if name.casefold() not in table.names:
            raise BadInput("column_missing", f"A WooCommerce product file has a {name} column, this one has none")
    source = Source(woo.FORMAT, id_column="ID")
    sheet = Sheet(table, source, lambda name: _SPELLINGS.get(name.casefold(), name))
    handle = woo.HANDLE if woo.HANDLE in sheet.header else "Name"
    source.product_columns = {**woo.PRODUCT_COLUMNS, "handle": handle}
    source.variant_columns = woo.VARIANT_COLUMNS
    source.products = _Reader(table, source, sheet).products()
    return source


class _Reader:
    def __init__(self, table: Table, source: Source, sheet: Sheet) -> None:
        self._table, self._source, self._cells = table, source, sheet.cells
        self._dated = self._shared = 0

    def products(self) -> Iterator[RawProduct]:
        with Families() as families:
            for row in self._table:
                self._source.rows += 1
                if found := self._row(row, families):
                    yield found
            for parent, members in families:
                yield self._variable(self._cells(parent), [self._cells(row) for row in members])
            for row, key in families.orphans():
                cells = self._cells(row)
                cells.refuse("Parent", _no_parent(families, key))
                yield _refused(cells)
        if self._dated:
            self._source.notes[f"{self._dated} sale prices with dates were kept but are not used"] = None
        if self._shared:
            self._source.notes[f"{self._shared} variations share their parent's stock; it was not booked"] = None

    def _row(self, row: Row, families: Families) -> RawProduct | None:
        """The product of a row that is one by itself; None for a row that waits for others."""
        if row.problem:
            return RawProduct(row.line, "", {}, [], [row.line], [row.problem])
        cells = self._cells(row)
        kind = woo.kind_of(cells)
        sku = cells["SKU"].strip()
        _claim(families, cells, "ID", _id(cells) and f"id:{_id(cells)}", kind)
        _claim(families, cells, "SKU", sku and (f"sku:{sku}" if kind in ("simple", "variation") else _named(sku)), kind)
        if cells.problems:
            return _refused(cells)
        if kind == "simple":
            return self._simple(cells)
        if kind == "variable":
            families.add_parent(row)
        else:
            families.add_member(row, _named(cells["Parent"].strip()))
        return None

    def _simple(self, cells: Cells) -> RawProduct:
        raw = _product(cells)
        said = woo.variant_said(cells)
        spelled = woo.spelled_product(raw.said, _id(cells)) | woo.spelled_variant(
            said, "simple", woo.weight_column(cells)
        )
        self._keep(raw.said, cells, spelled)
        raw.variants = [self._sold(cells, said)]
        raw.problems = cells.problems
        return raw

    def _variable(self, parent: Cells, members: Sequence[Cells]) -> RawProduct:
        raw = _product(parent)
        raw.lines += [row.line for row in members]
        for row in members:
            said = woo.variant_said(row, parent)
            if row["Published"].strip() not in ("1", parent["Published"].strip()) and "Published" in row:
                row.refuse("Published", _OFF)
            spelled = woo.spelled_variation(said, raw.said, parent, woo.weight_column(row, parent))
            self._keep(said, row, spelled)
            raw.variants.append(self._sold(row, said))
        raw.problems = parent.problems
        sound = [variant.said for variant in raw.variants if not variant.problems]
        attributes = woo.attributes_for(sound, {})
        self._keep(raw.said, parent, woo.spelled_product(raw.said, _id(parent)) | attributes)
        kept = raw.said["extra"][woo.FORMAT]
        if any(cell and name.startswith("Attribute ") for name, cell in kept.items()):
            kept |= {name: cell for name, cell in parent.items() if name.startswith("Attribute ")}
        return raw

    def _keep(self, said: dict[str, Any], cells: Cells, spelled: dict[str, str]) -> None:
        own_unit = {name: cells[name] for name in woo.WEIGHTS if name not in woo.HEADER and cells[name]}
        said["extra"] = {woo.FORMAT: differing(cells, spelled) | own_unit}

    def _sold(self, cells: Cells, said: dict[str, Any]) -> RawVariant:
        """What is sold by a row. Without a SKU it gets one from its ID, which stays whatever its name will be."""
        self._dated += bool(cells["Sale price"].strip() and woo.dated(cells))
        self._shared += woo.shares_stock(cells)
        if "sku" not in said and _id(cells):
            said["sku"] = f"WC-{_id(cells)}"
        return RawVariant(cells.line, said, problems=cells.problems)


def _id(cells: Cells) -> str:
    return cells["ID"].strip()


def _claim(families: Families, cells: Cells, column: str, key: str, kind: str) -> None:
    first = families.first(key, cells.line, kind)[0] if key else cells.line
    if first != cells.line:
        cells.refuse(column, f"this {column} stands in line {first} already")


def _named(name: str) -> str:
    """The key by which variations name a product: its ID, or its SKU."""
    return name if name.startswith("id:") else f"parent:{name}"


def _no_parent(families: Families, key: str) -> str:
    found = families.bearer(key) or families.bearer(key.replace("parent:", "sku:", 1))
    if found is None:
        return "its parent is not in this file"
    line, kind = found
    return f"its parent, line {line}, is {'refused' if kind == 'variable' else kind + ', not variable'}"


def _product(cells: Cells) -> RawProduct:
    said = woo.product_said(cells)
    handle = handle_of(said.get("handle"), said.get("title"))
    return RawProduct(cells.line, handle, said, [], [cells.line], key=_id(cells) or cells["SKU"].strip())


def _refused(cells: Cells) -> RawProduct:
    return RawProduct(cells.line, "", {}, [], [cells.line], cells.problems)
