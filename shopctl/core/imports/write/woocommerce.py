"""WooCommerce's product CSV out: a row a product, and one below it for each variation of a variable one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shopctl.core.imports import extra
from shopctl.core.imports.kept import Cells, harmless, restored
from shopctl.core.imports.platforms import woocommerce as woo

HEADER = woo.HEADER


def rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """The rows of a product, cells by column."""
    return map(harmless, _rows(product, variants))


def _rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[Cells]:
    kept = extra.of(product, woo.FORMAT)
    cells = woo.spelled_product(product, kept.get("ID", ""))
    if _is_simple(kept, variants):
        cells |= woo.spelled_variant(variants[0], "simple", woo.weight_column(kept))
        yield restored(cells, kept, _of_simple, woo.fields_of)
        return
    own = {name: cell for name, cell in kept.items() if not name.startswith("Attribute ")}
    parent = restored(cells, own | woo.attributes_for(variants, kept), _of_parent, woo.fields_of)
    yield parent
    for variant in variants:
        own = extra.of(variant, woo.FORMAT)
        spelled = woo.spelled_variation(variant, product, parent, woo.weight_column(own, parent))
        yield restored(spelled, own, lambda row: woo.variant_said(row, parent), woo.fields_of)


def _is_simple(kept: Mapping[str, str], variants: Sequence[Mapping[str, Any]]) -> bool:
    return len(variants) == 1 and not variants[0]["options"] and not kept.get("Type", "").startswith("variable")


def _of_simple(row: Cells) -> Mapping[str, Any]:
    return {"kind": woo.kind_of(row), **woo.product_said(row), **woo.variant_said(row)}


def _of_parent(row: Cells) -> Mapping[str, Any]:
    return {"kind": woo.kind_of(row), **woo.product_said(row)}
