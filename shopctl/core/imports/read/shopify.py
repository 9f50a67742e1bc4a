"""Shopify's classic product CSV."""

from __future__ import annotations

from collections.abc import Sequence

from shopctl.core.imports.platforms.shopify import CLASSIC, OF_IMAGE, OF_VARIANT
from shopctl.core.imports.read import shopify_rows
from shopctl.core.imports.rows import Source
from shopctl.core.imports.table import Table

_ITS_OWN = frozenset(
    CLASSIC.columns[role].casefold() for role in ("description", "option1 value", *OF_VARIANT, *OF_IMAGE)
)


def fits(names: Sequence[str]) -> bool:
    """Whether a header (folded names) is Shopify's classic one."""
    return "handle" in names and not _ITS_OWN.isdisjoint(names)


def read(table: Table) -> Source:
    """The products of a classic Shopify file, read as they are asked for. BadInput without a Handle column."""
    return shopify_rows.read(table, CLASSIC)
