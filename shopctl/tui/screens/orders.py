"""Orders, the latest first. Shipping, delivering and cancelling on the way."""

from __future__ import annotations

from typing import ClassVar
from uuid import uuid4

from textual.binding import Binding, BindingType

from shopctl.core.queries.orders import Order, OrderDetail
from shopctl.tui import deeds
from shopctl.tui.asking import Question
from shopctl.tui.deeds import Deed
from shopctl.tui.look import Cell, cell, counted, order_status, person, when
from shopctl.tui.screens import dialogs
from shopctl.tui.screens.dialogs import Field, Plan, Typed
from shopctl.tui.screens.lists import ListScreen, T
from shopctl.tui.screens.returns import first, following
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import desk

LINES = Field("lines", "Only SKU=1 … (optional)", check=dialogs.optional_units_of)
ADDRESS = {
    "name": "Name",
    "line1": "Street",
    "line2": "Second line",
    "city": "City",
    "region": "State or province",
    "postal_code": "Postal code",
    "country": "Country (DE, US)",
}


def ship_plan(order: Order) -> Plan:
    owed = sum(line.quantity - line.cancelled - line.shipped for line in order.lines)
    return Plan(
        f"Ship order {order.number}",
        f"What it still owes {order.email} leaves the stock: {counted(owed, 'units')}, or only the lines named here.",
        "Ship",
        (Field("tracking", "Tracking (optional)"), LINES, Field("warehouse", "Only from (optional)")),
    )


def deliver_plan(order: Order) -> Plan:
    return Plan(
        f"Deliver order {order.number}",
        f"Everything sent to {order.email} has arrived, or only one shipment.",
        "Deliver",
        (Field("shipment", "Only shipment (optional)", check=dialogs.optional_units),),
    )


def pay_plan(order: Order) -> Plan:
    return Plan(
        f"Order {order.number} is paid",
        f"{order.total} {order.currency} of {order.email} are here, and the order is confirmed.",
        "Confirm",
        (Field("reference", "Where (optional)"),),
    )


def refund_plan(order: Order) -> Plan:
    return Plan(
        f"Refund of order {order.number}",
        f"It goes back to {order.email}, and the order is credited: an amount, or the lines named here.",
        "Refund",
        (
            Field("amount", "Amount", check=dialogs.optional_amount),
            LINES,
            Field("restock", "Restock? yes, no", "no", check=dialogs.yes_or_no),
            Field("reason", "Reason", check=dialogs.needed),
            Field("number", f"Type {order.number}", exactly=order.number),
        ),
        severe=True,
        leave="Keep the money",
    )


def cancel_plan(order: Order) -> Plan:
    """Severe when money goes back: then the number must be typed."""
    paid = order.status == "confirmed" and order.total.amount > 0
    effect = f"What is not shipped returns to the stock, and what was paid for it goes back to {order.email}."
    fields = (Field("number", f"Type {order.number}", exactly=order.number), LINES)
    return Plan(
        f"Cancel order {order.number}",
        effect if paid else "It is given up, and its stock returns.",
        "Cancel and refund" if paid else "Cancel the order",
        fields if paid else (),
        severe=paid,
        leave="Keep the order",
    )


def note_plan(order: Order) -> Plan:
    return Plan(
        f"Note on order {order.number}",
        "It is kept in the order's history, with who wrote it and when.",
        "Keep the note",
        (Field("note", "Note", check=dialogs.needed),),
    )


def address_plan(order: Order) -> Plan:
    fields = [Field(name, label, order.shipping_address.get(name) or "") for name, label in ADDRESS.items()]
    keep = Field("keep", "Keep charge? yes, no", "no", check=dialogs.yes_or_no)
    return Plan(
        f"Send order {order.number} elsewhere",
        "Where tax or shipping would be other it is refused, unless what was charged is kept.",
        "Change the address",
        (*fields, keep),
    )


class OrderActions(ListScreen[T]):
    """The deeds of an order, wherever one is at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "ship", "Ship", id="orders.ship"),
        Binding("d", "deliver", "Deliver", id="orders.deliver"),
        Binding("c", "cancel", "Cancel", id="orders.cancel"),
        Binding("m", "pay", "Paid", id="orders.pay"),
        Binding("R", "refund", "Refund", id="orders.refund"),
        Binding("b", "bring_back", "Return", id="orders.return"),
        Binding("n", "note", "Note", id="orders.note"),
        Binding("h", "address", "Address", id="orders.address"),
    ]

    def order(self) -> Order | None:
        raise NotImplementedError

    def action_ship(self) -> None:
        if order := self.order():
            desk(self).consider(
                ship_plan(order),
                lambda typed: deeds.ship(order.number, typed["tracking"], typed["warehouse"], typed["lines"]),
            )

    def action_deliver(self) -> None:
        if order := self.order():
            desk(self).consider(
                deliver_plan(order), lambda typed: deeds.deliver(order.number, typed["shipment"].strip())
            )

    def action_cancel(self) -> None:
        if order := self.order():
            desk(self).consider(cancel_plan(order), lambda typed: deeds.cancel(order.number, typed.get("lines", "")))

    def action_pay(self) -> None:
        if order := self.order():
            desk(self).consider(pay_plan(order), lambda typed: deeds.pay(order.number, typed["reference"]))

    def action_refund(self) -> None:
        if order := self.order():
            key = str(uuid4())
            desk(self).consider(
                refund_plan(order),
                lambda typed: deeds.refund(
                    order.number,
                    typed["amount"],
                    typed["lines"],
                    typed["reason"],
                    key=key,
                    restock=typed["restock"].strip() == "yes",
                ),
            )

    def action_bring_back(self) -> None:
        if order := self.order():
            desk(self).consider(*(following(order) if isinstance(order, OrderDetail) else first(order)))

    def action_note(self) -> None:
        if order := self.order():
            desk(self).consider(note_plan(order), lambda typed: deeds.note(order.number, typed["note"].strip()))

    def action_address(self) -> None:
        if order := self.order():
            desk(self).consider(address_plan(order), lambda typed: _readdressed(order.number, typed))


class OrdersScreen(OrderActions[Order]):
    """The latest orders."""

    NOUN = "orders"
    EXAMPLE = "status:confirmed  payment:awaited  fulfilment:partial  total:>50  source:import  ana@"
    COLUMNS = (
        Column("number", "ORDER", 8),
        Column("status", "STATUS", 12),
        Column("payment", "PAYMENT", 10, rank=2),
        Column("email", "CUSTOMER", 18, grow=True),
        Column("units", "UNITS", 5, rank=2, right=True),
        Column("total", "TOTAL", 13, right=True),
        Column("created", "PLACED", 12, rank=1),
        Column("method", "SHIPPING", 16, rank=3),
        Column("source", "FROM", 14, rank=4),
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
                "payment": cell(row.payment, "bold" if row.payment == "awaited" else "dim"),
                "email": person(row.email),
                "units": cell(units_of(row)),
                "total": cell(f"{row.total} {row.currency}"),
                "created": cell(when(self.bridge.local(row.created_at), self.bridge.now()), "dim"),
                "method": cell(row.shipping_method, "dim"),
                "source": origin(row),
            },
        )

    def order(self) -> Order | None:
        return self.current

    def open_row(self, row: Order) -> None:
        desk(self).visit("order", row.number)

    def command(self) -> str:
        return "shopctl orders list -o jsonl"


def _readdressed(number: str, typed: Typed) -> Deed:
    address = {name: typed[name] for name in ADDRESS}
    return deeds.readdress(number, address, keep_totals=typed["keep"].strip() == "yes")


def origin(order: Order) -> Cell:
    """Where an order comes from; of an imported one, what it was called there."""
    return Cell("checkout", "dim") if order.source == "checkout" else cell(f"{order.source} {order.reference or ''}")


def units_of(order: Order) -> int:
    return sum(line.quantity for line in order.lines)
