"""Stock out, losslessly: what comes out goes in again and changes nothing. Formats: `write/inventory.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from shopctl.core.db.tables import products, stock_levels, variants
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import BadInput
from shopctl.core.imports.places import Places
from shopctl.core.imports.read.inventory import is_place
from shopctl.core.imports.write.inventory import WRITERS, Level, Stocked, Writer
from shopctl.core.queries.warehouses import in_order
from shopctl.core.shop import Shop
from shopctl.core.stock import GENERAL

PAGE = 200
"""Products of one page."""


def export_stock(shop: Shop, format: str = "csv") -> Iterator[str]:
    """All stock as text in one of the formats, one snapshot, a page at a time. BadInput for another format."""
    if format not in WRITERS:
        raise BadInput("unknown_format", f"{format!r} is no stock format", hint=f"Formats: {', '.join(WRITERS)}.")
    return _lines(shop, WRITERS[format])


def _lines(shop: Shop, write: Writer) -> Iterator[str]:
    with shop.read() as tx:
        yield from write(_stocked(tx), _names(tx))


def _names(tx: UnitOfWork) -> dict[str, str]:
    """What each warehouse is called in a file: its name, where an import takes that for this warehouse, else its code."""
    places = Places.of(tx)
    return {
        row.code: row.name if is_place(row.name) and places.code_of(row.name) == row.code else row.code
        for row in in_order(tx)
    }


def _stocked(tx: UnitOfWork) -> Iterator[Stocked]:
    handle = products.c.handle
    page = (
        sa.select(products.c.id, products.c.handle, products.c.title)
        .where(handle > sa.bindparam("last"))
        .order_by(handle)
        .limit(PAGE)
    )
    last = ""
    while rows := tx.rows(page, {"last": last}):
        of_page = tx.rows(_VARIANTS, {"ids": [row.id for row in rows]})
        levels = _levels(tx, [row.sku for row in of_page])
        of_product: dict[str, list[Row]] = {}
        for row in of_page:
            of_product.setdefault(row.product_id, []).append(row)
        for product in rows:
            for row in of_product.get(product.id, ()):
                yield Stocked(row.sku, product.handle, product.title, row.options, levels.get(row.sku, {}))
        last = rows[-1].handle


_VARIANTS = (
    sa.select(variants.c.product_id, variants.c.sku, variants.c.options)
    .where(variants.c.product_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(variants.c.product_id, variants.c.position, variants.c.sku)
)
_CHUNK = 500


def _levels(tx: UnitOfWork, skus: Sequence[str]) -> dict[str, dict[str, Level]]:
    c = stock_levels.c
    found: dict[str, dict[str, Level]] = {}
    for start in range(0, len(skus), _CHUNK):
        units = (sa.func.sum(counter) for counter in (c.quantity, c.reserved, c.committed, c.safety_stock))
        some = sa.select(c.sku, c.warehouse, *units).where(c.sku.in_(skus[start : start + _CHUNK]), c.pool == GENERAL)
        for row in tx.rows(some.group_by(c.sku, c.warehouse)):
            found.setdefault(row.sku, {})[row.warehouse] = Level(*map(int, row[2:]))
    return found
