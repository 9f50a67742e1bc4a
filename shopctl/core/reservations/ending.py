"""How holds end: committed, released or expired. Their units move with them, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import sqlalchemy as sa

from shopctl.core import stock
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import reservations, stock_levels
from shopctl.core.db.types import Instant
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.queries.reservations import LIVE
from shopctl.core.stock import Move

r = reservations.c
_KEY = ("sku", "warehouse", "pool", "bucket")
OVERDUE = (LIVE, sa.not_(r.pinned), r.expires_at <= sa.bindparam("ended_at", type_=Instant()))


class _Ending:
    """The statement that resolves some holds: all of `which`, or the first `most` of them to end.

    On a server it locks their levels first, in the order of their key. `passing` leaves out what somebody has locked.
    """

    def __init__(self, *which: sa.ColumnElement[bool], limited: bool = False, passing: bool = False) -> None:
        self._which, self._passing = which, passing
        self._chosen = sa.select(r.id, *(r[name] for name in _KEY)).where(*which)
        self._limited = limited
        if limited:
            self._chosen = self._chosen.order_by(r.expires_at).limit(sa.bindparam("most", type_=sa.BigInteger))
        self._end = (
            sa.update(reservations)
            .values(state=sa.bindparam("end"), resolved_at=sa.bindparam("ended_at", type_=Instant()), pinned=False)
            .returning(r.id, *(r[name] for name in _KEY), r.quantity, r.reference)
        )

    def run(self, tx: UnitOfWork, values: Mapping[str, Any]) -> Sequence[Row]:
        return tx.rows(self._locking if stores.has_rivals(tx.connection) else self._alone, values)

    @cached_property
    def _alone(self) -> sa.Executable:
        some = (r.id.in_(self._chosen.with_only_columns(r.id)),) if self._limited else ()
        return self._end.where(*self._which, *some)

    @cached_property
    def _locking(self) -> sa.Executable:
        chosen, mine = self._chosen.cte("chosen"), reservations.alias("mine")
        level = [stock_levels.c[name] for name in _KEY]
        levels = (
            sa.select(stock_levels.c.bucket)
            .where(sa.tuple_(*level).in_(sa.select(*(chosen.c[name] for name in _KEY))))
            .order_by(*level)
            .with_for_update()
            .cte("levels")
        )
        locked = sa.select(sa.func.count()).select_from(levels).scalar_subquery() >= 0
        ids = sa.select(mine.c.id).join(chosen, chosen.c.id == mine.c.id)
        if self._passing:
            ids = ids.with_for_update(of=mine, skip_locked=True)
        return self._end.where(locked, r.id.in_(ids), *self._which)


_OWNED = (r.owner_id == sa.bindparam("mine", type_=r.owner_id.type), r.owner_kind == sa.bindparam("my_kind"), LIVE)
_OF_OWNER = _Ending(*_OWNED)
_OF_SKU = _Ending(*_OWNED, r.sku == sa.bindparam("my_sku"))
_ONE = _Ending(r.id == sa.bindparam("this", type_=r.id.type), LIVE)
_LATE_OF_SKUS = _Ending(*OVERDUE, r.sku.in_(sa.bindparam("skus", expanding=True)), passing=True)
_LATE = _Ending(*OVERDUE, limited=True, passing=True)


def commit(tx: UnitOfWork, order_id: str) -> Sequence[Row]:
    """The order is paid: its holds become committed stock; the reservation rows."""
    return _resolve(tx, "commit", _OF_OWNER, {"mine": order_id, "my_kind": "order"})


def release_order(tx: UnitOfWork, order_id: str) -> None:
    """Give back what an order holds."""
    _resolve(tx, "release", _OF_OWNER, {"mine": order_id, "my_kind": "order"})


def release_cart(tx: UnitOfWork, cart_id: str, sku: str | None = None) -> None:
    """Give back what a cart holds, of one SKU or of all."""
    mine = {"mine": cart_id, "my_kind": "cart"}
    if sku is None:
        _resolve(tx, "release", _OF_OWNER, mine)
    else:
        _resolve(tx, "release", _OF_SKU, {**mine, "my_sku": sku})


def release_one(tx: UnitOfWork, reservation_id: str) -> None:
    """Give one hold back."""
    _resolve(tx, "release", _ONE, {"this": reservation_id})


def expire(tx: UnitOfWork, skus: Sequence[str]) -> int:
    """Resolve the holds of these SKUs that are past their time; how many."""
    return len(_resolve(tx, "expire", _LATE_OF_SKUS, {"skus": sorted(skus)}))


def expire_first(tx: UnitOfWork, most: int) -> int:
    """Resolve holds that are past their time, at most this many, the longest overdue first; how many."""
    return len(_resolve(tx, "expire", _LATE, {"most": most}))


def _resolve(
    tx: UnitOfWork, verb: Literal["commit", "release", "expire"], which: _Ending, values: Mapping[str, Any]
) -> Sequence[Row]:
    """Resolve holds and move their units."""
    state = {"commit": "committed", "release": "released", "expire": "expired"}[verb]
    rows = which.run(tx, {**values, "end": state, "ended_at": tx.now})
    moves = [
        Move(
            row.sku,
            row.warehouse,
            row.pool,
            row.bucket,
            reserved=-row.quantity,
            committed=row.quantity if verb == "commit" else 0,
            reference=row.reference,
            reservation_id=row.id,
        )
        for row in rows
    ]
    if not stock.move(tx, verb, moves):
        raise stock.books_disagree(rows[0].reference)
    return rows
