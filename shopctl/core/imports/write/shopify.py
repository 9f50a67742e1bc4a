"""Shopify's product CSV out, in the classic layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shopctl.core.imports.platforms.shopify import CLASSIC
from shopctl.core.imports.write import shopify_rows

HEADER = CLASSIC.header


def rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    return shopify_rows.rows(CLASSIC, product, variants)
