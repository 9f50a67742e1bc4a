"""Our own CSV: one row a variant, the product's cells on its first row.

A blank cell says "empty" (the field's default, a missing handle or SKU is made), an absent column says nothing. Cells
that a spreadsheet would run as formulas carry a quote in front, which is taken off again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shopctl.core.catalog import PRODUCT_DEFAULTS, VARIANT_DEFAULTS
from shopctl.core.imports import cells
from shopctl.core.imports.rows import (
    OPENING,
    PRODUCT_FIELDS,
    RawProduct,
    RawVariant,
    Refusal,
    Source,
    shown,
)
from shopctl.core.imports.table import Ignored, Names, Row, Table, groups, second_thoughts

VARIANT_IMAGES = "variant_image_urls"
VARIANT_EXTRA = "variant_extra"
COLUMNS = (
    "handle",
    "title",
    "description",
    "brand",
    "category",
    "tags",
    "status",
    "image_urls",
    "extra",
    "sku",
    "options",
    "price",
    "compare_at_price",
    "currency",
    "barcode",
    "weight_grams",
    VARIANT_IMAGES,
    "taxable",
    "requires_shipping",
    "tracked",
    "backorder_limit",
    "low_stock",
    "hold_at",
    VARIANT_EXTRA,
)
FIELD_OF = {VARIANT_IMAGES: "image_urls", VARIANT_EXTRA: "extra"}
_PRODUCT_COLUMNS = PRODUCT_FIELDS
_VARIANT_COLUMNS = (*COLUMNS[len(PRODUCT_FIELDS) :], OPENING)

# What a blank cell says; a field that is not here says nothing.
_EMPTY: Mapping[str, Any] = {
    **PRODUCT_DEFAULTS,
    **VARIANT_DEFAULTS,
    VARIANT_IMAGES: VARIANT_DEFAULTS["image_urls"],
    VARIANT_EXTRA: VARIANT_DEFAULTS["extra"],
    "title": "",
    "price": "",
    "options": {},
}
_READERS: Mapping[str, Callable[[str], Any]] = {
    "tags": cells.listed,
    "image_urls": cells.listed,
    VARIANT_IMAGES: cells.listed,
    "options": cells.mapped,
    "extra": cells.mapped,
    VARIANT_EXTRA: cells.mapped,
    "taxable": cells.flag,
    "requires_shipping": cells.flag,
    "tracked": cells.flag,
    **dict.fromkeys(
        (
            "status",
            "price",
            "compare_at_price",
            "currency",
            "weight_grams",
            "backorder_limit",
            "low_stock",
            "hold_at",
            OPENING,
        ),
        str.strip,
    ),
}


def fits(names: Sequence[str]) -> bool:
    """Whether a header (folded names) can be our own: its rows can be told apart by handle or title."""
    return "handle" in names or "title" in names


def read(table: Table) -> Source:
    """The products of our own CSV, read as they are asked for."""
    source = Source("csv")
    product = table.index(_PRODUCT_COLUMNS)
    variant = table.index(_VARIANT_COLUMNS)
    source.product_columns = {"handle": "handle"} | {name: table.header[i] for name, i in product.items()}
    source.variant_columns = {_field(name): table.header[i] for name, i in variant.items()}
    source.products = _products(table, source, product, variant)
    return source


def _products(
    table: Table, source: Source, product: Mapping[str, int], variant: Mapping[str, int]
) -> Iterator[RawProduct]:
    ignored = Ignored(table, [*product.values(), *variant.values()], source)
    handle_at, title_at = product.get("handle"), product.get("title")

    def names_of_row(row: Row) -> Names:
        row.cells = [cells.unguarded(cell) if cell[:1] == "'" else cell for cell in row.cells]
        return _cell(row, handle_at), _cell(row, title_at)

    said_once = [i for name, i in product.items() if name != "handle"]
    for handle, rows in groups(table, source, names_of_row):
        first = rows[0]
        raw = RawProduct(first.line, handle, {}, [], [row.line for row in rows])
        if first.problem:
            raw.problems.append(first.problem)
        else:
            raw.said, raw.problems = _said(table, first, product)
        for row in rows:
            part = RawVariant(row.line, {})
            if row.problem:
                part.problems = [row.problem]
            else:
                ignored.see(row.cells)
                part.said, part.problems = _said(table, row, variant)
                if row is not first and not first.problem:
                    part.problems += second_thoughts(table, first, row, said_once)
            if variant or part.problems:
                raw.variants.append(part)
        yield raw


def _said(table: Table, row: Row, columns: Mapping[str, int]) -> tuple[dict[str, Any], list[Refusal]]:
    said: dict[str, Any] = {}
    problems: list[Refusal] = []
    for name, i in columns.items():
        cell = row.cells[i]
        reader = _READERS.get(name)
        if not cell or (reader and not cell.strip()):
            if name in _EMPTY:
                said[_field(name)] = _EMPTY[name]
        elif reader is None:
            said[name] = cell
        else:
            try:
                said[_field(name)] = reader(cell)
            except ValueError as error:
                problems.append(Refusal(row.line, table.header[i], shown(cell), str(error)))
    return said, problems


def _field(column: str) -> str:
    return FIELD_OF.get(column, column)


def _cell(row: Row, index: int | None) -> str:
    return row.cells[index] if index is not None and index < len(row.cells) else ""
