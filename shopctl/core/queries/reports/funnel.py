"""The funnel: how far the carts made on a day have got, from what is recorded. Quotes are not: nothing records them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import cart_lines, carts, orders, payments
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.reports.figures import Span, listing, local_day, named, total

STAGES = ("carts", "checkouts", "paid", "shipped", "delivered")
c, o = carts.c, orders.c


@dataclass(frozen=True, slots=True)
class Funnel:
    """Carts by how far they have got. Each counts once, however often it was bought from; a merged one goes on in the other
    and is not counted. `declined` may have paid later; `abandoned` expired unpaid with something in them.
    """

    day: str
    carts: int
    checkouts: int
    declined: int
    paid: int
    shipped: int
    delivered: int
    abandoned: int
    open: int


def funnel(tx: UnitOfWork, when: Span) -> Listing[Funnel]:
    """The funnel by day."""
    day = local_day(tx, c.created_at, when)
    return listing(Funnel, _figures(when, day).group_by(day), "day")


def funnel_in_all(tx: UnitOfWork, when: Span) -> Mapping[str, int]:
    """The same over all days."""
    row = tx.rows(_figures(when))[0]
    return {name: int(value) for name, value in row._mapping.items()}


def _figures(when: Span, *key: sa.ColumnElement[Any]) -> sa.Select[Any]:
    far = _how_far(when)
    unpaid = sa.func.coalesce(far.c.paid, 0) == 0
    filled = sa.exists().where(cart_lines.c.cart_id == c.id)
    ended = {"abandoned": sa.and_(unpaid, c.state == "expired", filled), "open": sa.and_(unpaid, c.state == "open")}
    figures: dict[str, sa.ColumnElement[Any]] = {"carts": sa.func.count()}
    figures |= {column.name: total(column) for column in far.c if column is not far.c.cart_id}
    figures |= {name: total(sa.case((which, 1), else_=0)) for name, which in ended.items()}
    journeys = carts.outerjoin(far, far.c.cart_id == c.id)
    made = (c.created_at >= when.start, c.created_at < when.end, c.state != "merged")
    return sa.select(*key, *named(figures)).select_from(journeys).where(*made)


def _how_far(when: Span) -> sa.Subquery:
    """1 or 0 by cart for each thing that has happened to its orders; none of them is older than the cart."""
    declines = sa.select(payments.c.order_id).where(payments.c.state == "failed").distinct().subquery()
    reached: dict[str, sa.ColumnElement[bool]] = {
        "checkouts": o.id.is_not(None),
        "declined": declines.c.order_id.is_not(None),
        "paid": o.status.in_(PAID_ORDERS),
        "shipped": o.status.in_(("shipped", "delivered")),
        "delivered": o.status == "delivered",
    }
    return (
        sa.select(o.cart_id, *(sa.func.max(sa.case((which, 1), else_=0)).label(n) for n, which in reached.items()))
        .outerjoin_from(orders, declines, declines.c.order_id == o.id)
        .where(o.cart_id.is_not(None), o.created_at >= when.start)
        .group_by(o.cart_id)
        .subquery("far")
    )
