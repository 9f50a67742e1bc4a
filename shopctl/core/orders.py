"""Orders: snapshots of what was bought, the state machine that they walk, their shipping. The only writer of orders, lines,
allocations, shipments, events and idempotency keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core import outbox, process, stock
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import (
    idempotency_keys,
    order_allocations,
    order_events,
    order_lines,
    orders,
    shipment_lines,
    shipments,
)
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle, text
from shopctl.core.domain.pricing import Totals
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries.orders import Order, get, row_by_number
from shopctl.core.queries.stock import level_of
from shopctl.core.shop import Shop
from shopctl.core.stock import Move


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What an order is made of. `lines` are rows of the cart joined with their variants, as `Totals.line_taxes` counts them."""

    id: str
    number: int
    cart_id: str
    customer_id: str
    email: str
    lines: Sequence[Any]
    totals: Totals
    shipping_address: Mapping[str, str]
    key: str
    fingerprint: str


# --- steps ---------------------------------------------------------------------------------------------------------
def find_by_key(tx: UnitOfWork, key: str) -> Row | None:
    """The idempotency row of a key: order_id, fingerprint, finished_at."""
    return tx.row(sa.select(idempotency_keys).where(idempotency_keys.c.key == key))


def next_number(tx: UnitOfWork) -> int:
    return stores.next_order_number(tx.connection, orders.c.number)


def create(tx: UnitOfWork, new: NewOrder) -> None:
    """Write a PENDING order with its lines, its key and the first event."""
    t = new.totals
    order = {"id": new.id, "number": new.number, "cart_id": new.cart_id, "customer_id": new.customer_id}
    order |= {"email": new.email, "status": "pending", "in_flight": True, "currency": tx.facts.currency}
    order |= {"subtotal": t.subtotal, "discount": t.discount, "shipping": t.shipping, "tax": t.tax}
    order |= {"tax_included": t.tax_included, "total": t.total, "shipping_method": t.shipping_method}
    order |= {"taxes": [asdict(part) for part in t.taxes]}
    order |= {"shipping_address": dict(new.shipping_address), "process": process.name()}
    tx.insert(orders, [{**order, "created_at": tx.now, "updated_at": tx.now}])
    tx.insert(order_lines, [_line(new, position) for position in range(len(new.lines))])
    tx.insert(
        idempotency_keys,
        [{"key": new.key, "fingerprint": new.fingerprint, "order_id": new.id, "created_at": tx.now}],
    )
    _event(tx, new.id, "place", None, "pending", None)


def lock(tx: UnitOfWork, order_id: str) -> Row:
    """The order's row, ours until the transaction ends."""
    return tx.rows(sa.select(orders).where(orders.c.id == order_id).with_for_update())[0]


def adopt(tx: UnitOfWork, order_id: str) -> None:
    """This process goes on with an unfinished order."""
    tx.execute(sa.update(orders).where(orders.c.id == order_id, orders.c.in_flight).values(process=process.name()))


def leave(tx: UnitOfWork, order_id: str) -> None:
    """Nobody is at work on an unfinished order any more: its shopper was told that it is pending."""
    tx.execute(sa.update(orders).where(orders.c.id == order_id, orders.c.in_flight).values(process=""))


def correct(tx: UnitOfWork, order_id: str, problem: Mapping[str, object]) -> None:
    """Say anew what became of a cancelled order, when the story went on after it."""
    tx.execute(sa.update(orders).where(orders.c.id == order_id).values(problem=problem, updated_at=tx.now))


def advance(tx: UnitOfWork, order: Row, verb: str, *, note: str | None = None, problem: object = None) -> str:
    """Walk one step of the state machine; the new status. The order is no longer in flight, and its key is finished."""
    status = lifecycle.step(lifecycle.ORDER, order.status, verb, f"Order {order.number}")
    tx.execute(
        sa.update(orders)
        .where(orders.c.id == order.id)
        .values(status=status, in_flight=False, problem=problem or order.problem, updated_at=tx.now)
    )
    if order.in_flight:
        tx.execute(
            sa.update(idempotency_keys)
            .where(idempotency_keys.c.order_id == order.id, idempotency_keys.c.finished_at.is_(None))
            .values(finished_at=tx.now)
        )
    _event(tx, order.id, verb, order.status, status, note)
    outbox.add(tx, f"order.{status}", order.id, number=str(order.number), email=order.email)
    return status


def lines_of(tx: UnitOfWork, order_id: str) -> Sequence[Row]:
    return tx.rows(sa.select(order_lines).where(order_lines.c.order_id == order_id).order_by(order_lines.c.position))


def allocate(tx: UnitOfWork, order_id: str, committed: Sequence[Row]) -> None:
    """Write which warehouse owes which line, from the committed reservations."""
    line_ids = {line.sku: line.id for line in lines_of(tx, order_id)}
    tx.insert(
        order_allocations,
        [
            {
                "id": new_id(),
                "order_id": order_id,
                "order_line_id": line_ids[row.sku],
                "reservation_id": row.id,
                "sku": row.sku,
                "warehouse": row.warehouse,
                "pool": row.pool,
                "bucket": row.bucket,
                "quantity": row.quantity,
                "shipped": 0,
                "cancelled": 0,
            }
            for row in committed
        ],
    )


def cancel_allocations(tx: UnitOfWork, order_id: str) -> None:
    """Nothing of the order will be shipped any more."""
    a = order_allocations.c
    tx.execute(sa.update(order_allocations).where(a.order_id == order_id).values(cancelled=a.quantity - a.shipped))


def forget(tx: UnitOfWork, customer: str, emails: Iterable[str], placeholder: str) -> list[str]:
    """Take a person out of their orders, and their e-mail addresses out of others'; the ids of all of them.

    Amounts, tax, country and region stay. Notes and tracking numbers go: they lead to a person, too. Refused(invalid_state)
    while one of the orders is not at its end.
    """
    mine = orders.c.customer_id == customer
    rows = tx.rows(sa.select(orders).where(mine).order_by(orders.c.number).with_for_update())
    for row in rows:
        if lifecycle.ORDER[row.status]:
            raise Refused(
                "invalid_state",
                f"Order {row.number} is {row.status}: its customer cannot be erased yet",
                hint="Deliver or cancel it first.",
                number=str(row.number),
                status=row.status,
            )
        place = {name: part if name in ("country", "region") else "" for name, part in row.shipping_address.items()}
        nobody = {"email": placeholder, "shipping_address": place, "extra": None, "updated_at": tx.now}
        tx.execute(sa.update(orders).where(orders.c.id == row.id).values(nobody))
    of_mine = sa.select(orders.c.id).where(mine)
    tx.execute(sa.update(order_events).where(order_events.c.order_id.in_(of_mine)).values(note=None))
    tx.execute(sa.update(shipments).where(shipments.c.order_id.in_(of_mine)).values(tracking=None))
    # A fingerprint is a digest of the address, among others: without it a repeated key is refused, and buys nothing twice.
    tx.execute(sa.update(idempotency_keys).where(idempotency_keys.c.order_id.in_(of_mine)).values(fingerprint="erased"))
    as_contact = sa.func.lower(orders.c.email).in_(sorted({email.lower() for email in emails}))
    others = tx.rows(sa.update(orders).where(as_contact).values(email=placeholder).returning(orders.c.id))
    return [row.id for row in (*rows, *others)]


def unfinished(tx: UnitOfWork) -> Sequence[Row]:
    """Orders whose checkout has not ended, oldest first."""
    return tx.rows(sa.select(orders).where(orders.c.in_flight).order_by(orders.c.number))


# --- use cases -----------------------------------------------------------------------------------------------------
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
    owed = tx.rows(sa.select(order_allocations).where(a.order_id == order.id, a.quantity > a.shipped + a.cancelled))
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
    if not stock.move(tx, "ship", moves):
        raise _waits_for_goods(tx, order, owed)
    tx.execute(sa.update(order_allocations).where(a.order_id == order.id).values(shipped=a.quantity - a.cancelled))
    untracked = [line for line in lines_of(tx, order.id) if not line.tracked]
    parcels: dict[str | None, list[tuple[str, int]]] = {}
    for row in owed:
        parcels.setdefault(row.warehouse, []).append((row.order_line_id, row.quantity - row.shipped - row.cancelled))
    for line in untracked:
        parcels.setdefault(next(iter(parcels), None), []).append((line.id, line.quantity))
    for warehouse, contents in sorted(parcels.items(), key=lambda parcel: parcel[0] or ""):
        shipment_id = new_id()
        shipment = {"id": shipment_id, "order_id": order.id, "warehouse": warehouse, "tracking": tracking}
        tx.insert(shipments, [{**shipment, "shipped_at": tx.now}])
        units: dict[str, int] = {}
        for line_id, quantity in contents:
            units[line_id] = units.get(line_id, 0) + quantity
        tx.insert(
            shipment_lines,
            [{"shipment_id": shipment_id, "order_line_id": i, "quantity": q} for i, q in units.items()],
        )


def _waits_for_goods(tx: UnitOfWork, order: Row, owed: Sequence[Row]) -> Refused:
    """Which warehouse lacks what; the units promised from one are not taken from another."""
    lacks = []
    for row in owed:
        here, units = level_of(tx, row.sku, row.warehouse).quantity, row.quantity - row.shipped - row.cancelled
        if here < units:
            lacks.append(f"{row.warehouse} has {here} of the {units} {row.sku} that it owes")
    return Refused(
        "insufficient_stock",
        f"Order {order.number} waits for goods: {'; '.join(lacks)}",
        hint="Receive the units there first.",
        number=str(order.number),
    )


def _line(new: NewOrder, position: int) -> dict[str, Any]:
    row = new.lines[position]
    return {
        "id": new_id(),
        "order_id": new.id,
        "position": position + 1,
        "sku": row.sku,
        "product_name": row.title,
        "options": row.options,
        "quantity": row.quantity,
        "unit_price": row.price,
        "total_price": row.price * row.quantity,
        "tax": new.totals.line_taxes[position],
        "taxable": row.taxable,
        "requires_shipping": row.requires_shipping,
        "tracked": row.tracked,
        "weight_grams": row.weight_grams,
    }


def _event(tx: UnitOfWork, order_id: str, verb: str, before: str | None, after: str, note: str | None) -> None:
    event = {"order_id": order_id, "verb": verb, "from_status": before, "to_status": after, "note": note}
    tx.insert(order_events, [{**event, "actor": tx.actor, "at": tx.now}])
