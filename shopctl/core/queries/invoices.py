"""Reads of invoices and credit notes, as they were issued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import credits, invoices, orders
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import NotFound
from shopctl.core.queries.listing import Listing

i = invoices.c


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice or a credit note. Amounts are decimal strings, positive on both; a credit note names the `invoice` that it
    corrects, the number of the `credit`, and why."""

    number: str
    kind: str
    order: str
    invoice: str | None
    credit: int | None
    reason: str | None
    issued_at: str
    ordered_at: str
    seller: str
    seller_country: str
    email: str
    address: Mapping[str, str]
    lines: Sequence[Mapping[str, Any]]
    subtotal: str
    discount: str
    shipping: str
    tax: str
    tax_included: str
    taxes: Sequence[Mapping[str, Any]]
    total: str
    currency: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A paper in the list, for the books: its amounts by tax, and where it went."""

    number: str
    kind: str
    order: str
    invoice: str | None
    issued_at: datetime
    country: str
    subtotal: str
    discount: str
    shipping: str
    tax: str
    tax_included: str
    total: str
    currency: str
    taxes: Sequence[Mapping[str, Any]]


def of_order(tx: UnitOfWork, order_id: str, credit_id: str | None = None) -> Document | None:
    """The order's invoice, or the credit note of one of its credits, if it was issued."""
    which = i.credit_id.is_(None) if credit_id is None else i.credit_id == credit_id
    row = tx.row(sa.select(i.document).where(i.order_id == order_id, which))
    return Document(**row.document) if row else None


def credits_of(tx: UnitOfWork, order_id: str) -> Sequence[Row]:
    """The order's credits; people count them from 1."""
    return tx.rows(sa.select(credits).where(credits.c.order_id == order_id).order_by(credits.c.at, credits.c.id))


def credit_numbered(tx: UnitOfWork, order: Row, number: int) -> Row:
    found = credits_of(tx, order.id)
    if not 1 <= number <= len(found):
        raise NotFound(
            "unknown_credit",
            f"Order {order.number} has {len(found)} credits, and no number {number}",
            hint=f"`shopctl orders show {order.number}` lists them.",
            number=str(order.number),
            credit=number,
        )
    return found[number - 1]


def _build(_: UnitOfWork, rows: Sequence[Row]) -> list[Issued]:
    found = [(row, Document(**row.document)) for row in rows]
    return [
        Issued(
            number=paper.number,
            kind=paper.kind,
            order=paper.order,
            invoice=paper.invoice,
            issued_at=row.issued_at,
            country=paper.address.get("country") or "",
            subtotal=paper.subtotal,
            discount=paper.discount,
            shipping=paper.shipping,
            tax=paper.tax,
            tax_included=paper.tax_included,
            total=paper.total,
            currency=paper.currency,
            taxes=paper.taxes,
        )
        for row, paper in found
    ]


LIST: Listing[Issued] = Listing(
    sa.select(invoices).join(orders, orders.c.id == i.order_id),
    {"number": i.number, "kind": i.kind, "order": orders.c.number, "issued_at": i.issued_at},
    ("kind",),
    (i.number,),
    _build,
)
