"""Shopify's product CSV in the layout that its admin has since 2024."""

from __future__ import annotations

from collections.abc import Sequence

from shopctl.core.imports.platforms.shopify import SINCE_2024
from shopctl.core.imports.read import shopify_rows
from shopctl.core.imports.rows import Source
from shopctl.core.imports.table import Table


def fits(names: Sequence[str]) -> bool:
    """Whether a header (folded names) is Shopify's since 2024: no other has a URL handle."""
    return SINCE_2024.columns["handle"].casefold() in names


def read(table: Table) -> Source:
    """The products of such a file, read as they are asked for. BadInput without a URL handle column."""
    return shopify_rows.read(table, SINCE_2024)
