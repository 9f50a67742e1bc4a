"""Cancelling: what has not been shipped returns to the stock, and is not owed any more."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from shopctl.core import payments, stock
from shopctl.core.db.tables import order_allocations, order_lines
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle
from shopctl.core.orders import credits
from shopctl.core.orders.record import advance, lines_of, remark
from shopctl.core.orders.shipping import conclude
from shopctl.core.orders.units import Units, in_lines, told, unshipped
from shopctl.core.stock import Move


# --- steps ---------------------------------------------------------------------------------------------------------
def cancel(tx: UnitOfWork, order: Row, wanted: Units | None, *, note: str | None = None) -> None:
    """Cancel these units of a confirmed order, or all that have not been shipped, and give back what was paid for them.

    Without any of them the order is cancelled, if nothing has left, and otherwise shipped.
    """
    lifecycle.step(lifecycle.ORDER, order.status, "cancel", f"Order {order.number}")
    lines = lines_of(tx, order.id)
    open_units = {line.id: count for line in lines if (count := unshipped(line))}
    units = open_units if wanted is None else in_lines(order, lines, wanted, unshipped, "that are not shipped")
    give_up(tx, order, units)
    books = credits.account(tx, order)
    everything = units == open_units
    if everything and not any(line.shipped for line in lines):
        credits.credit(tx, books, "cancel", books.left, reason="the order was cancelled", units=units)
        if payment := payments.of_order(tx, order.id):
            payments.let_rest_go(tx, payments.locked(tx, payment.id))
        advance(tx, order, "cancel", note=note)
        return
    remark(tx, order, "cancel_part", "partially_cancelled", "; ".join(filter(None, [told(lines, units), note])))
    credits.credit(tx, books, "cancel", books.units(units), reason=f"{told(lines, units)} cancelled", units=units)
    if everything:
        conclude(tx, order)


def give_up(tx: UnitOfWork, order: Row, units: Mapping[str, int]) -> None:
    """The units are not promised any more: they can be had again where they lie."""
    a, line = order_allocations.c, order_lines.c
    left = dict(units)
    moves = []
    open_ones = sa.select(order_allocations).where(a.order_id == order.id, a.quantity > a.shipped + a.cancelled)
    for row in tx.rows(open_ones.order_by(a.sku, a.warehouse, a.pool, a.bucket, a.id)):
        count = min(left.get(row.order_line_id, 0), row.quantity - row.shipped - row.cancelled)
        if count:
            left[row.order_line_id] -= count
            place = row.sku, row.warehouse, row.pool, row.bucket
            about = {"reference": f"order {order.number}", "reservation_id": row.reservation_id}
            moves.append(Move(*place, committed=-count, **about))
            tx.execute(sa.update(order_allocations).where(a.id == row.id).values(cancelled=a.cancelled + count))
    for line_id, count in units.items():
        tx.execute(sa.update(order_lines).where(line.id == line_id).values(cancelled=line.cancelled + count))
    if not stock.move(tx, "uncommit", moves):
        raise stock.books_disagree(f"order {order.number}")
