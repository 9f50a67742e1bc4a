"""BigCommerce's product CSV out: a row a product, and one below it for each variant where it has options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from shopctl.core.catalog import VARIANT_DEFAULTS
from shopctl.core.imports import extra
from shopctl.core.imports.kept import Cells, alike, harmless, restored
from shopctl.core.imports.platforms import bigcommerce as big
from shopctl.core.imports.rows import OPENING

HEADER = big.HEADER


def rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """The rows of a product, cells by column."""
    return map(harmless, _rows(product, variants))


def _rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[Cells]:
    kept = extra.of(product, big.FORMAT)
    spelled = spelled_product(product, product["handle"])
    if len(variants) == 1 and not variants[0]["options"]:
        yield restored(spelled | spelled_variant(variants[0]), kept, _of_product, big.fields_of)
        return
    if any(variant.get(OPENING) for variant in variants):
        kept = {name: cell for name, cell in kept.items() if name != "Track Inventory"}  # no longer one stock for all
    head = restored(spelled | spelled_for_skus(variants), kept, big.product_said, big.fields_of)
    yield head
    for variant in variants:
        own = extra.of(variant, big.FORMAT)
        yield restored(spelled_sku(variant, head), own, partial(big.variant_said, product=head), big.fields_of)


def _of_product(row: Cells) -> Mapping[str, Any]:
    return {**big.product_said(row), **big.variant_said(row)}


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
        "Product Tax Class": "Default Tax Class",
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
        "Product Tax Class": "Default Tax Class" if said["taxable"] else big.UNTAXED,
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
    own, base = big.price_said(Cells(cells)), big.price_said(product)
    if all(alike(own.get(name), base.get(name)) for name in ("price", "compare_at_price")):
        cells |= dict.fromkeys(big.MONEY, "")
    return cells | {name: "" for name in big.INHERITED if cells[name] == product[name]}


def _spelled_images(part: Mapping[str, Any]) -> dict[str, str]:
    return {f"Product Image File - {n}": url for n, url in enumerate(part.get("image_urls") or [], 1)}
