"""BigCommerce's product CSV out: a row a product, and one below it for each variant where it has options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from shopctl.core.imports import extra
from shopctl.core.imports.kept import Cells, harmless, restored
from shopctl.core.imports.platforms import bigcommerce as big
from shopctl.core.imports.rows import OPENING

HEADER = big.HEADER


def rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """The rows of a product, cells by column."""
    return map(harmless, _rows(product, variants))


def _rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[Cells]:
    kept = extra.of(product, big.FORMAT)
    spelled = big.spelled_product(product, product["handle"])
    if len(variants) == 1 and not variants[0]["options"]:
        yield restored(spelled | big.spelled_variant(variants[0]), kept, _of_product, big.fields_of)
        return
    if any(variant.get(OPENING) for variant in variants):
        kept = {name: cell for name, cell in kept.items() if name != "Track Inventory"}  # no longer one stock for all
    head = restored(spelled | big.spelled_for_skus(variants), kept, big.product_said, big.fields_of)
    yield head
    for variant in variants:
        own = extra.of(variant, big.FORMAT)
        yield restored(big.spelled_sku(variant, head), own, partial(big.variant_said, product=head), big.fields_of)


def _of_product(row: Cells) -> Mapping[str, Any]:
    return {**big.product_said(row), **big.variant_said(row)}
