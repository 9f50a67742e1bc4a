"""WooCommerce's product CSV out: a row a product, and one below it for each variation of a variable one.

What is spelled here in some way is what reading does not need to keep; see kept.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from shopctl.core.catalog import VARIANT_DEFAULTS
from shopctl.core.imports import extra
from shopctl.core.imports.kept import Cells, harmless, restored
from shopctl.core.imports.platforms import woocommerce as woo

HEADER = woo.HEADER
_PUBLISHED = {"active": "1", "archived": "0", "draft": "-1"}
_BREAK = re.compile(r"\\n|(?<!\\)\n")
_USUAL = {"Is featured?": "0", "Visibility in catalog": "visible", "Sold individually?": "0", "Position": "0"}


def rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """The rows of a product, cells by column."""
    return map(harmless, _rows(product, variants))


def _rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[Cells]:
    kept = extra.of(product, woo.FORMAT)
    cells = spelled_product(product, kept.get("ID", ""))
    if _is_simple(kept, variants):
        cells |= spelled_variant(variants[0], "simple", weight_column(kept))
        yield restored(cells, kept, _of_simple, woo.fields_of)
        return
    own = {name: cell for name, cell in kept.items() if not name.startswith("Attribute ")}
    parent = restored(cells, own | attributes_for(variants, kept), _of_parent, woo.fields_of)
    yield parent
    for variant in variants:
        own = extra.of(variant, woo.FORMAT)
        spelled = spelled_variation(variant, product, parent, weight_column(own, parent))
        yield restored(spelled, own, lambda row: woo.variant_said(row, parent), woo.fields_of)


def _is_simple(kept: Mapping[str, str], variants: Sequence[Mapping[str, Any]]) -> bool:
    return len(variants) == 1 and not variants[0]["options"] and not kept.get("Type", "").startswith("variable")


def _of_simple(row: Cells) -> Mapping[str, Any]:
    return {"kind": woo.kind_of(row), **woo.product_said(row), **woo.variant_said(row)}


def _of_parent(row: Cells) -> Mapping[str, Any]:
    return {"kind": woo.kind_of(row), **woo.product_said(row)}


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
        woo.HANDLE: handle,
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
        woo.GTIN: said["barcode"] or "",
        "Tax status": "taxable" if said["taxable"] else "none",
        "In stock?": "1" if units != "0" else "backorder" if said["backorder_limit"] else "0",
        "Stock": units,
        "Low stock amount": "" if said["low_stock"] is None else str(said["low_stock"]),
        "Backorders allowed?": "1" if said["backorder_limit"] else "0",
        weight: _decimal(Decimal(grams) / woo.WEIGHTS[weight]) if grams else "",
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
    slots = {cells[f"Attribute {n} name"].strip(): n for n in woo.attribute_numbers(tuple(cells))}
    for options in (variant.get("options") or {} for variant in variants):
        for name, value in options.items():
            if name not in slots:
                n = slots[name] = max(slots.values(), default=0) + 1
                cells |= {f"Attribute {n} name": name, f"Attribute {n} visible": "1", f"Attribute {n} global": "0"}
            column = f"Attribute {slots[name]} value(s)"
            values = woo.listed(cells[column])
            if value not in values:
                cells[column] = _joined([*values, value])
    return dict(cells)


def weight_column(*rows: Mapping[str, str]) -> str:
    """The weight column, and so the unit, that one of these rows fills; else the one in kilograms."""
    return next((name for row in rows for name in woo.WEIGHTS if row.get(name)), "Weight (kg)")


def _joined(values: Sequence[str]) -> str:
    return ", ".join(value.replace(",", "\\,") for value in values)


def _decimal(value: Decimal) -> str:
    return format(value.quantize(Decimal("0.000001")).normalize(), "f")
