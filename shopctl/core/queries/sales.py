"""Reads of flash sales: a sale with its items, how it goes, and which of them have something to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

import sqlalchemy as sa

from shopctl.core.db.tables import sale_items, sales, stock_levels, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound
from shopctl.core.queries import pools
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.pools import Pool

s, i, t = sales.c, sale_items.c, tickets.c
MEASURED = timedelta(seconds=60)
"""Over how long rates are measured."""
SOON = timedelta(minutes=10)
"""So long before its start a sale is due for a look at what was registered."""
RUNNING = s.status.in_(("open", "paused"))


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue of a SKU: it was the turn of every number up to `head`, and the last one given is `tail`; units nobody has, and units
    of those who buy now."""

    sku: str
    head: int
    tail: int
    left: int
    held: int


@dataclass(frozen=True, slots=True)
class Board:
    """How far a sale is: before a ticket with a number that waits are number - head - 1 at most."""

    sale: str
    status: str
    sold_out: bool
    queues: Sequence[Queue]


@dataclass(frozen=True, slots=True)
class SaleItem:
    """A SKU of a sale. Units: `held` by those whose turn it is, `sold` to those who have paid, `left` for those who wait."""

    sku: str
    price: Money
    allotment: int
    left: int
    held: int
    sold: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Sale:
    """`rate` is the most that are admitted a minute, None without a limit; `admitted_per_second` was measured over the last
    minute, and so was what `sell_out_seconds` is estimated from (None: nothing was sold). `waiting`, `admitted` and `bought`
    count tickets; `problems` those of them that could not be bought as they are; `problem` is why the clock cannot open it.
    """

    name: str
    id: str
    status: str
    starts_at: datetime | None
    ends_at: datetime | None
    items: Sequence[SaleItem]
    per_customer: int
    batch: int
    rate: int | None
    hold_seconds: int
    waiting: int
    admitted: int
    bought: int
    problems: int
    left: int
    held: int
    sold: int
    admitted_per_second: float
    sell_out_seconds: int | None
    sold_out_at: datetime | None
    problem: str | None
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """How a sale stands at a moment: `queue` tickets wait, units are held, sold and left."""

    at: datetime
    sale: str
    status: str
    queue: int
    admitted_per_second: float
    held: int
    sold: int
    left: int
    sell_out_seconds: int | None


def row_by_name(tx: UnitOfWork, name: str) -> Row:
    row = tx.row(sa.select(sales).where(s.name == name.strip().lower()))
    if row is None:
        raise NotFound("unknown_sale", f"There is no sale {name!r}", hint="See `shopctl sales list`.", name=name)
    return row


def get(tx: UnitOfWork, name: str) -> Sale:
    return _sales(tx, [row_by_name(tx, name)])[0]


def moment(tx: UnitOfWork, name: str) -> Moment:
    """How it goes."""
    now = get(tx, name)
    named = ("status", "admitted_per_second", "held", "sold", "left", "sell_out_seconds")
    return Moment(at=tx.now, sale=now.name, queue=now.waiting, **{field: getattr(now, field) for field in named})


def board(tx: UnitOfWork, name: str) -> Board:
    """What everyone who waits may know, cheap to read however many they are."""
    row = row_by_name(tx, name)
    items = tx.rows(sa.select(i.sku, i.head, i.tail).where(i.sale_id == row.id).order_by(i.sku))
    in_pools = pools.of_skus(tx, [item.sku for item in items]) if row.status in ("open", "paused") else {}

    def of(item: Row) -> Queue:
        pool = in_pools.get(item.sku, Pool())
        return Queue(sku=item.sku, head=item.head, tail=item.tail, left=pool.free, held=pool.held)

    return Board(
        sale=row.name, status=row.status, sold_out=row.sold_out_at is not None, queues=[of(item) for item in items]
    )


def is_over(tx: UnitOfWork, name: str) -> bool:
    """Whether it has ended, and nobody's turn goes on."""
    row = row_by_name(tx, name)
    turns = sa.select(t.id).where(t.sale_id == row.id, t.state == "admitted").limit(1)
    return row.status in ("closed", "cancelled") and tx.row(turns) is None


# --- rates ---------------------------------------------------------------------------------------------------------
def rate_of(tx: UnitOfWork, sale_id: str) -> float:
    """Admissions a second over the last minute: what came after the first batch, in the time from it to the last, or less
    when there has been none for longer."""
    batches = tx.rows(
        sa.select(t.admitted_at, sa.func.count().label("tickets"))
        .where(t.sale_id == sale_id, t.admitted_at > tx.now - MEASURED)
        .group_by(t.admitted_at)
        .order_by(t.admitted_at)
    )
    if not batches:
        return 0.0
    all_of_them, first = sum(row.tickets for row in batches), batches[0].admitted_at
    until_now = all_of_them / max(1.0, (tx.now - first).total_seconds())
    between = (batches[-1].admitted_at - first).total_seconds()
    return float(min(until_now, (all_of_them - batches[0].tickets) / between) if between else until_now)


def _sold_per_second(tx: UnitOfWork, sale: Row) -> float:
    bought = sa.select(sa.func.coalesce(sa.func.sum(t.quantity), 0), sa.func.min(t.ended_at)).where(
        t.sale_id == sale.id, t.state == "bought", t.ended_at > tx.now - MEASURED
    )
    units, first = tx.rows(bought)[0]
    return int(units) / max(1.0, (tx.now - first).total_seconds()) if first else 0.0


# --- sales ---------------------------------------------------------------------------------------------------------
_STATES = sa.select(
    t.sale_id,
    t.sku,
    t.state,
    sa.func.count().label("tickets"),
    sa.func.count(sa.case((t.state == "waiting", t.problem))).label("problems"),
).group_by(t.sale_id, t.sku, t.state)


def _sales(tx: UnitOfWork, rows: Sequence[Row]) -> list[Sale]:
    ids = [row.id for row in rows]
    items: dict[str, list[Row]] = {}
    for item in tx.rows(sa.select(sale_items).where(i.sale_id.in_(ids)).order_by(i.sku)):
        items.setdefault(item.sale_id, []).append(item)
    states: dict[str, list[Row]] = {}
    for row in tx.rows(_STATES.where(t.sale_id.in_(ids))):
        states.setdefault(row.sale_id, []).append(row)
    in_pools = pools.of_skus(tx, sorted({item.sku for found in items.values() for item in found}))
    sold = pools.sold(tx, ids)
    return [_sale(tx, row, items.get(row.id, []), states.get(row.id, []), in_pools, sold) for row in rows]


def _sale(
    tx: UnitOfWork,
    row: Row,
    items: Sequence[Row],
    states: Sequence[Row],
    in_pools: Mapping[str, Pool],
    sold: Mapping[tuple[str, str], int],
) -> Sale:
    count = {state: sum(one.tickets for one in states if one.state == state) for state in _COUNTED}
    waiting = {one.sku: one.tickets for one in states if one.state == "waiting"}
    running = row.status in ("open", "paused")

    def of_item(item: Row) -> SaleItem:
        pool = in_pools.get(item.sku, Pool()) if running or count["admitted"] else Pool()
        left = pool.free if running else item.allotment if row.status == "scheduled" else 0
        price = Money(item.price, tx.facts.currency)
        units = {"left": left, "held": pool.held, "sold": sold.get((row.id, item.sku), 0)}
        return SaleItem(item.sku, price, item.allotment, **units, waiting=waiting.get(item.sku, 0))

    told = [of_item(item) for item in items]
    units = {name: sum(getattr(item, name) for item in told) for name in ("left", "held", "sold")}
    pace = _sold_per_second(tx, row) if running else 0.0
    unsold = units["left"] + units["held"]
    return Sale(
        **{name: row._mapping[name] for name in _KEPT},
        items=told,
        **count,
        problems=sum(one.problems for one in states),
        **units,
        admitted_per_second=round(rate_of(tx, row.id), 2) if running else 0.0,
        sell_out_seconds=(0 if not unsold else ceil(unsold / pace) if pace else None) if running else None,
        currency=tx.facts.currency,
    )


_COUNTED = ("waiting", "admitted", "bought")
_KEPT = (
    *("name", "id", "status", "starts_at", "ends_at", "per_customer", "batch", "rate", "hold_seconds"),
    *("sold_out_at", "problem", "created_at"),
)
LIST: Listing[Sale] = Listing(
    sa.select(sales),
    {"name": s.name, "status": s.status, "starts_at": s.starts_at, "ends_at": s.ends_at, "created_at": s.created_at},
    ("name",),
    (s.id.desc(),),
    _sales,
)


# --- which of them have something to do ----------------------------------------------------------------------------
def to_check(tx: UnitOfWork) -> list[str]:
    """Those that open soon, and have not been looked at since."""
    soon = sa.and_(s.status == "scheduled", s.starts_at <= tx.now + SOON)
    unseen = sa.or_(s.checked_at.is_(None), s.checked_at < s.starts_at)
    rows = tx.rows(sa.select(s.name, s.starts_at, s.checked_at).where(soon, unseen).order_by(s.name))
    return [row.name for row in rows if row.checked_at is None or row.checked_at < row.starts_at - SOON]


def due(tx: UnitOfWork) -> list[str]:
    """Those that a round would do something for, or could. One that is sold out, and nobody's turn, waits for nothing."""
    starts = sa.and_(s.status == "scheduled", sa.or_(s.starts_at <= tx.now, s.ends_at <= tx.now))
    ends = sa.and_(RUNNING, s.ends_at <= tx.now)
    sells = sa.and_(s.status == "open", s.sold_out_at.is_(None))
    some = sa.or_(starts, ends, sells, _TURNS, sa.and_(s.status.in_(("open", "closed", "cancelled")), _STRAYS))
    return [row.name for row in tx.rows(sa.select(s.name).where(some).order_by(s.name))]


def strays(tx: UnitOfWork) -> list[str]:
    """Those that are over, and whose pool has units that nobody has."""
    over = sa.select(s.name).where(s.status.in_(("closed", "cancelled")), _STRAYS)
    return [row.name for row in tx.rows(over.order_by(s.name))]


def _strays() -> sa.ColumnElement[bool]:
    """Units in the pool of one of its SKUs that nobody has, and no other sale is selling: an order was cancelled."""
    mine, theirs, others = sale_items.alias("mine"), sale_items.alias("theirs"), sales.alias("others")
    elsewhere = (
        sa.exists()
        .where(theirs.c.sale_id == others.c.id, theirs.c.sku == mine.c.sku)
        .where(others.c.id != s.id, others.c.status.in_(("open", "paused")))
        .correlate(mine, sales)
    )
    c = stock_levels.c
    here = (mine.c.sale_id == s.id, c.sku == mine.c.sku, c.pool == "sale", pools.FREE > 0)
    return sa.exists().where(*here, sa.not_(elsewhere)).correlate(sales)


_TURNS: sa.ColumnElement[bool] = sa.exists().where(t.sale_id == s.id, t.state == "admitted").correlate(sales)
_STRAYS = _strays()
