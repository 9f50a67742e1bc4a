"""What the rows of a BigCommerce product file say, and how they are spelled.

A product is a row; where it has variants, each is a row of Item Type SKU below it, whose name holds its options:
"[S]Size=M[/S],[RT]Colour=Red[/RT]". What such a row leaves blank, it has from its product: price and stock tracking.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from shopctl.core.catalog import VARIANT_DEFAULTS
from shopctl.core.domain import text
from shopctl.core.imports import rows
from shopctl.core.imports.cells import plain_list
from shopctl.core.imports.kept import Cells, alike, number, whole

FORMAT = "bigcommerce"
HEADER = (
    *("Item Type", "Product ID", "Product Name", "Product Type", "Product Code/SKU", "Bin Picking Number"),
    *("Brand Name", "Option Set", "Option Set Align", "Product Description", "Price", "Cost Price", "Retail Price"),
    *("Sale Price", "Fixed Shipping Cost", "Free Shipping", "Product Warranty", "Product Weight", "Product Width"),
    *("Product Height", "Product Depth", "Allow Purchases?", "Product Visible?", "Product Availability"),
    *("Track Inventory", "Current Stock Level", "Low Stock Level", "Category", "Product Image ID - 1"),
    *("Product Image File - 1", "Product Image Description - 1", "Product Image Is Thumbnail - 1"),
    *("Product Image Sort - 1", "Search Keywords", "Page Title", "Meta Keywords", "Meta Description"),
    *("Product Condition", "Show Product Condition?", "Sort Order", "Product Tax Class", "Product UPC/EAN"),
    *("Stop Processing Rules", "Product URL", "Redirect Old URL?", "Global Trade Item Number"),
    "Manufacturer Part Number",
)
PRODUCT_COLUMNS = {
    "handle": "Product URL",
    "title": "Product Name",
    "description": "Product Description",
    "brand": "Brand Name",
    "category": "Category",
    "tags": "Search Keywords",
    "status": "Product Visible?",
    "image_urls": "Product Image File - 1",
}
VARIANT_COLUMNS = {
    "sku": "Product Code/SKU",
    "options": "Product Name",
    "price": "Price",
    "compare_at_price": "Retail Price",
    "barcode": "Product UPC/EAN",
    "image_urls": "Product Image File - 1",
    "taxable": "Product Tax Class",
    "requires_shipping": "Product Type",
    "tracked": "Track Inventory",
    "low_stock": "Low Stock Level",
    "quantity": "Current Stock Level",
}
_MONEY = ("Price", "Sale Price", "Retail Price")
_INHERITED = ("Product Type", "Track Inventory", "Product Tax Class")
_BARCODES = ("Product UPC/EAN", "Global Trade Item Number")
_FIELDS_OF = {
    **{column: (field,) for field, column in (*PRODUCT_COLUMNS.items(), *VARIANT_COLUMNS.items())},
    "Product Name": ("title", "options"),
    "Track Inventory": ("tracked", "quantity"),
    **dict.fromkeys(_MONEY, ("price", "compare_at_price")),
    **dict.fromkeys(_BARCODES, ("barcode",)),
    **dict.fromkeys(("Product Visible?", "Allow Purchases?"), ("status",)),
}
_STATUSES = {(True, True): "active", (False, True): "draft", (True, False): "draft", (False, False): "archived"}
_FLAGS = {"y": True, "yes": True, "true": True, "1": True, "n": False, "no": False, "false": False, "0": False}
_TRACKING = {"": False, "none": False, "by product": True, "by option": True}
_UNTAXED, _TAXED = "Non-Taxable Products", "Default Tax Class"
_OPTION = re.compile(r"\[([A-Z]{1,4})\]([^=\[\]]+)=(.*?)(?:\[/\1\]|(?=,?\s*\[[A-Z]{1,4}\])|$)")
_COLOURS = re.compile(r":#[0-9A-Fa-f]{6}(\|#[0-9A-Fa-f]{6})*$")
_SLASH = re.compile(r"(?<!\\)/")
_NUMBERED = re.compile(r"Product Image File - ([0-9]{1,4})")


# --- what cells say ------------------------------------------------------------------------------------------------
def kind_of(row: Cells) -> str:
    return row["Item Type"].strip().casefold()


def handle_of(row: Cells) -> str:
    """A handle for a product: its address in the shop, else made from its name."""
    start, host, rest = row["Product URL"].strip().partition("://")
    address = (rest.partition("/")[2] if host else start).strip("/")
    return rows.handle_of(text.slug(address) if "/" in address or len(address) > 80 else address, row["Product Name"])


def product_said(row: Cells) -> dict[str, Any]:
    """A product's own fields, as its row says them."""
    said: dict[str, Any] = {}
    for field in ("title", "description", "brand"):
        if PRODUCT_COLUMNS[field] in row:
            said[field] = row[PRODUCT_COLUMNS[field]]
    if "Category" in row:
        first = next(filter(None, (part.strip() for part in row["Category"].split(";"))), "")
        parts = [part.replace("\\/", "/").strip() for part in _SLASH.split(first.strip("/"))]
        said["category"] = " > ".join(parts) or None
    if "Search Keywords" in row:
        said["tags"] = plain_list(row["Search Keywords"])
    if "Product Visible?" in row or "Allow Purchases?" in row:
        said["status"] = _STATUSES[_flag(row, "Product Visible?"), _flag(row, "Allow Purchases?")]
    if images := _images(tuple(row)):
        said["image_urls"] = [url for name in images if (url := row[name].strip())]
    return said


def variant_said(row: Cells, product: Cells | None = None) -> dict[str, Any]:
    """What is sold, as the row of a product says it, or an SKU row below that of its product."""
    of = row if product is None else _with_inherited(row, product)
    said = _price(of)
    if "price" not in said and "Price" in row:
        row.refuse("Price", "a variant needs a price")
    if row["Product Code/SKU"].strip():
        said["sku"] = row["Product Code/SKU"].strip()
    if not row.keys().isdisjoint(_BARCODES):
        said["barcode"] = next((cell for name in _BARCODES if (cell := row[name].strip())), None)
    if "Product Tax Class" in row:
        said["taxable"] = of["Product Tax Class"].strip().casefold() != _UNTAXED.casefold()
    if "Product Type" in row:
        said["requires_shipping"] = not of["Product Type"].strip().casefold().startswith("d")
    if "Low Stock Level" in row:
        level = whole(row["Low Stock Level"])
        said["low_stock"] = level if level.strip("0") else None
    if "Track Inventory" in row:
        said |= _stock(of, shared=product is not None and shares_stock(row, product))
    return said | ({} if product is None else _of_sku_row(row))


def shares_stock(row: Cells, product: Cells) -> bool:
    """Whether a SKU row has no stock of its own, but its product's."""
    return _with_inherited(row, product)["Track Inventory"].strip().casefold() == "by product"


@lru_cache(maxsize=4096)
def options_in(name: str) -> Sequence[tuple[str, str]]:
    """The options that the name of a SKU row holds; the colours of a swatch are left out."""
    return [
        (found[2].strip(), _COLOURS.sub("", found[3].strip()) if found[1] == "CS" else found[3].strip())
        for found in _OPTION.finditer(name)
    ]


def _with_inherited(row: Cells, product: Cells) -> Cells:
    """A SKU row with what it leaves blank and has from its product; its problems are the row's."""
    names = [name for name in _INHERITED if not row[name].strip()]
    if not any(row[name].strip() for name in _MONEY):
        names += _MONEY
    cells = Cells({**row, **{name: product[name] for name in names if name in product}}, row.line)
    cells.problems = row.problems
    return cells


def _of_sku_row(row: Cells) -> dict[str, Any]:
    said: dict[str, Any] = {}
    options = options_in(row["Product Name"])
    if row["Product Name"].strip() and not options:
        row.refuse("Product Name", "names no option; write [S]Size=M[/S]")
    elif len(dict(options)) < len(options):
        row.refuse("Product Name", "names one option twice")
    elif not all(value for _, value in options):
        row.refuse("Product Name", "an option needs a value")
    elif options:
        said["options"] = dict(options)
    if images := _images(tuple(row)):
        said["image_urls"] = [url for name in images if (url := row[name].strip())]
    return said


def _price(row: Cells) -> dict[str, Any]:
    """Sale price before Price; the other of them, else the retail price, is what it is compared at. 0 is none."""
    price, sale, retail = (number(row[name]) for name in _MONEY)
    sale, retail = ("" if not cell.strip("0.") else cell for cell in (sale, retail))
    said: dict[str, Any] = {"price": sale or price} if sale or price else {}
    if "Sale Price" in row or "Retail Price" in row:
        said["compare_at_price"] = (price if sale else retail) or None
    return said


def _stock(row: Cells, *, shared: bool) -> dict[str, Any]:
    tracking = row["Track Inventory"].strip().casefold()
    if tracking not in _TRACKING:
        row.refuse("Track Inventory", "is none of none, by product, by option")
    units = "0" if shared else whole(row["Current Stock Level"])
    if not _TRACKING.get(tracking):
        return {"tracked": False}
    return {"tracked": True, "quantity": units} if units else {"tracked": True}


def _flag(row: Cells, name: str) -> bool:
    word = row[name].strip().casefold()
    if word and word not in _FLAGS:
        row.refuse(name, "is neither Y nor N")
    return _FLAGS.get(word, True)


@lru_cache(maxsize=256)
def _images(columns: Sequence[str]) -> Sequence[str]:
    found = [(int(of[1]), name) for name in columns if (of := _NUMBERED.fullmatch(name))]
    return [name for _, name in sorted(found)]


# --- how it is spelled ---------------------------------------------------------------------------------------------
def fields_of(column: str) -> Sequence[str]:
    """The fields that a column says something of."""
    if _NUMBERED.fullmatch(column):
        return ("image_urls",)
    return _FIELDS_OF.get(column, ())


def spelled_product(product: Mapping[str, Any], handle: str) -> dict[str, str]:
    """The cells of a product's row that are the product's own."""
    status = product.get("status") or "active"
    path = product.get("category") or ""
    return {
        "Item Type": "Product",
        "Product Name": product.get("title") or "",
        "Product Type": "P",
        "Brand Name": product.get("brand") or "",
        "Product Description": product.get("description") or "",
        "Allow Purchases?": "N" if status == "archived" else "Y",
        "Product Visible?": "Y" if status == "active" else "N",
        "Track Inventory": "none",
        "Category": "/".join(part.replace("/", "\\/") for part in path.split(" > ")),
        **_spelled_images(product),
        "Search Keywords": ", ".join(product.get("tags") or []),
        "Product Tax Class": _TAXED,
        "Product URL": f"/{handle}/" if handle else "",
    }


def spelled_variant(variant: Mapping[str, Any]) -> dict[str, str]:
    """The cells of what is sold, where a product's row says it."""
    said = {**VARIANT_DEFAULTS, **variant}
    on_sale = said["compare_at_price"] is not None
    return {
        "Product Type": "P" if said["requires_shipping"] else "D",
        "Product Code/SKU": said.get("sku") or "",
        "Price": said["compare_at_price"] if on_sale else said.get("price", ""),
        "Sale Price": said.get("price", "") if on_sale else "",
        "Product UPC/EAN": said["barcode"] or "",
        "Track Inventory": "by product" if said["tracked"] else "none",
        "Current Stock Level": str(said.get("quantity") or 0) if said["tracked"] else "",
        "Low Stock Level": "" if said["low_stock"] is None else str(said["low_stock"]),
        "Product Tax Class": _TAXED if said["taxable"] else _UNTAXED,
    }


def spelled_for_skus(variants: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The cells of a product's row that speak for all the SKU rows below it: those of the first, where they leave it."""
    first = spelled_variant(variants[0]) if variants else {}
    common = {
        name: first[name] for name in ("Price", "Sale Price", "Product Type", "Product Tax Class") if name in first
    }
    tracked = any(variant.get("tracked", True) for variant in variants)
    return common | {"Track Inventory": "by option" if tracked else "none"}


def spelled_sku(variant: Mapping[str, Any], product: Cells) -> dict[str, str]:
    """The cells of a SKU row: what it has from its product is blank."""
    options: Mapping[str, str] = variant.get("options") or {}
    cells = spelled_variant(variant) | {
        "Item Type": "SKU",
        "Product Name": ",".join(f"[S]{name}={value}[/S]" for name, value in options.items()),
        **_spelled_images(variant),
    }
    if cells["Track Inventory"] == "by product":
        cells["Track Inventory"] = "by option"
    own, base = _price(Cells(cells)), _price(product)
    if all(alike(own.get(name), base.get(name)) for name in ("price", "compare_at_price")):
        cells |= dict.fromkeys(_MONEY, "")
    return cells | {name: "" for name in _INHERITED if cells[name] == product[name]}


def _spelled_images(part: Mapping[str, Any]) -> dict[str, str]:
    return {f"Product Image File - {n}": url for n, url in enumerate(part.get("image_urls") or [], 1)}
