"""Hold: a look without locks, and a second one with them.

The first look is a snapshot, and its plan one guarded statement: that is all as long as nobody takes the same units at the
same moment. Whoever finds them gone locks all levels of the SKUs, looks again, and only then says that there are too few.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core import stock
from shopctl.core.db import engine as stores
from shopctl.core.db.batch import Said
from shopctl.core.db.tables import reservations
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.sourcing import Plan, plan
from shopctl.core.errors import Refused
from shopctl.core.queries.stock import free_levels
from shopctl.core.reservations.ending import OVERDUE, expire
from shopctl.core.reservations.owners import Owner
from shopctl.core.stock import Move

r = reservations.c
_LATE = sa.select(r.id).where(*OVERDUE, r.sku.in_(sa.bindparam("skus", expanding=True))).limit(1)


def hold(tx: UnitOfWork, owner: Owner, wanted: Mapping[str, int], *, origin: str, pinned: bool = False) -> None:
    """Reserve `wanted` (units by SKU), all or nothing. Refused(insufficient_stock) names the first SKU that is short."""
    if not wanted:
        return
    taking = _Taking(owner, wanted, origin, pinned)
    levels = free_levels(tx, list(wanted))
    decided = plan(wanted, levels, start=random.getrandbits(16))
    if decided.short and not tx.row(_LATE, {"skus": list(decided.short), "ended_at": tx.now}):
        raise short(wanted, decided.short)
    lacking = any(level.available < 0 for level in levels)  # of safety stock, which other buckets keep for that one
    if lacking or decided.short or not _taken_at_once(tx, taking, decided, others=len(levels) > len(decided.picks)):
        _take_locked(tx, taking)


def short(wanted: Mapping[str, int], short: Mapping[str, int]) -> Refused:
    sku, available = next(iter(short.items()))
    return Refused(
        "insufficient_stock",
        f"Only {available} of {sku} can be had, {wanted[sku]} asked for",
        hint="Take fewer, or receive stock first.",
        sku=sku,
        requested=wanted[sku],
        available=available,
    )


# --- hold: a look without locks, and a second one with them ---------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Taking:
    """What is to be held, and how."""

    owner: Owner
    wanted: Mapping[str, int]
    origin: str
    pinned: bool


class _Stale(Exception):
    """Somebody else took units that a plan had seen."""


def _taken_at_once(tx: UnitOfWork, taking: _Taking, decided: Plan, *, others: bool) -> bool:
    """Whether the units of a plan were still there. If not, nothing has changed, and no lock is kept on one level while
    there are `others` to look at: whoever locks them all, in their order, must not hold one of them already.
    """
    if not stores.has_rivals(tx.connection):
        if not _take(tx, taking, decided):
            raise stock.books_disagree(taking.owner.reference)  # nobody can have been faster
        return True
    if not others:
        return _take(tx, taking, decided)
    try:
        with tx.savepoint():
            if not _take(tx, taking, decided):
                raise _Stale
    except _Stale:
        return False
    return True


def _take_locked(tx: UnitOfWork, taking: _Taking) -> None:
    """The second look: with all levels locked nothing can be taken in between, and what it finds short is short."""
    stock.lock_levels(tx, taking.wanted)
    decided = plan(taking.wanted, free_levels(tx, list(taking.wanted)))
    if decided.short and expire(tx, list(decided.short)):
        decided = plan(taking.wanted, free_levels(tx, list(taking.wanted)))
    if decided.short:
        raise short(taking.wanted, decided.short)
    if not _take(tx, taking, decided):
        raise stock.books_disagree(taking.owner.reference)


def _take(tx: UnitOfWork, taking: _Taking, decided: Plan) -> bool:
    moves = [
        Move(
            pick.sku,
            pick.warehouse,
            pick.pool,
            pick.bucket,
            reserved=pick.quantity,
            reference=taking.owner.reference,
            reservation_id=new_id(),
        )
        for pick in decided.picks
    ]
    shared = {
        "hold_owner_kind": taking.owner.kind,
        "hold_owner": taking.owner.id,
        "hold_origin": taking.origin,
        "hold_pinned": taking.pinned,
        "hold_until": tx.now + tx.facts.hold_ttl,
    }
    return stock.move(tx, "hold", moves, batch=HOLDS, shared=shared)


def _reservation(said: Said) -> Mapping[str, sa.ColumnElement[Any]]:
    return {
        "id": said["reservation_id"],
        "owner_kind": sa.bindparam("hold_owner_kind", type_=r.owner_kind.type),
        "owner_id": sa.bindparam("hold_owner", type_=r.owner_id.type),
        "origin": sa.bindparam("hold_origin", type_=r.origin.type),
        "reference": said["reference"],
        **{name: said[name] for name in ("sku", "warehouse", "pool", "bucket")},
        "quantity": said["dr"],
        "state": sa.literal_column("'held'"),
        "pinned": sa.bindparam("hold_pinned", type_=r.pinned.type),
        "expires_at": sa.bindparam("hold_until", type_=r.expires_at.type),
        "created_at": sa.bindparam("moved_at", type_=r.created_at.type),
    }


HOLDS = stock.MOVES.writing(reservations, _reservation)
