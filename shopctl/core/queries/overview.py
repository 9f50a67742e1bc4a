"""The shop in numbers, for `store info` and the console's first screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopctl.core.db.tables import (
    categories,
    customers,
    orders,
    outbox,
    payments,
    products,
    refunds,
    reservations,
    stock_levels,
    variants,
    warehouses,
)
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.money import Money
from shopctl.core.queries import lag, pause, stock, webhooks
from shopctl.core.queries.due import WAITING
from shopctl.core.queries.owed import OWED
from shopctl.core.queries.pause import Pause


@dataclass(frozen=True, slots=True)
class Overview:
    """Live figures. `orders_by_minute` counts the last half hour, oldest first; today is the shop's own day, and its revenue
    what its orders cost less what of that was credited; low: at the threshold."""

    orders_by_minute: tuple[int, ...]
    orders_today: int
    revenue_today: Money
    by_status: dict[str, int]
    skus_out_of_stock: int
    skus_low: int
    live_holds: int
    units_held: int
    overdue_holds: int
    in_flight: int
    outbox_waiting: int
    outbox_dead: int
    webhooks_dead: int
    paused: Pause | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows of each noun."""

    products: int
    variants: int
    categories: int
    warehouses: int
    customers: int
    orders: int


@dataclass(frozen=True, slots=True)
class Holds:
    """Live holds, their units, and how many of them are past their time."""

    live: int
    units: int
    overdue: int


MINUTES = 30


_BY_STATUS = sa.select(orders.c.status, sa.func.count()).group_by(orders.c.status).order_by(orders.c.status)


def _out_of_stock() -> sa.Select[int]:
    """How many SKUs have nothing left. Only those with a level that has nothing are added up: no other can be among them."""
    c = stock_levels.c
    available = c.quantity - c.reserved - c.committed
    perhaps = sa.select(c.sku).where(available <= 0)
    skus = sa.select(c.sku).where(c.sku.in_(perhaps)).group_by(c.sku).having(sa.func.sum(available) <= 0)
    return sa.select(sa.func.count()).select_from(skus.subquery())


_OUT_OF_STOCK = _out_of_stock()


def counts(tx: UnitOfWork) -> Counts:
    nouns = {"products": products, "variants": variants, "categories": categories, "warehouses": warehouses}
    nouns |= {"customers": customers, "orders": orders}
    row = tx.rows(
        sa.select(*(sa.select(sa.func.count()).select_from(t).scalar_subquery().label(n) for n, t in nouns.items()))
    )
    return Counts(*row[0])


def figures(tx: UnitOfWork) -> Overview:
    paid = ("confirmed", "shipped", "delivered")
    midnight = tx.now.astimezone(ZoneInfo(tx.facts.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    is_paid = orders.c.status.in_(paid)  # no part of the WHERE, where it would seem a better start than the day
    today = tx.rows(
        sa.select(sa.func.count().filter(is_paid), sa.func.coalesce(sa.func.sum(OWED).filter(is_paid), 0)).where(
            orders.c.created_at >= midnight
        )
    )[0]
    held = holds(tx)
    return Overview(
        orders_by_minute=_by_minute(tx),
        orders_today=today[0],
        revenue_today=Money(int(today[1]), tx.facts.currency),
        by_status={row[0]: row[1] for row in tx.rows(_BY_STATUS)},
        skus_out_of_stock=tx.execute(_OUT_OF_STOCK).scalar_one(),
        skus_low=tx.execute(stock.LOW_SKUS, stock.given(tx)).scalar_one(),
        live_holds=held.live,
        units_held=held.units,
        overdue_holds=held.overdue,
        in_flight=in_flight(tx),
        outbox_waiting=_count(tx, outbox, WAITING),
        outbox_dead=lag.dead(tx),
        webhooks_dead=webhooks.trouble(tx).dead,
        paused=pause.find(tx),
    )


def holds(tx: UnitOfWork) -> Holds:
    r = reservations.c
    overdue = sa.and_(sa.not_(r.pinned), r.expires_at <= tx.now)
    figures = (sa.func.count(), sa.func.coalesce(sa.func.sum(r.quantity), 0), sa.func.count().filter(overdue))
    return Holds(*map(int, tx.rows(sa.select(*figures).where(r.state == "held"))[0]))


def in_flight(tx: UnitOfWork) -> int:
    """How many checkouts have not ended."""
    return _count(tx, orders, sa.and_(orders.c.status == "pending", orders.c.in_flight))  # only those are


def _by_minute(tx: UnitOfWork) -> tuple[int, ...]:
    since: datetime = tx.now - timedelta(minutes=MINUTES)
    buckets = [0] * MINUTES
    for row in tx.rows(sa.select(orders.c.created_at).where(orders.c.created_at > since)):
        buckets[min(MINUTES - 1, int((row.created_at - since).total_seconds() // 60))] += 1
    return tuple(buckets)


def _count(tx: UnitOfWork, table: sa.Table, which: Any) -> int:
    return int(tx.execute(sa.select(sa.func.count()).select_from(table).where(which)).scalar_one())


def revenue(tx: UnitOfWork) -> int:
    """What was captured and not refunded, in minor units."""
    captured = tx.execute(sa.select(sa.func.coalesce(sa.func.sum(payments.c.captured), 0))).scalar_one()
    given = sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount), 0)).where(refunds.c.state == "succeeded")
    return int(captured) - int(tx.execute(given).scalar_one())


def expired_holds(tx: UnitOfWork) -> int:
    """Holds that ran out before anybody paid."""
    return _count(tx, reservations, reservations.c.state == "expired")
