"""Whose a hold is: a cart's, an order's; taken over, given back, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from shopctl.core.db.tables import reservations
from shopctl.core.db.types import Instant
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.queries.reservations import LIVE
from shopctl.core.reservations.ending import release_order

r = reservations.c


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a hold is for; `reference` is what people call it: "cart c1", "order 1001"."""

    kind: Literal["cart", "order"]
    id: str
    reference: str


_MINE = (r.owner_id == sa.bindparam("mine", type_=r.owner_id.type), r.owner_kind == sa.bindparam("my_kind"), LIVE)
_HELD = sa.select(r.sku, sa.func.sum(r.quantity).label("units")).where(*_MINE).group_by(r.sku)
_TO_ANOTHER = sa.update(reservations).values(
    owner_kind=sa.bindparam("to_kind"),
    owner_id=sa.bindparam("to_owner", type_=r.owner_id.type),
    reference=sa.bindparam("to_reference"),
    pinned=sa.bindparam("to_pinned", type_=r.pinned.type),
    expires_at=sa.bindparam("until", type_=Instant()),
)
_TAKE_OVER = _TO_ANOTHER.where(*_MINE).returning(r.sku, r.quantity)
_BACK_TO_CART = _TO_ANOTHER.where(*_MINE, r.origin == "cart")


def no_sooner(moment: sa.ColumnElement[datetime]) -> sa.ColumnElement[datetime]:
    """This end of a hold, or the one it has where that is later: what an operator has extended stays so."""
    return sa.case((r.expires_at > moment, r.expires_at), else_=moment)


_EXTEND = sa.update(reservations).where(*_MINE).values(expires_at=no_sooner(sa.bindparam("until", type_=Instant())))


def held_by_cart(tx: UnitOfWork, cart_id: str) -> dict[str, int]:
    """Units by SKU that a cart holds."""
    return {row.sku: int(row.units) for row in tx.rows(_HELD, {"mine": cart_id, "my_kind": "cart"})}


def take_over(tx: UnitOfWork, cart_id: str, order: Owner) -> dict[str, int]:
    """Turn a cart's own holds into an order's, pinned; units by SKU. Even expired ones, as long as nobody reclaimed them."""
    units: dict[str, int] = {}
    for row in tx.rows(_TAKE_OVER, {"mine": cart_id, "my_kind": "cart", **_to(tx, order, pinned=True)}):
        units[row.sku] = units.get(row.sku, 0) + row.quantity
    return units


def give_back(tx: UnitOfWork, order_id: str, cart: Owner, *, until: datetime | None = None) -> None:
    """An order came to nothing: holds made at cart add return to the cart, with a new term or `until` then; the others are
    released."""
    to_cart = {**_to(tx, cart, pinned=False), **({"until": until} if until else {})}
    tx.execute(_BACK_TO_CART, {"mine": order_id, "my_kind": "order", **to_cart})
    release_order(tx, order_id)


def extend_cart(tx: UnitOfWork, cart_id: str) -> None:
    """Activity in a cart gives its holds a new term."""
    tx.execute(_EXTEND, {"mine": cart_id, "my_kind": "cart", "until": tx.now + tx.facts.hold_ttl})


def _to(tx: UnitOfWork, owner: Owner, *, pinned: bool) -> dict[str, object]:
    return {
        "to_kind": owner.kind,
        "to_owner": owner.id,
        "to_reference": owner.reference,
        "to_pinned": pinned,
        "until": tx.now + tx.facts.hold_ttl,
    }
