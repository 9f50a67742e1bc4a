"""Holds of a sale's pool: each for the cart of one turn, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core import stock
from shopctl.core.db.batch import Said
from shopctl.core.db.tables import reservations
from shopctl.core.db.types import Instant
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.queries.reservations import LIVE
from shopctl.core.reservations.ending import expire
from shopctl.core.stock import Move

r = reservations.c
_OVER = (
    sa.update(reservations)
    .where(r.owner_id == sa.bindparam("mine", type_=r.owner_id.type), r.owner_kind == "cart", LIVE)
    .values(expires_at=sa.bindparam("over_at", type_=Instant()))
)


def hold_turns(tx: UnitOfWork, turns: Sequence[Move], *, until: datetime) -> bool:
    """Hold units of a pool for the carts that own them; whether they were all there, see Batch."""
    return stock.move(tx, "hold", turns, batch=_TURNS, shared={"hold_until": until})


def end_turns(tx: UnitOfWork, cart_ids: Sequence[str], skus: Sequence[str]) -> None:
    """What these carts hold of these SKUs is free again, whatever term it had."""
    if cart_ids:
        tx.execute(_OVER, [{"mine": one, "over_at": tx.now} for one in sorted(cart_ids)])
        expire(tx, skus)


def _reservation(said: Said) -> Mapping[str, sa.ColumnElement[Any]]:
    return {
        "id": said["reservation_id"],
        "owner_kind": sa.literal_column("'cart'"),
        "owner_id": said["owner_id"],
        "origin": sa.literal_column("'cart'"),
        "reference": said["reference"],
        **{name: said[name] for name in ("sku", "warehouse", "pool", "bucket")},
        "quantity": said["dr"],
        "state": sa.literal_column("'held'"),
        "pinned": sa.false(),
        "expires_at": sa.bindparam("hold_until", type_=r.expires_at.type),
        "created_at": sa.bindparam("moved_at", type_=r.created_at.type),
    }


_TURNS = stock.MOVES.writing(reservations, _reservation)
