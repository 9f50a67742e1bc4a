"""Carts of those whose turn it is at a sale: one line at the sale's price, which nobody changes, until the turn is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db.tables import cart_lines, carts
from shopctl.core.db.unit_of_work import UnitOfWork

c = carts.c
_CHUNK = 500
RESERVED = "ticket "
"""How the handles of turns begin, and no others."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody may buy now. `price` in minor units."""

    cart_id: str
    ticket_id: str
    sku: str
    quantity: int
    price: int

    @property
    def handle(self) -> str:
        return handle_of(self.ticket_id)


def handle_of(ticket_id: str) -> str:
    """No cart that a shopper names has it."""
    return f"{RESERVED}{ticket_id}"


def is_turn(name: str) -> bool:
    """Whether a cart that is called so is a turn, which has no hot copy: nobody changes it."""
    return name.startswith(RESERVED)


def open_turns(tx: UnitOfWork, turns: Sequence[Turn], *, until: datetime) -> None:
    """Make their carts."""
    same = {"state": "open", "version": 1, "expires_at": until, "created_at": tx.now, "updated_at": tx.now}
    named = [(turn, {"handle": turn.handle, "handle_folded": turn.handle}) for turn in turns]
    tx.insert(carts, [{**same, "id": turn.cart_id, "ticket_id": turn.ticket_id, **name} for turn, name in named])
    priced = [(turn, {"seen_price": turn.price, "agreed_price": turn.price}) for turn in turns]
    tx.insert(
        cart_lines,
        [
            {"cart_id": turn.cart_id, "sku": turn.sku, "quantity": turn.quantity, "added_at": tx.now, **price}
            for turn, price in priced
        ],
    )


def unclaimed(tx: UnitOfWork, cart_ids: Sequence[str]) -> set[str]:
    """Those that no checkout has, and none can claim before this transaction ends."""
    ordered, found = sorted(cart_ids), set[str]()
    for start in range(0, len(ordered), _CHUNK):
        some = sa.select(c.id).where(c.id.in_(ordered[start : start + _CHUNK]), c.claimed_by.is_(None))
        found |= {row.id for row in tx.rows(some.order_by(c.id).with_for_update())}
    return found


def end_turns(tx: UnitOfWork, cart_ids: Sequence[str]) -> None:
    """The turns of these carts, which are unclaimed, are over."""
    over = sa.update(carts).where(c.id == sa.bindparam("k_id"))
    if cart_ids:
        tx.execute(
            over.values(state="expired", updated_at=tx.now, version=c.version + 1),
            [{"k_id": one} for one in sorted(cart_ids)],
        )
