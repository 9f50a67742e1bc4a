"""Medusa's product CSV out: a row a variant, each with its product's cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from shopctl.core.catalog import VARIANT_DEFAULTS
from shopctl.core.imports import extra
from shopctl.core.imports.kept import harmless, restored
from shopctl.core.imports.platforms import medusa

HEADER = medusa.HEADER
_STATUS = {"active": "published", "draft": "draft", "archived": "rejected"}


def rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """The rows of a product, cells by column."""
    kept = extra.of(product, medusa.FORMAT)
    head = restored(spelled_product(product), kept, medusa.product_said, medusa.fields_of)
    for variant in variants:
        spelled = head | spelled_variant(variant, variant["currency"])
        said = partial(medusa.variant_said, currency=variant["currency"])
        yield harmless(restored(spelled, extra.of(variant, medusa.FORMAT), said, medusa.fields_of))


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
        medusa.price_column(currency): said.get("price", ""),
        **{f"Variant Image {n}": url for n, url in enumerate(said["image_urls"], 1)},
        **{
            f"Variant Option {n} {part}": cell
            for n, option in enumerate((options or medusa.NO_OPTIONS).items(), 1)
            for part, cell in zip(("Name", "Value"), option, strict=True)
        },
    }
