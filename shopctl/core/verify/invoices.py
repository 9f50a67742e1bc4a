"""The books of papers. Check 32: invoices and credit notes are numbered without a gap, and say what their order and credit do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import credits, invoices, orders
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.money import Money
from shopctl.core.verify.findings import Violation, stream

CHECK = 32
i, order, credit = invoices.c, orders.c, credits.c


def found(tx: UnitOfWork) -> Iterator[Violation]:
    """Every paper in the order of its number."""
    papers = (
        sa.select(i.number, i.kind, i.document, order.number.label("of"), order.total, credit.total.label("credited"))
        .outerjoin_from(invoices, orders, order.id == i.order_id)
        .outerjoin(credits, sa.and_(credit.id == i.credit_id, credit.order_id == i.order_id))
        .order_by(i.number)
    )
    invoiced: set[int] = set()  # the numbers of orders: small, also of a million
    expected = 1
    for row in stream(tx, papers):
        if row.number != expected:
            yield _violation("gapless", row.number, f"comes after {expected - 1}", expected=expected)
        expected = row.number + 1
        if row.kind == "invoice":
            if row.of in invoiced:
                yield _violation("one_an_order", row.number, f"is another invoice of order {row.of}", order=row.of)
            invoiced.add(row.of)
        due, said = row.total if row.kind == "invoice" else row.credited, _said(row.document)
        wanted = None if due is None else str(Money(due, tx.facts.currency))
        if said["total"] != wanted or said["number"] != str(row.number) or said["order"] != str(row.of):
            text = f"says number {said['number']}, order {said['order']}, total {said['total']}; it is of {row.of} and {wanted}"
            yield _violation("paper_is_order", row.number, text, order=row.of)


def _said(document: Any) -> dict[str, Any]:
    known = document if isinstance(document, dict) else {}
    return {name: known.get(name) for name in ("number", "order", "total")}


def _violation(name: str, number: int, problem: str, **details: object) -> Violation:
    return Violation(CHECK, name, f"invoice {number}", f"Invoice {number} {problem}", {"number": number, **details})
