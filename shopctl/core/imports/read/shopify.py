"""Shopify's classic product CSV.

Rows of one Handle are one product: the first has the Title and the option names, each row with variant cells is a
variant, a row with only an image adds an image. Columns are found whatever their case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from shopctl.core.catalog import STATUSES
from shopctl.core.db.tables import MAX_QUANTITY
from shopctl.core.errors import BadInput
from shopctl.core.imports import cells
from shopctl.core.imports.rows import OPENING, ROW, RawProduct, RawVariant, Refusal, Source, shown
from shopctl.core.imports.table import Ignored, Names, Row, Table, groups, second_thoughts

_PRODUCT = ("title", "body (html)", "vendor", "product category", "type", "tags", "published", "status")
_OPTIONS = tuple((f"option{n} name", f"option{n} value") for n in (1, 2, 3))
_VARIANT = (
    "variant sku",
    "variant grams",
    "variant inventory tracker",
    "variant inventory qty",
    "variant inventory policy",
    "variant price",
    "variant compare at price",
    "variant requires shipping",
    "variant taxable",
    "variant barcode",
    "variant image",
)
_IMAGES = ("image src", "image position")
_NAMES = tuple(name for name, _ in _OPTIONS)
_VALUES = tuple(value for _, value in _OPTIONS)
_KEY = ("handle", "title")
_COLUMNS = ("handle", *_PRODUCT, *_NAMES, *_VALUES, *_VARIANT, *_IMAGES)

_PRODUCT_FIELDS = {
    "handle": "handle",
    "title": "title",
    "description": "body (html)",
    "brand": "vendor",
    "tags": "tags",
    "status": "status",
    "image_urls": "image src",
}
_VARIANT_FIELDS = {
    "sku": "variant sku",
    "options": "option1 value",
    "price": "variant price",
    "compare_at_price": "variant compare at price",
    "barcode": "variant barcode",
    "weight_grams": "variant grams",
    "image_urls": "variant image",
    "taxable": "variant taxable",
    "requires_shipping": "variant requires shipping",
    "tracked": "variant inventory tracker",
    "backorder_limit": "variant inventory policy",
    OPENING: "variant inventory qty",
}
_POLICIES = {"": 0, "deny": 0, "continue": MAX_QUANTITY}
_NO_OPTIONS = {"Title": "Default Title"}
_GRAMS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,12})?")
_LAST = 10**9


def fits(names: Sequence[str]) -> bool:
    """Whether a header (folded names) is Shopify's classic one."""
    return "handle" in names and any(name in names for name in (*_VARIANT, *_VALUES, *_IMAGES, "body (html)"))


def read(table: Table) -> Source:
    """The products of a classic Shopify file, read as they are asked for. BadInput without a Handle column."""
    at = table.index(_COLUMNS)
    if "handle" not in at:
        raise BadInput("column_missing", "A Shopify product file has a Handle column, this one has none")
    source = Source("shopify")
    source.product_columns = {field: table.header[at[name]] for field, name in _PRODUCT_FIELDS.items() if name in at}
    category = "product category" if "product category" in at else "type"
    source.product_columns |= {"category": table.header[at[category]]} if category in at else {}
    source.variant_columns = {field: table.header[at[name]] for field, name in _VARIANT_FIELDS.items() if name in at}
    source.products = _Reader(table, source, at).products()
    return source


class _Cells:
    """One row's cells by folded column name; problems are noted with the file's own spelling of the column."""

    def __init__(self, table: Table, at: Mapping[str, int], row: Row) -> None:
        self._at, self._row, self._header = at, row, table.header
        self.line = row.line
        self.problems: list[Refusal] = []

    def has(self, name: str) -> bool:
        return name in self._at

    def __getitem__(self, name: str) -> str:
        index = self._at.get(name)
        return "" if index is None else self._row.cells[index]

    def refuse(self, name: str, reason: str) -> None:
        column = self._header[self._at[name]] if name in self._at else name.title()
        self.problems.append(Refusal(self.line, column, shown(self[name]), reason))


class _Reader:
    def __init__(self, table: Table, source: Source, at: Mapping[str, int]) -> None:
        self._table, self._source, self._at = table, source, at
        # With both category columns the specific one counts, and Type is among what nobody reads.
        used = [i for name, i in at.items() if name != "type" or "product category" not in at]
        self._ignored = Ignored(table, used, source)
        self._once = [at[name] for name in (*_PRODUCT, *_NAMES) if name in at]

    def products(self) -> Iterator[RawProduct]:
        for handle, rows in groups(self._table, self._source, self._names):
            yield self._product(handle, rows)

    def _names(self, row: Row) -> Names:
        handle, title = (
            row.cells[i] if (i := self._at.get(name)) is not None and i < len(row.cells) else "" for name in _KEY
        )
        return handle, title

    def _product(self, handle: str, rows: list[Row]) -> RawProduct:
        first = rows[0]
        raw = RawProduct(first.line, handle, {}, [], [row.line for row in rows])
        names: dict[str, str] = {}
        if first.problem:
            raw.problems.append(first.problem)
        else:
            head = _Cells(self._table, self._at, first)
            names = _option_names(head)
            raw.said = _product_said(head)
            raw.said["handle"] = handle
            raw.problems = head.problems
        images: list[tuple[int, int, str]] = []
        for row in rows:
            raw.variants += self._row(row, first, names, images)
        if "image src" in self._at and not first.problem:
            raw.said["image_urls"] = [url for _, _, url in sorted(images)]
        return raw

    def _row(
        self, row: Row, first: Row, names: Mapping[str, str], images: list[tuple[int, int, str]]
    ) -> list[RawVariant]:
        """The variant of a row, if it is one; its image joins the product's."""
        if row.problem:
            return [RawVariant(row.line, {}, problems=[row.problem])]
        self._ignored.see(row.cells)
        found = _Cells(self._table, self._at, row)
        if row is not first and not first.problem:
            found.problems += second_thoughts(self._table, first, row, self._once)
        image = _image(found)
        is_variant = any(found[name] for name in (*_VARIANT, *_VALUES))
        if not is_variant and image is None and row is not first and not found.problems:
            found.problems.append(Refusal(row.line, ROW, "", "has neither a variant nor an image"))
        said = _variant_said(found, names, first.line) if is_variant else {}
        if image is not None and not found.problems:
            images.append(image)
        return [RawVariant(row.line, said, problems=found.problems)] if is_variant or found.problems else []


def _option_names(head: _Cells) -> dict[str, str]:
    """The option names of a product by their value columns."""
    names: dict[str, str] = {}
    for name, value in _OPTIONS:
        word = head[name].strip()
        if word and word in names.values():
            head.refuse(name, "this option stands twice")
        elif word:
            names[value] = word
    return names


def _product_said(head: _Cells) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for field, name in (("title", "title"), ("description", "body (html)"), ("brand", "vendor")):
        if head.has(name):
            said[field] = head[name]
    if head.has("product category") or head.has("type"):
        said["category"] = head["product category"] or head["type"]
    if head.has("tags"):
        said["tags"] = cells.plain_list(head["tags"])
    status = _status(head)
    return said | ({"status": status} if status else {})


def _status(head: _Cells) -> str | None:
    """What Status and Published say together; None when neither says anything."""
    word, shown_in_shop = head["status"].strip().casefold(), cells.flag(head["published"])
    if head["published"].strip() and not isinstance(shown_in_shop, bool):
        head.refuse("published", "is neither TRUE nor FALSE")
    if word and word not in STATUSES:
        return head["status"]  # for validation to refuse
    if word != "archived" and shown_in_shop is False:
        return "draft"
    return word or ("active" if shown_in_shop is True else None)


def _image(found: _Cells) -> tuple[int, int, str] | None:
    """An image as (position, line, address): an image without a position comes after those with one."""
    url, position = found["image src"].strip(), found["image position"].strip()
    if not url:
        return None
    if len(url) > 2_000:
        found.refuse("image src", "is longer than 2000 characters")
    if position and not (position.isascii() and position.isdigit() and len(position) < 10):
        found.refuse("image position", "is not a whole number")
        return None
    return int(position or _LAST), found.line, url


def _variant_said(found: _Cells, names: Mapping[str, str], first_line: int) -> dict[str, Any]:
    said: dict[str, Any] = {"price": found["variant price"].strip(), "options": _options(found, names, first_line)}
    if not said["price"]:
        found.refuse("variant price", "a variant needs a price")
        del said["price"]
    if found["variant sku"]:
        said["sku"] = found["variant sku"]
    for field, name in (("compare_at_price", "variant compare at price"), ("barcode", "variant barcode")):
        if found.has(name):
            said[field] = found[name].strip() or None
    if found.has("variant image"):
        said["image_urls"] = [url for url in [found["variant image"].strip()] if url]
    for field, name in (("taxable", "variant taxable"), ("requires_shipping", "variant requires shipping")):
        if found.has(name):
            said[field] = cells.flag(found[name] or "true")
    if found.has("variant grams"):
        said["weight_grams"] = _grams(found)
    return said | _stock(found)


def _options(found: _Cells, names: Mapping[str, str], first_line: int) -> dict[str, str]:
    for value in _VALUES:
        if found[value] and value not in names:
            found.refuse(value, f"its option has no name on the product's first row, line {first_line}")
        elif value in names and not found[value]:
            found.refuse(value, f"a variant of this product needs a value for its option {names[value]!r}")
    options = {name: found[value].strip() for value, name in names.items()}
    return {} if options == _NO_OPTIONS else options


def _grams(found: _Cells) -> int | str:
    """Whole grams; Shopify itself writes fractions for weights that were typed in ounces or pounds."""
    cell = found["variant grams"].strip() or "0"
    return int(Decimal(cell).quantize(Decimal(1), ROUND_HALF_UP)) if _GRAMS.fullmatch(cell) else cell


def _stock(found: _Cells) -> dict[str, Any]:
    """Tracker, Policy and Qty. A tracker column that is there and blank means: not tracked."""
    said: dict[str, Any] = {}
    if found.has("variant inventory tracker"):
        said["tracked"] = bool(found["variant inventory tracker"].strip())
    if found.has("variant inventory policy"):
        policy = found["variant inventory policy"].strip().casefold()
        if policy in _POLICIES:
            said["backorder_limit"] = _POLICIES[policy]
        else:
            found.refuse("variant inventory policy", "is neither deny nor continue")
    if found["variant inventory qty"].strip():
        said[OPENING] = found["variant inventory qty"].strip()
    return said
