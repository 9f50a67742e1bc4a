"""Shipping: what an order owes leaves the stock, in one parcel or in several, and arrives.

What is captured with the shipments is captured before the goods leave, and outside any transaction: the unit of work finds
the money there, or says how much is missing. Killed between the two, the next attempt finds it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core import payments, stock
from shopctl.core.db.tables import order_allocations, shipment_lines, shipments
from shopctl.core.db.tables import payments as payment_rows
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle, text
from shopctl.core.domain.money import Money
from shopctl.core.errors import BadInput, NotFound, Refused
from shopctl.core.orders import credits
from shopctl.core.orders.record import advance, lines_of, lock, remark
from shopctl.core.orders.units import Units, in_lines, told, unshipped
from shopctl.core.queries import parcels
from shopctl.core.queries.orders import Order, get, row_by_number
from shopctl.core.queries.stock import level_of
from shopctl.core.queries.warehouses import known_warehouse
from shopctl.core.shop import Shop, retried
from shopctl.core.stock import Move

TRIES = 3
"""How often the money for a parcel is captured anew, because another one left meanwhile."""
Parcels = dict[str | None, list[tuple[Row, int]]]


@dataclass
class _Missing(Exception):
    """The parcel may leave once `amount` of the order's payment is captured."""

    order_id: str
    amount: int
    final: bool


# --- use cases -----------------------------------------------------------------------------------------------------
def ship(
    shop: Shop,
    *,
    number: str,
    tracking: str | None = None,
    warehouse: str | None = None,
    lines: Units | None = None,
) -> Order:
    """Send what an order still owes, or these units of it, from everywhere or one warehouse: one shipment per warehouse.

    The order is shipped when it owes nothing any more. Errors: not_owed, insufficient_stock, capture_failed; StillPending when
    the gateway does not answer about what is captured with the shipment: repeat it.
    """
    if tracking is not None:
        try:
            tracking = text.storable(tracking.strip())[:200] or None
        except ValueError as error:
            raise BadInput("bad_tracking", f"The tracking number {error}") from None
    captured: _Missing | None = None
    for _ in range(TRIES):
        try:
            shown, ask = _shipped(shop, number, tracking, warehouse, lines)
        except _Missing as missing:
            payments.capture_up_to(shop, order_id=missing.order_id, amount=missing.amount, final=missing.final)
            captured = missing
        except Refused:
            if captured:
                _give_back(shop, captured.order_id)
            raise
        else:
            if ask and not shop.dry_run:
                payments.finish_refunds(shop, order_id=shown.id)
                payments.finish_actions(shop, order_id=shown.id)
            return shown
    raise Refused("capture_failed", f"Others ship order {number} at the same time", hint="Try again.", number=number)


def captures(shop: Shop) -> bool:
    """Whether a shipment may have to ask the gateway for its money first."""
    with shop.read() as tx:
        open_ones = sa.select(payment_rows.c.id).where(payment_rows.c.open > 0).limit(1)
        return shop.facts.capture == "shipment" or tx.row(open_ones) is not None


@retried
def deliver(shop: Shop, *, number: str, shipment: int | None = None) -> Order:
    """Everything sent has arrived, or one shipment of it: they are counted from 1, as `orders show` lists them.

    The order is delivered when nothing is owed and on the way any more.
    """
    with shop.work("orders.deliver", number) as tx:
        order = lock(tx, row_by_number(tx, number).id)
        sent = tx.rows(sa.select(shipments).where(shipments.c.order_id == order.id).order_by(shipments.c.id))
        arrived = [row for row in sent if row.delivered_at is None]
        if shipment is not None:
            arrived = [_on_its_way(order, sent, shipment)]
        ids = [row.id for row in arrived]
        tx.execute(sa.update(shipments).where(shipments.c.id.in_(ids)).values(delivered_at=tx.now))
        if arrived and (order.status == "confirmed" or _on_the_way(tx, order)):
            told = ", ".join(str(i) for i, row in enumerate(sent, 1) if row.id in ids)
            remark(tx, order, "deliver_part", "partially_delivered", f"shipment {told}")
        else:
            advance(tx, order, "deliver")
        shown = get(tx, order.id)
        tx.commit()
    return shown


# --- steps ---------------------------------------------------------------------------------------------------------
def conclude(tx: UnitOfWork, order: Row, note: str | None = None) -> None:
    """An order with shipments owes nothing any more: it is shipped, and delivered when all of them have arrived.

    No more of its payment is captured from here on.
    """
    advance(tx, order, "ship", note=note)
    if not _on_the_way(tx, order):
        advance(tx, lock(tx, order.id), "deliver")
    if payment := payments.of_order(tx, order.id):
        payments.let_rest_go(tx, payments.locked(tx, payment.id))
    credits.settle_up(tx, order, reason="the order is shipped")


# --- how it works --------------------------------------------------------------------------------------------------
@retried
def _shipped(
    shop: Shop, number: str, tracking: str | None, warehouse: str | None, lines: Units | None
) -> tuple[Order, bool]:
    """The order, and whether the gateway is to be asked for something now."""
    with shop.work("orders.ship", number) as tx:
        order = lock(tx, row_by_number(tx, number).id)
        lifecycle.step(lifecycle.ORDER, order.status, "ship", f"Order {order.number}")
        due = _chosen(tx, order, warehouse, lines)
        _send(tx, order, due, tracking)
        complete = not any(unshipped(line) for line in lines_of(tx, order.id))
        payment = payments.of_order(tx, order.id)
        by_shipment = payment is not None and payment.capture == "shipment"
        if payment and by_shipment and not shop.dry_run:
            _must_be_captured(tx, order, payment, final=complete)
        if complete:
            conclude(tx, order, tracking)
        else:
            remark(tx, order, "ship_part", "partially_shipped", _told(due, tracking))
        shown = get(tx, order.id)
        tx.commit()
    return shown, by_shipment


def _chosen(tx: UnitOfWork, order: Row, warehouse: str | None, lines: Units | None) -> Parcels:
    """What is to leave now, of what is owed."""
    place = known_warehouse(tx, warehouse) if warehouse else None
    due = parcels.owed(tx, [order.id], warehouse=place)[order.id]
    if place:
        if place not in due:
            raise Refused(
                "not_owed", f"Order {order.number} owes nothing from {place}", number=str(order.number), warehouse=place
            )
        due = {place: due[place]}
    if lines is None:
        return due
    here: dict[str, int] = {}
    for contents in due.values():
        for line, count in contents:
            here[line.id] = here.get(line.id, 0) + count
    what = f"to be shipped from {place}" if place else "to be shipped"
    left = in_lines(order, lines_of(tx, order.id), lines, lambda line: here.get(line.id, 0), what)
    chosen: Parcels = {}
    for code, contents in sorted(due.items(), key=lambda parcel: parcel[0] or ""):
        for line, count in contents:
            if taken := min(count, left.get(line.id, 0)):
                left[line.id] -= taken
                chosen.setdefault(code, []).append((line, taken))
    return chosen


def _send(tx: UnitOfWork, order: Row, due: Parcels, tracking: str | None) -> None:
    """The units leave the stock, as a shipment from each warehouse."""
    a = order_allocations.c
    wanted = {(line.id, code): count for code, contents in due.items() for line, count in contents}
    open_ones = sa.select(order_allocations).where(a.order_id == order.id, a.quantity > a.shipped + a.cancelled)
    sent = []
    for row in tx.rows(open_ones.order_by(a.sku, a.warehouse, a.pool, a.bucket, a.id)):
        place = row.order_line_id, row.warehouse
        if count := min(wanted.get(place, 0), row.quantity - row.shipped - row.cancelled):
            wanted[place] -= count
            sent.append((row, count))
    moves = [
        Move(
            row.sku,
            row.warehouse,
            row.pool,
            row.bucket,
            quantity=-count,
            committed=-count,
            reference=f"order {order.number}",
            reservation_id=row.reservation_id,
        )
        for row, count in sent
    ]
    if not stock.ship(tx, moves):
        raise _waits_for_goods(tx, order, sent)
    for row, count in sent:
        tx.execute(sa.update(order_allocations).where(a.id == row.id).values(shipped=a.shipped + count))
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


def _must_be_captured(tx: UnitOfWork, order: Row, payment: Row, *, final: bool) -> None:
    """The goods that have left, these among them, are paid for; or _Missing, or Refused(capture_failed)."""
    payment = payments.locked(tx, payment.id)
    kept, due = payments.kept(tx, payment), credits.account(tx, order).due(payment)
    if kept >= due:
        return
    if payment.open < due - kept:
        short = Money(due - kept - payment.open, payment.currency)
        raise Refused(
            "capture_failed",
            f"{short} {payment.currency} of order {order.number} cannot be captured: the authorization is spent or lapsed",
            hint="Cancel what cannot be paid: `shopctl orders cancel N --line SKU=QTY`.",
            number=str(order.number),
            missing=str(short),
        )
    raise _Missing(order.id, payment.captured + due - kept, final)


def _give_back(shop: Shop, order_id: str) -> None:
    """The order ended while its money was captured for a parcel that does not leave: it goes back."""
    with shop.work("orders.settle", order_id) as tx:
        order = lock(tx, order_id)
        if order.status == "confirmed":
            return
        credits.settle_up(tx, order, reason="captured for what was not shipped")
        tx.commit()
    payments.finish_refunds(shop, order_id=order_id)


def _on_its_way(order: Row, sent: Sequence[Row], shipment: int) -> Row:
    if not 1 <= shipment <= len(sent):
        raise NotFound(
            "unknown_shipment",
            f"Order {order.number} has {len(sent)} shipments, and no number {shipment}",
            number=str(order.number),
            shipment=shipment,
        )
    found = sent[shipment - 1]
    if found.delivered_at is not None:
        raise Refused("invalid_state", f"Shipment {shipment} of order {order.number} has arrived already")
    return found


def _on_the_way(tx: UnitOfWork, order: Row) -> bool:
    s = shipments.c
    return tx.row(sa.select(s.id).where(s.order_id == order.id, s.delivered_at.is_(None)).limit(1)) is not None


def _told(due: Parcels, tracking: str | None) -> str:
    parts = []
    for code, contents in sorted(due.items(), key=lambda parcel: parcel[0] or ""):
        goods = told([line for line, _ in contents], {line.id: count for line, count in contents})
        parts.append(f"{goods} from {code}" if code else goods)
    return "; ".join([*parts, *([f"tracking {tracking}"] if tracking else [])])


def _waits_for_goods(tx: UnitOfWork, order: Row, sent: Sequence[tuple[Row, int]]) -> Refused:
    """Which warehouse lacks what; the units promised from one are not taken from another."""
    due: dict[tuple[str, str], int] = {}
    for row, count in sent:
        due[row.warehouse, row.sku] = due.get((row.warehouse, row.sku), 0) + count
    lacks = []
    for (warehouse, sku), count in due.items():
        here = level_of(tx, sku, warehouse).quantity
        if here < count:
            lacks.append(f"{warehouse} has {here} of the {count} {sku} that it owes")
    return Refused(
        "insufficient_stock",
        f"Order {order.number} waits for goods: {'; '.join(lacks)}",
        hint="Receive the units there first.",
        number=str(order.number),
    )
