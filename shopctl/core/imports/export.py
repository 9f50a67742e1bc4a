"""Products out, by handle, losslessly: what comes out goes in again and changes nothing. Formats: `write/`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from shopctl.core.db.tables import categories, products, stock_levels, variants
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import format_amount
from shopctl.core.errors import BadInput
from shopctl.core.imports import formats
from shopctl.core.imports.cells import csv_cell
from shopctl.core.imports.rows import OPENING, PRODUCT_FIELDS, VARIANT_FIELDS, Exported
from shopctl.core.imports.write import bigcommerce, jsonl, medusa, own_csv, shopify, shopify_2024, square, woocommerce
from shopctl.core.shop import Shop

PAGE = 500


class Platform(Protocol):
    """Another platform's CSV: a module of `write/`."""

    @property
    def HEADER(self) -> Sequence[str]:
        """The platform's own columns. Those that occur besides them come after."""

    def rows(self, product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]], /) -> Iterator[Mapping[str, str]]:
        """The rows of a product, cells by column; what is missing is blank. A variant says what is on hand, if stock
        knows it: "quantity".
        """


_OWN: Mapping[str, Callable[[Iterator[Exported]], Iterator[str]]] = {"jsonl": jsonl.write, "csv": own_csv.write}
_PLATFORMS: Mapping[str, Platform] = {
    "shopify": shopify,
    "shopify-2024": shopify_2024,
    "square": square,
    "woocommerce": woocommerce,
    "medusa": medusa,
    "bigcommerce": bigcommerce,
}


def export_products(shop: Shop, format: str = "jsonl") -> Iterator[str]:
    """The whole catalogue as text in one of the formats, one snapshot, a page at a time. BadInput for another format."""
    if format not in formats.FORMATS:
        raise BadInput("unknown_format", f"{format!r} is no export format", hint=f"Formats: {formats.NAMES}.")
    return _lines(shop, format)


def _lines(shop: Shop, format: str) -> Iterator[str]:
    with shop.read() as tx:
        if format in _OWN:
            yield from _OWN[format](_products(tx, quantities=False))
        else:
            yield from _csv(tx, _PLATFORMS[format])


def _csv(tx: UnitOfWork, platform: Platform) -> Iterator[str]:
    """A first pass over the catalogue tells which columns there are, a second one writes them: no row is kept."""
    columns = dict.fromkeys(platform.HEADER)
    for product, its_variants in _products(tx, quantities=False):
        for row in platform.rows(product, its_variants):
            if not row.keys() <= columns.keys():
                columns |= dict.fromkeys(row)
    yield ",".join(map(csv_cell, columns)) + "\n"
    for product, its_variants in _products(tx, quantities=True):
        for row in platform.rows(product, its_variants):
            yield ",".join([csv_cell(row.get(name, "")) for name in columns]) + "\n"


def _products(tx: UnitOfWork, quantities: bool) -> Iterator[Exported]:
    handle = products.c.handle
    page = (
        sa.select(products, categories.c.path.label("category"))
        .outerjoin(categories, categories.c.id == products.c.category_id)
        .where(handle > sa.bindparam("last"))
        .order_by(handle)
        .limit(PAGE)
    )
    last = ""
    while rows := tx.rows(page, {"last": last}):
        of_page = _variants(tx, rows)
        if quantities:
            of_all = [variant for its_variants in of_page.values() for variant in its_variants]
            on_hand = _on_hand(tx, [variant["sku"] for variant in of_all])
            for variant in of_all:
                variant[OPENING] = on_hand.get(variant["sku"])
        for row in rows:
            yield _said(row, PRODUCT_FIELDS), of_page.get(row.id, [])
        last = rows[-1].handle


def _variants(tx: UnitOfWork, rows: Sequence[Row]) -> Mapping[str, list[dict[str, Any]]]:
    wanted = sa.select(variants).where(variants.c.product_id.in_([row.id for row in rows]))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in tx.rows(wanted.order_by(variants.c.product_id, variants.c.position)):
        said = _said(row, VARIANT_FIELDS)
        for name in ("price", "compare_at_price"):
            said[name] = None if said[name] is None else format_amount(said[name], row.currency)
        found.setdefault(row.product_id, []).append(said)
    return found


def _said(row: Row, names: Sequence[str]) -> dict[str, Any]:
    values = row._mapping
    return {name: values[name] for name in names if name != "extra" or values[name] is not None}


def _on_hand(tx: UnitOfWork, skus: Sequence[str]) -> Mapping[str, int]:
    """Units on hand by SKU, over all warehouses; a SKU without a level is not there."""
    units = sa.select(stock_levels.c.sku, sa.func.sum(stock_levels.c.quantity).label("units"))
    found = tx.rows(units.where(stock_levels.c.sku.in_(skus)).group_by(stock_levels.c.sku))
    return {row.sku: int(row.units) for row in found}
