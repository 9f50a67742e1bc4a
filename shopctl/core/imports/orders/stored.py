"""The orders of a store, as drafts: what an export writes, and what a file that comes back is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import (
    credit_lines,
    credits,
    order_events,
    order_lines,
    orders,
    payments,
    refunds,
    shipment_lines,
    shipments,
)
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.pricing import TaxPart
from shopctl.core.orders import CreditDraft, CreditLine, LineDraft, OrderDraft, ShipmentDraft
from shopctl.core.payments import External

PAGE = 200


@dataclass(frozen=True, slots=True)
class Stored:
    """An order of this store. `gateway` took its payment; `cancelled_at`: when it was cancelled here."""

    number: int
    source: str
    status: str  # the draft's is never pending
    gateway: str | None
    cancelled_at: datetime | None
    draft: OrderDraft


def all_orders(tx: UnitOfWork, *where: sa.ColumnElement[bool]) -> Iterator[Stored]:
    """The orders that are no checkout under way, by number, a page at a time."""
    page = (
        sa.select(orders)
        .where(orders.c.number > sa.bindparam("last"), orders.c.status != "pending", *where)
        .order_by(orders.c.number)
        .limit(PAGE)
    )
    last = 0
    while rows := tx.rows(page, {"last": last}):
        yield from _page(tx, rows)
        last = rows[-1].number


def _page(tx: UnitOfWork, rows: Sequence[Row]) -> Iterator[Stored]:
    ids = [row.id for row in rows]
    lines = _by_order(tx, sa.select(order_lines).order_by(order_lines.c.position), order_lines, ids)
    paid = _by_order(tx, _PAID, payments, ids)
    parcels = _by_order(tx, sa.select(shipments).order_by(shipments.c.id), shipments, ids)
    cancelled = sa.select(order_events).where(order_events.c.verb == "cancel")
    ends = _by_order(tx, cancelled.order_by(order_events.c.seq), order_events, ids)
    units = _units(tx, ids)
    credited = _by_order(tx, sa.select(credits).order_by(credits.c.at, credits.c.id), credits, ids)
    of_credits = _credit_lines(tx, ids) if credited else {}
    for row in rows:
        payment = next(iter(paid.get(row.id, ())), None)
        yield Stored(
            row.number,
            row.source,
            row.status,
            payment.gateway if payment else None,
            next((end.at for end in ends.get(row.id, ())), None),
            OrderDraft(
                id=row.id,
                reference=row.reference or str(row.number),
                status=row.status,
                email=row.email,
                lines=[_line(line) for line in lines[row.id]],
                discount=row.discount,
                shipping=row.shipping,
                tax=row.tax,
                tax_included=row.tax_included,
                taxes=[TaxPart(**part) for part in row.taxes],
                shipping_method=row.shipping_method,
                shipping_address=row.shipping_address,
                payment=_external(payment) if payment else None,
                shipments=[_shipment(parcel, units) for parcel in parcels.get(row.id, ())],
                extra=row.extra,
                created_at=row.created_at,
                credits=[_credit(one, of_credits) for one in credited.get(row.id, ())] or None,
            ),
        )


_REFUNDED = (
    sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount), 0))
    .where(refunds.c.payment_id == payments.c.id, refunds.c.state == "succeeded")
    .scalar_subquery()
)
_PAID = sa.select(payments, _REFUNDED.label("refunded")).order_by(payments.c.id)


def _by_order(tx: UnitOfWork, statement: sa.Select[Any], table: sa.Table, ids: Sequence[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in tx.rows(statement.where(table.c.order_id.in_(ids))):
        found.setdefault(row.order_id, []).append(row)
    return found


def _units(tx: UnitOfWork, ids: Sequence[str]) -> dict[str, dict[int, int]]:
    """What each parcel of these orders holds, by the position of the line."""
    sent = (
        sa.select(shipment_lines.c.shipment_id, order_lines.c.position, shipment_lines.c.quantity)
        .join(order_lines, order_lines.c.id == shipment_lines.c.order_line_id)
        .where(order_lines.c.order_id.in_(ids))
        .order_by(shipment_lines.c.shipment_id, order_lines.c.position)
    )
    found: dict[str, dict[int, int]] = {}
    for row in tx.rows(sent):
        found.setdefault(row.shipment_id, {})[row.position] = row.quantity
    return found


def _credit_lines(tx: UnitOfWork, ids: Sequence[str]) -> dict[str, list[CreditLine]]:
    """What each credit of these orders is for."""
    cl = credit_lines.c
    columns = (cl.credit_id, order_lines.c.position, cl.quantity, cl.amount, cl.tax)
    of_these = sa.select(*columns).join(order_lines, order_lines.c.id == cl.order_line_id)
    found: dict[str, list[CreditLine]] = {}
    for credit_id, *line in tx.rows(
        of_these.where(order_lines.c.order_id.in_(ids)).order_by(cl.credit_id, order_lines.c.position)
    ):
        found.setdefault(credit_id, []).append(CreditLine(*line))
    return found


def _credit(row: Row, lines: dict[str, list[CreditLine]]) -> CreditDraft:
    taxes = [TaxPart(**part) for part in row.taxes]
    return CreditDraft(row.kind, row.items, row.shipping, row.tax, taxes, row.reason, lines.get(row.id, []), row.at)


def _line(row: Row) -> LineDraft:
    return LineDraft(
        sku=row.sku,
        quantity=row.quantity,
        unit_price=row.unit_price,
        product_name=row.product_name,
        options=row.options,
        tax=row.tax,
        taxable=row.taxable,
        requires_shipping=row.requires_shipping,
        weight_grams=row.weight_grams,
        cancelled=row.cancelled or None,
    )


def _external(row: Row) -> External:
    return External(row.state, row.amount, row.captured, int(row.refunded), row.reference, row.created_at)


def _shipment(row: Row, units: dict[str, dict[int, int]]) -> ShipmentDraft:
    return ShipmentDraft(row.shipped_at, row.delivered_at, row.tracking, row.warehouse, units.get(row.id, {}))
