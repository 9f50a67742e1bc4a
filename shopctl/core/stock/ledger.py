"""The ledger: every change of a counter goes through `move`, one guarded statement for all levels, then their movements.

The guard decides whether there is enough; nothing is read first and decided in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core.db.tables import order_allocations, stock_levels, stock_movements
from shopctl.core.db.types import Count, Word
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.errors import Refused
from shopctl.core.stock import low

GENERAL = "general"
COUNTERS = ("quantity", "reserved", "committed")


@dataclass(frozen=True, slots=True)
class Move:
    """A change of one level's counters. `reservation_id` and `reference` say what it belongs to."""

    sku: str
    warehouse: str
    pool: str = GENERAL
    bucket: int = 0
    quantity: int = 0
    reserved: int = 0
    committed: int = 0
    reference: str | None = None
    reservation_id: str | None = None


def _guarded() -> sa.Update:
    c, add = stock_levels.c, sa.bindparam
    dq, kind = add("dq", type_=Count()), add("move_kind", type_=Word())
    quantity, reserved, committed = c.quantity + dq, c.reserved + add("dr"), c.committed + add("dc")
    # What may be promised beyond what is on hand. Safety stock is kept from shoppers, also from those who buy what is
    # still to come; an operator may use it up. Units leave for another warehouse only where nobody was promised them.
    room = sa.case(
        (kind == "hold", c.backorder_limit - c.safety_stock),
        (sa.and_(kind == "transfer", dq < 0), 0),
        else_=c.backorder_limit,
    )
    return (
        sa.update(stock_levels)
        .where(
            c.sku == add("k_sku"),
            c.warehouse == add("k_warehouse"),
            c.pool == add("k_pool"),
            c.bucket == add("k_bucket"),
        )
        .where(quantity >= 0, reserved >= 0, committed >= 0, reserved + committed <= quantity + room)
        .values(quantity=quantity, reserved=reserved, committed=committed, updated_at=add("now"))
    )


GUARDED_MOVE = _guarded()
_APPEND = sa.insert(stock_movements)


def move(tx: UnitOfWork, kind: str, moves: Sequence[Move], *, reason: str | None = None) -> bool:
    """Apply moves, all in (sku, warehouse) order; False, with the ledger untouched, when a level refused one.

    After False the levels are half changed: the caller rolls back, or has moved only one.
    """
    if not moves:
        return True
    ordered = sorted(moves, key=lambda m: (m.sku, m.warehouse, m.pool, m.bucket))
    changed = tx.execute(
        GUARDED_MOVE,
        [
            {
                "k_sku": m.sku,
                "k_warehouse": m.warehouse,
                "k_pool": m.pool,
                "k_bucket": m.bucket,
                "move_kind": kind,
                "dq": m.quantity,
                "dr": m.reserved,
                "dc": m.committed,
                "now": tx.now,
            }
            for m in ordered
        ],
    )
    if changed.rowcount != len(ordered):
        return False
    tx.execute(
        _APPEND,
        [
            {
                "sku": m.sku,
                "warehouse": m.warehouse,
                "pool": m.pool,
                "bucket": m.bucket,
                "kind": kind,
                "quantity": m.quantity,
                "reserved": m.reserved,
                "committed": m.committed,
                "reason": reason,
                "reference": m.reference,
                "reservation_id": m.reservation_id,
                "actor": tx.actor,
                "request_id": tx.request_id,
                "at": tx.now,
            }
            for m in ordered
        ],
    )
    low.tell(tx, [(m.sku, m.warehouse, m.quantity - m.committed) for m in ordered])
    return True


def uncommitted_units(tx: UnitOfWork, order_id: str, reference: str) -> None:
    """Give back everything that an order still has committed: the units become available again."""
    a = order_allocations.c
    left = tx.rows(
        sa.select(order_allocations).where(a.order_id == order_id, a.quantity > a.shipped + a.cancelled).order_by(a.sku)
    )
    moves = [
        Move(
            row.sku,
            row.warehouse,
            row.pool,
            row.bucket,
            committed=row.shipped + row.cancelled - row.quantity,
            reference=reference,
            reservation_id=row.reservation_id,
        )
        for row in left
    ]
    if not move(tx, "uncommit", moves):
        raise books_disagree(reference)


def books_disagree(reference: str) -> Refused:
    return Refused(
        "books_disagree",
        f"The stock levels do not hold what {reference} should have",
        hint="Run `shopctl verify`.",
    )
