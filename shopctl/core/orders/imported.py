"""Orders that were placed elsewhere, taken in as they are: a snapshot with its history beginning here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import idempotency_keys, order_lines, orders, shipment_lines, shipments
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.pricing import TaxPart
from shopctl.core.orders.record import begin
from shopctl.core.payments import External

NOWHERE = "@unknown.invalid"
"""Where the e-mail addresses end that stand for customers without one; no mail can be sent there (RFC 2606)."""


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


@dataclass(frozen=True, slots=True)
class ShipmentDraft:
    """A parcel that left: `units` by the line's position."""

    shipped_at: datetime
    delivered_at: datetime | None
    tracking: str | None
    warehouse: str | None
    units: Mapping[int, int]


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

    @property
    def subtotal(self) -> int:
        return sum(line.unit_price * line.quantity for line in self.lines)

    @property
    def total(self) -> int:
        return self.subtotal - self.discount + self.shipping + self.tax - self.tax_included


def taken_in(tx: UnitOfWork, keys: Sequence[str]) -> dict[str, str]:
    """The fingerprints of those of these keys that an order has been made under."""
    found = sa.select(idempotency_keys.c.key, idempotency_keys.c.fingerprint)
    return {row.key: row.fingerprint for row in tx.rows(found.where(idempotency_keys.c.key.in_(keys)))}


def take_in(
    tx: UnitOfWork, draft: OrderDraft, *, order_id: str, number: int, customer_id: str, key: str, fingerprint: str
) -> None:
    """Write an order as it is, with its lines, shipments, key and the first entry of its history."""
    order: dict[str, Any] = {"id": order_id, "number": number, "customer_id": customer_id, "email": draft.email}
    order |= {"status": draft.status, "in_flight": False, "process": "", "currency": tx.facts.currency}
    order |= {name: getattr(draft, name) for name in _AMOUNTS} | {"taxes": [asdict(part) for part in draft.taxes]}
    order |= {"shipping_method": draft.shipping_method, "shipping_address": dict(draft.shipping_address)}
    order |= {"source": "import", "reference": draft.reference, "extra": draft.extra}
    tx.insert(orders, [{**order, "created_at": draft.created_at, "updated_at": tx.now}])
    ids = [new_id() for _ in draft.lines]
    tx.insert(
        order_lines, [_line(order_id, i, n, line) for n, (i, line) in enumerate(zip(ids, draft.lines, strict=True), 1)]
    )
    for shipment in draft.shipments:
        shipment_id = new_id()
        parcel: dict[str, Any] = {"id": shipment_id, "order_id": order_id, "warehouse": shipment.warehouse}
        parcel |= {"tracking": shipment.tracking, "delivered_at": shipment.delivered_at}
        tx.insert(shipments, [{**parcel, "shipped_at": shipment.shipped_at}])
        tx.insert(
            shipment_lines,
            [
                {"shipment_id": shipment_id, "order_line_id": ids[position - 1], "quantity": units}
                for position, units in shipment.units.items()
            ],
        )
    stamp = {"created_at": tx.now, "finished_at": tx.now}
    tx.insert(idempotency_keys, [{"key": key, "fingerprint": fingerprint, "order_id": order_id, **stamp}])
    begin(tx, order_id, number, draft.status, draft.reference)


_AMOUNTS = ("subtotal", "discount", "shipping", "tax", "tax_included", "total")


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
    }
