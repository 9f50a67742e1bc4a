"""Carts of those whose turn it is at a sale: one line at the sale's price, which nobody changes, until the turn is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.cart.life import in_checkout
from shopctl.core.db.tables import cart_lines, carts
from shopctl.core.db.unit_of_work import UnitOfWork

c = carts.c


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
        """No cart that a shopper names can have it: there is a space in it."""
        return f"ticket {self.ticket_id}"


def open_turns(tx: UnitOfWork, turns: Sequence[Turn], *, until: datetime) -> None:
    """Make their carts."""
    same = {"state": "open", "version": 1, "expires_at": until, "created_at": tx.now, "updated_at": tx.now}
    tx.insert(
        carts,
        [
            {
                **same,
                "id": turn.cart_id,
                "handle": turn.handle,
                "handle_folded": turn.handle,
                "ticket_id": turn.ticket_id,
            }
            for turn in turns
        ],
    )
    tx.insert(
        cart_lines,
        [
            {
                "cart_id": turn.cart_id,
                "sku": turn.sku,
                "quantity": turn.quantity,
                "seen_price": turn.price,
                "agreed_price": turn.price,
                "added_at": tx.now,
            }
            for turn in turns
        ],
    )


def until(tx: UnitOfWork, cart_id: str, moment: datetime) -> None:
    """The turn ends then."""
    tx.execute(sa.update(carts).where(c.id == cart_id).values(expires_at=moment, updated_at=tx.now))


def give_up_turn(tx: UnitOfWork, cart_id: str) -> None:
    """A turn is given back; Refused(cart_in_checkout) while it is being bought."""
    found = tx.rows(sa.select(carts).where(c.id == cart_id).with_for_update())[0]
    if found.claimed_by is not None:
        raise in_checkout(found.handle)
    end_turns(tx, [cart_id])


def end_turns(tx: UnitOfWork, cart_ids: Sequence[str]) -> None:
    """The turns are over; carts that a checkout has are left to it."""
    over = sa.update(carts).where(c.id == sa.bindparam("k_id"), c.state == "open", c.claimed_by.is_(None))
    ended = over.values(state="expired", updated_at=tx.now, version=c.version + 1)
    if cart_ids:
        tx.execute(ended, [{"k_id": one} for one in sorted(cart_ids)])
