"""The ledger: every change of a counter goes through `move`, one guarded statement for all levels, then their movements.

The guard decides whether there is enough; nothing is read first and decided in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.db.batch import Batch, Said
from shopctl.core.db.tables import order_allocations, stock_levels, stock_movements
from shopctl.core.db.types import Count, Id, Instant, Word
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.errors import Refused
from shopctl.core.stock import low

GENERAL = "general"
COUNTERS = ("quantity", "reserved", "committed")


@dataclass(frozen=True, slots=True)
class Move:
    """A change of one level's counters. `reservation_id` and `reference` say what it belongs to, `owner_id` whose the hold
    is where each move of a batch has its own."""

    sku: str
    warehouse: str
    pool: str = GENERAL
    bucket: int = 0
    quantity: int = 0
    reserved: int = 0
    committed: int = 0
    reference: str | None = None
    reservation_id: str | None = None
    owner_id: str | None = None


def _room(said: Said) -> Sequence[sa.ColumnElement[bool]]:
    c, kind, zero = stock_levels.c, sa.bindparam("move_kind", type_=Word()), sa.literal_column("0", Count())
    quantity, reserved, committed = c.quantity + said["dq"], c.reserved + said["dr"], c.committed + said["dc"]
    # What may be promised beyond what is on hand. Safety stock is kept from shoppers, also from those who buy what is
    # still to come; an operator may use it up. Units leave for another warehouse only where nobody was promised them.
    room = sa.case(
        (kind == sa.literal_column("'hold'"), c.backorder_limit - c.safety_stock),
        (sa.and_(kind == sa.literal_column("'transfer'"), said["dq"] < zero), zero),
        else_=c.backorder_limit,
    )
    return quantity >= zero, reserved >= zero, committed >= zero, reserved + committed <= quantity + room


def _counters(said: Said) -> Mapping[str, sa.ColumnElement[Any]]:
    c = stock_levels.c
    return {
        "quantity": c.quantity + said["dq"],
        "reserved": c.reserved + said["dr"],
        "committed": c.committed + said["dc"],
        "updated_at": sa.bindparam("moved_at", type_=Instant()),
    }


def _movement(said: Said) -> Mapping[str, sa.ColumnElement[Any]]:
    return {
        **{name: said[name] for name in ("sku", "warehouse", "pool", "bucket")},
        "kind": sa.bindparam("move_kind", type_=Word()),
        "quantity": said["dq"],
        "reserved": said["dr"],
        "committed": said["dc"],
        "reason": sa.bindparam("move_reason", type_=Word()),
        "reference": said["reference"],
        "reservation_id": said["reservation_id"],
        "actor": sa.bindparam("moved_by", type_=Word()),
        "request_id": sa.bindparam("move_request", type_=Id()),
        "at": sa.bindparam("moved_at", type_=Instant()),
    }


MOVES = Batch(
    stock_levels,
    {"sku": Word(), "warehouse": Word(), "pool": Word(), "bucket": Count()}
    | {"dq": Count(), "dr": Count(), "dc": Count(), "reference": Word(), "reservation_id": Id(), "owner_id": Id()},
    adds=("dq", "dr", "dc"),
    guard=_room,
    change=_counters,
    inserts={stock_movements.name: _movement},
)


def move(
    tx: UnitOfWork,
    kind: str,
    moves: Sequence[Move],
    *,
    reason: str | None = None,
    batch: Batch = MOVES,
    shared: Mapping[str, Any] | None = None,
) -> bool:
    """Apply moves, all of them and in the order of the levels' key, or False; see Batch for what a False leaves.

    A `batch` made of MOVES writes more with each move; `shared` is what that asks for.
    """
    if not moves:
        return True
    ordered = sorted(moves, key=lambda m: (m.sku, m.warehouse, m.pool, m.bucket))
    circumstances = {
        "move_kind": kind,
        "move_reason": reason,
        "moved_by": tx.actor,
        "move_request": tx.request_id,
        "moved_at": tx.now,
    }
    if not batch.apply(tx, [_said(m) for m in ordered], {**circumstances, **(shared or {})}):
        return False
    low.tell(tx, [(m.sku, m.warehouse, m.quantity - m.committed) for m in ordered])
    return True


def record(tx: UnitOfWork, kind: str, moves: Sequence[Move], *, reason: str | None = None) -> None:
    """Write the movements of levels that were changed already, under their locks."""
    circumstances = {"kind": kind, "reason": reason, "actor": tx.actor, "request_id": tx.request_id, "at": tx.now}
    tx.insert(stock_movements, [{**_moved(m), **circumstances} for m in moves])


def _said(m: Move) -> Mapping[str, Any]:
    place = {"sku": m.sku, "warehouse": m.warehouse, "pool": m.pool, "bucket": m.bucket}
    change = {"dq": m.quantity, "dr": m.reserved, "dc": m.committed}
    return {**place, **change, "reference": m.reference, "reservation_id": m.reservation_id, "owner_id": m.owner_id}


def _moved(m: Move) -> Mapping[str, Any]:
    """What the ledger keeps of a move."""
    return {name: value for name, value in asdict(m).items() if name != "owner_id"}


_CHUNK = 500
_LOCK = (
    sa.select(stock_levels.c.sku)
    .where(stock_levels.c.sku.in_(sa.bindparam("skus", expanding=True)))
    .order_by(*stock_levels.primary_key)
    .with_for_update()
)


def lock_levels(tx: UnitOfWork, skus: Iterable[str]) -> None:
    """Lock all levels of these SKUs, in the order of their key, where others can write meanwhile: what is read then, stays."""
    if stores.has_rivals(tx.connection):
        ordered = sorted(skus)
        for start in range(0, len(ordered), _CHUNK):
            tx.execute(_LOCK, {"skus": ordered[start : start + _CHUNK]})


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
