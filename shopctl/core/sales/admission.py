"""Whose turn it is: the head of the queue gets what is free of the pool, in set-based steps, strictly in the order of the tickets.

A round is one transaction with the sale locked, so that there is one admitter at a time whoever runs; those that come
second find nothing left to do. Killed anywhere, the next round goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shopctl.core import cart, outbox, reservations, stock
from shopctl.core.cart import Turn
from shopctl.core.db.tables import carts, orders, sale_items, sales, tickets
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.queries import sales as reads
from shopctl.core.sales import life
from shopctl.core.sales.terms import items_of, locked
from shopctl.core.shop import Shop, retried
from shopctl.core.stock import SALE, Move

s, i, t = sales.c, sale_items.c, tickets.c


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: turns given, bought, run out; shoppers told that nothing is left; units put back after the end."""

    sale: str
    admitted: int
    bought: int
    expired: int
    told: int
    put_back: int

    @property
    def count(self) -> int:
        return self.admitted + self.bought + self.expired + self.told + self.put_back


# --- use cases -----------------------------------------------------------------------------------------------------
@retried
def admit(shop: Shop, *, name: str) -> Round:
    """One round. A sale that is not open admits nobody; turns that are over are ended all the same."""
    with shop.work("sales.admit", name) as tx:
        sale = locked(tx, name)
        bought, expired = _bought(tx, sale), _run_out(tx, sale)
        admitted = told = back = 0
        if sale.status == "open":
            admitted = _let_in(tx, sale)
            told = _tell_the_rest(tx, sale)
        elif sale.status in ("closed", "cancelled"):
            back = life.put_back(tx, sale)
        done = Round(sale.name, admitted, bought, expired, told, back)
        if done.count:
            tx.commit()
    return done


def run_all(shop: Shop) -> list[Round]:
    """Open and close what is due, and a round of every sale that has something to do."""
    with shop.read() as tx:
        to_open = tx.rows(sa.select(s.name).where(s.status == "scheduled", s.starts_at <= tx.now).order_by(s.name))
        to_close = tx.rows(
            sa.select(s.name).where(s.status.in_(("open", "paused")), s.ends_at <= tx.now).order_by(s.name)
        )
        turns = sa.exists().where(t.sale_id == s.id, t.state == "admitted")
        running = tx.rows(sa.select(s.name).where(sa.or_(s.status == "open", turns)).order_by(s.name))
    for row in to_open:
        life.open_(shop, name=row.name)
    for row in to_close:
        life.close(shop, name=row.name)
    names = sorted({row.name for row in (*to_open, *to_close, *running)})
    return [admit(shop, name=name) for name in names]


# --- turns that are over -------------------------------------------------------------------------------------------
_HAS_ORDER = sa.exists().where(orders.c.cart_id == t.cart_id, orders.c.status.in_(PAID_ORDERS))
_IN_CHECKOUT = sa.exists().where(carts.c.id == t.cart_id, carts.c.claimed_by.is_not(None))


def _bought(tx: UnitOfWork, sale: Row) -> int:
    """Tickets whose cart has become an order."""
    some = sa.update(tickets).where(t.sale_id == sale.id, t.state == "admitted", _HAS_ORDER)
    return int(tx.execute(some.values(state="bought", ended_at=tx.now)).rowcount)


def _run_out(tx: UnitOfWork, sale: Row) -> int:
    """Turns past their time that no checkout has: their units go to the next."""
    late = sa.select(t.id, t.cart_id).where(
        t.sale_id == sale.id, t.state == "admitted", t.hold_until <= tx.now, sa.not_(_IN_CHECKOUT), sa.not_(_HAS_ORDER)
    )
    rows = tx.rows(late.order_by(t.cart_id))
    if rows:
        reservations.expire(tx, [item.sku for item in items_of(tx, sale.id)])
        cart.end_turns(tx, [row.cart_id for row in rows])
        ended = sa.update(tickets).where(t.id == sa.bindparam("k_id")).values(state="expired", ended_at=tx.now)
        tx.execute(ended, [{"k_id": row.id} for row in rows])
    return len(rows)


# --- turns that begin ----------------------------------------------------------------------------------------------
def _let_in(tx: UnitOfWork, sale: Row) -> int:
    allowed = min(sale.batch, _pace(sale, tx.now))
    admitted = 0
    for item in items_of(tx, sale.id):
        admitted += _let_in_for(tx, sale, item, allowed - admitted)
    if admitted:
        tx.execute(sa.update(sales).where(s.id == sale.id).values(admitted_at=tx.now))
        outbox.add(tx, "sale.admitted", sale.id, name=sale.name, tickets=admitted)
    return admitted


def _pace(sale: Row, now: datetime) -> int:
    """How many the rate lets in since the last time; a minute's worth at most."""
    if sale.rate is None:
        return int(sale.batch)
    since = (now - (sale.admitted_at or sale.opened_at)).total_seconds()
    return int(sale.rate * min(since, 60.0) / 60)


def _let_in_for(tx: UnitOfWork, sale: Row, item: Row, most: int) -> int:
    stock.lock_levels(tx, [item.sku])
    free = [[level.warehouse, level.bucket, int(level.free)] for level in stock.of_pool(tx, item.sku)]
    units = sum(level[2] for level in free)
    if most <= 0 or units <= 0:
        return 0
    queue = tx.rows(
        sa.select(t.id, t.seq, t.quantity)
        .where(t.sale_id == sale.id, t.sku == item.sku, t.state == "waiting")
        .order_by(t.seq)
        .limit(min(most, units))
        .with_for_update()
    )
    turns: list[tuple[Row, Turn]] = []
    moves: list[Move] = []
    for ticket in queue:
        wanted = min(ticket.quantity, units)
        if not wanted:
            break
        units -= wanted
        turn = Turn(new_id(), ticket.id, item.sku, wanted, item.price)
        turns.append((ticket, turn))
        moves += _taken(free, turn)
    if turns:
        _give(tx, sale, turns, moves)
        head = sa.update(sale_items).where(i.sale_id == sale.id, i.sku == item.sku)
        tx.execute(head.values(head=turns[-1][0].seq))
    return len(turns)


def _taken(free: list[list[object]], turn: Turn) -> Sequence[Move]:
    """Units for a turn, from the first levels that have some."""
    moves, missing = [], turn.quantity
    for level in free:
        warehouse, bucket, units = level
        taken = min(int(units), missing)  # type: ignore[call-overload]
        if taken:
            level[2] = int(units) - taken  # type: ignore[call-overload]
            missing -= taken
            moves.append(
                Move(
                    turn.sku,
                    str(warehouse),
                    SALE,
                    int(bucket),  # type: ignore[call-overload]
                    reserved=taken,
                    reference=turn.handle,
                    reservation_id=new_id(),
                    owner_id=turn.cart_id,
                )
            )
    return moves


def _give(tx: UnitOfWork, sale: Row, turns: Sequence[tuple[Row, Turn]], moves: Sequence[Move]) -> None:
    until = tx.now + timedelta(seconds=sale.hold_seconds)
    cart.open_turns(tx, [turn for _, turn in turns], until=until)
    if not reservations.hold_turns(tx, moves, until=until):
        raise stock.books_disagree(f"sale {sale.name}")
    began = sa.update(tickets).where(t.id == sa.bindparam("k_id"))
    tx.execute(
        began.values(
            state="admitted",
            cart_id=sa.bindparam("k_cart", type_=t.cart_id.type),
            quantity=sa.bindparam("k_units", type_=t.quantity.type),
            admitted_at=tx.now,
            hold_until=until,
        ),
        [{"k_id": ticket.id, "k_cart": turn.cart_id, "k_units": turn.quantity} for ticket, turn in turns],
    )


# --- nothing is left -----------------------------------------------------------------------------------------------
def _tell_the_rest(tx: UnitOfWork, sale: Row) -> int:
    """Everyone who waits for a SKU of which nothing is free and nothing held any more; the sale is sold out when that is all."""
    items = items_of(tx, sale.id)
    gone = [item.sku for item in items if reads.units_of(tx, item.sku) == (0, 0)]
    told = sum(life.end_waiting(tx, sale.id, "sold_out", sku=sku) for sku in gone)
    if len(gone) == len(items) and sale.sold_out_at is None:
        tx.execute(sa.update(sales).where(s.id == sale.id).values(sold_out_at=tx.now, updated_at=tx.now))
        outbox.add(tx, "sale.sold_out", sale.id, name=sale.name, tickets=told)
        told = max(told, 1)  # the round has something to write
    return told
