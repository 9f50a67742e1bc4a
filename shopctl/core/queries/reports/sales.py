"""Sales: of orders that stand (confirmed, shipped, delivered), on the day on which they were placed.

A cancelled order is no sale. What was given back of one that stands is in its refunds, whenever that was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import types
from shopctl.core.db.tables import categories, customers, order_lines, orders, products, refunds, variants
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.domain.money import Money
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.reports.figures import Span, built, listing, local_day, named, total


@dataclass(frozen=True, slots=True)
class Sales:
    """Sums over orders: total = gross − discount + shipping + tax − tax_included; net = total − refunds, whenever made."""

    orders: int
    units: int
    gross: Money
    discount: Money
    shipping: Money
    tax: Money
    tax_included: Money
    total: Money
    refunds: Money
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
    refunds: Money
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
    refunds: Money
    net: Money
    currency: str


@dataclass(frozen=True, slots=True)
class ProductSales:
    """Sums over lines; `product` is the handle, or the SKU as it was sold when the catalogue has it no more."""

    product: str
    title: str
    orders: int
    units: int
    gross: Money
    tax: Money
    currency: str


@dataclass(frozen=True, slots=True)
class CategorySales:
    category: str | None
    orders: int
    units: int
    gross: Money
    tax: Money
    currency: str


SALES = ("day", "product", "category", "customer")
o, line = orders.c, order_lines.c
_given_back = (
    sa.select(refunds.c.order_id, sa.func.sum(refunds.c.amount).label("amount"))
    .where(refunds.c.state == "succeeded")
    .group_by(refunds.c.order_id)
    .subquery()
)
_units = sa.select(sa.func.sum(line.quantity)).where(line.order_id == o.id).scalar_subquery()
_of_order = orders.outerjoin(_given_back, _given_back.c.order_id == o.id)
_of_line = (
    order_lines.join(orders, o.id == line.order_id)
    .outerjoin(variants, variants.c.sku == line.sku)
    .outerjoin(products, products.c.id == variants.c.product_id)
    .outerjoin(categories, categories.c.id == products.c.category_id)
)


def _money(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return total(value, types.Money)


def _order_sums() -> dict[str, sa.ColumnElement[Any]]:
    returned = sa.func.coalesce(_given_back.c.amount, 0)
    sums = {"orders": sa.func.count(), "units": total(_units), "gross": _money(o.subtotal)}
    sums |= {name: _money(o[name]) for name in ("discount", "shipping", "tax", "tax_included", "total")}
    return sums | {"refunds": _money(returned), "net": _money(o.total - returned)}


def _line_sums() -> dict[str, sa.ColumnElement[Any]]:
    counted = sa.func.count(sa.distinct(line.order_id))
    sums = {"orders": counted, "units": total(line.quantity), "gross": _money(line.total_price)}
    return sums | {"tax": _money(line.tax)}


def _standing(when: Span) -> tuple[sa.ColumnElement[bool], ...]:
    return o.status.in_(PAID_ORDERS), o.created_at >= when.start, o.created_at < when.end


def sales(tx: UnitOfWork, by: str, when: Span) -> Listing[Any]:
    """Sales by one of SALES. Discounts, shipping and refunds are an order's, so only days and customers have them."""
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
        return listing(ProductSales, grouped, "-gross")
    path = categories.c.path.label("category")
    grouped = sa.select(path, *named(_line_sums())).select_from(_of_line).where(*stand).group_by(path)
    return listing(CategorySales, grouped, "-gross")


def sales_in_all(tx: UnitOfWork, when: Span) -> Sales:
    """The sums over all orders of the span."""
    row = tx.rows(sa.select(*named(_order_sums())).select_from(_of_order).where(*_standing(when)))[0]
    return built(Sales, tx, row)
