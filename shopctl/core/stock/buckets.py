"""Buckets: a level in several rows (core/domain/buckets.py says why), and an operator's work on a level that has them.

Shoppers take from a bucket and give back to it, like from any level. An operator works on the level as a whole, with all
of its rows locked: they are arranged anew, and what that moves between them is booked as a transfer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa

from shopctl.core.db import dialects
from shopctl.core.db.tables import MAX_QUANTITY, stock_levels
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import buckets as domain
from shopctl.core.domain.buckets import Bucket
from shopctl.core.errors import Refused
from shopctl.core.stock import low
from shopctl.core.stock.ledger import GENERAL, Move, lock_levels, move, record

c = stock_levels.c
_CHUNK = 500
_Place = tuple[str, str]  # sku, warehouse
_SPREAD = sa.select(c.sku).where(c.sku.in_(sa.bindparam("skus", expanding=True)), c.bucket > 0).distinct()
_ROWS = (
    sa.select(stock_levels)
    .where(c.sku.in_(sa.bindparam("skus", expanding=True)), c.pool == GENERAL)
    .order_by(c.sku, c.warehouse, c.bucket)
)


def spread_over(tx: UnitOfWork, sku: str, warehouses: Sequence[str], buckets: int) -> None:
    """Put a SKU's levels, all of which there are, into so many buckets."""
    lock_levels(tx, [sku])
    for place in warehouses:
        _make(tx, sku, place, buckets)
        rows = _levels(tx, [sku])[sku, place]
        _rearrange(tx, rows, "transfer", spread=buckets, reason=f"into {buckets} buckets")


def book(tx: UnitOfWork, kind: str, moves: Sequence[Move], *, reason: str | None = None) -> bool:
    """An operator's moves of units on hand, each of a whole level; False when a level cannot do that."""
    apart = locked(tx, {m.sku for m in moves})
    whole = [m for m in moves if m.pool != GENERAL or (m.sku, m.warehouse) not in apart]
    for m in moves:
        rows = apart.get((m.sku, m.warehouse)) if m.pool == GENERAL else None
        if rows and not _rearrange(tx, rows, kind, units=m.quantity, reason=reason, reference=m.reference):
            return False
    return move(tx, kind, whole, reason=reason)


def ship(tx: UnitOfWork, moves: Sequence[Move]) -> bool:
    """Units leave that were sold. Where a bucket owes its share, what other buckets of the level have on hand goes first."""
    due: dict[_Place, dict[int, int]] = {}
    for m in moves:
        of_level = due.setdefault((m.sku, m.warehouse), {})
        of_level[m.bucket] = of_level.get(m.bucket, 0) - m.quantity
    for place, rows in locked(tx, {m.sku for m in moves}).items():
        owing = [row for row in rows if row.quantity < due.get(place, {}).get(row.bucket, 0)]
        if owing and not _rearrange(tx, rows, "transfer", due=due[place]):
            return False
    return move(tx, "ship", moves)


def follow(tx: UnitOfWork, sku: str, limits: Mapping[str, int]) -> bool:
    """Give the levels of a SKU their backorder limits, by warehouse; False when units are owed beyond one."""
    lock_levels(tx, [sku])
    levels = _levels(tx, [sku]).items()
    return all(_rearrange(tx, rows, "transfer", limit=limits.get(place, 0)) for (_, place), rows in levels)


def keep_back(tx: UnitOfWork, rows: Sequence[Row], units: int) -> None:
    """Set the safety stock of a spread level."""
    _rearrange(tx, rows, "transfer", safety=units)


def spread_skus(tx: UnitOfWork, skus: Iterable[str]) -> list[str]:
    """Those of the SKUs with a level in several rows, sorted."""
    ordered = sorted(skus)
    chunks = [ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK)]
    return sorted(row.sku for chunk in chunks for row in tx.rows(_SPREAD, {"skus": chunk}))


def locked(tx: UnitOfWork, skus: Collection[str]) -> dict[_Place, Sequence[Row]]:
    """The rows of these SKUs' levels that are in several, locked; and then all levels of the SKUs are."""
    spread = spread_skus(tx, skus)
    if not spread:
        return {}
    lock_levels(tx, skus)
    return {place: rows for place, rows in _levels(tx, spread).items() if len(rows) > 1}


# --- how it works --------------------------------------------------------------------------------------------------
def _make(tx: UnitOfWork, sku: str, warehouse: str, buckets: int) -> None:
    """The rows that a level in so many buckets has; those that it had before stay, for what they have promised."""
    first = tx.rows(sa.select(stock_levels).where(*_is(sku, warehouse), c.bucket == 0))[0]
    nothing = {"quantity": 0, "reserved": 0, "committed": 0, "backorder_limit": 0, "safety_stock": 0}
    rows = [{**first._mapping, **nothing, "bucket": number} for number in range(1, buckets)]
    if rows:
        tx.execute(dialects.insert_new(tx.connection, stock_levels).on_conflict_do_nothing(), rows)
    tx.execute(sa.update(stock_levels).where(*_is(sku, warehouse)).values(buckets=buckets))


def _levels(tx: UnitOfWork, skus: Sequence[str]) -> dict[_Place, list[Row]]:
    found: dict[_Place, list[Row]] = {}
    for row in tx.rows(_ROWS, {"skus": list(skus)}):
        found.setdefault((row.sku, row.warehouse), []).append(row)
    return found


def _rearrange(
    tx: UnitOfWork,
    rows: Sequence[Row],
    kind: str,
    *,
    units: int = 0,
    limit: int | None = None,
    safety: int | None = None,
    spread: int | None = None,
    due: Mapping[int, int] | None = None,
    reason: str | None = None,
    reference: str | None = None,
) -> bool:
    """Arrange the locked rows of a level anew, with so many more units on hand; False when the level cannot be that."""
    before = [
        Bucket(row.bucket, row.quantity, row.reserved + row.committed, row.backorder_limit, row.safety_stock)
        for row in rows
    ]
    quantity = sum(bucket.quantity for bucket in before) + units
    promised = sum(bucket.promised for bucket in before)
    if quantity > MAX_QUANTITY:
        raise Refused("quantity_out_of_range", "That is more than one level can hold")
    if kind == "transfer" and units < 0 and promised > quantity:  # units leave only where nobody was promised them
        return False
    after = domain.arrange(
        before,
        spread or rows[0].buckets,
        quantity=quantity,
        backorder_limit=sum(bucket.backorder_limit for bucket in before) if limit is None else limit,
        safety_stock=sum(bucket.safety_stock for bucket in before) if safety is None else safety,
        due=due,
    )
    if after is None:
        return False
    place = rows[0].sku, rows[0].warehouse
    _write(tx, place, before, after)
    own, between = _parted([(b.number, a.quantity - b.quantity) for b, a in zip(before, after, strict=True)], units)
    moved = [Move(*place, bucket=n, quantity=u, reference=reference) for n, u in own.items() if u]
    record(tx, kind, moved, reason=reason)
    record(
        tx, "transfer", [Move(*place, bucket=n, quantity=u) for n, u in between.items() if u], reason=reason or BETWEEN
    )
    low.tell(tx, [(*place, units)])
    return True


BETWEEN = "between buckets"


def _write(tx: UnitOfWork, place: _Place, before: Sequence[Bucket], after: Sequence[Bucket]) -> None:
    changed = [now for was, now in zip(before, after, strict=True) if was != now]
    statement = (
        sa.update(stock_levels)
        .where(*_is(*place), c.bucket == sa.bindparam("b_number"))
        .values(
            quantity=sa.bindparam("b_quantity"),
            backorder_limit=sa.bindparam("b_limit"),
            safety_stock=sa.bindparam("b_safety"),
            updated_at=tx.now,
        )
    )
    rows = [
        {"b_number": b.number, "b_quantity": b.quantity, "b_limit": b.backorder_limit, "b_safety": b.safety_stock}
        for b in changed
    ]
    if rows:
        tx.execute(statement, rows)


def _parted(changes: Sequence[tuple[int, int]], units: int) -> tuple[dict[int, int], dict[int, int]]:
    """Changes by bucket, as the operator's own, which add up to `units`, and what goes between buckets: to nothing."""
    own: dict[int, int] = {}
    left = units
    for number, change in changes:
        part = max(left, min(0, change)) if units < 0 else min(left, max(0, change))
        own[number] = part
        left -= part
    return own, {number: change - own[number] for number, change in changes}


def _is(sku: str, warehouse: str) -> tuple[sa.ColumnElement[bool], ...]:
    return c.sku == sku, c.warehouse == warehouse, c.pool == GENERAL
