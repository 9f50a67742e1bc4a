"""Orders, the latest first. Shipping, delivering and cancelling on the way."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from shopctl.core.queries.orders import Order
from shopctl.tui import bridge
from shopctl.tui.asking import Question
from shopctl.tui.look import cell, counted, order_status, when
from shopctl.tui.screens.dialogs import Field, Plan
from shopctl.tui.screens.lists import ListScreen, T
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import desk


def ship_plan(order: Order) -> Plan:
    return Plan(
        f"Ship order {order.number}",
        f"Everything it still owes {order.email} leaves the stock: {counted(units_of(order), 'units')}.",
        "Ship",
        (Field("tracking", "Tracking (optional)"),),
    )


def deliver_plan(order: Order) -> Plan:
    return Plan(f"Deliver order {order.number}", f"Everything sent to {order.email} has arrived.", "Deliver")


def cancel_plan(order: Order) -> Plan:
    """Severe when money goes back: then the number must be typed."""
    paid = order.status == "confirmed" and order.total.amount > 0
    effect = f"Its stock returns, and {order.total} {order.currency} go back to {order.email}."
    return Plan(
        f"Cancel order {order.number}",
        effect if paid else "It is given up, and its stock returns.",
        "Cancel and refund" if paid else "Cancel the order",
        (Field("number", f"Type {order.number}", exactly=order.number),) if paid else (),
        severe=paid,
        leave="Keep the order",
    )


class OrderActions(ListScreen[T]):
    """The deeds of an order, wherever one is at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "ship", "Ship", id="orders.ship"),
        Binding("d", "deliver", "Deliver", id="orders.deliver"),
        Binding("c", "cancel", "Cancel", id="orders.cancel"),
    ]

    def order(self) -> Order | None:
        raise NotImplementedError

    def action_ship(self) -> None:
        if order := self.order():
            desk(self).consider(ship_plan(order), lambda typed: bridge.ship(order.number, typed["tracking"]))

    def action_deliver(self) -> None:
        if order := self.order():
            desk(self).consider(deliver_plan(order), lambda _: bridge.deliver(order.number))

    def action_cancel(self) -> None:
        if order := self.order():
            desk(self).consider(cancel_plan(order), lambda _: bridge.cancel(order.number))


class OrdersScreen(OrderActions[Order]):
    """The latest orders."""

    NOUN = "orders"
    EXAMPLE = "status:confirmed  !status:cancelled  total:>50  ana@"
    COLUMNS = (
        Column("number", "ORDER", 8),
        Column("status", "STATUS", 12),
        Column("email", "CUSTOMER", 18, grow=True),
        Column("units", "UNITS", 5, rank=2, right=True),
        Column("total", "TOTAL", 13, right=True),
        Column("created", "PLACED", 12, rank=1),
        Column("method", "SHIPPING", 16, rank=3),
    )

    def crumb(self) -> str:
        return "Orders"

    def question(self) -> Question:
        place = self.place
        return lambda reads: reads.orders(place)

    def key(self, row: Order) -> str:
        return row.number

    def line(self, row: Order) -> Line:
        return Line(
            row.number,
            {
                "number": cell(row.number, "bold"),
                "status": order_status(row.status),
                "email": cell(row.email),
                "units": cell(units_of(row)),
                "total": cell(f"{row.total} {row.currency}"),
                "created": cell(when(self.bridge.local(row.created_at), self.bridge.now()), "dim"),
                "method": cell(row.shipping_method, "dim"),
            },
        )

    def order(self) -> Order | None:
        return self.current

    def open_row(self, row: Order) -> None:
        desk(self).open_order(row.number)

    def command(self) -> str:
        return "shopctl orders list -o jsonl"


def units_of(order: Order) -> int:
    return sum(line.quantity for line in order.lines)
