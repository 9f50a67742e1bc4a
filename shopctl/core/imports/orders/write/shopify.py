"""Shopify's layout out: the 79 columns of its orders export.

Cells of a file that came in and that an order of ours would not have are kept in its `extra`, and said again. Those that
tell how far it had come count until the order goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shopctl.core.domain.facts import Facts
from shopctl.core.domain.money import format_amount
from shopctl.core.imports.cells import csv_cell, guarded
from shopctl.core.imports.orders.layout import COLUMNS, MOVING, TAX_COLUMNS
from shopctl.core.imports.orders.stored import Stored
from shopctl.core.orders import NOWHERE, LineDraft, OrderDraft

FORMAT = "shopify"
_SENT = ("shipped", "delivered")
Cells = dict[str, str]


def write(found: Iterator[Stored], facts: Facts) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\n"
    for stored in found:
        rows = _rows(stored.draft, facts.currency)
        rows[0]["Cancelled at"] = _time(stored.cancelled_at)
        kept = (stored.draft.extra or {}).get(FORMAT, {})
        for row, said in zip(rows, _padded(kept.get("rows", ()), len(rows)), strict=True):
            row |= {name: cell for name, cell in said.items() if _counts(name, kept, stored)}
            yield ",".join(csv_cell(guarded(row.get(name, ""))) for name in COLUMNS) + "\n"


def kept(draft: OrderDraft, cells: Sequence[Mapping[str, str]], currency: str) -> dict[str, Any] | None:
    """What the rows of a file say otherwise than `write` would say of the order that was made of them."""
    rows = _rows(draft, currency)
    other = [
        {name: cell for name, cell in said.items() if cell != row.get(name, "")}
        for row, said in zip(rows, cells, strict=True)
    ]
    return {FORMAT: {"status": draft.status, "rows": other}} if any(other) else None


def _counts(name: str, kept: Mapping[str, Any], stored: Stored) -> bool:
    return name not in MOVING or kept["status"] == stored.draft.status


def _padded(rows: Sequence[Mapping[str, str]], length: int) -> list[Mapping[str, str]]:
    return [*rows, *({} for _ in range(length - len(rows)))][:length]


def _rows(draft: OrderDraft, currency: str) -> list[Cells]:
    name = {"Name": draft.reference, "Email": _email(draft), "Created at": _time(draft.created_at)}
    rows = [{**name, **_line(line, draft, currency)} for line in draft.lines]
    rows[0] |= _amounts(draft, currency) | _address(draft) | _money(draft, currency)
    rows[0]["Fulfillment Status"] = "fulfilled" if draft.status in _SENT else "unfulfilled"
    if draft.shipments:
        rows[0]["Fulfilled at"] = _time(draft.shipments[0].shipped_at)
    return rows


def _line(line: LineDraft, draft: OrderDraft, currency: str) -> Cells:
    return {
        "Lineitem quantity": str(line.quantity),
        "Lineitem name": line.product_name or line.sku,
        "Lineitem price": format_amount(line.unit_price, currency),
        "Lineitem sku": line.sku,
        "Lineitem requires shipping": "false" if line.requires_shipping is False else "true",
        "Lineitem taxable": "false" if line.taxable is False else "true",
        "Lineitem fulfillment status": "fulfilled" if draft.status in _SENT else "pending",
        "Lineitem discount": format_amount(0, currency),
    }


def _amounts(draft: OrderDraft, currency: str) -> Cells:
    def money(amount: int) -> str:
        return format_amount(amount, currency)

    duties = sum(part.amount for part in draft.taxes if part.name == "Duties")
    named = [part for part in draft.taxes if part.name != "Duties"]
    taxes: Cells = {}
    for (name, value), part in zip(TAX_COLUMNS, named, strict=False):
        taxes |= {name: part.name, value: money(part.amount)}
    return {
        "Accepts Marketing": "no",
        "Currency": currency,
        "Subtotal": money(draft.subtotal - draft.discount),
        "Shipping": money(draft.shipping),
        "Taxes": money(draft.tax - duties),
        "Duties": money(duties) if duties else "",
        "Total": money(draft.total),
        "Discount Amount": money(draft.discount),
        "Shipping Method": draft.shipping_method or "",
        **taxes,
    }


def _address(draft: OrderDraft) -> Cells:
    """The address twice: an order of ours has no other for the bill."""
    said = draft.shipping_address
    parts = {"Name": "name", "Address1": "line1", "Address2": "line2", "City": "city", "Zip": "postal_code"}
    parts |= {"Province": "region", "Country": "country"}
    cells = {column: said.get(part, "") for column, part in parts.items()}
    cells["Street"] = ", ".join(line for line in (cells["Address1"], cells["Address2"]) if line)
    return {f"{kind} {column}": cell for kind in ("Billing", "Shipping") for column, cell in cells.items()}


def _money(draft: OrderDraft, currency: str) -> Cells:
    paid = draft.payment
    captured, refunded = (paid.captured, paid.refunded) if paid else (0, 0)
    cells = {
        "Financial Status": _financial_status(draft),
        "Refunded Amount": format_amount(refunded, currency),
        "Outstanding Balance": format_amount(draft.total - captured, currency),
    }
    if paid and paid.state in ("captured", "authorized"):
        reference = paid.reference or ""
        cells |= {"Paid at": _time(paid.created_at), "Payment Reference": reference}
        cells |= {"Payment ID": reference, "Payment References": reference}
    return cells


def _financial_status(draft: OrderDraft) -> str:
    paid = draft.payment
    if paid is None:
        return "pending" if draft.total else "paid"
    if paid.state != "captured":
        return "authorized" if paid.state == "authorized" else "voided"
    if paid.refunded:
        return "refunded" if paid.refunded == paid.captured else "partially_refunded"
    return "paid" if paid.captured == draft.total else "partially_paid"


def _email(draft: OrderDraft) -> str:
    return "" if draft.email.endswith(NOWHERE) else draft.email


def _time(moment: datetime | None) -> str:
    """As Shopify writes it: 2026-08-24 11:18:57 +0000."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S %z}" if moment else ""
