"""What goes with a product, by the shop's own orders: bought together, or, where they say too little, like it.

Cosine similarity: orders with both, over the root of orders with the one times orders with the other; so what is in every
order is not related to everything. Bounded at any number of orders: the latest ORDERS with the product are looked at, and
what another is in is counted up to COUNTED.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import order_lines, orders, products, variants
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.domain.money import Money
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.stock import can_be_had

ORDERS = 5_000
COUNTED = 10_000
CANDIDATES = 200
SUPPORT = 2
"""Fewer orders with both are chance."""


@dataclass(frozen=True, slots=True)
class Related:
    """A product by its variant that fits best. `reason`: together (bought in `orders` orders with it), category or brand."""

    sku: str
    handle: str
    title: str
    price: Money
    currency: str
    available: int | None
    reason: str
    orders: int
    score: float | None


def related(tx: UnitOfWork, sku: str, limit: int = 10) -> list[Related]:
    """Other products on sale, what can be had first, then the best first; at most `limit`, -1 for all there are.

    NotFound(unknown_sku).
    """
    product = tx.rows(
        sa.select(products)
        .join(variants, variants.c.product_id == products.c.id)
        .where(variants.c.id == find_variant(tx, sku).id)
    )[0]
    found = _together(tx, product.id)
    for reason, column in (("category", products.c.category_id), ("brand", products.c.brand)):
        value = getattr(product, column.name)
        known = {row.product_id for row, *_ in found} | {product.id}
        if value is not None and (limit < 0 or len(found) < limit):
            found += [(row, reason, 0, None) for row in _alike(tx, column == value) if row.product_id not in known]
    return _shown(tx, found, limit)


# --- how it works --------------------------------------------------------------------------------------------------
_Found = tuple[Row, str, int, float | None]
_v, _line = variants.c, order_lines.c
_FIELDS = (_v.sku, _v.product_id, _v.price, _v.currency, _v.tracked, products.c.handle, products.c.title)
_paid = orders.c.status.in_(PAID_ORDERS)


def _together(tx: UnitOfWork, product_id: str) -> list[_Found]:
    """What is in the orders that the product is in, the most similar first."""
    own = sa.select(_v.sku).where(_v.product_id == product_id)
    mine = (
        sa.select(_line.order_id)
        .join(orders, orders.c.id == _line.order_id)
        .where(_line.sku.in_(own), _paid)
        .distinct()
        .order_by(_line.order_id.desc())
        .limit(ORDERS)
        .cte("mine")
    )
    both = sa.func.count(sa.distinct(_line.order_id)).label("both")
    pairs = (
        sa.select(*_FIELDS, both)
        .select_from(mine)
        .join(order_lines, _line.order_id == mine.c.order_id)
        .join(variants, _v.sku == _line.sku)
        .join(products, products.c.id == _v.product_id)
        .where(products.c.id != product_id, products.c.status == "active")
        .group_by(_v.id, products.c.id)
        .having(both >= SUPPORT)
        .order_by(both.desc(), _v.sku)
        .limit(CANDIDATES)
        .cte("pairs")
    )
    some = sa.select(_line.order_id).where(_line.sku == pairs.c.sku).limit(COUNTED).correlate(pairs).subquery()
    seen = sa.select(sa.func.count()).select_from(some).scalar_subquery()
    whole = sa.select(sa.func.count()).select_from(mine).scalar_subquery()
    rows = tx.rows(sa.select(pairs, seen.label("seen"), whole.label("whole")))
    scored = [(row, "together", row.both, round(row.both / sqrt(row.seen * row.whole), 4)) for row in rows]
    return _first(sorted(scored, key=lambda found: (-found[3], found[0].sku)), lambda found: found[0].product_id)


def _alike(tx: UnitOfWork, like: sa.ColumnElement[bool]) -> Sequence[Row]:
    """The newest products that are like it, by their first variant."""
    newest = sa.select(*_FIELDS).join(products, products.c.id == _v.product_id)
    wanted = newest.where(like, products.c.status == "active", _v.position == 1)
    return tx.rows(wanted.order_by(products.c.created_at.desc(), products.c.id.desc()).limit(CANDIDATES))


def _shown(tx: UnitOfWork, found: Sequence[_Found], limit: int) -> list[Related]:
    units = can_be_had(tx, [row.sku for row, *_ in found if row.tracked]) if found else {}

    def sold_out(one: _Found) -> bool:
        return one[0].tracked and units.get(one[0].sku, 0) <= 0

    best = sorted(found, key=sold_out)  # a stable sort: within each half the order stays
    return [
        Related(
            sku=row.sku,
            handle=row.handle,
            title=row.title,
            price=Money(row.price, row.currency),
            currency=row.currency,
            available=units.get(row.sku, 0) if row.tracked else None,
            reason=reason,
            orders=both,
            score=score,
        )
        for row, reason, both, score in (best if limit < 0 else best[:limit])
    ]


def _first(found: Sequence[Any], key: Callable[[Any], object]) -> list[Any]:
    """The first of each key."""
    kept: dict[object, Any] = {}
    for one in found:
        kept.setdefault(key(one), one)
    return list(kept.values())
