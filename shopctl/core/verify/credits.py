"""The books of what is not owed any more, and of goods that come back. Checks 30 and 31."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import (
    credit_lines,
    credits,
    order_lines,
    orders,
    return_lines,
    returns,
    shipment_lines,
    stock_movements,
)
from shopctl.core.verify.findings import Rule

order, line = orders.c, order_lines.c
c, cl, r, rl, moved = credits.c, credit_lines.c, returns.c, return_lines.c, stock_movements.c
_ORDER = "order {number}"


def _sum(units: sa.ColumnElement[int], name: str) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(units), 0).label(name)


def _credited_too_much() -> sa.Select[Any]:
    """Orders credited with more than they cost, in all or for their shipping; cancelled ones with anything else."""
    given = (
        sa.select(c.order_id, _sum(c.total, "credited"), _sum(c.shipping, "shipping")).group_by(c.order_id).subquery()
    )
    credited = given.c.credited
    return (
        sa.select(order.number, order.status, order.total, credited)
        .join_from(given, orders, order.id == given.c.order_id)
        .where(
            sa.or_(
                credited > order.total,
                given.c.shipping > order.shipping,
                order.status == "pending",
                sa.and_(order.status == "cancelled", credited != order.total),
            )
        )
    )


def _lines_of_other_credits() -> sa.Select[Any]:
    """Credits whose lines are worth more than they are."""
    sums = sa.select(cl.credit_id, _sum(cl.amount, "items"), _sum(cl.tax, "tax")).group_by(cl.credit_id).subquery()
    return (
        sa.select(order.number, c["items"], c.tax, sums.c["items"].label("of_lines"))
        .join_from(credits, sums, sums.c.credit_id == c.id)
        .join(orders, order.id == c.order_id)
        .where(sa.or_(sums.c["items"] > c["items"], sums.c.tax > c.tax))
    )


def _units_credited_twice() -> sa.Select[Any]:
    sums = sa.select(cl.order_line_id, _sum(cl.quantity, "units")).group_by(cl.order_line_id).subquery()
    return (
        sa.select(order.number, line.sku, line.quantity, sums.c.units)
        .join_from(sums, order_lines, line.id == sums.c.order_line_id)
        .join(orders, order.id == line.order_id)
        .where(sums.c.units > line.quantity)
    )


def _returned_otherwise() -> sa.Select[Any]:
    """Lines of which another number is returned than came back with returns, or more than was sent."""
    back = (
        sa.select(rl.order_line_id, _sum(rl.quantity, "units"))
        .join(returns, r.id == rl.return_id)
        .where(r.state.in_(("received", "resolved")))
        .group_by(rl.order_line_id)
        .subquery()
    )
    sent = (
        sa.select(shipment_lines.c.order_line_id, _sum(shipment_lines.c.quantity, "units"))
        .group_by(shipment_lines.c.order_line_id)
        .subquery()
    )
    came = sa.func.coalesce(back.c.units, 0)
    return (
        sa.select(order.number, line.sku, line.returned, came.label("came"))
        .join_from(order_lines, orders, order.id == line.order_id)
        .outerjoin(back, back.c.order_line_id == line.id)
        .outerjoin(sent, sent.c.order_line_id == line.id)
        .where(sa.or_(line.returned != came, came > sa.func.coalesce(sent.c.units, 0)))
    )


def _unresolved_units() -> sa.Select[Any]:
    """Returns that are resolved, and not all of whose units are; or the other way round."""
    ended = rl.restocked + rl.written_off
    return (
        sa.select(r.number, r.state, rl.quantity, ended.label("ended"))
        .join_from(return_lines, returns, r.id == rl.return_id)
        .where(ended != sa.case((r.state == "resolved", rl.quantity), else_=0))
    )


def _restocked_otherwise() -> sa.Select[Any]:
    """Returns that put another number of units into the stock than they restocked. Of what was not counted when it was
    sold, they may put none."""
    booked = (
        sa.select(moved.reference, _sum(moved.quantity, "units"))
        .where(moved.kind == "receive", moved.reference.like("return %"))
        .group_by(moved.reference)
        .subquery()
    )
    sums = (
        sa.select(
            rl.return_id,
            _sum(rl.restocked, "restocked"),
            _sum(sa.case((line.tracked, rl.restocked), else_=0), "counted"),
        )
        .join(order_lines, line.id == rl.order_line_id)
        .group_by(rl.return_id)
        .subquery()
    )
    units = sa.func.coalesce(booked.c.units, 0)
    return (
        sa.select(r.number, sums.c.restocked, units.label("booked"))
        .join_from(returns, sums, sums.c.return_id == r.id)
        .outerjoin(booked, booked.c.reference == sa.literal("return ") + r.number)
        .where(sa.or_(units > sums.c.restocked, units < sums.c.counted))
    )


RULES = (
    Rule(
        30,
        "credited_within_total",
        _credited_too_much(),
        _ORDER,
        "Order {number} is {status} and costs {total}; its credits sum to {credited}",
    ),
    Rule(
        30,
        "credit_lines_within",
        _lines_of_other_credits(),
        _ORDER,
        "A credit of order {number} is of {items} and {tax} tax; its lines sum to {of_lines}, or their tax to more",
    ),
    Rule(
        30,
        "units_credited_once",
        _units_credited_twice(),
        _ORDER,
        "Order {number} sold {quantity} {sku}, and {units} were credited",
    ),
    Rule(
        31,
        "returned_is_received",
        _returned_otherwise(),
        _ORDER,
        "Order {number} has {returned} {sku} returned; its returns brought {came}, or more than was sent",
    ),
    Rule(
        31,
        "return_is_resolved",
        _unresolved_units(),
        "return {number}",
        "Return {number} is {state}; of {quantity} units {ended} are restocked or written off",
    ),
    Rule(
        31,
        "restocked_is_booked",
        _restocked_otherwise(),
        "return {number}",
        "Return {number} restocked {restocked} units; the ledger received {booked}",
    ),
)
