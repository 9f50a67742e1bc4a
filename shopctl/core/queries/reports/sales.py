"""Sales: of orders that stand (confirmed, shipped, delivered), on the day on which they were placed.

A cancelled order is no sale. What one that stands is not owed any more (cancelled units, returns, refunds) is credited,
whenever that was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import types
from shopctl.core.db.tables import categories, credit_lines, credits, customers, order_lines, orders, products, variants
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.domain.money import Money
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.reports.figures import Span, built, listing, local_day, named, total


@dataclass(frozen=True, slots=True)
class Sales:
    """Sums over orders: total = gross − discount + shipping + tax − tax_included; net = total − credited."""

    orders: int
    units: int
    gross: Money
    discount: Money
    shipping: Money
    tax: Money
    tax_included: Money
    total: Money
    credited: Money
    net: Money
    currency: str


@dataclass(frozen=True, slots=True)
class DaySales:
    day: str
    orders: int
    units: int
    gross: Money
    discount: Money
    shipping: Money
    tax: Money
    tax_included: Money
    total: Money
    credited: Money
    net: Money
    currency: str


@dataclass(frozen=True, slots=True)
class CustomerSales:
    customer: str
    orders: int
    units: int
    gross: Money
    discount: Money
    shipping: Money
    tax: Money
    tax_included: Money
    total: Money
    credited: Money
    net: Money
    currency: str


@dataclass(frozen=True, slots=True)
class ProductSales:
    """Sums over lines; `product` is the handle, or the SKU as it was sold when the catalogue has it no more.

    `credited` is the price of the units that are not owed any more, `units_credited`; net = gross − credited.
    """

    product: str
    title: str
    orders: int
    units: int
    units_credited: int
    gross: Money
    credited: Money
    net: Money
    tax: Money
    currency: str


@dataclass(frozen=True, slots=True)
class CategorySales:
    category: str | None
    orders: int
    units: int
    units_credited: int
    gross: Money
    credited: Money
    net: Money
    tax: Money
    currency: str


SALES = ("day", "product", "category", "customer")
o, line = orders.c, order_lines.c
_credited = (
    sa.select(credits.c.order_id, sa.func.sum(credits.c.total).label("amount")).group_by(credits.c.order_id).subquery()
)
_units_credited = (
    sa.select(credit_lines.c.order_line_id, sa.func.sum(credit_lines.c.quantity).label("units"))
    .group_by(credit_lines.c.order_line_id)
    .subquery()
)
_units = sa.select(sa.func.sum(line.quantity)).where(line.order_id == o.id).scalar_subquery()
_of_order = orders.outerjoin(_credited, _credited.c.order_id == o.id)
_of_line = (
    order_lines.join(orders, o.id == line.order_id)
    .outerjoin(_units_credited, _units_credited.c.order_line_id == line.id)
    .outerjoin(variants, variants.c.sku == line.sku)
    .outerjoin(products, products.c.id == variants.c.product_id)
    .outerjoin(categories, categories.c.id == products.c.category_id)
)


def _money(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return total(value, types.Money)


def _order_sums() -> dict[str, sa.ColumnElement[Any]]:
    credited = sa.func.coalesce(_credited.c.amount, 0)
    sums = {"orders": sa.func.count(), "units": total(_units), "gross": _money(o.subtotal)}
    sums |= {name: _money(o[name]) for name in ("discount", "shipping", "tax", "tax_included", "total")}
    return sums | {"credited": _money(credited), "net": _money(o.total - credited)}


def _line_sums() -> dict[str, sa.ColumnElement[Any]]:
    counted = sa.func.count(sa.distinct(line.order_id))
    back = sa.func.coalesce(_units_credited.c.units, 0)
    sums = {"orders": counted, "units": total(line.quantity), "units_credited": total(back)}
    sums |= {"gross": _money(line.total_price), "credited": _money(line.unit_price * back)}
    return sums | {"net": _money(line.total_price - line.unit_price * back), "tax": _money(line.tax)}


def _standing(when: Span) -> tuple[sa.ColumnElement[bool], ...]:
    return o.status.in_(PAID_ORDERS), o.created_at >= when.start, o.created_at < when.end


def sales(tx: UnitOfWork, by: str, when: Span) -> Listing[Any]:
    """Sales by one of SALES. Discounts, shipping and refunded amounts are an order's, so only days and customers have them."""
    stand = _standing(when)
    if by == "day":
        day = local_day(tx, o.created_at, when)
        grouped = sa.select(day, *named(_order_sums())).select_from(_of_order).where(*stand).group_by(day)
        return listing(DaySales, grouped, "day")
    if by == "customer":
        joined = _of_order.join(customers, customers.c.id == o.customer_id)
        email = customers.c.email.label("customer")
        grouped = sa.select(email, *named(_order_sums())).select_from(joined).where(*stand).group_by(email)
        return listing(CustomerSales, grouped, "-net")
    if by == "product":
        name = sa.func.coalesce(products.c.handle, line.sku).label("product")
        title = sa.func.max(sa.func.coalesce(products.c.title, line.product_name)).label("title")
        grouped = sa.select(name, title, *named(_line_sums())).select_from(_of_line).where(*stand).group_by(name)
        return listing(ProductSales, grouped, "-net")
    path = categories.c.path.label("category")
    grouped = sa.select(path, *named(_line_sums())).select_from(_of_line).where(*stand).group_by(path)
    return listing(CategorySales, grouped, "-net")


def sales_in_all(tx: UnitOfWork, when: Span) -> Sales:
    """The sums over all orders of the span."""
    row = tx.rows(sa.select(*named(_order_sums())).select_from(_of_order).where(*_standing(when)))[0]
    return built(Sales, tx, row)
