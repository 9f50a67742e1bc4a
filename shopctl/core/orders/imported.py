"""Orders that were placed elsewhere, taken in as they are: a snapshot with its history beginning here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import idempotency_keys, order_lines, orders, shipment_lines, shipments
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import worth
from shopctl.core.domain.pricing import TaxPart
from shopctl.core.domain.worth import Worth
from shopctl.core.orders import credits
from shopctl.core.orders.record import begin
from shopctl.core.payments import External

NOWHERE = "@unknown.invalid"
"""Where the e-mail addresses end that stand for customers without one; no mail can be sent there (RFC 2606)."""
BEFORE = "refunded before the import"
Entry = dict[str, Any]
"""A row to be written."""


@dataclass(frozen=True, slots=True)
class LineDraft:
    """A line as sold; None is what the file did not say. `tracked`: its units are taken from the stock, now or soon."""

    sku: str
    quantity: int
    unit_price: int
    product_name: str | None = None
    options: Mapping[str, str] | None = None
    tax: int = 0
    taxable: bool | None = None
    requires_shipping: bool | None = None
    weight_grams: int | None = None
    tracked: bool = False
    cancelled: int | None = None


@dataclass(frozen=True, slots=True)
class ShipmentDraft:
    """A parcel that left: `units` by the line's position."""

    shipped_at: datetime
    delivered_at: datetime | None
    tracking: str | None
    warehouse: str | None
    units: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class CreditLine:
    """Units of a line that a credit is for, by the line's position."""

    position: int
    quantity: int
    amount: int
    tax: int


@dataclass(frozen=True, slots=True)
class CreditDraft:
    """What the order was not owed any more. `taxes` are as many as the order's, or None where the file did not say."""

    kind: str
    items: int
    shipping: int
    tax: int
    taxes: Sequence[TaxPart] | None
    reason: str
    lines: Sequence[CreditLine]
    at: datetime

    @property
    def total(self) -> int:
        return self.items + self.shipping + self.tax


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """An order as a file has it, checked: its amounts add up. `id` is the one that it had in another store of ours."""

    id: str | None
    reference: str
    status: str
    email: str
    lines: Sequence[LineDraft]
    discount: int
    shipping: int
    tax: int
    tax_included: int
    taxes: Sequence[TaxPart]
    shipping_method: str | None
    shipping_address: Mapping[str, str]
    payment: External | None
    shipments: Sequence[ShipmentDraft]
    extra: Mapping[str, Any] | None
    created_at: datetime
    credits: Sequence[CreditDraft] | None = None

    @property
    def subtotal(self) -> int:
        return sum(line.unit_price * line.quantity for line in self.lines)

    @property
    def total(self) -> int:
        return self.subtotal - self.discount + self.shipping + self.tax - self.tax_included


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A draft that becomes an order: who it is here, and the key that it is known by."""

    draft: OrderDraft
    id: str
    number: int
    customer_id: str
    key: str
    fingerprint: str


def fingerprints(tx: UnitOfWork, keys: Sequence[str]) -> dict[str, str]:
    """The fingerprints of those of these keys that an order has been made under."""
    found = sa.select(idempotency_keys.c.key, idempotency_keys.c.fingerprint)
    return {row.key: row.fingerprint for row in tx.rows(found.where(idempotency_keys.c.key.in_(keys)))}


def take_in(tx: UnitOfWork, taken: Sequence[TakenIn]) -> None:
    """Write orders as they are, with their lines, shipments, keys and the first entries of their histories."""
    lines = {(order.id, n): new_id() for order in taken for n in range(1, len(order.draft.lines) + 1)}
    parcels = [(new_id(), order.id, parcel) for order in taken for parcel in order.draft.shipments]
    stamp = {"created_at": tx.now, "finished_at": tx.now}
    tx.insert(orders, [_order(tx, order) for order in taken])
    tx.insert(
        order_lines,
        [
            _line(order.id, lines[order.id, n], n, line)
            for order in taken
            for n, line in enumerate(order.draft.lines, 1)
        ],
    )
    tx.insert(shipments, [_parcel(parcel_id, order_id, parcel) for parcel_id, order_id, parcel in parcels])
    tx.insert(
        shipment_lines,
        [
            {"shipment_id": parcel_id, "order_line_id": lines[order_id, position], "quantity": units}
            for parcel_id, order_id, parcel in parcels
            for position, units in parcel.units.items()
        ],
    )
    tx.insert(
        idempotency_keys,
        [{"key": order.key, "fingerprint": order.fingerprint, "order_id": order.id, **stamp} for order in taken],
    )
    for order in taken:
        credits.take_in(tx, *_credits(tx, order, {n: lines[order.id, n] for n in range(1, len(order.draft.lines) + 1)}))
    begin(tx, [(order.id, order.number, order.draft.status, order.draft.reference) for order in taken])


_AMOUNTS = ("subtotal", "discount", "shipping", "tax", "tax_included", "total")


def _order(tx: UnitOfWork, taken: TakenIn) -> dict[str, Any]:
    draft = taken.draft
    row: dict[str, Any] = {"id": taken.id, "number": taken.number, "customer_id": taken.customer_id}
    row |= {"email": draft.email, "status": draft.status, "in_flight": False, "process": ""}
    row |= {name: getattr(draft, name) for name in _AMOUNTS} | {"currency": tx.facts.currency}
    row |= {"taxes": [asdict(part) for part in draft.taxes], "shipping_method": draft.shipping_method}
    row |= {"shipping_address": dict(draft.shipping_address), "extra": draft.extra}
    row |= {"source": "import", "reference": draft.reference}
    return {**row, "created_at": draft.created_at, "updated_at": tx.now}


def _parcel(parcel_id: str, order_id: str, parcel: ShipmentDraft) -> dict[str, Any]:
    row: dict[str, Any] = {"id": parcel_id, "order_id": order_id, "warehouse": parcel.warehouse}
    return {**row, "tracking": parcel.tracking, "shipped_at": parcel.shipped_at, "delivered_at": parcel.delivered_at}


def _line(order_id: str, line_id: str, position: int, line: LineDraft) -> dict[str, Any]:
    return {
        "id": line_id,
        "order_id": order_id,
        "position": position,
        "sku": line.sku,
        "product_name": line.product_name or line.sku,
        "options": line.options or {},
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "total_price": line.unit_price * line.quantity,
        "tax": line.tax,
        "taxable": line.taxable is not False,
        "requires_shipping": line.requires_shipping is not False,
        "tracked": line.tracked,
        "weight_grams": line.weight_grams or 0,
        "cancelled": 0 if line.tracked else line.cancelled or 0,  # what is held here is given up when it is allocated
    }


def _credits(tx: UnitOfWork, taken: TakenIn, lines: Mapping[int, str]) -> tuple[list[Entry], list[Entry]]:
    """The rows of the order's credits, and of their lines."""
    taxes: list[dict[str, Any]] = [asdict(part) for part in taken.draft.taxes]
    rows: list[Entry] = []
    of_lines: list[Entry] = []
    for one, amount in _worths(taken.draft, tx.now):
        parts = worth.by_tax(amount, taxes) if one.taxes is None else [asdict(part) for part in one.taxes]
        taxes = [{**tax, "amount": tax["amount"] - part["amount"]} for tax, part in zip(taxes, parts, strict=True)]
        row = {"id": new_id(), "order_id": taken.id, "kind": one.kind, "reason": one.reason, "at": one.at}
        row |= {"items": one.items, "shipping": one.shipping, "tax": one.tax, "total": one.total, "taxes": parts}
        rows.append({**row, "currency": tx.facts.currency, "actor": tx.actor})
        of_lines += [
            {
                "credit_id": row["id"],
                "order_line_id": lines[line.position],
                "quantity": line.quantity,
                "amount": line.amount,
                "tax": line.tax,
            }
            for line in one.lines
        ]
    return rows, of_lines


def _worths(draft: OrderDraft, now: datetime) -> Iterator[tuple[CreditDraft, Worth]]:
    """The draft's credits, each with its worth. What was given back of an order that stands, and is in none of them, is
    one more: what is not kept is not owed."""
    left = worth.whole(draft)
    for one in draft.credits or ():
        inside = left.inside(one.items + one.shipping)
        if one.taxes is not None:
            inside = sum(part.amount for part in one.taxes if part.included)
        amount = Worth(one.items, one.shipping, one.tax, inside)
        left -= amount
        yield one, amount
    refunded = draft.payment.refunded if draft.payment else 0
    missing = min(left.total, refunded - sum(one.total for one in draft.credits or ()))
    if missing > 0 and draft.status != "cancelled":
        part = left.of_amount(missing)
        yield CreditDraft("refund", part.items, part.shipping, part.tax, None, BEFORE, (), now), part
