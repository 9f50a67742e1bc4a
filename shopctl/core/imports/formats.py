"""The product formats by name, and what each is. Light, so that help texts and completion can name them.

A format has a module in `read/` (listed in sniff.py) and one in `write/` (listed in export.py).
"""

from __future__ import annotations

from collections.abc import Mapping

OWN: Mapping[str, str] = {"jsonl": "shopctl's own JSONL", "csv": "shopctl's own CSV"}
PLATFORMS: Mapping[str, str] = {
    "shopify": "Shopify's classic product CSV",
    "shopify-2024": "Shopify's product CSV since 2024",
    "square": "Square's item library",
    "woocommerce": "WooCommerce's product CSV",
    "medusa": "Medusa's product CSV",
    "bigcommerce": "BigCommerce's product CSV",
}
FORMATS: Mapping[str, str] = {**OWN, **PLATFORMS}

NAMES = ", ".join(FORMATS)
