"""Reads of the catalogue."""

from __future__ import annotations

import sqlalchemy as sa

from shopctl.core.db.tables import products, variants
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import NotFound

_VARIANT = (
    sa.select(variants, products.c.handle, products.c.title, products.c.status)
    .join(products, products.c.id == variants.c.product_id)
    .where(variants.c.sku == sa.bindparam("sku"))
)


def find_variant(tx: UnitOfWork, sku: str) -> Row:
    """A variant with its product's handle, title and status, or NotFound(unknown_sku)."""
    row = tx.row(_VARIANT, {"sku": sku})
    if row is None:
        raise unknown_sku(sku)
    return row


def unknown_sku(sku: str) -> NotFound:
    return NotFound(
        "unknown_sku",
        f"There is no SKU {sku!r}",
        hint="See `shopctl search` or `shopctl catalog list`.",
        sku=sku,
    )
