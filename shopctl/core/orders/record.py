"""The record of orders: snapshots of what was bought, their history, and the state machine that they walk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core import outbox, process
from shopctl.core.db import dialects
from shopctl.core.db.tables import (
    idempotency_keys,
    order_allocations,
    order_events,
    order_lines,
    orders,
    shipments,
)
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle
from shopctl.core.domain.pricing import Totals
from shopctl.core.errors import Refused
from shopctl.core.queries.due import IN_FLIGHT, WAITS_FOR_PEOPLE

_id = sa.bindparam("k_id", type_=orders.c.id.type)
_BY_KEY = sa.select(idempotency_keys.c.order_id, idempotency_keys.c.fingerprint).where(
    idempotency_keys.c.key == sa.bindparam("k_key")
)
_LOCKED = sa.select(orders).where(orders.c.id == _id).with_for_update()
_LINES = sa.select(order_lines).where(order_lines.c.order_id == _id).order_by(order_lines.c.position)
_ADVANCED = sa.update(orders).where(orders.c.id == _id).values(in_flight=False)
_FINISHED = sa.update(idempotency_keys).where(
    idempotency_keys.c.order_id == _id, idempotency_keys.c.finished_at.is_(None)
)

Entry = tuple[str, str | None, str, str | None]
"""Of a history: verb, status before and after, note."""


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


def find_by_key(tx: UnitOfWork, key: str) -> Row | None:
    """What a key stands for: order_id, fingerprint."""
    return tx.row(_BY_KEY, {"k_key": key})


def next_number(tx: UnitOfWork) -> int:
    return next_numbers(tx, 1)[0]


def next_numbers(tx: UnitOfWork, count: int) -> Sequence[int]:
    """Numbers for orders that are about to be written; one that is not used is a gap."""
    return dialects.next_order_numbers(tx.connection, orders.c.number, count)


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
    _event(tx, new.id, new.number, "placed", ("place", None, "pending", None))


def begin(tx: UnitOfWork, orders: Sequence[tuple[str, int, str, str]]) -> None:
    """The histories of orders that were placed elsewhere (id, number, status, reference) begin with their import."""
    tx.insert(
        order_events,
        [_entry(tx, order_id, ("import", None, status, reference)) for order_id, _, status, reference in orders],
    )
    outbox.add_all(
        tx,
        "order.imported",
        [
            (order_id, {"number": str(number), "from_status": None, "to_status": status})
            for order_id, number, status, _ in orders
        ],
    )


def lock(tx: UnitOfWork, order_id: str) -> Row:
    """The order's row, ours until the transaction ends."""
    return tx.rows(_LOCKED, {"k_id": order_id})[0]


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
        _ADVANCED,
        {"k_id": order.id, "status": status, "problem": problem or order.problem, "updated_at": tx.now},
    )
    if order.in_flight:
        tx.execute(_FINISHED, {"k_id": order.id, "finished_at": tx.now})
    _event(tx, order.id, order.number, status, (verb, order.status, status, note))
    return status


def remark(tx: UnitOfWork, order: Row, verb: str, topic: str, note: str) -> None:
    """Add something to the history that leaves the status alone: a verb of lifecycle.REMARKS."""
    _event(tx, order.id, order.number, topic, (verb, order.status, order.status, note))


def send_to(tx: UnitOfWork, order: Row, address: Mapping[str, str]) -> None:
    """Make it the order's shipping address."""
    tx.execute(
        sa.update(orders).where(orders.c.id == order.id).values(shipping_address=dict(address), updated_at=tx.now)
    )


def lines_of(tx: UnitOfWork, order_id: str) -> Sequence[Row]:
    return tx.rows(_LINES, {"k_id": order_id})


def allocate(tx: UnitOfWork, order_id: str, lines: Sequence[Row], committed: Sequence[Row]) -> None:
    """Write which warehouse owes which units of which of the order's lines, from the committed reservations.

    A SKU may stand in several lines (each with its own price): its units are shared out in the order of the lines.
    """
    owed: dict[str, dict[str, int]] = {}
    for line in lines:
        owed.setdefault(line.sku, {})[line.id] = line.quantity
    rows = []
    for held in committed:
        left, shares = held.quantity, owed[held.sku]
        for line_id, units in shares.items():
            if taken := min(left, units):
                rows.append(_allocation(order_id, line_id, held, taken))
                shares[line_id] -= taken
                left -= taken
    tx.insert(order_allocations, rows)


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
    """Orders whose checkout has not ended, oldest first; without those that wait for somebody to be paid by hand."""
    return sorted(
        tx.rows(sa.select(orders).where(IN_FLIGHT, sa.not_(WAITS_FOR_PEOPLE))), key=lambda row: row.number
    )  # few, by their own index


# --- how it works --------------------------------------------------------------------------------------------------
def _allocation(order_id: str, line_id: str, held: Row, units: int) -> dict[str, Any]:
    place = {"sku": held.sku, "warehouse": held.warehouse, "pool": held.pool, "bucket": held.bucket}
    row = {"id": new_id(), "order_id": order_id, "order_line_id": line_id, "reservation_id": held.id, **place}
    return {**row, "quantity": units, "shipped": 0, "cancelled": 0}


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


def _event(tx: UnitOfWork, order_id: str, number: int, topic: str, entry: Entry) -> None:
    """An entry of the order's own history, and the fact for everybody else: numbers and states, nothing personal."""
    _, before, after, _ = entry
    tx.insert(order_events, [_entry(tx, order_id, entry)])
    outbox.add(tx, f"order.{topic}", order_id, number=str(number), from_status=before, to_status=after)


def _entry(tx: UnitOfWork, order_id: str, entry: Entry) -> dict[str, Any]:
    verb, before, after, note = entry
    event = {"order_id": order_id, "verb": verb, "from_status": before, "to_status": after, "note": note}
    return {**event, "actor": tx.actor, "at": tx.now}
