"""Reads of returns: goods that come back, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db.tables import credits, order_lines, orders, return_lines, returns
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound
from shopctl.core.queries.listing import Listing

r = returns.c


@dataclass(frozen=True, slots=True)
class ReturnLine:
    sku: str
    product_name: str
    quantity: int
    restocked: int
    written_off: int


@dataclass(frozen=True, slots=True)
class Return:
    """`credited` is what the order is not owed any more because of it."""

    number: str
    order: str
    state: str
    reason: str
    lines: Sequence[ReturnLine]
    credited: Money
    currency: str
    created_at: datetime
    updated_at: datetime


def row_by_number(tx: UnitOfWork, number: str) -> Row:
    """The return's row; people write 1001-R1 or 1001-r1."""
    row = tx.row(sa.select(returns).where(r.number == number.strip().upper().removeprefix("#")))
    if row is None:
        raise NotFound(
            "unknown_return", f"There is no return {number!r}", hint="See `shopctl orders returns list`.", number=number
        )
    return row


def get(tx: UnitOfWork, number: str) -> Return:
    return LIST.rows(tx, where=[r.id == row_by_number(tx, number).id])[0]


def of_order(tx: UnitOfWork, order_id: str) -> list[Return]:
    return sorted(LIST.rows(tx, where=[r.order_id == order_id]), key=lambda one: (one.created_at, one.number))


def _build(tx: UnitOfWork, rows: Sequence[Row]) -> list[Return]:
    rl, line = return_lines.c, order_lines.c
    found: dict[str, list[ReturnLine]] = {}
    for i in range(0, len(rows), 500):
        ids = [row.id for row in rows[i : i + 500]]
        columns = (rl.return_id, line.sku, line.product_name, rl.quantity, rl.restocked, rl.written_off)
        of_these = sa.select(*columns).join(order_lines, line.id == rl.order_line_id).where(rl.return_id.in_(ids))
        for return_id, *values in tx.rows(of_these.order_by(rl.return_id, line.position)):
            found.setdefault(return_id, []).append(ReturnLine(*values))
    return [
        Return(
            row.number,
            str(row.order_number),
            row.state,
            row.reason,
            found.get(row.id, []),
            Money(row.credited, row.currency),
            row.currency,
            row.created_at,
            row.updated_at,
        )
        for row in rows
    ]


_CREDITED = sa.select(credits.c.total).where(credits.c.return_id == r.id).scalar_subquery()
LIST: Listing[Return] = Listing(
    sa.select(
        returns,
        orders.c.number.label("order_number"),
        orders.c.currency,
        sa.func.coalesce(_CREDITED, 0).label("credited"),
    ).join(orders, orders.c.id == r.order_id),
    {
        "number": r.number,
        "order": orders.c.number,
        "state": r.state,
        "reason": r.reason,
        "created_at": r.created_at,
        "updated_at": r.updated_at,
        "sku": order_lines.c.sku,
    },
    ("number", "reason"),
    (r.created_at.desc(), r.number.desc()),
    _build,
    among={
        "sku": sa.select(order_lines.c.id)
        .join(return_lines, return_lines.c.order_line_id == order_lines.c.id)
        .where(return_lines.c.return_id == r.id)
    },
)
