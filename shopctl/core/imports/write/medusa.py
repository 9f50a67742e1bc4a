"""Medusa's product CSV out: a row a variant, each with its product's cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from shopctl.core.imports import extra
from shopctl.core.imports.kept import harmless, restored
from shopctl.core.imports.platforms import medusa

HEADER = medusa.HEADER


def rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """The rows of a product, cells by column."""
    kept = extra.of(product, medusa.FORMAT)
    head = restored(medusa.spelled_product(product), kept, medusa.product_said, medusa.fields_of)
    for variant in variants:
        spelled = head | medusa.spelled_variant(variant, variant["currency"])
        said = partial(medusa.variant_said, currency=variant["currency"])
        yield harmless(restored(spelled, extra.of(variant, medusa.FORMAT), said, medusa.fields_of))
