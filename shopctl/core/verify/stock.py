"""The books of stock: levels, the ledger that they are sums of, and reservations. Checks 1 to 5, 7 and 29.

A balance is written as one UNION ALL of both sides, grouped by level: it finds what is on either side alone, too.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import order_allocations, orders, reservations, stock_levels, stock_movements, variants
from shopctl.core.db.types import Instant
from shopctl.core.domain import lifecycle
from shopctl.core.stock import COUNTERS
from shopctl.core.verify.findings import Rule

KEY = ("sku", "warehouse", "pool", "bucket")
_PLACE = "{sku} in {warehouse}"
level, moved, held, owed = stock_levels.c, stock_movements.c, reservations.c, order_allocations.c


def _key(table: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    return [table.c[name] for name in KEY]


def _same_key(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[name] == other.c[name] for name in KEY))


def _unbalanced(
    counter: sa.ColumnElement[int], table: sa.Table, units: sa.ColumnElement[int], which: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    """Levels whose `counter` is not the sum of `units` over `which` rows of `table`; so too rows without a level."""
    booked = sa.select(*_key(stock_levels), counter.label("booked"), sa.literal(0).label("found"))
    found = sa.select(*_key(table), sa.literal(0), sa.func.sum(units)).where(which).group_by(*_key(table))
    both = sa.union_all(booked, found).subquery()
    sums = sa.func.sum(both.c.booked), sa.func.sum(both.c.found)
    return (
        sa.select(*_key(both), sums[0].label("booked"), sums[1].label("found"))
        .group_by(*_key(both))
        .having(sums[0] != sums[1])
    )


def _off_the_ledger() -> sa.Select[Any]:
    """Levels that are not the sums of their movements, and movements of a level that does not exist.

    Columns: the key, each counter (`quantity` …), each sum (`moved_quantity` …), `levels` (1 or 0).
    """
    zeros = [sa.literal(0) for _ in COUNTERS]
    booked = sa.select(
        *_key(stock_levels),
        *(level[name] for name in COUNTERS),
        *(zero.label(f"moved_{name}") for zero, name in zip(zeros, COUNTERS, strict=True)),
        sa.literal(1).label("levels"),
    )
    sums = sa.select(*_key(stock_movements), *zeros, *(sa.func.sum(moved[name]) for name in COUNTERS), sa.literal(0))
    both = sa.union_all(booked, sums.group_by(*_key(stock_movements))).subquery()
    total = {c.name: sa.func.sum(c) for c in both.c if c.name not in KEY}
    differs = [total[name] != total[f"moved_{name}"] for name in COUNTERS]
    return (
        sa.select(*_key(both), *(value.label(name) for name, value in total.items()))
        .group_by(*_key(both))
        .having(sa.or_(total["levels"] == 0, *differs))
    )


OFF_THE_LEDGER = _off_the_ledger()


def _impossible_past() -> sa.Select[Any]:
    """Levels with a moment in their ledger at which a counter was negative, or more was promised than could be had.

    What could be had is judged by today's backorder limit of the SKU, and so only since the variant was last edited: the
    limit that held before is not known, and which warehouse had it may have changed.
    """
    over: dict[str, Any] = {"partition_by": _key(stock_movements), "order_by": moved.seq, "rows": (None, 0)}
    so_far = {name: sa.func.sum(moved[name]).over(**over) for name in COUNTERS}
    history = sa.select(
        *_key(stock_movements), moved.seq, moved.at, *(value.label(name) for name, value in so_far.items())
    ).subquery()
    h = history.c
    negative = sa.or_(*(h[name] < 0 for name in COUNTERS))
    promised = h.reserved + h.committed
    oversold = sa.and_(promised > h.quantity + variants.c.backorder_limit, h.at > variants.c.updated_at)
    return (
        sa.select(*_key(history), sa.func.min(h.seq).label("seq"), sa.func.count().label("moments"))
        .join_from(history, variants, variants.c.sku == h.sku)
        .where(sa.or_(negative, promised > h.quantity), sa.or_(negative, oversold))
        .group_by(*_key(history))
    )


_ENDS = {state: verb for verb, state in lifecycle.RESERVATION["held"].items()}


def _told_otherwise() -> sa.Select[Any]:
    """Reservations whose movements tell another story: one hold of the same units, then at most one end, of its state."""
    is_end = moved.kind.in_(_ENDS.values())
    story = (
        sa.select(
            moved.reservation_id,
            sa.func.sum(sa.case((moved.kind == "hold", 1), else_=0)).label("holds"),
            sa.func.sum(sa.case((is_end, 1), else_=0)).label("ends"),
            sa.func.max(sa.case((is_end, moved.kind))).label("end"),
            sa.func.sum(moved.reserved).label("still_reserved"),
        )
        .where(moved.reservation_id.is_not(None))
        .group_by(moved.reservation_id)
        .subquery()
    )
    live = held.state == "held"
    expected = sa.case(*((held.state == state, verb) for state, verb in _ENDS.items()))
    return (
        sa.select(
            held.id, held.reference, held.sku, held.warehouse, held.state, held.quantity,
            sa.func.coalesce(story.c.holds, 0).label("holds"),
            sa.func.coalesce(story.c.ends, 0).label("ends"),
            story.c.end,
        )
        .outerjoin_from(reservations, story, story.c.reservation_id == held.id)
        .where(
            sa.or_(
                sa.func.coalesce(story.c.holds, 0) != 1,
                story.c.ends != sa.case((live, 0), else_=1),
                story.c.end != expected,
                story.c.still_reserved != sa.case((live, held.quantity), else_=0),
                sa.and_(live, held.resolved_at.is_not(None)),
                sa.and_(sa.not_(live), held.resolved_at.is_(None)),
            )
        )
    )  # fmt: skip


def _units_lost_on_the_way() -> sa.Select[Any]:
    """Transfers whose movements do not add up to nothing: of a SKU, all those of one moment of one request."""
    moment = (moved.sku, moved.request_id, moved.at)
    lost = sa.func.sum(moved.quantity)
    return (
        sa.select(moved.sku, moved.at, lost.label("units"), sa.func.min(moved.seq).label("seq"))
        .where(moved.kind == "transfer")
        .group_by(*moment)
        .having(sa.or_(lost != 0, sa.func.max(sa.func.abs(moved.reserved) + sa.func.abs(moved.committed)) != 0))
    )


def _survived_a_sweep() -> sa.Select[Any]:
    """Holds that were past their time when the last sweep ran, and that no payment keeps."""
    unpaid = sa.or_(sa.not_(held.pinned), orders.c.id.is_(None), sa.not_(orders.c.in_flight))
    return (
        sa.select(held.id, held.reference, held.sku, held.warehouse, held.quantity)
        .outerjoin_from(reservations, orders, sa.and_(orders.c.id == held.owner_id, held.owner_kind == "order"))
        .where(held.state == "held", held.expires_at < sa.bindparam("swept_at", type_=Instant), unpaid)
    )


RULES = (
    Rule(
        1,
        "reserved_is_held",
        _unbalanced(level.reserved, reservations, held.quantity, held.state == "held"),
        _PLACE,
        _PLACE + " has {booked} reserved, and its live holds are {found}",
    ),
    Rule(
        1,
        "committed_is_owed",
        _unbalanced(
            level.committed,
            order_allocations,
            owed.quantity - owed.shipped - owed.cancelled,
            owed.quantity != owed.shipped + owed.cancelled,
        ),
        _PLACE,
        _PLACE + " has {booked} committed, and its orders are owed {found}",
    ),
    Rule(
        2,
        "level_is_its_ledger",
        OFF_THE_LEDGER,
        _PLACE,
        _PLACE + " has {quantity} on hand, {reserved} reserved, {committed} committed; its movements sum to "
        "{moved_quantity}, {moved_reserved}, {moved_committed}",
    ),
    Rule(
        3,
        "level_possible",
        sa.select(
            *_key(stock_levels), *(level[name] for name in COUNTERS), level.backorder_limit, level.safety_stock
        ).where(
            sa.or_(
                *(level[name] < 0 for name in (*COUNTERS, "backorder_limit", "safety_stock")),
                level.reserved + level.committed > level.quantity + level.backorder_limit,
            )
        ),
        _PLACE,
        _PLACE + " is impossible: {quantity} on hand, {reserved} reserved, {committed} committed, "
        "{backorder_limit} may be owed, {safety_stock} are kept back",
    ),
    Rule(
        4,
        "ledger_possible",
        _impossible_past(),
        _PLACE,
        _PLACE + " was impossible at {moments} moments of its ledger, the first at movement {seq}",
    ),
    Rule(
        5,
        "resolved_once",
        _told_otherwise(),
        "{sku} for {reference}",
        "The reservation of {quantity} {sku} for {reference} is {state}, and its movements have {holds} holds "
        "and {ends} ends ({end})",
    ),
    Rule(
        7,
        "swept",
        _survived_a_sweep(),
        "{sku} for {reference}",
        "The hold of {quantity} {sku} for {reference} was past its time at the last sweep, and is still held",
    ),
    Rule(
        29,
        "transfer_adds_up",
        _units_lost_on_the_way(),
        "{sku}, movement {seq}",
        "The transfer of {sku} at movement {seq} does not add up: {units:+d} units over all warehouses",
    ),
)
