"""The life of a sale: opened with its units set aside, paused, closed or cancelled with what is left put back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shopctl.core import cart, outbox, reservations, stock
from shopctl.core.db.tables import sale_items, sales, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle
from shopctl.core.errors import Refused
from shopctl.core.queries import sales as reads
from shopctl.core.queries.sales import Sale
from shopctl.core.sales.terms import items_of, locked, reference
from shopctl.core.shop import Shop, retried

s, t = sales.c, tickets.c


# --- use cases -----------------------------------------------------------------------------------------------------
@retried
def open_(shop: Shop, *, name: str) -> Sale:
    """Set the units aside and let the queue move. Errors: invalid_state, insufficient_stock, sku_in_sale."""
    with shop.work("sales.open", name) as tx:
        sale = locked(tx, name)
        opened(tx, sale)
        return _done(tx, sale)


@retried
def pause(shop: Shop, *, name: str) -> Sale:
    """Nobody else is admitted; those whose turn it is may buy."""
    with shop.work("sales.pause", name) as tx:
        sale = locked(tx, name)
        step(tx, sale, "pause")
        return _done(tx, sale)


@retried
def resume(shop: Shop, *, name: str) -> Sale:
    """The queue moves again."""
    with shop.work("sales.resume", name) as tx:
        sale = locked(tx, name)
        step(tx, sale, "resume")
        return _done(tx, sale)


@retried
def close(shop: Shop, *, name: str) -> Sale:
    """Nobody else is admitted, and what nobody has is put back; those whose turn it is may buy until it ends."""
    with shop.work("sales.close", name) as tx:
        sale = locked(tx, name)
        closed(tx, sale)
        return _done(tx, sale)


@retried
def cancel(shop: Shop, *, name: str) -> Sale:
    """There is no such sale any more: everyone who waits or has a turn is told; what was bought stays bought."""
    with shop.work("sales.cancel", name) as tx:
        sale = locked(tx, name)
        step(tx, sale, "cancel", ended_at=tx.now)
        turns = tx.rows(sa.select(t.cart_id).where(t.sale_id == sale.id, t.state == "admitted").order_by(t.cart_id))
        for turn in turns:
            reservations.release_cart(tx, turn.cart_id)
        cart.end_turns(tx, [turn.cart_id for turn in turns])
        end_waiting(tx, sale.id, "ended", also=("admitted",))
        put_back(tx, sale)
        return _done(tx, sale)


# --- steps ---------------------------------------------------------------------------------------------------------
def opened(tx: UnitOfWork, sale: Row) -> None:
    step(tx, sale, "open", opened_at=tx.now)
    for item in items_of(tx, sale.id):
        other = tx.row(
            sa.select(s.name)
            .join(sale_items, sale_items.c.sale_id == s.id)
            .where(sale_items.c.sku == item.sku, s.status.in_(("open", "paused")), s.id != sale.id)
        )
        if other:
            raise Refused("sku_in_sale", f"{item.sku} is in sale {other.name}, which is open", sku=item.sku)
        put_back_sku(tx, item.sku, f"sale {sale.name}")  # what an earlier sale got back too late
        stock.set_aside(tx, item.sku, item.allotment, reference=reference(sale))


def closed(tx: UnitOfWork, sale: Row) -> None:
    step(tx, sale, "close", ended_at=tx.now)
    end_waiting(tx, sale.id, "ended")
    put_back(tx, sale)


def step(tx: UnitOfWork, sale: Row, verb: str, **also: Any) -> None:
    """The next status of a sale; Refused(invalid_state)."""
    after = lifecycle.step(lifecycle.SALE, sale.status, verb, f"Sale {sale.name}")
    tx.execute(sa.update(sales).where(s.id == sale.id).values(status=after, updated_at=tx.now, **also))
    outbox.add(tx, f"sale.{'opened' if verb == 'open' else after}", sale.id, name=sale.name)


def end_waiting(tx: UnitOfWork, sale_id: str, state: str, *, sku: str | None = None, also: tuple[str, ...] = ()) -> int:
    """Nobody of these waits any more; how many."""
    some = [t.sale_id == sale_id, t.state.in_(("waiting", *also))]
    some += [t.sku == sku] if sku else []
    return int(tx.execute(sa.update(tickets).where(*some).values(state=state, ended_at=tx.now)).rowcount)


def put_back(tx: UnitOfWork, sale: Row) -> int:
    """What nobody has of a sale goes back where it came from; how many units."""
    return sum(put_back_sku(tx, item.sku, reference(sale)) for item in items_of(tx, sale.id))


def put_back_sku(tx: UnitOfWork, sku: str, told: str) -> int:
    return stock.put_back(tx, sku, reference=told)


def _done(tx: UnitOfWork, sale: Row) -> Sale:
    shown = reads.get(tx, sale.name)
    tx.commit()
    return shown
