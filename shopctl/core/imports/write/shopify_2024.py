"""Shopify's product CSV out, in the layout since 2024."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shopctl.core.imports.platforms.shopify import SINCE_2024
from shopctl.core.imports.write import shopify_rows

HEADER = SINCE_2024.header


def rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    return shopify_rows.rows(SINCE_2024, product, variants)
