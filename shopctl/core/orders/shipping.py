"""Shipping: what an order owes leaves the stock, and arrives."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from shopctl.core import stock
from shopctl.core.db.tables import order_allocations, shipment_lines, shipments
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, Refused
from shopctl.core.orders.record import advance, lock
from shopctl.core.queries import parcels
from shopctl.core.queries.orders import Order, get, row_by_number
from shopctl.core.queries.stock import level_of
from shopctl.core.shop import Shop, retried
from shopctl.core.stock import Move


@retried
def ship(shop: Shop, *, number: str, tracking: str | None = None) -> Order:
    """Send everything that an order still owes: one shipment per warehouse; the units leave the stock."""
    if tracking is not None:
        try:
            tracking = text.storable(tracking.strip())[:200] or None
        except ValueError as error:
            raise BadInput("bad_tracking", f"The tracking number {error}") from None
    with shop.work("orders.ship", number) as tx:
        order = lock(tx, row_by_number(tx, number).id)
        advance(tx, order, "ship", note=tracking)
        _send(tx, order, tracking)
        shown = get(tx, order.id)
        tx.commit()
    return shown


@retried
def deliver(shop: Shop, *, number: str) -> Order:
    """Everything sent has arrived."""
    with shop.work("orders.deliver", number) as tx:
        order = lock(tx, row_by_number(tx, number).id)
        advance(tx, order, "deliver")
        tx.execute(
            sa.update(shipments)
            .where(shipments.c.order_id == order.id, shipments.c.delivered_at.is_(None))
            .values(delivered_at=tx.now)
        )
        shown = get(tx, order.id)
        tx.commit()
    return shown


# --- how it works --------------------------------------------------------------------------------------------------
def _send(tx: UnitOfWork, order: Row, tracking: str | None) -> None:
    a = order_allocations.c
    due = parcels.owed(tx, [order.id])[order.id]
    unshipped = sa.select(order_allocations).where(a.order_id == order.id, a.quantity > a.shipped + a.cancelled)
    owed = tx.rows(unshipped.order_by(a.sku, a.warehouse, a.pool, a.bucket))
    moves = [
        Move(
            row.sku,
            row.warehouse,
            row.pool,
            row.bucket,
            quantity=-(row.quantity - row.shipped - row.cancelled),
            committed=-(row.quantity - row.shipped - row.cancelled),
            reference=f"order {order.number}",
            reservation_id=row.reservation_id,
        )
        for row in owed
    ]
    if not stock.ship(tx, moves):
        raise _waits_for_goods(tx, order, owed)
    tx.execute(sa.update(order_allocations).where(a.order_id == order.id).values(shipped=a.quantity - a.cancelled))
    for warehouse, contents in sorted(due.items(), key=lambda parcel: parcel[0] or ""):
        shipment = {"id": new_id(), "order_id": order.id, "warehouse": warehouse, "tracking": tracking}
        tx.insert(shipments, [{**shipment, "shipped_at": tx.now}])
        tx.insert(
            shipment_lines,
            [
                {"shipment_id": shipment["id"], "order_line_id": line.id, "quantity": quantity}
                for line, quantity in contents
            ],
        )


def _waits_for_goods(tx: UnitOfWork, order: Row, owed: Sequence[Row]) -> Refused:
    """Which warehouse lacks what; the units promised from one are not taken from another."""
    due: dict[tuple[str, str], int] = {}
    for row in owed:
        place = row.warehouse, row.sku
        due[place] = due.get(place, 0) + row.quantity - row.shipped - row.cancelled
    lacks = []
    for (warehouse, sku), units in due.items():
        here = level_of(tx, sku, warehouse).quantity
        if here < units:
            lacks.append(f"{warehouse} has {here} of the {units} {sku} that it owes")
    return Refused(
        "insufficient_stock",
        f"Order {order.number} waits for goods: {'; '.join(lacks)}",
        hint="Receive the units there first.",
        number=str(order.number),
    )
