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
from shopctl.core.stock import Move

r = reservations.c
_UNTIL = sa.bindparam("until", type_=Instant())
_ENDS = (
    sa.update(reservations)
    .where(r.owner_id == sa.bindparam("mine", type_=r.owner_id.type), r.owner_kind == "cart", LIVE)
    .values(expires_at=_UNTIL)
)


def hold_turns(tx: UnitOfWork, turns: Sequence[Move], *, until: datetime) -> bool:
    """Hold units of a pool for the carts that own them; whether they were all there, see Batch."""
    return stock.move(tx, "hold", turns, batch=_TURNS, shared={"hold_until": until})


def ends(tx: UnitOfWork, cart_id: str, until: datetime) -> None:
    """What a cart holds is held until then."""
    tx.execute(_ENDS, {"mine": cart_id, "until": until})


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
