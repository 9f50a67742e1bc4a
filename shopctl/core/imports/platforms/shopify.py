"""Shopify's two product layouts, the classic one and the one since 2024: the same table under other headings.

Here is what reader and writer must agree on: the columns, and what the words in them mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from shopctl.core.db.tables import MAX_QUANTITY
from shopctl.core.imports import cells
from shopctl.core.imports.platforms.words import Joint, Words

OF_PRODUCT = ("title", "description", "vendor", "category", "type", "tags", "published", "status")
"""Roles of columns whose cells stand in a product's first row. Other rows may repeat them, and not contradict."""
OF_VARIANT = (
    "sku",
    "grams",
    "tracker",
    "quantity",
    "policy",
    "limit",
    "price",
    "compare_at",
    "shipping",
    "taxable",
    "barcode",
    "variant_image",
)
OF_IMAGE = ("image", "position", "alt")
OPTIONS = tuple((f"option{n} name", f"option{n} value") for n in range(1, 11))
"""Roles of an option's two columns. Shopify has three options; more are written when a product of ours has more."""
NO_OPTIONS = {"Title": "Default Title"}
LIMIT = "Backorder limit"
"""A column of our own, where a variant may be sold beyond its stock and not without end; Shopify passes over it."""
LAST = 10**9
"""The position of an image that has none."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The headings of a layout. `columns` has those that we use by role; `of_row`: how a row's own others begin."""

    format: str
    header: Sequence[str]
    columns: Mapping[str, str]
    of_row: tuple[str, ...]


_GRAMS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,12})?")
_POLICIES: Mapping[str, int] = {
    "": 0,
    "deny": 0,
    "false": 0,
    "continue": MAX_QUANTITY,
    "true": MAX_QUANTITY,
}


def grams(cell: str) -> int | str:
    """Whole grams; Shopify itself writes fractions for weights that were typed in ounces or pounds."""
    cell = cell.strip() or "0"
    return int(Decimal(cell).quantize(Decimal(1), ROUND_HALF_UP)) if _GRAMS.fullmatch(cell) else cell


def policy(cell: str) -> int | None:
    """The backorder limit that a policy means; None for another word."""
    return _POLICIES.get(cell.strip().casefold())


def status(published: str, word: str) -> str | None:
    """What Published and Status say together; None when neither says anything."""
    word, is_shown = word.strip().casefold(), cells.flag(published)
    if word != "archived" and is_shown is False:
        return "draft"
    return word or ("active" if is_shown is True else None)


def _flag_or_true(cell: str) -> bool | str:
    return cells.flag(cell.strip() or "true")


def _path(cell: str) -> str:
    return " > ".join(part.strip() for part in cell.split(">"))


FLAG = Words(_flag_or_true, lambda value: "TRUE" if value else "FALSE")
GRAMS = Words(grams, str)
CATEGORY = Words(_path, str)
TAGS = Words(cells.plain_list, ", ".join)
TRACKER = Words(lambda cell: bool(cell.strip()), lambda tracked: "shopify" if tracked else "")
POLICY = Words(policy, lambda limit: "continue" if limit else "deny")

_STATUSES: Mapping[str, tuple[str, str]] = {
    "active": ("TRUE", "active"),
    "draft": ("FALSE", "draft"),
    "archived": ("FALSE", "archived"),
}
STATUS = Joint(
    lambda published, word: status(published, word) or "active", lambda status: _STATUSES.get(status, ("", ""))
)
"""Published and Status."""


_CLASSIC = (
    *("Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published"),
    *("Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value"),
    *("Variant SKU", "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty", "Variant Inventory Policy"),
    *("Variant Fulfillment Service", "Variant Price", "Variant Compare At Price", "Variant Requires Shipping"),
    *("Variant Taxable", "Variant Barcode", "Image Src", "Image Position", "Image Alt Text", "Gift Card"),
    *("SEO Title", "SEO Description", "Google Shopping / Google Product Category", "Google Shopping / Gender"),
    *("Google Shopping / Age Group", "Google Shopping / MPN", "Google Shopping / Condition"),
    *("Google Shopping / Custom Product", "Variant Image", "Variant Weight Unit", "Variant Tax Code", "Cost per item"),
    "Status",
)
_SINCE_2024 = (
    *("Title", "URL handle", "Description", "Vendor", "Product category", "Type", "Tags", "Published on online store"),
    *("Status", "SKU", "Barcode", "Option1 name", "Option1 value", "Option1 Linked To", "Option2 name"),
    *("Option2 value", "Option2 Linked To", "Option3 name", "Option3 value", "Option3 Linked To", "Price"),
    *("Compare-at price", "Cost per item", "Charge tax", "Tax code", "Unit price total measure"),
    *("Unit price total measure unit", "Unit price base measure", "Unit price base measure unit", "Inventory tracker"),
    *("Inventory quantity", "Continue selling when out of stock", "Weight value (grams)", "Weight unit for display"),
    *("Requires shipping", "Fulfillment service", "Product image URL", "Image position", "Image alt text"),
    *("Variant image URL", "Gift card", "SEO title", "SEO description", "Google Shopping / Google product category"),
    *("Google Shopping / Gender", "Google Shopping / Age group", "Google Shopping / Manufacturer part number (MPN)"),
    *("Google Shopping / Ad group name", "Google Shopping / Ads labels", "Google Shopping / Condition"),
    "Google Shopping / Custom product",
    *(f"Google Shopping / Custom label {n}" for n in range(5)),
)


def _options(name: str, value: str) -> dict[str, str]:
    return {
        role: column.format(number)
        for number, roles in enumerate(OPTIONS, 1)
        for role, column in zip(roles, (name, value), strict=True)
    }


CLASSIC = Layout(
    "shopify",
    _CLASSIC,
    {
        "handle": "Handle",
        "title": "Title",
        "description": "Body (HTML)",
        "vendor": "Vendor",
        "category": "Product Category",
        "type": "Type",
        "tags": "Tags",
        "published": "Published",
        "status": "Status",
        "sku": "Variant SKU",
        "grams": "Variant Grams",
        "tracker": "Variant Inventory Tracker",
        "quantity": "Variant Inventory Qty",
        "policy": "Variant Inventory Policy",
        "limit": LIMIT,
        "price": "Variant Price",
        "compare_at": "Variant Compare At Price",
        "shipping": "Variant Requires Shipping",
        "taxable": "Variant Taxable",
        "barcode": "Variant Barcode",
        "variant_image": "Variant Image",
        "image": "Image Src",
        "position": "Image Position",
        "alt": "Image Alt Text",
        **_options("Option{} Name", "Option{} Value"),
    },
    ("variant ", "cost per item", "price / ", "compare at price / ", "unit price "),
)
SINCE_2024 = Layout(
    "shopify-2024",
    _SINCE_2024,
    {
        "handle": "URL handle",
        "title": "Title",
        "description": "Description",
        "vendor": "Vendor",
        "category": "Product category",
        "type": "Type",
        "tags": "Tags",
        "published": "Published on online store",
        "status": "Status",
        "sku": "SKU",
        "grams": "Weight value (grams)",
        "tracker": "Inventory tracker",
        "quantity": "Inventory quantity",
        "policy": "Continue selling when out of stock",
        "limit": LIMIT,
        "price": "Price",
        "compare_at": "Compare-at price",
        "shipping": "Requires shipping",
        "taxable": "Charge tax",
        "barcode": "Barcode",
        "variant_image": "Variant image URL",
        "image": "Product image URL",
        "position": "Image position",
        "alt": "Image alt text",
        **_options("Option{} name", "Option{} value"),
    },
    (
        *("cost per item", "tax code", "unit price ", "weight unit for display", "fulfillment service"),
        *("price / ", "compare-at price / "),
    ),
)
