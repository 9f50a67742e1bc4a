"""The life of a sale: opened with its units set aside, paused, closed or cancelled with what is left put back.

`open_`, `pause`, `resume`, `close` and `cancel` are an operator's; `by_the_clock` is the window's.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shopctl.core import outbox, stock
from shopctl.core.db.tables import sale_items, sales, tickets
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle
from shopctl.core.errors import Refused
from shopctl.core.queries import sales as reads
from shopctl.core.queries.sales import Sale
from shopctl.core.sales import turns
from shopctl.core.sales.registered import check
from shopctl.core.sales.terms import items_of, locked, reference
from shopctl.core.shop import Shop, retried

s, t = sales.c, tickets.c
RUNNING = ("open", "paused")
OVER = ("closed", "cancelled")
_TOPICS = {"open": "opened", "pause": "paused", "resume": "resumed", "close": "closed", "cancel": "cancelled"}


# --- use cases -----------------------------------------------------------------------------------------------------
def open_(shop: Shop, *, name: str) -> Sale:
    """Look once more at what was registered, set the units aside, and let the queue move.

    Errors: invalid_state, insufficient_stock, sku_in_sale.
    """
    check(shop, name=name)
    return _stepped(shop, "open", name)


def pause(shop: Shop, *, name: str) -> Sale:
    """Nobody else is admitted; those whose turn it is may buy."""
    return _stepped(shop, "pause", name)


def resume(shop: Shop, *, name: str) -> Sale:
    """The queue moves again."""
    return _stepped(shop, "resume", name)


def close(shop: Shop, *, name: str) -> Sale:
    """Nobody else is admitted, and what nobody has is put back; those whose turn it is may buy until it ends."""
    return _stepped(shop, "close", name)


def cancel(shop: Shop, *, name: str) -> Sale:
    """There is no such sale any more, for those who wait and for those whose turn it is; what was bought stays bought, and
    a checkout that has begun ends as it ends."""
    return _stepped(shop, "cancel", name)


@retried
def _stepped(shop: Shop, verb: str, name: str) -> Sale:
    with shop.work(f"sales.{verb}", name) as tx:
        sale = step(tx, locked(tx, name), verb)
        if sale.status in OVER:
            turns.run_out(tx, sale)
            put_back(tx, sale)
        shown = reads.get(tx, name)
        tx.commit()
    return shown


# --- steps ---------------------------------------------------------------------------------------------------------
def by_the_clock(tx: UnitOfWork, sale: Row) -> Row:
    """The sale as its window has it now, opened or ended where it is time. Why it cannot be opened is written down."""
    if sale.status == "scheduled" and sale.ends_at is not None and sale.ends_at <= tx.now:
        return step(tx, sale, "cancel")  # nobody was there to open it
    if sale.status in RUNNING and sale.ends_at is not None and sale.ends_at <= tx.now:
        return step(tx, sale, "close")
    if sale.status == "scheduled" and sale.starts_at is not None and sale.starts_at <= tx.now:
        try:
            with tx.savepoint():
                return step(tx, sale, "open")
        except Refused as error:
            if sale.problem != error.message:
                outbox.add(tx, "sale.not_opened", sale.id, name=sale.name, code=error.code)
                return _changed(tx, sale, problem=error.message)
    return sale


def step(tx: UnitOfWork, sale: Row, verb: str) -> Row:
    """The next status of a sale; Refused(invalid_state). When it is over, nobody waits any more: what becomes of the turns, and
    of what is left, is the work of a round."""
    after = lifecycle.step(lifecycle.SALE, sale.status, verb, f"Sale {sale.name}")
    outbox.add(tx, f"sale.{_TOPICS[verb]}", sale.id, name=sale.name)
    if verb == "open":
        if sale.ends_at is not None and sale.ends_at <= tx.now:
            raise Refused("sale_over", f"The window of sale {sale.name} is over", hint="sales edit NAME --ends TIME")
        _set_aside(tx, sale)
        return _changed(tx, sale, status=after, opened_at=tx.now, problem=None)
    if after not in OVER:
        return _changed(tx, sale, status=after)
    end_waiting(tx, sale.id, "ended")
    return _changed(tx, sale, status=after, ended_at=tx.now, problem=None)


def end_waiting(tx: UnitOfWork, sale_id: str, state: str, *, sku: str | None = None) -> int:
    """Nobody of these waits any more; how many."""
    some = [t.sale_id == sale_id, t.state == "waiting", *([t.sku == sku] if sku else [])]
    return int(tx.execute(sa.update(tickets).where(*some).values(state=state, ended_at=tx.now)).rowcount)


def put_back(tx: UnitOfWork, sale: Row) -> int:
    """What nobody has of a sale that is over goes back where it came from, unless another has its pool; how many units."""
    items = [item for item in items_of(tx, sale.id) if not _elsewhere(tx, sale, item.sku)]
    return sum(stock.put_back(tx, item.sku, reference=reference(sale)) for item in items)


# --- how it works --------------------------------------------------------------------------------------------------
def _set_aside(tx: UnitOfWork, sale: Row) -> None:
    """Fill the pools, each of which is one sale's alone: what it sells is its allotment, and nothing of an earlier one's."""
    for item in items_of(tx, sale.id):
        if other := _elsewhere(tx, sale, item.sku):
            raise Refused("sku_in_sale", f"{item.sku} is in sale {other}, which is not over", sku=item.sku, sale=other)
        if any(level.reserved for level in stock.of_pool(tx, item.sku)):
            why = f"Units of {item.sku} are still held for an earlier sale"
            raise Refused("sku_in_sale", why, hint="Try again when its last turns are over.", sku=item.sku)
        stock.put_back(tx, item.sku, reference=reference(sale))
        stock.set_aside(tx, item.sku, item.allotment, reference=reference(sale))


def _elsewhere(tx: UnitOfWork, sale: Row, sku: str) -> str | None:
    """The name of another sale that is running and has the pool of a SKU."""
    running = sa.select(s.name).join(sale_items, sale_items.c.sale_id == s.id)
    found = tx.row(running.where(sale_items.c.sku == sku, s.status.in_(RUNNING), s.id != sale.id))
    return found.name if found else None


def _changed(tx: UnitOfWork, sale: Row, **values: Any) -> Row:
    tx.execute(sa.update(sales).where(s.id == sale.id).values(updated_at=tx.now, **values))
    return tx.rows(sa.select(sales).where(s.id == sale.id))[0]
