"""Turns: a cart and a hold for each, given to many at once; and how they end: bought, run out, given back.

A checkout that has claimed the cart of a turn decides what becomes of it; until then nobody here touches it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from shopctl.core import cart, reservations, stock
from shopctl.core.cart import Turn
from shopctl.core.db import dialects
from shopctl.core.db.tables import carts, orders, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.sales.terms import reference
from shopctl.core.stock import Move

t = tickets.c
TURNS = "turns at sales"
"""A lock: rounds, and commits that many purchases share, need the levels of many SKUs, each in an order of its own."""
_GIVEN = dialects.json_rows(
    sa.bindparam("given", type_=sa.Text), {name: t[name].type for name in ("id", "cart_id", "quantity", "price")}
).subquery("turns")
_BEGIN = (
    sa.update(tickets)
    .where(t.id == _GIVEN.c.id)
    .values(state="admitted", **{name: _GIVEN.c[name] for name in ("cart_id", "quantity", "price")})
)
_BOUGHT = sa.exists().where(orders.c.cart_id == t.cart_id, orders.c.status.in_(PAID_ORDERS))
_IN_CHECKOUT = sa.exists().where(carts.c.id == t.cart_id, carts.c.claimed_by.is_not(None))


def give(tx: UnitOfWork, sale: Row, turns: Sequence[Turn], moves: Sequence[Move]) -> None:
    """Let these tickets in: from now on they may buy, until the hold time of the sale is over."""
    until = tx.now + timedelta(seconds=sale.hold_seconds)
    cart.open_turns(tx, turns, until=until)
    if not reservations.hold_turns(tx, moves, until=until):
        raise stock.books_disagree(reference(sale))
    given = json.dumps([[one.ticket_id, one.cart_id, one.quantity, one.price] for one in turns])
    tx.execute(_BEGIN.values(admitted_at=tx.now, hold_until=until), {"given": given})


def bought(tx: UnitOfWork, sale: Row) -> int:
    """Tickets whose cart has become a paid order; how many."""
    some = sa.update(tickets).where(t.sale_id == sale.id, t.state == "admitted", _BOUGHT)
    return int(tx.execute(some.values(state="bought", ended_at=tx.now)).rowcount)


def run_out(tx: UnitOfWork, sale: Row) -> int:
    """End the turns whose time is over, and in a sale that is cancelled all of them; their units are free again. How many."""
    late = sa.select(t.id, t.cart_id, t.sku).where(
        t.sale_id == sale.id, t.state == "admitted", sa.not_(_IN_CHECKOUT), sa.not_(_BOUGHT)
    )
    cancelled = sale.status == "cancelled"
    if not cancelled:
        late = late.where(t.hold_until <= tx.now)
    ours = cart.unclaimed(tx, [row.cart_id for row in tx.rows(late)])
    rows = [row for row in tx.rows(late) if row.cart_id in ours]  # again: a checkout may have been faster
    end(tx, rows, "ended" if cancelled else "expired")
    return len(rows)


def end(tx: UnitOfWork, rows: Sequence[Row], state: str) -> None:
    """These tickets (id, cart_id, sku), whose carts are unclaimed, have no turn any more."""
    ids = [row.cart_id for row in rows]
    cart.end_turns(tx, ids)
    reservations.end_turns(tx, ids, sorted({row.sku for row in rows}))
    ended = sa.update(tickets).where(t.id == sa.bindparam("k_id")).values(state=state, ended_at=tx.now)
    if rows:
        tx.execute(ended, [{"k_id": row.id} for row in rows])
