"""What the rows of a Medusa product file say, and how they are spelled.

A variant is a row, with its product's cells before its own. Images, tags, options and prices are as many columns as it
takes: "Product Image 3", "Variant Price EUR", and "Variant Price Nordics [EUR]" for a region.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from shopctl.core.catalog import VARIANT_DEFAULTS
from shopctl.core.db.tables import MAX_QUANTITY
from shopctl.core.imports import cells as words
from shopctl.core.imports.kept import Cells, number, whole

FORMAT = "medusa"
HEADER = (
    *("Product Id", "Product Handle", "Product Title", "Product Status", "Product Description", "Product Subtitle"),
    *("Product External Id", "Product Thumbnail", "Product Collection Id", "Product Type Id", "Product Created At"),
    *("Product Deleted At", "Product Discountable", "Product Height", "Product Hs Code", "Product Image 1"),
    *("Product Is Giftcard", "Product Length", "Product Material", "Product Mid Code", "Product Origin Country"),
    *("Product Tag 1", "Product Updated At", "Product Weight", "Product Width", "Variant Id", "Variant Title"),
    *("Variant Sku", "Variant Upc", "Variant Ean", "Variant Hs Code", "Variant Mid Code", "Variant Manage Inventory"),
    *("Variant Allow Backorder", "Variant Barcode", "Variant Created At", "Variant Deleted At", "Variant Height"),
    *("Variant Length", "Variant Material", "Variant Metadata", "Variant Option 1 Name", "Variant Option 1 Value"),
    *("Variant Origin Country", "Variant Product Id", "Variant Updated At", "Variant Variant Rank", "Variant Weight"),
    "Variant Width",
)
QUANTITY = "Variant Inventory Quantity"
PRODUCT_COLUMNS = {
    "handle": "Product Handle",
    "title": "Product Title",
    "description": "Product Description",
    "status": "Product Status",
    "tags": "Product Tag 1",
    "image_urls": "Product Image 1",
}
VARIANT_COLUMNS = {
    "sku": "Variant Sku",
    "options": "Variant Option 1 Value",
    "barcode": "Variant Barcode",
    "weight_grams": "Variant Weight",
    "image_urls": "Variant Image 1",
    "tracked": "Variant Manage Inventory",
    "backorder_limit": "Variant Allow Backorder",
    "quantity": QUANTITY,
}
_BARCODES = ("Variant Barcode", "Variant Ean", "Variant Upc")
_WEIGHTS = ("Variant Weight", "Product Weight")
_STATUSES = {"published": "active", "draft": "draft", "proposed": "draft", "rejected": "archived", "": "draft"}
_STATUS = {"active": "published", "draft": "draft", "archived": "rejected"}
_NO_OPTIONS = {"Default option": "Default option value"}
_FIELDS_OF = {
    **{column: (field,) for field, column in (*PRODUCT_COLUMNS.items(), *VARIANT_COLUMNS.items())},
    **dict.fromkeys(_BARCODES, ("barcode",)),
}
_PREFIXES = (
    ("Product Image ", "image_urls"),
    ("Product Tag ", "tags"),
    ("Variant Image ", "image_urls"),
    ("Variant Option ", "options"),
    ("Variant Price ", "price"),
)
_PRICE = re.compile(r"variant price (?:(?P<region>.+) \[(?P<of_region>[a-z]{3})\]|(?P<currency>[a-z]{3}))")
_NUMBERED = re.compile(r"(.+) ([0-9]{1,4})( .+)?")
_GRAMS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18})?")


# --- what cells say ------------------------------------------------------------------------------------------------
def price_column(currency: str) -> str:
    return f"Variant Price {currency}"


def priced_in(column: str) -> tuple[str, str] | None:
    """The currency and the region ("" is none) of a price column; None for any other."""
    found = _PRICE.fullmatch(column.casefold())
    if not found:
        return None
    region = column[len("Variant Price ") : -len(" [USD]")] if found["region"] else ""
    return (found["currency"] or found["of_region"]).upper(), region


def product_said(row: Cells) -> dict[str, Any]:
    """A product's own fields, as its first row says them."""
    said: dict[str, Any] = {}
    for field in ("title", "description"):
        if PRODUCT_COLUMNS[field] in row:
            said[field] = row[PRODUCT_COLUMNS[field]]
    if "Product Status" in row:
        word = row["Product Status"].strip().casefold()
        if word not in _STATUSES:
            row.refuse("Product Status", "is none of draft, proposed, published, rejected")
        said["status"] = _STATUSES.get(word, "draft")
    for field, prefix in (("tags", "Product Tag"), ("image_urls", "Product Image")):
        columns = _numbered(tuple(row), prefix)
        if columns:
            said[field] = _filled(row, columns)
    return said


def variant_said(row: Cells, currency: str) -> dict[str, Any]:
    """What is sold, as a row says it."""
    said: dict[str, Any] = {}
    if row["Variant Sku"].strip():
        said["sku"] = row["Variant Sku"].strip()
    if not row.keys().isdisjoint(_BARCODES):
        said["barcode"] = next((cell for name in _BARCODES if (cell := row[name].strip())), None)
    if not row.keys().isdisjoint(_WEIGHTS):
        said["weight_grams"] = _grams(row)
    if "Variant Manage Inventory" in row:
        said["tracked"] = _flag(row, "Variant Manage Inventory", blank=True)
    if "Variant Allow Backorder" in row:
        said["backorder_limit"] = MAX_QUANTITY if _flag(row, "Variant Allow Backorder", blank=False) else 0
    if row[QUANTITY].strip():
        said["quantity"] = whole(row[QUANTITY])
    if images := _numbered(tuple(row), "Variant Image"):
        said["image_urls"] = _filled(row, images)
    if names := _numbered(tuple(row), "Variant Option", " Name"):
        said["options"] = _options(row, names)
    if row[price_column(currency)].strip():
        said["price"] = number(row[price_column(currency)])
    return said


def _options(row: Cells, names: Sequence[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for column in names:
        of_value = column.removesuffix("Name") + "Value"
        name, value = row[column].strip(), row[of_value].strip()
        if value and not name:
            row.refuse(of_value, "its option has no name")
        elif name and not value:
            row.refuse(of_value, f"a variant needs a value for its option {name!r}")
        elif name in options:
            row.refuse(column, "this option stands twice")
        elif name:
            options[name] = value
    return {} if options == _NO_OPTIONS else options


def _grams(row: Cells) -> int:
    """Whole grams; a variant without a weight has its product's."""
    name = next((name for name in _WEIGHTS if row[name].strip()), None)
    weight = number(row[name]) if name else "0"
    if name and not _GRAMS.fullmatch(weight):
        row.refuse(name, "is not a weight in grams")
        return 0
    return int(Decimal(weight).quantize(Decimal(1), ROUND_HALF_UP))


def _flag(row: Cells, name: str, *, blank: bool) -> bool:
    said = words.flag(row[name]) if row[name].strip() else blank
    if isinstance(said, str):
        row.refuse(name, "is neither true nor false")
        return blank
    return said


def _filled(row: Cells, columns: Sequence[str]) -> list[str]:
    return [cell for name in columns if (cell := row[name].strip())]


@lru_cache(maxsize=256)
def _numbered(columns: Sequence[str], prefix: str, suffix: str = "") -> Sequence[str]:
    """Those of the columns that are numbered under a prefix, by number."""
    found = [(int(of[2]), name) for name in columns if (of := _NUMBERED.fullmatch(name))]
    return [name for n, name in sorted(found) if name == f"{prefix} {n}{suffix}"]


# --- how it is spelled ---------------------------------------------------------------------------------------------
def fields_of(column: str) -> Sequence[str]:
    """The fields that a column says something of."""
    if known := _FIELDS_OF.get(column):
        return known
    return next(((field,) for prefix, field in _PREFIXES if column.startswith(prefix)), ())


def spelled_product(product: Mapping[str, Any]) -> dict[str, str]:
    """The cells that are the product's own."""
    images: Sequence[str] = product.get("image_urls") or []
    return {
        "Product Handle": product.get("handle") or "",
        "Product Title": product.get("title") or "",
        "Product Status": _STATUS[product.get("status") or "active"],
        "Product Description": product.get("description") or "",
        "Product Thumbnail": images[0] if images else "",
        "Product Discountable": "true",
        "Product Is Giftcard": "false",
        **{f"Product Image {n}": url for n, url in enumerate(images, 1)},
        **{f"Product Tag {n}": tag for n, tag in enumerate(product.get("tags") or [], 1)},
    }


def spelled_variant(variant: Mapping[str, Any], currency: str) -> dict[str, str]:
    """The cells that are the variant's own."""
    said = {**VARIANT_DEFAULTS, **variant}
    options: Mapping[str, str] = said.get("options") or {}
    return {
        "Variant Title": " / ".join(options.values()) or "Default variant",
        "Variant Sku": said.get("sku") or "",
        "Variant Barcode": said["barcode"] or "",
        "Variant Manage Inventory": "true" if said["tracked"] else "false",
        "Variant Allow Backorder": "true" if said["backorder_limit"] else "false",
        "Variant Weight": str(said["weight_grams"]) if said["weight_grams"] else "",
        price_column(currency): said.get("price", ""),
        **{f"Variant Image {n}": url for n, url in enumerate(said["image_urls"], 1)},
        **{
            f"Variant Option {n} {part}": cell
            for n, option in enumerate((options or _NO_OPTIONS).items(), 1)
            for part, cell in zip(("Name", "Value"), option, strict=True)
        },
    }
