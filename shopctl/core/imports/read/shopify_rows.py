"""The rows of a Shopify product file, in either layout.

Rows of one handle are one product: the first has the title and the option names, each row with variant cells is a
variant, a row with only an image adds an image. Columns are found whatever their case. Cells that shopctl does not use
are kept, a row's own with its variant, the others with the product; so is which image lies on which row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from shopctl.core.errors import BadInput
from shopctl.core.imports import cells, extra
from shopctl.core.imports.platforms.shopify import OF_IMAGE, OF_PRODUCT, OF_VARIANT, OPTIONS, Layout
from shopctl.core.imports.read.roles import Cells, Columns
from shopctl.core.imports.read.shopify_cells import (
    Image,
    image,
    option_names,
    product_said,
    variant_said,
)
from shopctl.core.imports.rows import OPENING, ROW, RawProduct, RawVariant, Refusal, Source
from shopctl.core.imports.table import Ignored, Names, Row, Table, groups, second_thoughts

_USED = ("handle", *OF_PRODUCT, *OF_VARIANT, "image", "position", *chain.from_iterable(OPTIONS))
_PRODUCT_ROLES = {
    "handle": "handle",
    "title": "title",
    "description": "description",
    "brand": "vendor",
    "tags": "tags",
    "status": "status",
    "image_urls": "image",
}
_VARIANT_ROLES = {
    "sku": "sku",
    "options": "option1 value",
    "price": "price",
    "compare_at_price": "compare_at",
    "barcode": "barcode",
    "weight_grams": "grams",
    "image_urls": "variant_image",
    "taxable": "taxable",
    "requires_shipping": "shipping",
    "tracked": "tracker",
    "backorder_limit": "policy",
    OPENING: "quantity",
}
_REGION = re.compile(r"(compare[- ]at )?price / ", re.IGNORECASE)
_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def read(table: Table, layout: Layout) -> Source:
    """The products of a file in the layout, read as they are asked for. BadInput without a handle column."""
    folded = {role: layout.columns[role].casefold() for role in _USED}
    found = table.index(list(folded.values()))
    at = {role: found[name] for role, name in folded.items() if name in found}
    if "handle" not in at:
        column = layout.columns["handle"]
        raise BadInput("column_missing", f"A Shopify product file has a {column} column, this one has none")
    source = Source(layout.format)
    source.product_columns = {field: table.header[at[role]] for field, role in _PRODUCT_ROLES.items() if role in at}
    category = "category" if "category" in at else "type"
    source.product_columns |= {"category": table.header[at[category]]} if category in at else {}
    source.variant_columns = {field: table.header[at[role]] for field, role in _VARIANT_ROLES.items() if role in at}
    source.variant_columns |= {"backorder_limit": table.header[at["limit"]]} if "limit" in at else {}
    source.products = _Reader(table, source, layout, at).products()
    return source


@dataclass(slots=True)
class _Images:
    """The images of a product, and the kept cells of its variants' rows and of the rows with an image alone."""

    found: list[Image] = field(default_factory=list)
    beside: list[dict[str, str]] = field(default_factory=list)
    alone: list[dict[str, str]] = field(default_factory=list)

    def forget_usual(self, image: str, position: str, alt: str) -> None:
        """How the images lie is not kept where they lie as an export puts them by itself."""
        count = len(self.found)
        rows = [*self.beside, *self.alone]
        usual = all(
            row.get(image) and row.get(position) == str(number) and not row.get(alt)
            for number, row in enumerate(rows[:count], 1)
        )
        if usual and not any(row.get(image) for row in rows[count:]) and all(len(row) == 2 for row in self.alone):
            self.alone.clear()
            for row in self.beside:
                row[image] = row[position] = ""


class _Reader:
    def __init__(self, table: Table, source: Source, layout: Layout, at: Mapping[str, int]) -> None:
        self._table, self._source, self._layout, self._at = table, source, layout, at
        self._columns = Columns(table, at, OPTIONS)
        values = [value for _, value in OPTIONS]
        self._of_variant = [i for role, i in at.items() if role in OF_VARIANT or role in values]
        self._once = {
            layout.columns[role]: i
            for role, i in at.items()
            if role in OF_PRODUCT or role in (name for name, _ in OPTIONS)
        }
        self._unused = extra.unused(table, at.values(), layout.header)
        starts = (*layout.of_row, layout.columns["alt"].casefold())
        self._of_row = {name: i for name, i in self._unused.items() if name.casefold().startswith(starts)}
        self._of_product = {name: i for name, i in self._unused.items() if name not in self._of_row}
        self._ignored = Ignored(table, [*at.values(), *self._unused.values()], source)
        self._regions = {name: i for name, i in self._unused.items() if _REGION.match(name)}

    def products(self) -> Iterator[RawProduct]:
        for handle, rows in groups(self._table, self._source, self._names):
            yield self._product(handle, rows)

    def _names(self, row: Row) -> Names:
        row.cells = [cells.unguarded(cell) if cell[:1] == "'" else cell for cell in row.cells]
        handle, title = (
            row.cells[i] if (i := self._at.get(role)) is not None and i < len(row.cells) else ""
            for role in ("handle", "title")
        )
        return handle, title

    def _product(self, handle: str, rows: list[Row]) -> RawProduct:
        first, images = rows[0], _Images()
        raw = RawProduct(first.line, handle, {}, [], [row.line for row in rows])
        names: dict[str, str] = {}
        if first.problem:
            raw.problems.append(first.problem)
        else:
            head = Cells(self._columns, first)
            names = option_names(head)
            raw.said, raw.problems = product_said(head), head.problems
            raw.said["extra"] = self._kept(extra.picked(first.cells, self._of_product), head.kept)
        for row in rows:
            raw.variants += self._row(row, first, names, images)
        if "image" in self._at and not first.problem:
            raw.said["image_urls"] = [url for _, _, url in sorted(images.found)]
            images.forget_usual(*(self._layout.columns[role] for role in OF_IMAGE))
            alone = _encoded(images.alone) if images.alone else ""
            raw.said["extra"][self._layout.format][self._layout.columns["image"]] = alone
        return raw

    def _row(self, row: Row, first: Row, names: Mapping[str, str], images: _Images) -> list[RawVariant]:
        """The variant of a row, if it is one; its image joins the product's."""
        if row.problem:
            return [RawVariant(row.line, {}, problems=[row.problem])]
        self._tell(row)
        found = Cells(self._columns, row)
        unused = extra.picked(row.cells, self._of_row if row is first else self._unused)
        if row is not first:
            if not first.problem:
                found.problems += second_thoughts(self._table, first, row, list(self._once.values()))
            unused |= {name: row.cells[i] for name, i in self._once.items() if row.cells[i]}
        its_image = image(found)
        is_variant = any(row.cells[i] for i in self._of_variant)
        said = variant_said(found, names, first.line) if is_variant else {}
        kept = self._kept(unused, found.kept)
        if is_variant:
            said["extra"] = kept
            images.beside.append(kept[self._layout.format])
        elif its_image is None and row is not first and not found.problems:
            found.problems.append(Refusal(row.line, ROW, "", "has neither a variant nor an image"))
        if its_image is not None and not found.problems:
            images.found.append(its_image)
            if not is_variant:
                images.alone.append({name: cell for name, cell in kept[self._layout.format].items() if cell})
        return [RawVariant(row.line, said, problems=found.problems)] if is_variant or found.problems else []

    def _kept(self, unused: dict[str, str], used: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Kept cells as `extra` has them: what nobody uses, and by role what is used, of the columns that are there."""
        named = {self._layout.columns[role]: cell for role, cell in used.items() if role in self._at}
        return {self._layout.format: unused | named}

    def _tell(self, row: Row) -> None:
        self._ignored.see(row.cells)
        for name in [name for name, i in self._regions.items() if row.cells[i]]:
            self._source.notes[f"{name}: kept for an export, not used; a variant has one price"] = None
            del self._regions[name]
