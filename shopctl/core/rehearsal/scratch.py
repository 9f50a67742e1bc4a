"""A scratch store: of a real shop what the sale of one SKU needs, with other stock. It is a test store with an id of its own.

Its product with all variants, the categories, warehouses, tax and shipping rates and the shop's own facts are copied in one
snapshot; orders, customers and the rest of the catalogue are not, so that it is made as fast for a million products.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.core import sales, stock
from shopctl.core.db import beside, making
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import (
    categories,
    products,
    settings,
    shipping_rates,
    stock_levels,
    tax_rates,
    variants,
    warehouses,
)
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import money
from shopctl.core.errors import Refused
from shopctl.core.moving import rows
from shopctl.core.queries.catalog import find_variant
from shopctl.core.sales import Item, Terms
from shopctl.core.shop import Shop

NAME = "rehearsal"
"""Of the sale in it."""
_WHOLE = (categories, warehouses, tax_rates, shipping_rates)
v, c = variants.c, stock_levels.c


@dataclass(frozen=True, slots=True)
class Scratch:
    """A store that was made, and what is sold in it: `units` by warehouse. `since` is when the shop was looked at."""

    url: str
    sku: str
    title: str
    units: tuple[tuple[str, int], ...]
    since: datetime


def make(shop: Shop, *, units: int, place: Path, sku: str | None = None, url: str | None = None) -> Scratch:
    """Make it at `url`, an empty store of either kind, or as an SQLite file in `place`. Its stock is still to be received.

    Errors: no_products, unknown_sku, not_tracked, not_for_sale, store_exists.
    """
    target = url or f"sqlite:///{place / 'shop.db'}"
    with making.new_store(stores.parse_url(target)) as group, shop.read() as tx:
        variant = find_variant(tx, sku or _best_stocked(tx))
        _must_be_sold(variant)
        rows.write(group.connection, _rows(tx, variant))
        return Scratch(
            target, variant.sku, variant.title, _spread(tx, variant.sku, units), tx.now.replace(microsecond=0)
        )


@contextmanager
def store_beside(shop: Shop, place: Path, *, keep: bool) -> Iterator[str]:
    """Where a scratch store can be made that is of the shop's own kind: in `place`, or on its server."""
    if shop.engine.dialect.name == "sqlite":
        yield f"sqlite:///{place / 'shop.db'}"
        return
    with beside.database(shop.engine, "shopctl_rehearsal", keep=keep) as url:
        yield url


def furnish(shop: Shop, scratch: Scratch, terms: Terms) -> None:
    """Receive the stock into a scratch store that is open, and plan a sale of all of it."""
    levels = [(scratch.sku, place, units) for place, units in scratch.units]
    allotment = stock.receive_all(shop, rows=levels, reason="rehearsal")
    sales.create(shop, name=NAME, items=[Item(scratch.sku, allotment)], terms=terms)


def _best_stocked(tx: UnitOfWork) -> str:
    """The active SKU of which there is most to be had."""
    available = sa.func.coalesce(sa.func.sum(c.quantity - c.reserved - c.committed), 0)
    found = tx.row(
        sa.select(v.sku)
        .join(products, products.c.id == v.product_id)
        .outerjoin(stock_levels, sa.and_(c.sku == v.sku, c.pool == "general"))
        .where(products.c.status == "active", v.tracked)
        .group_by(v.sku)
        .order_by(available.desc(), v.sku)
        .limit(1)
    )
    if found is None:
        raise Refused(
            "no_products",
            "The shop has no active product whose stock is tracked: there is nothing to rehearse a sale of",
            hint="Add one with `shopctl catalog add`, or look at a demo: `shopctl demo`.",
        )
    return str(found.sku)


def _must_be_sold(variant: Row) -> None:
    if variant.status != "active":
        raise Refused("not_for_sale", f"{variant.sku} is {variant.status} and cannot be bought", sku=variant.sku)
    if not variant.tracked:
        raise Refused("not_tracked", f"The stock of {variant.sku} is not tracked: there is nothing to set aside")


def _rows(tx: UnitOfWork, variant: Row) -> Iterator[tuple[sa.Table, rows.Values]]:
    """What of the shop is copied, in the order in which rows refer to each other."""
    facts = replace(tx.facts, id=new_id(), test_store=True)
    for key, value in asdict(facts).items():
        if value is not None:
            yield settings, {"key": key, "value": value, "updated_at": tx.now}
    for table in _WHOLE:
        yield from _read(tx, table, sa.true())
    yield from _read(tx, products, products.c.id == variant.product_id)
    yield from _read(tx, variants, v.product_id == variant.product_id)


def _read(tx: UnitOfWork, table: sa.Table, where: sa.ColumnElement[bool]) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    for row in tx.rows(sa.select(table).where(where).order_by(*table.primary_key)):
        yield table, dict(row._mapping)


def _spread(tx: UnitOfWork, sku: str, total: int) -> tuple[tuple[str, int], ...]:
    """The units as the shop's own lie: by active warehouse in proportion, all in the first where there are none."""
    w = warehouses.c
    free = sa.func.coalesce(sa.func.sum(c.quantity - c.reserved - c.committed), 0)
    places = tx.rows(
        sa.select(w.code, free.label("free"))
        .outerjoin(stock_levels, sa.and_(c.warehouse == w.code, c.sku == sku, c.pool == "general"))
        .where(w.active)
        .group_by(w.code, w.priority)
        .order_by(w.priority, w.code)
    )
    parts = money.allocate(total, [max(0, int(place.free)) for place in places])
    return tuple((place.code, units) for place, units in zip(places, parts, strict=True) if units)
