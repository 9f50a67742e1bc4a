"""Reads of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core.db.tables import categories, products, stock_levels, variants, warehouses
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound
from shopctl.core.queries import near
from shopctl.core.queries.listing import Listing

_VARIANT = (
    sa.select(variants, products.c.handle, products.c.title, products.c.status)
    .join(products, products.c.id == variants.c.product_id)
    .where(variants.c.sku == sa.bindparam("sku"))
)


def find_variant(tx: UnitOfWork, sku: str) -> Row:
    """A variant with its product's handle, title and status, or NotFound(unknown_sku)."""
    row = tx.row(_VARIANT, {"sku": sku})
    if row is None:
        raise unknown_sku(tx, sku)
    return row


def unknown_sku(tx: UnitOfWork, sku: str) -> NotFound:
    hint = near.hint(tx, variants.c.sku, sku, otherwise="See `shopctl search` or `shopctl catalog list`.")
    return NotFound("unknown_sku", f"There is no SKU {sku!r}", hint=hint, sku=sku)


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that can be bought. `low_stock` is its own threshold; None: the shop's.

    `available` is what shoppers can have of what is on hand in active warehouses; None when it is not tracked.
    """

    sku: str
    options: Mapping[str, str]
    price: Money
    compare_at_price: Money | None
    currency: str
    barcode: str | None
    weight_grams: int
    image_urls: Sequence[str]
    taxable: bool
    requires_shipping: bool
    tracked: bool
    backorder_limit: int
    low_stock: int | None
    hold_at: str | None
    available: int | None


@dataclass(frozen=True, slots=True)
class Product:
    handle: str
    title: str
    description: str
    brand: str | None
    category: str | None
    tags: Sequence[str]
    status: str
    image_urls: Sequence[str]
    variants: Sequence[Variant]


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant as a line of the catalogue's list."""

    sku: str
    handle: str
    title: str
    options: Mapping[str, str]
    brand: str | None
    category: str | None
    status: str
    price: Money
    compare_at_price: Money | None
    currency: str
    available: int | None
    position: int


@dataclass(frozen=True, slots=True)
class Category:
    path: str
    products: int


v, p = variants.c, products.c
_here = stock_levels.c.quantity - stock_levels.c.safety_stock - stock_levels.c.reserved - stock_levels.c.committed
_free = (
    sa.select(sa.func.sum(_here).label("units"))
    .join_from(stock_levels, warehouses, warehouses.c.code == stock_levels.c.warehouse)
    .where(stock_levels.c.sku == v.sku, stock_levels.c.pool == "general", warehouses.c.active)
    .group_by(stock_levels.c.warehouse)
    .correlate(v.sku.table)
    .subquery()
).c.units
_available = sa.select(sa.func.coalesce(sa.func.sum(sa.case((_free > 0, _free), else_=0)), 0)).scalar_subquery()


def _build(_: UnitOfWork, rows: Sequence[Row]) -> list[VariantRow]:
    return [
        VariantRow(
            row.sku,
            row.handle,
            row.title,
            row.options,
            row.brand,
            row.path,
            row.status,
            Money(row.price, row.currency),
            None if row.compare_at_price is None else Money(row.compare_at_price, row.currency),
            row.currency,
            int(row.available) if row.tracked else None,
            row.position,
        )
        for row in rows
    ]


LIST: Listing[VariantRow] = Listing(
    sa.select(variants, p.handle, p.title, p.brand, p.status, categories.c.path, _available.label("available"))
    .join(products, p.id == v.product_id)
    .outerjoin(categories, categories.c.id == p.category_id)
    .where(p.handle > ""),  # all of them; a range keeps SQLite on the index of handles, and from sorting every variant
    {
        "sku": v.sku,
        "handle": p.handle,
        "title": p.title,
        "brand": p.brand,
        "category": categories.c.path,
        "status": p.status,
        "price": v.price,
        "options": v.options,
        "barcode": v.barcode,
        "tags": p.tags,
        "available": _available,
    },
    ("sku", "title"),
    (p.handle, v.position, v.sku),
    _build,
)


def for_sale() -> list[sa.ColumnElement[bool]]:
    """Conditions for a list of variants: what shoppers may see."""
    return [p.status == "active"]


def offered(tx: UnitOfWork, name: str) -> Product:
    """The same as `show`, for shoppers: what is not for sale is not there."""
    found = show(tx, name)
    if found.status != "active":
        raise unknown_product(name)
    return found


def unknown_product(name: str, hint: str | None = None) -> NotFound:
    return NotFound("unknown_product", f"There is no product or SKU {name!r}", hint=hint, name=name)


def show(tx: UnitOfWork, name: str) -> Product:
    """A product by its handle, or by the SKU of one of its variants."""
    row = tx.row(
        sa.select(products, categories.c.path)
        .outerjoin(categories, categories.c.id == p.category_id)
        .where(sa.or_(p.handle == name, p.id.in_(sa.select(v.product_id).where(v.sku == name))))
        .order_by(p.handle != name)
        .limit(1)
    )
    if row is None:
        hint = near.hint(tx, p.handle, name) or near.hint(tx, v.sku, name, otherwise="See `shopctl catalog list`.")
        raise unknown_product(name, hint)
    found = tx.rows(
        sa.select(variants, _available.label("available")).where(v.product_id == row.id).order_by(v.position, v.sku)
    )
    return Product(
        handle=row.handle,
        title=row.title,
        description=row.description,
        brand=row.brand,
        category=row.path,
        tags=row.tags,
        status=row.status,
        image_urls=row.image_urls,
        variants=[_variant(line) for line in found],
    )


_directly_in = sa.func.count(p.id)
CATEGORIES: Listing[Category] = Listing(
    sa.select(categories.c.path, _directly_in.label("products"))
    .outerjoin(products, p.category_id == categories.c.id)
    .group_by(categories.c.path),
    {"path": categories.c.path, "products": _directly_in},
    ("path",),
    (categories.c.path,),
    lambda _, rows: [Category(*row) for row in rows],
    sums=frozenset({"products"}),
)
"""The tree, a path a row, with the products directly in each category."""


def _variant(row: Row) -> Variant:
    return Variant(
        sku=row.sku,
        options=row.options,
        price=Money(row.price, row.currency),
        compare_at_price=None if row.compare_at_price is None else Money(row.compare_at_price, row.currency),
        currency=row.currency,
        barcode=row.barcode,
        weight_grams=row.weight_grams,
        image_urls=row.image_urls,
        taxable=row.taxable,
        requires_shipping=row.requires_shipping,
        tracked=row.tracked,
        backorder_limit=row.backorder_limit,
        low_stock=row.low_stock,
        hold_at=row.hold_at,
        available=int(row.available) if row.tracked else None,
    )
