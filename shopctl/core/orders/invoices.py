"""Invoices and credit notes: papers with numbers that have no gaps. The only writer of invoices.

Both count in one sequence. What was issued is kept as it was: whatever happens to the order or the shop, the paper stays, but
for the person on it when they are erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.db.tables import credit_lines, invoices, order_lines
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.domain.money import Money
from shopctl.core.domain.wire import plain
from shopctl.core.errors import Refused
from shopctl.core.orders.record import lock, remark
from shopctl.core.queries.invoices import Document, credit_numbered, of_order
from shopctl.core.queries.orders import Order, get, row_by_number, tax_part
from shopctl.core.shop import Shop, retried

i, cl, line = invoices.c, credit_lines.c, order_lines.c


# --- use cases -----------------------------------------------------------------------------------------------------
def issue(shop: Shop, *, number: str, credit: int | None = None) -> Document:
    """The order's invoice, or the credit note of its credit of that number (from 1): as it was issued, or issued now.

    A credit note corrects an invoice, which is issued before it. Errors: invalid_state, unknown_credit.
    """
    with shop.read() as tx:
        order = row_by_number(tx, number)
        of = credit_numbered(tx, order, credit).id if credit is not None else None
        found = of_order(tx, order.id, of)
    return found or _issued(shop, number, credit)


# --- steps ---------------------------------------------------------------------------------------------------------
def forget(tx: UnitOfWork, order_ids: Sequence[str]) -> None:
    """Take the person out of the papers of these orders; amounts, taxes, country and region stay."""
    for order_id in order_ids:
        for row in tx.rows(sa.select(invoices).where(i.order_id == order_id)):
            paper = Document(**row.document)
            place = {name: part if name in ("country", "region") else "" for name, part in paper.address.items()}
            blank = replace(paper, email="", address=place, reason=None)
            tx.execute(sa.update(invoices).where(i.number == row.number).values(document=plain(blank)))


# --- how it works --------------------------------------------------------------------------------------------------
@retried
def _issued(shop: Shop, number: str, credit: int | None) -> Document:
    with shop.work("orders.invoice", number) as tx:
        order = lock(tx, row_by_number(tx, number).id)
        paper = of_order(tx, order.id) or _write(tx, order, _invoice(tx, get(tx, order.id)))
        if credit is not None:
            of = credit_numbered(tx, order, credit)
            note = _credit_note(tx, get(tx, order.id), of, credit, paper)
            paper = of_order(tx, order.id, of.id) or _write(tx, order, note, of.id)
        tx.commit()
    return paper


def _write(tx: UnitOfWork, order: Row, paper: Document, credit_id: str | None = None) -> Document:
    """Give it the next number. Nobody else takes one until this transaction ends; then it is taken, or free again."""
    if credit_id is None and order.status not in PAID_ORDERS:
        raise Refused(
            "invalid_state",
            f"Order {order.number} is {order.status}: it has no invoice",
            hint="An order has one from its confirmation on.",
            number=str(order.number),
            status=order.status,
        )
    stores.one_at_a_time(tx.connection, "invoices")
    number = (tx.execute(sa.select(sa.func.max(i.number))).scalar() or 0) + 1
    issued = replace(paper, number=str(number))
    row = {"number": number, "kind": paper.kind, "order_id": order.id, "credit_id": credit_id, "issued_at": tx.now}
    tx.insert(invoices, [{**row, "document": plain(issued)}])
    remark(tx, order, "invoice", "invoiced", f"{paper.kind.replace('_', ' ')} {number}")
    return issued


def _invoice(tx: UnitOfWork, order: Order) -> Document:
    amounts = ("subtotal", "discount", "shipping", "tax", "tax_included", "total")
    said: dict[str, Any] = {name: str(getattr(order, name)) for name in amounts}
    return Document(
        **_heads(tx, order),
        **said,
        kind="invoice",
        invoice=None,
        credit=None,
        reason=None,
        lines=[
            {
                "sku": sold.sku,
                "product_name": sold.product_name,
                "options": dict(sold.options),
                "quantity": sold.quantity,
                "unit_price": str(sold.unit_price),
                "total_price": str(sold.total_price),
            }
            for sold in order.lines
        ],
        taxes=plain(order.taxes),
    )


def _credit_note(tx: UnitOfWork, order: Order, given: Row, credit: int, invoice: Document) -> Document:
    def money(amount: int) -> str:
        return str(Money(amount, given.currency))

    credited = (
        sa.select(line.sku, line.product_name, line.options, cl.quantity, cl.amount)
        .join(order_lines, line.id == cl.order_line_id)
        .where(cl.credit_id == given.id)
        .order_by(line.position)
    )
    inside = sum(part["amount"] for part in given.taxes if part["included"])
    return Document(
        **_heads(tx, order),
        kind="credit_note",
        invoice=invoice.number,
        credit=credit,
        reason=given.reason or None,
        lines=[
            {
                "sku": part.sku,
                "product_name": part.product_name,
                "options": dict(part.options),
                "quantity": part.quantity,
                "unit_price": None,
                "total_price": money(part.amount),
            }
            for part in tx.rows(credited)
        ],
        subtotal=money(given.items),
        discount=money(0),
        shipping=money(given.shipping),
        tax=money(given.tax + inside),
        tax_included=money(inside),
        taxes=plain([tax_part(**part, currency=given.currency) for part in given.taxes]),
        total=money(given.total),
    )


def _heads(tx: UnitOfWork, order: Order) -> dict[str, Any]:
    """What every paper says: who sells to whom, and when. The number comes with its writing."""
    return {
        "number": "",
        "order": order.number,
        "issued_at": plain(tx.now),
        "ordered_at": plain(order.created_at),
        "seller": tx.facts.name,
        "seller_country": tx.facts.country,
        "email": order.email,
        "address": dict(order.shipping_address),
        "currency": order.currency,
    }
