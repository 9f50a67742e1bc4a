"""One order → its lines → what each line holds."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from shopctl.core.domain.lifecycle import REMARKS
from shopctl.core.queries.orders import HoldRow, Order, OrderDetail, SoldLine
from shopctl.tui.asking import Question
from shopctl.tui.bridge import Page
from shopctl.tui.look import Cell, cell, hold_state, order_status, person, short_id, when
from shopctl.tui.screens.orders import OrderActions, origin
from shopctl.tui.screens.reservations import HoldActions, HoldScreen
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import styled

REMARKS_SHOWN = 3
"""The latest notes, credits, returns …; `orders show` has them all."""


class OrderScreen(OrderActions[SoldLine]):
    """One order: its facts, and its lines to go on from."""

    NOUN = "lines"
    COLUMNS = (
        Column("sku", "SKU", 16),
        Column("product", "PRODUCT", 20, grow=True),
        Column("options", "OPTIONS", 16, rank=2),
        Column("quantity", "UNITS", 5, right=True),
        Column("gone", "SENT", 14, rank=2),
        Column("price", "PRICE", 10, rank=1, right=True),
        Column("total", "TOTAL", 11, right=True),
    )

    def __init__(self, number: str) -> None:
        super().__init__()
        self.number = number
        self.detail: OrderDetail | None = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "filter" and super().check_action(action, parameters)

    def head(self) -> ComposeResult:
        yield Static(id="facts")

    def crumb(self) -> str:
        return self.number

    def question(self) -> Question:
        return lambda reads: reads.order(self.number)

    def present(self, value: Any) -> None:
        self.detail = value
        self.query_one("#facts", Static).update(self._facts(value))
        super().present(value)

    def page_of(self, value: Any) -> Page[SoldLine]:
        return Page(value.lines, None)

    def key(self, row: SoldLine) -> str:
        return row.sku

    def line(self, row: SoldLine) -> Line:
        return Line(
            row.sku,
            {
                "sku": cell(row.sku, "bold"),
                "product": cell(row.product_name),
                "options": cell(", ".join(row.options.values()), "dim"),
                "quantity": cell(row.quantity),
                "gone": cell(_gone(row), "dim"),
                "price": cell(row.unit_price),
                "total": cell(row.total_price),
            },
        )

    def order(self) -> Order | None:
        return self.detail

    def open_row(self, row: SoldLine) -> None:
        self.app.push_screen(OrderHoldsScreen(self.number, row.sku))

    def record(self) -> object | None:
        return self.detail

    def command(self) -> str:
        return f"shopctl orders show {self.number} -o json"

    def _facts(self, order: OrderDetail) -> Text:
        now = self.bridge.now()
        amounts = [("items", order.subtotal), ("discount", order.discount), ("shipping", order.shipping)]
        amounts += [("tax", order.tax), ("tax included", order.tax_included)]
        sums = " · ".join(f"{name} {amount}" for name, amount in amounts if amount.amount)
        paid = " · ".join(f"{p.state} {p.captured} by {p.gateway}" for p in order.payments) or "nothing to pay"
        back = [f"{p.refunded} refunded" for p in order.payments if p.refunded.amount]
        back += ["waits for the money: m says that it is here"] if order.payment == "awaited" else []
        credited = [f"{c.total} {c.kind}" for c in order.credits]
        coming = [f"{r.number} {r.state}" for r in order.returns]
        papers = [f"{p.kind.replace('_', ' ')} {p.number}" for p in order.papers]
        sent = [
            f"{s.shipment}: {s.tracking or 'no tracking'} from {s.warehouse or 'nowhere'}{', arrived' if s.delivered_at else ''}"
            for s in order.shipments
        ]
        steps = [e for e in order.timeline if e.to_status and e.verb not in REMARKS]
        story = [f"{e.to_status} {when(self.bridge.local(e.at), now)}" for e in steps]
        remarks = [
            f"{e.verb.replace('_', ' ')} {when(self.bridge.local(e.at), now)} {e.actor or ''}: {e.note or '(erased)'}"
            for e in order.timeline
            if e.verb in (*REMARKS, "refunded", "refund_failed")
        ]
        address = ", ".join(part for part in order.shipping_address.values() if part)
        rows = [
            ("customer", person(order.email)),
            *([] if order.source == "checkout" else [("from", origin(order))]),
            ("total", cell(f"{order.total} {order.currency}  =  {sums}")),
            ("payment", cell(" · ".join([paid, *back]))),
            ("to", cell(address)),
            ("sent", cell("; ".join(sent) or "not yet")),
            *([("credits", cell(" · ".join(credited)))] if credited else []),
            *([("returns", cell(" · ".join(coming)))] if coming else []),
            *([("papers", cell(" · ".join(papers)))] if papers else []),
            ("story", cell("  →  ".join(story))),
            *(("", cell(remark)) for remark in remarks[-REMARKS_SHOWN:]),
        ]
        text = styled(self, (f"Order {order.number}  ", "bold"), order_status(order.status))
        for label, value in rows:
            text.append("\n").append_text(styled(self, (f"{label:<10}", "dim"), value))
        return text


def _gone(row: SoldLine) -> str:
    """What became of the units: 2, 1 cancelled, 1 returned."""
    told = [str(row.shipped)]
    told += [f"{row.cancelled} cancelled"] if row.cancelled else []
    told += [f"{row.returned} returned"] if row.returned else []
    return ", ".join(told)


class OrderHoldsScreen(HoldActions[HoldRow]):
    """What an order holds, or held, of one SKU."""

    NOUN = "reservations"
    COLUMNS = (
        Column("id", "RESERVATION", 12),
        Column("state", "STATE", 12),
        Column("sku", "SKU", 16, grow=True),
        Column("warehouse", "WAREHOUSE", 12),
        Column("quantity", "UNITS", 5, right=True),
        Column("resolved", "RESOLVED", 12, rank=1),
    )

    def __init__(self, number: str, sku: str) -> None:
        super().__init__()
        self.number, self.sku = number, sku

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "filter" and super().check_action(action, parameters)

    def crumb(self) -> str:
        return cell(self.sku, limit=24).text

    def question(self) -> Question:
        return lambda reads: reads.holds(self.number, self.sku)

    def page_of(self, value: Any) -> Page[HoldRow]:
        return Page(value, None)

    def key(self, row: HoldRow) -> str:
        return row.id

    def line(self, row: HoldRow) -> Line:
        resolved = row.resolved_at and when(self.bridge.local(row.resolved_at), self.bridge.now())
        return Line(
            row.id,
            {
                "id": Cell(short_id(row.id), "bold"),
                "state": hold_state(row.state, False, None),
                "sku": cell(row.sku),
                "warehouse": cell(row.warehouse),
                "quantity": cell(row.quantity),
                "resolved": cell(resolved, "dim"),
            },
        )

    def hold(self) -> tuple[str, str] | None:
        row = self.current
        return None if row is None else (row.id, f"{row.quantity} of {row.sku} for order {self.number}")

    def open_row(self, row: HoldRow) -> None:
        self.app.push_screen(HoldScreen(row.id))

    def command(self) -> str:
        return f"shopctl orders show {self.number} -o json --fields reservations"
