"""Stock in figures: what it is worth, how long it lasts, what does not sell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import types
from shopctl.core.db.tables import order_lines, orders, products, stock_levels, variants
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.domain.money import Money
from shopctl.core.errors import BadInput
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.reports.figures import DAYS, built, listing, total


@dataclass(frozen=True, slots=True)
class StockFigures:
    """A tracked SKU over all warehouses. `value` is quantity × price; `days_of_cover` how long what is available lasts if
    it goes on selling as in the last days (None: it does not sell). status: out, dead (none sold), low (by its threshold, or the shop's) or ok.
    """

    sku: str
    title: str
    status: str
    quantity: int
    available: int
    price: Money
    value: Money
    sold: int
    per_day: str
    days_of_cover: int | None
    currency: str


o, line = orders.c, order_lines.c
STOCK_STATUSES = ("out", "dead", "low", "ok")


def stock(tx: UnitOfWork, days: int = DAYS) -> Listing[StockFigures]:
    """The stock report; sales are of the last `days` times 24 hours."""
    if not 1 <= days <= 3660:
        raise BadInput("bad_days", f"The days to look back are 1 to 3660, not {days}", value=days)

    def build(tx: UnitOfWork, rows: Sequence[Row]) -> list[StockFigures]:
        return [
            built(StockFigures, tx, row, per_day=str((Decimal(int(row.sold)) / days).quantize(Decimal("0.01"))))
            for row in rows
        ]

    return listing(StockFigures, _stock(tx, days), "-value", build)


def stock_in_all(tx: UnitOfWork, days: int = DAYS) -> Mapping[str, Any]:
    """How many SKUs and units, what they are worth, and how many SKUs are in each status."""
    f = _stock(tx, days).subquery().c
    of_status = [sa.func.count().filter(f.status == word).label(word) for word in STOCK_STATUSES]
    sums = (total(f.quantity).label("units"), total(f.value, types.Money).label("value"))
    row = tx.rows(sa.select(sa.func.count().label("skus"), *sums, *of_status))[0]
    return {**row._mapping, "units": int(row.units), "value": Money(int(row.value), tx.facts.currency)}


def _stock(tx: UnitOfWork, days: int) -> sa.Select[Any]:
    since = tx.now - timedelta(days=days)
    s, v = stock_levels.c, variants.c
    sums = {
        "quantity": s.quantity,
        "available": s.quantity - s.reserved - s.committed,
        "kept": s.quantity - s.committed,
    }
    here = sa.select(s.sku, *(sa.func.sum(x).label(name) for name, x in sums.items())).group_by(s.sku).subquery()
    went = (
        sa.select(line.sku, sa.func.sum(line.quantity - line.cancelled - line.returned).label("units"))
        .join(orders, o.id == line.order_id)
        .where(o.status.in_(PAID_ORDERS), o.created_at >= since)
        .group_by(line.sku)
        .subquery()
    )
    quantity, available, kept, sold = (
        sa.type_coerce(sa.func.coalesce(column, 0), types.Count())
        for column in (here.c.quantity, here.c.available, here.c.kept, went.c.units)
    )
    status = sa.case(
        (kept <= 0, "out"),
        (sa.and_(sold == 0, v.created_at < since), "dead"),
        (kept <= sa.func.coalesce(v.low_stock, sa.literal(tx.facts.low_stock, types.Count())), "low"),
        else_="ok",
    )
    cover = sa.case((sold > 0, sa.cast(available * days, sa.BigInteger) // sa.cast(sold, sa.BigInteger)))
    return (
        sa.select(
            v.sku,
            products.c.title,
            status.label("status"),
            quantity.label("quantity"),
            available.label("available"),
            v.price,
            sa.type_coerce(quantity * v.price, types.Money()).label("value"),
            sold.label("sold"),
            cover.label("days_of_cover"),
        )
        .join(products, products.c.id == v.product_id)
        .outerjoin(here, here.c.sku == v.sku)
        .outerjoin(went, went.c.sku == v.sku)
        .where(v.tracked, products.c.status != "archived")
    )
