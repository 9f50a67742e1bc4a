"""The books of flash sales: pools, turns, queues, and what was sold. Checks 33 to 36."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import carts, order_lines, orders, reservations, sale_items, sales, stock_levels, tickets
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.queries import pools
from shopctl.core.verify.findings import Rule

s, i, t = sales.c, sale_items.c, tickets.c
level, held = stock_levels.c, reservations.c
_TICKET = "ticket {seq} for {sku} of sale {name}"
_OF_SALE = "{sku} of sale {name}"
_paid = orders.c.status.in_(PAID_ORDERS)
_HAD_A_TURN = t.cart_id.is_not(None)


def _tickets(*columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return sa.select(s.name, t.sku, t.seq, t.state, *columns).join(sales, s.id == t.sale_id)


def _held_by_others() -> sa.Select[Any]:
    """Units of a pool that a cart or an order has which is nobody's turn."""
    turn = sa.exists().where(carts.c.ticket_id.is_not(None))
    of_cart = turn.where(carts.c.id == held.owner_id)
    of_order = turn.where(orders.c.id == held.owner_id, carts.c.id == orders.c.cart_id)
    has = held.state.in_(("held", "committed"))
    return sa.select(held.sku, held.warehouse, held.reference, held.quantity).where(
        held.pool == "sale", has, sa.not_(sa.case((held.owner_kind == "cart", of_cart), else_=of_order))
    )


def _off_the_queue() -> sa.Select[Any]:
    """SKUs of sales whose numbers are not those of their tickets."""
    counted = (
        sa.select(
            t.sale_id,
            t.sku,
            sa.func.count().label("tickets"),
            sa.func.max(t.seq).label("last"),
            sa.func.max(sa.case((_HAD_A_TURN, t.seq), else_=0)).label("admitted"),
        )
        .group_by(t.sale_id, t.sku)
        .subquery()
    ).c
    count, last, admitted = (sa.func.coalesce(one, 0) for one in (counted.tickets, counted.last, counted.admitted))
    return (
        sa.select(s.name, i.sku, i.tail, i.head, count.label("tickets"), last.label("last"), admitted.label("admitted"))
        .select_from(sale_items)
        .join(sales, s.id == i.sale_id)
        .outerjoin(counted.sale_id.table, sa.and_(counted.sale_id == i.sale_id, counted.sku == i.sku))
        .where(sa.or_(i.tail != last, i.tail != count, i.head != admitted))
    )


def _oversold() -> sa.Select[Any]:
    sold = pools.SOLD.subquery().c
    return (
        sa.select(s.name, i.sku, i.allotment, sold.units)
        .select_from(sale_items)
        .join(sales, s.id == i.sale_id)
        .join(sold.units.table, sa.and_(sold.sale_id == i.sale_id, sold.sku == i.sku))
        .where(sold.units > i.allotment)
    )


RULES = (
    Rule(
        33,
        "pool_of_a_sale",
        sa.select(level.sku, level.warehouse, level.quantity).where(
            level.pool == "sale", level.quantity > 0, sa.not_(sa.exists().where(i.sku == level.sku))
        ),
        "{sku} in {warehouse}",
        "{quantity} {sku} in {warehouse} are set aside for a sale, and no sale has them",
    ),
    Rule(
        33,
        "pool_is_for_turns",
        _held_by_others(),
        "{sku} for {reference}",
        "{quantity} {sku} of a sale's pool are held or sold for {reference}, which is no turn at a sale",
    ),
    Rule(
        34,
        "one_ticket_each",
        sa.select(s.name, sa.func.min(t.seq).label("seq"), sa.func.count().label("tickets"))
        .join(sales, s.id == t.sale_id)
        .group_by(s.name, t.sale_id, t.email_folded)
        .having(sa.func.count() > 1),
        "ticket {seq} of sale {name}",
        "Somebody has {tickets} tickets of sale {name}",
    ),
    Rule(
        34,
        "turn_has_its_cart",
        _tickets().where(_HAD_A_TURN, sa.not_(sa.exists().where(carts.c.id == t.cart_id, carts.c.ticket_id == t.id))),
        _TICKET,
        "Ticket {seq} for {sku} of sale {name} is {state}, and has no cart that is its turn",
    ),
    Rule(
        34,
        "paid_is_bought",
        _tickets(orders.c.number)
        .join(orders, orders.c.cart_id == t.cart_id)
        .where(_paid, t.state.not_in(("admitted", "bought"))),
        _TICKET,
        "Ticket {seq} for {sku} of sale {name} is {state}, and order {number} has bought it",
    ),
    Rule(
        34,
        "bought_is_paid",
        _tickets().where(
            t.state == "bought", sa.not_(sa.exists().where(orders.c.cart_id == t.cart_id, orders.c.status != "pending"))
        ),
        _TICKET,
        "Ticket {seq} for {sku} of sale {name} is bought, and no order has bought it",
    ),
    Rule(
        35,
        "numbers_of_a_queue",
        _off_the_queue(),
        _OF_SALE,
        "The queue for {sku} of sale {name} is numbered to {tail} and admitted to {head}; "
        "its {tickets} tickets say {last} and {admitted}",
    ),
    Rule(
        35,
        "passed_over",
        _tickets(i.head)
        .join(sale_items, sa.and_(i.sale_id == t.sale_id, i.sku == t.sku))
        .where(t.state.in_(("waiting", "sold_out")), t.seq <= i.head),
        _TICKET,
        "Ticket {seq} for {sku} of sale {name} is {state}, and others were admitted up to {head}",
    ),
    Rule(
        36,
        "sold_its_allotment",
        _oversold(),
        _OF_SALE,
        "Sale {name} has sold {units} {sku} of {allotment}",
    ),
    Rule(
        36,
        "sold_at_its_price",
        _tickets(t.price, order_lines.c.unit_price, orders.c.number)
        .join(orders, orders.c.cart_id == t.cart_id)
        .join(order_lines, sa.and_(order_lines.c.order_id == orders.c.id, order_lines.c.sku == t.sku))
        .where(_paid, order_lines.c.unit_price != t.price),
        _TICKET,
        "Ticket {seq} for {sku} of sale {name} costs {price}, and order {number} has it for {unit_price}",
    ),
)
