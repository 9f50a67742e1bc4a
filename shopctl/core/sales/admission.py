"""Whose turn it is: the head of the queue gets what is free of the pool, in set-based steps, strictly in the order of the tickets.

A round is one transaction with the sale's row locked, so that one admits at a time whoever runs, and a second one finds
nothing left to do. One that dies has done all of its round or nothing, and its lock goes with it: the next goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from shopctl.core import outbox, stock
from shopctl.core.cart import Turn
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import sale_items, sales, tickets
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.queries import pause, pools
from shopctl.core.queries import sales as reads
from shopctl.core.sales import life, registered, turns
from shopctl.core.sales.terms import items_of, locked, reference
from shopctl.core.shop import Shop, retried
from shopctl.core.stock import SALE, Move

s, i, t = sales.c, sale_items.c, tickets.c
BURST = 2.0
"""Seconds' worth of its rate that a sale may let in at once, when nobody could be let in before."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What one round did. `told`: shoppers who wait and heard that nothing is left; `revived`: who wait again, because
    units came back; `put_back`: units that left the pool. `problem` keeps it from being opened.
    """

    sale: str
    status: str
    admitted: int = 0
    bought: int = 0
    expired: int = 0
    told: int = 0
    revived: int = 0
    put_back: int = 0
    problem: str | None = None

    @property
    def count(self) -> int:
        """How much it did for shoppers."""
        return self.admitted + self.bought + self.expired + self.told + self.revived + self.put_back


# --- use cases -----------------------------------------------------------------------------------------------------
@retried
def admit(shop: Shop, *, name: str) -> Admission:
    """One round: the sale opens or ends by its window, turns that are over end, and the next have theirs. A sale that is
    not open admits nobody."""
    with shop.work("sales.admit", name) as tx:
        stores.one_at_a_time(tx.connection, turns.TURNS)  # first: those who join do not wait for it
        before = locked(tx, name)
        sale = life.by_the_clock(tx, before)
        bought, expired = turns.bought(tx, sale), turns.run_out(tx, sale)
        admitted = told = revived = back = 0
        if sale.status == "open":
            back = _put_surplus_back(tx, sale)
            revived = _revive(tx, sale)
            admitted = _let_in(tx, sale)
            told = _tell_the_rest(tx, sale)
        elif sale.status in life.OVER:
            back = life.put_back(tx, sale)
        after = reads.row_by_name(tx, name)
        done = Admission(after.name, after.status, admitted, bought, expired, told, revived, back, after.problem)
        if done.count or before != after:
            tx.commit()
    return done


def run_all(shop: Shop) -> list[Admission]:
    """A round of every sale that has something to do; what was registered for those that open soon is looked at first."""
    with shop.read() as tx:
        soon, due = reads.to_check(tx), reads.due(tx)
    for name in soon:
        registered.check(shop, name=name)
    return [admit(shop, name=name) for name in due]


# --- turns that begin ----------------------------------------------------------------------------------------------
def _let_in(tx: UnitOfWork, sale: Row) -> int:
    if pause.find(tx):  # the shop takes no orders: nobody shall lose a turn to that
        return 0
    credit = _credit(tx, sale)
    allowed = min(sale.batch, int(credit))
    admitted = 0
    for item in items_of(tx, sale.id):
        admitted += _let_in_for(tx, sale, item, allowed - admitted)
    if admitted:
        since = tx.now - timedelta(seconds=(credit - admitted) * 60 / sale.rate) if sale.rate else tx.now
        tx.execute(sa.update(sales).where(s.id == sale.id).values(paced_at=since))
        outbox.add(tx, "sale.admitted", sale.id, name=sale.name, tickets=admitted)
    return admitted


def _credit(tx: UnitOfWork, sale: Row) -> float:
    """How many the rate lets in by now, a token bucket: what is not used is kept, up to a burst."""
    if sale.rate is None:
        return float(sale.batch)
    since = (tx.now - max(filter(None, (sale.paced_at, sale.opened_at)))).total_seconds()
    return float(min(sale.rate * since / 60, max(1.0, sale.rate * BURST / 60)))


def _let_in_for(tx: UnitOfWork, sale: Row, item: Row, most: int) -> int:
    if most <= 0:
        return 0
    stock.lock_levels(tx, [item.sku])
    free = _Free(stock.of_pool(tx, item.sku))
    queue = tx.rows(
        sa.select(t.id, t.seq, t.quantity)
        .where(t.sale_id == sale.id, t.sku == item.sku, t.state == "waiting")
        .order_by(t.seq)
        .limit(min(most, free.units))
        .with_for_update()
    )
    given: list[Turn] = []
    moves: list[Move] = []
    for ticket in queue:
        wanted = min(ticket.quantity, sale.per_customer, free.units)
        if not wanted:
            break
        turn = Turn(new_id(), ticket.id, item.sku, wanted, item.price)
        given.append(turn)
        moves += free.take(turn)
    if given:
        turns.give(tx, sale, given, moves)
        last = sa.update(sale_items).where(i.sale_id == sale.id, i.sku == item.sku)
        tx.execute(last.values(head=queue[len(given) - 1].seq))
    return len(given)


class _Free:
    """What is free of a pool as the round goes on: units by warehouse and bucket, in the order in which they are sold."""

    def __init__(self, levels: Iterable[Row]) -> None:
        self._levels = {(level.warehouse, level.bucket): int(level.free) for level in levels if level.free > 0}

    @property
    def units(self) -> int:
        return sum(self._levels.values())

    def take(self, turn: Turn) -> list[Move]:
        """Units for a turn, which are there, from the first levels that have some."""
        moves, missing = [], turn.quantity
        for (warehouse, bucket), units in self._levels.items():
            if taken := min(units, missing):
                missing -= taken
                self._levels[warehouse, bucket] -= taken
                moves.append(
                    Move(
                        turn.sku,
                        warehouse,
                        SALE,
                        bucket,
                        reserved=taken,
                        reference=turn.handle,
                        reservation_id=new_id(),
                        owner_id=turn.cart_id,
                    )
                )
        return moves


# --- what is left --------------------------------------------------------------------------------------------------
def _put_surplus_back(tx: UnitOfWork, sale: Row) -> int:
    """What an order of an earlier sale gave back to the pool is not this sale's: it sells its allotment."""
    back = 0
    for item in items_of(tx, sale.id):
        if not pools.of_sku(tx, item.sku).free:
            continue
        stock.lock_levels(tx, [item.sku])  # no checkout makes sold what is held, between one look and the next
        pool = pools.of_sku(tx, item.sku)
        surplus = pool.free + pool.held + pools.sold(tx, [sale.id]).get((sale.id, item.sku), 0) - item.allotment
        if surplus > 0:
            back += stock.put_back(tx, item.sku, most=min(surplus, pool.free), reference=reference(sale))
    return back


def _revive(tx: UnitOfWork, sale: Row) -> int:
    """Units came back (an order was cancelled, the sale got more): who was told that nothing is left waits again."""
    again = [item.sku for item in items_of(tx, sale.id) if pools.of_sku(tx, item.sku).free]
    some = sa.update(tickets).where(t.sale_id == sale.id, t.state == "sold_out", t.sku.in_(again))
    revived = int(tx.execute(some.values(state="waiting", ended_at=None)).rowcount)
    if again and sale.sold_out_at is not None:
        tx.execute(sa.update(sales).where(s.id == sale.id).values(sold_out_at=None, updated_at=tx.now))
        outbox.add(tx, "sale.on_again", sale.id, name=sale.name, tickets=revived)
    return revived


def _tell_the_rest(tx: UnitOfWork, sale: Row) -> int:
    """Everyone who waits for a SKU of which nothing is free and nothing held any more; the sale is sold out when that is all."""
    items = items_of(tx, sale.id)
    gone = [item.sku for item in items if not any(pools.of_sku(tx, item.sku))]
    told = sum(life.end_waiting(tx, sale.id, "sold_out", sku=sku) for sku in gone)
    if len(gone) == len(items) and sale.sold_out_at is None:
        tx.execute(sa.update(sales).where(s.id == sale.id).values(sold_out_at=tx.now, updated_at=tx.now))
        outbox.add(tx, "sale.sold_out", sale.id, name=sale.name, tickets=told)
    return told
