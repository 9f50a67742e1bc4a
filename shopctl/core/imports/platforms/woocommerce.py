"""What the rows of a WooCommerce product file say, and how they are spelled.

A product is a row: simple ones have price and stock on it, variable ones have theirs on rows of their own, variations,
which name their parent. What is not in a variation's row (its weight, say) is its parent's.
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

FORMAT = "woocommerce"
GTIN = "GTIN, UPC, EAN, or ISBN"
HANDLE = "Meta: shopctl_handle"
"""WooCommerce knows no handles; a column of custom data is what it takes in, keeps and gives back."""
HEADER = (
    *("ID", "Type", "SKU", GTIN, "Name", "Published", "Is featured?", "Visibility in catalog", "Short description"),
    *("Description", "Date sale price starts", "Date sale price ends", "Tax status", "Tax class", "In stock?", "Stock"),
    *("Low stock amount", "Backorders allowed?", "Sold individually?", "Weight (kg)", "Length (cm)", "Width (cm)"),
    *("Height (cm)", "Allow customer reviews?", "Purchase note", "Sale price", "Regular price", "Categories", "Tags"),
    *("Shipping class", "Images", "Download limit", "Download expiry days", "Parent", "Grouped products", "Upsells"),
    *("Cross-sells", "External URL", "Button text", "Position", "Brands", HANDLE),
)
PRODUCT_COLUMNS = {
    "handle": HANDLE,
    "title": "Name",
    "description": "Description",
    "brand": "Brands",
    "category": "Categories",
    "tags": "Tags",
    "status": "Published",
    "image_urls": "Images",
}
VARIANT_COLUMNS = {
    "sku": "SKU",
    "options": "Attribute 1 value(s)",
    "price": "Regular price",
    "compare_at_price": "Regular price",
    "barcode": GTIN,
    "image_urls": "Images",
    "taxable": "Tax status",
    "requires_shipping": "Type",
    "tracked": "Stock",
    "backorder_limit": "Backorders allowed?",
    "low_stock": "Low stock amount",
    "quantity": "Stock",
}
SOLD = ("simple", "variable", "variation")
_UNSOLD = {
    "grouped": "a grouped product is a set of others, and is not sold itself",
    "external": "an external product is sold by another shop",
}
_FLAGS = ("virtual", "downloadable")
_PRICE = ("price", "compare_at_price")
_FIELDS_OF = {
    "Type": ("kind", "requires_shipping"),
    "In stock?": ("tracked", "quantity"),
    "Stock": ("tracked", "quantity", "backorder_limit"),
    **dict.fromkeys(("Sale price", "Regular price", "Date sale price starts", "Date sale price ends"), _PRICE),
    **{column: (field,) for field, column in PRODUCT_COLUMNS.items()},
    **{VARIANT_COLUMNS[name]: (name,) for name in ("sku", "barcode", "taxable", "backorder_limit", "low_stock")},
}
_STATUSES = {"1": "active", "0": "archived", "-1": "draft", "2": "draft", "": "draft"}
_PUBLISHED = {"active": "1", "archived": "0", "draft": "-1"}
_BACKORDERS = {"": 0, "0": 0, "no": 0, "1": MAX_QUANTITY, "yes": MAX_QUANTITY, "notify": MAX_QUANTITY}
_TAXABLE = {"": True, "taxable": True, "shipping": False, "none": False}
_UNITS = {"kg": Decimal(1000), "g": Decimal(1), "lbs": Decimal("453.59237"), "oz": Decimal("28.349523125")}
WEIGHTS = {f"Weight ({unit})": grams for unit, grams in _UNITS.items()}
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18})?")
_COMMA = re.compile(r"(?<!\\),")
_BETWEEN_URLS = re.compile(r",(?=\s|https?://)")
_BREAKS = re.compile(r"\\\\n|\\n")
_BREAK = re.compile(r"\\n|(?<!\\)\n")
_ATTRIBUTE = re.compile(r"Attribute ([0-9]{1,4}) (name|value\(s\))")


# --- what cells say ------------------------------------------------------------------------------------------------
def kind_of(row: Cells) -> str:
    """What a row is: simple, variable or variation; anything else is refused."""
    kinds = _kinds(row["Type"])
    if len(kinds) > 1:
        row.refuse("Type", "says more than one type")
    elif kinds[0] not in SOLD:
        row.refuse("Type", _UNSOLD.get(kinds[0], "is none of simple, variable, variation"))
    elif kinds[0] == "variation" and not row["Parent"].strip():
        row.refuse("Parent", "a variation names its parent: a SKU, or id:44")
    elif kinds[0] != "variation" and row["Parent"].strip():
        row.refuse("Parent", "only a variation has a parent")
    return kinds[0]


@lru_cache(maxsize=256)
def _kinds(cell: str) -> Sequence[str]:
    types = [word for part in cell.split(",") if (word := part.strip().casefold())]
    return [word for word in types if word not in _FLAGS] or ["simple"]


def product_said(row: Cells) -> dict[str, Any]:
    """A product's own fields, as its row says them."""
    said: dict[str, Any] = {"handle": row[HANDLE]} if row[HANDLE] else {}
    if "Name" in row:
        said["title"] = row["Name"]
    if "Description" in row:
        said["description"] = _BREAKS.sub(lambda found: "\\n" if len(found[0]) == 3 else "\n", row["Description"])
    if "Brands" in row:
        said["brand"] = next(iter(_listed(row["Brands"])), None)
    if "Categories" in row:
        path = next(iter(_listed(row["Categories"])), "")
        said["category"] = " > ".join(part.strip() for part in path.split(">")) or None
    if "Tags" in row:
        said["tags"] = _listed(row["Tags"])
    if "Published" in row:
        said["status"] = _status(row)
    if "Images" in row:
        said["image_urls"] = _urls(row["Images"])
    return said


def variant_said(row: Cells, parent: Cells | None = None) -> dict[str, Any]:
    """What is sold, as the row of a simple product or of a variation says it."""
    said: dict[str, Any] = {}
    if parent is not None and _numbers(tuple(row)):
        said["options"] = _options(row)
    if "Type" in row:
        said["requires_shipping"] = "virtual" not in row["Type"].casefold()
    if row["SKU"].strip():
        said["sku"] = row["SKU"].strip()
    if GTIN in row:
        said["barcode"] = row[GTIN].strip() or None
    if parent is not None and "Images" in row:
        said["image_urls"] = _urls(row["Images"])
    if not row.keys().isdisjoint(WEIGHTS):
        said["weight_grams"] = _grams(row, parent)
    if "Tax status" in row:
        said["taxable"] = _word(row, "Tax status", _TAXABLE, "is none of taxable, shipping, none")
    return said | _price(row) | _stock(row, parent)


def dated(row: Cells) -> bool:
    """Whether a row's sale price is for a while only."""
    return bool(row["Date sale price starts"].strip() or row["Date sale price ends"].strip())


def shares_stock(row: Cells) -> bool:
    """Whether a variation has no stock of its own, but its parent's."""
    return row["Stock"].strip().casefold() == "parent"


def _status(row: Cells) -> str:
    flag = words.flag(row["Published"])
    word = str(int(flag)) if isinstance(flag, bool) else row["Published"].strip()
    if word not in _STATUSES:
        row.refuse("Published", "is none of 1, 0, -1")
    return _STATUSES.get(word, "draft")


def _price(row: Cells) -> dict[str, Any]:
    """Regular and Sale price. A sale between dates is not ours to begin or end: the regular price counts."""
    regular, sale = number(row["Regular price"]), number(row["Sale price"])
    if dated(row):
        sale = ""
    said: dict[str, Any] = {"compare_at_price": regular if sale and regular else None} if "Sale price" in row else {}
    if sale or regular:
        said["price"] = sale or regular
    elif "Regular price" in row:
        row.refuse("Regular price", "a variant needs a price")
    return said


def _stock(row: Cells, parent: Cells | None) -> dict[str, Any]:
    """Blank Stock: nobody counts it; but what is said to be out of stock must not be sold."""
    said: dict[str, Any] = {}
    if "Low stock amount" in row:
        said["low_stock"] = whole(row["Low stock amount"]) or None
    shared = shares_stock(row)
    if "Backorders allowed?" in row:
        policy = parent if parent is not None and shared else row
        said["backorder_limit"] = _word(policy, "Backorders allowed?", _BACKORDERS, "is none of 0, 1, notify")
    if "Stock" in row:
        units = "0" if shared else whole(row["Stock"])
        if not units and row["In stock?"].strip() and words.flag(row["In stock?"]) is False:
            units = "0"
        said |= {"tracked": True, "quantity": units} if units else {"tracked": False}
    return said


def _grams(row: Cells, parent: Cells | None) -> int:
    filled = [name for name in WEIGHTS if row[name].strip()]
    if not filled:
        return 0 if parent is None else _grams(parent, None)
    for name in filled[1:]:
        row.refuse(name, f"another weight stands in {filled[0]}")
    grams = _in_grams(row[filled[0]], filled[0])
    if grams is None:
        row.refuse(filled[0], "is not a weight such as 0.5")
    return grams or 0


@lru_cache(maxsize=4096)
def _in_grams(cell: str, column: str) -> int | None:
    weight = number(cell)
    if not _DECIMAL.fullmatch(weight):
        return None
    return int((Decimal(weight) * WEIGHTS[column]).quantize(Decimal(1), ROUND_HALF_UP))


def _options(row: Cells) -> dict[str, str]:
    """The options of a variation: its attributes with a value. One without fits every value of its parent's."""
    options: dict[str, str] = {}
    for n in _numbers(tuple(row)):
        name, value = row[f"Attribute {n} name"].strip(), row[f"Attribute {n} value(s)"].strip()
        if value and not name:
            row.refuse(f"Attribute {n} value(s)", "its attribute has no name")
        elif name in options:
            row.refuse(f"Attribute {n} name", "this attribute stands twice")
        elif value:
            options[name] = value.replace("\\,", ",")
    return options


@lru_cache(maxsize=256)
def _numbers(columns: Sequence[str]) -> Sequence[int]:
    return sorted({int(found[1]) for name in columns if (found := _ATTRIBUTE.fullmatch(name))})


def _word(row: Cells, name: str, known: Mapping[str, Any], reason: str) -> Any:
    word = row[name].strip().casefold()
    if word not in known:
        row.refuse(name, reason)
    return known.get(word, known[""])


def _listed(cell: str) -> list[str]:
    return [word for part in _COMMA.split(cell) if (word := part.replace("\\,", ",").strip())]


def _urls(cell: str) -> list[str]:
    """Addresses between commas; a comma inside an address is followed by neither a space nor another address."""
    parts = _BETWEEN_URLS.split(cell) if "://" in cell else cell.split(",")
    return [url for part in parts if (url := part.strip())]


# --- how it is spelled ---------------------------------------------------------------------------------------------
_USUAL = {"Is featured?": "0", "Visibility in catalog": "visible", "Sold individually?": "0", "Position": "0"}


def fields_of(column: str) -> Sequence[str]:
    """The fields that a column says something of."""
    if column.startswith("Weight ("):
        return ("weight_grams",)
    return ("options",) if column.startswith("Attribute ") else _FIELDS_OF.get(column, ())


def spelled_product(product: Mapping[str, Any], number: str) -> dict[str, str]:
    """The cells of a product's row that are the product's own. Without an ID (`number`), a SKU is for variations to name."""
    handle = product.get("handle") or ""
    description = product.get("description") or ""
    return {
        **_USUAL,
        "Type": "variable",
        "Tax status": "taxable",
        "In stock?": "1",
        "Backorders allowed?": "0",
        "Allow customer reviews?": "1",
        "SKU": f"{handle}-parent" if handle and not number else "",
        "Name": product.get("title") or "",
        "Published": _PUBLISHED[product.get("status") or "active"],
        "Description": _BREAK.sub(lambda found: "\\n" if found[0] == "\n" else "\\\\n", description),
        "Categories": _joined([product["category"]] if product.get("category") else []),
        "Tags": _joined(product.get("tags") or []),
        "Images": ", ".join(product.get("image_urls") or []),
        "Brands": _joined([product["brand"]] if product.get("brand") else []),
        HANDLE: handle,
    }


def spelled_variant(variant: Mapping[str, Any], kind: str, weight: str) -> dict[str, str]:
    """The cells of what is sold; `weight` is the column, and so the unit, of its weight."""
    said = {**VARIANT_DEFAULTS, **variant}
    on_sale = said["compare_at_price"] is not None
    units = str(said.get("quantity") or 0) if said["tracked"] else ""
    grams = said["weight_grams"]
    return {
        "Type": kind if said["requires_shipping"] else f"{kind}, virtual",
        "SKU": said.get("sku") or "",
        GTIN: said["barcode"] or "",
        "Tax status": "taxable" if said["taxable"] else "none",
        "In stock?": "1" if units != "0" else "backorder" if said["backorder_limit"] else "0",
        "Stock": units,
        "Low stock amount": "" if said["low_stock"] is None else str(said["low_stock"]),
        "Backorders allowed?": "1" if said["backorder_limit"] else "0",
        weight: _decimal(Decimal(grams) / WEIGHTS[weight]) if grams else "",
        "Sale price": said.get("price", "") if on_sale else "",
        "Regular price": said["compare_at_price"] if on_sale else said.get("price", ""),
    }


def spelled_variation(
    variant: Mapping[str, Any], product: Mapping[str, Any], parent: Mapping[str, str], weight: str
) -> dict[str, str]:
    """The cells of a variation's row, below those of its parent."""
    options: Mapping[str, str] = variant.get("options") or {}
    attributes = [
        (f"Attribute {n} {part}", cell)
        for n, (name, value) in enumerate(options.items(), 1)
        for part, cell in (("name", name), ("value(s)", value.replace(",", "\\,")), ("global", "0"))
    ]
    return {
        **_USUAL,
        **spelled_variant(variant, "variation", weight),
        "Name": " - ".join(filter(None, [product.get("title") or "", ", ".join(options.values())])),
        "Published": "-1" if product.get("status") == "draft" else "1",
        "Allow customer reviews?": "0",
        "Images": ", ".join(variant.get("image_urls") or []),
        "Parent": parent.get("SKU") or f"id:{parent.get('ID', '')}",
        **dict(attributes),
    }


def attributes_for(variants: Sequence[Mapping[str, Any]], kept: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a variable product: those kept, with what its variants have beyond them."""
    cells = Cells({name: cell for name, cell in kept.items() if name.startswith("Attribute ")})
    slots = {cells[f"Attribute {n} name"].strip(): n for n in _numbers(tuple(cells))}
    for options in (variant.get("options") or {} for variant in variants):
        for name, value in options.items():
            if name not in slots:
                n = slots[name] = max(slots.values(), default=0) + 1
                cells |= {f"Attribute {n} name": name, f"Attribute {n} visible": "1", f"Attribute {n} global": "0"}
            column = f"Attribute {slots[name]} value(s)"
            values = _listed(cells[column])
            if value not in values:
                cells[column] = _joined([*values, value])
    return dict(cells)


def weight_column(*rows: Mapping[str, str]) -> str:
    """The weight column, and so the unit, that one of these rows fills; else the one in kilograms."""
    return next((name for row in rows for name in WEIGHTS if row.get(name)), "Weight (kg)")


def _joined(values: Sequence[str]) -> str:
    return ", ".join(value.replace(",", "\\,") for value in values)


def _decimal(value: Decimal) -> str:
    return format(value.quantize(Decimal("0.000001")).normalize(), "f")
