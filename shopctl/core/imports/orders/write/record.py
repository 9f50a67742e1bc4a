"""An order in the words of our JSONL, which our CSV has as columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shopctl.core.domain.money import format_amount
from shopctl.core.domain.pricing import TaxPart
from shopctl.core.domain.wire import plain
from shopctl.core.imports.orders.stored import Stored
from shopctl.core.orders import CreditDraft, LineDraft, ShipmentDraft
from shopctl.core.queries.rates import percent


def of(stored: Stored, currency: str) -> dict[str, Any]:
    """The order's own fields; its lines are `lines_of`."""
    draft = stored.draft

    def money(amount: int) -> str:
        return format_amount(amount, currency)

    return {
        "number": str(stored.number),
        "id": draft.id,
        "status": draft.status,
        "source": stored.source,
        "reference": draft.reference,
        "email": draft.email,
        "subtotal": money(draft.subtotal),
        "discount": money(draft.discount),
        "tax": money(draft.tax),
        "tax_included": money(draft.tax_included),
        "taxes": [_tax(part, currency) for part in draft.taxes],
        "shipping": money(draft.shipping),
        "total": money(draft.total),
        "currency": currency,
        "shipping_method": draft.shipping_method,
        "shipping_address": dict(draft.shipping_address),
        "payments": _payments(stored, currency),
        "shipments": [_shipment(parcel) for parcel in draft.shipments],
        "credits": [_credit(one, currency) for one in draft.credits or ()],
        "extra": draft.extra,
        "created_at": _time(draft.created_at),
    }


def lines_of(stored: Stored, currency: str) -> list[dict[str, Any]]:
    return [_line(line, currency) for line in stored.draft.lines]


def _line(line: LineDraft, currency: str) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "product_name": line.product_name,
        "options": line.options,
        "quantity": line.quantity,
        "unit_price": format_amount(line.unit_price, currency),
        "total_price": format_amount(line.unit_price * line.quantity, currency),
        "tax": format_amount(line.tax, currency),
        "taxable": line.taxable,
        "requires_shipping": line.requires_shipping,
        "weight_grams": line.weight_grams,
        "cancelled": line.cancelled or 0,
    }


def _tax(part: TaxPart, currency: str) -> dict[str, Any]:
    amount = format_amount(part.amount, currency)
    return {"name": part.name, "percent": percent(part.parts_per_million), "included": part.included, "amount": amount}


def _credit(one: CreditDraft, currency: str) -> dict[str, Any]:
    return {
        "kind": one.kind,
        **{name: format_amount(getattr(one, name), currency) for name in ("items", "shipping", "tax", "total")},
        "taxes": [_tax(part, currency) for part in one.taxes or ()],
        "reason": one.reason,
        "lines": [
            {
                "line": line.position,
                "quantity": line.quantity,
                "amount": format_amount(line.amount, currency),
                "tax": format_amount(line.tax, currency),
            }
            for line in one.lines
        ],
        "at": _time(one.at),
    }


def _payments(stored: Stored, currency: str) -> list[Mapping[str, Any]]:
    paid = stored.draft.payment
    if paid is None:
        return []
    return [
        {
            "gateway": stored.gateway,
            "state": paid.state,
            "amount": format_amount(paid.amount, currency),
            "captured": format_amount(paid.captured, currency),
            "refunded": format_amount(paid.refunded, currency),
            "currency": currency,
            "reference": paid.reference,
            "created_at": _time(paid.created_at),
        }
    ]


def _shipment(parcel: ShipmentDraft) -> dict[str, Any]:
    return {
        "warehouse": parcel.warehouse,
        "tracking": parcel.tracking,
        "shipped_at": _time(parcel.shipped_at),
        "delivered_at": _time(parcel.delivered_at),
        "lines": [{"line": position, "quantity": units} for position, units in parcel.units.items()],
    }


def _time(moment: datetime | None) -> Any:
    return plain(moment)
