"""One flash sale, with its plots and its queue → a ticket, and what is held for it, or its order."""

from __future__ import annotations

from collections import deque
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Sparkline, Static

from shopctl.core.domain.times import about
from shopctl.core.queries.reservations import Reservation
from shopctl.core.queries.sales import Sale
from shopctl.core.queries.tickets import QueueRow, Ticket
from shopctl.tui.asking import Question
from shopctl.tui.bridge import Page
from shopctl.tui.look import Cell, cell, counted, hold_state, left, person, sale_status, short_id, ticket_state, when
from shopctl.tui.screens.lists import ListScreen
from shopctl.tui.screens.order import OrderScreen
from shopctl.tui.screens.reservations import HoldScreen
from shopctl.tui.screens.sales import SaleActions, countdown
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import styled

SAMPLES = 60
"""Readings that a plot shows: two minutes."""


class Plot(Vertical):
    """A figure as it went since the screen was opened, and what it is now."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.border_title = title
        self._values: deque[float] = deque([0.0] * SAMPLES, SAMPLES)

    def compose(self) -> ComposeResult:
        yield Sparkline([*self._values])
        yield Static()

    def add(self, value: float, words: str) -> None:
        self._values.append(value)
        self.query_one(Sparkline).data = [*self._values]
        self.query_one(Static).update(styled(self, (words, "bold")))


class SaleScreen(SaleActions[QueueRow]):
    """One sale: its terms, how it goes, its queue."""

    NOUN = "tickets"
    EXAMPLE = "state:waiting  sku:TEE  problem:price  ana@"
    COLUMNS = (
        Column("number", "NO", 6, right=True),
        Column("state", "STATE", 10),
        Column("email", "SHOPPER", 18, grow=True),
        Column("sku", "SKU", 14, rank=1),
        Column("quantity", "UNITS", 5, right=True),
        Column("until", "UNTIL", 8),
        Column("order", "ORDER", 7),
        Column("problem", "PROBLEM", 15, rank=2),
        Column("joined", "JOINED", 12, rank=3),
    )

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name_of_sale = name
        self.seen: Sale | None = None

    def head(self) -> ComposeResult:
        yield Static(id="facts")
        with Horizontal(id="plots"):
            for title in ("Queue", "Admitted/s", "Sold", "Sold out in"):
                yield Plot(title)

    def crumb(self) -> str:
        return cell(self.name_of_sale, limit=24).text

    def question(self) -> Question:
        place = self.place
        return lambda reads: reads.sale(self.name_of_sale, place)

    def present(self, value: Any) -> None:
        self.seen = sale = value.sale
        self.query_one("#facts", Static).update(self._facts(sale))
        ends = sale.sell_out_seconds
        figures = [
            (sale.waiting, f"{sale.waiting} waiting"),
            (sale.admitted_per_second, f"{sale.admitted_per_second:g}"),
            (sale.sold, f"{sale.sold} · {sale.left} left"),
            (ends or 0, "–" if ends is None else "sold out" if not ends else about(ends)),
        ]
        for plot, (number, words) in zip(self.query(Plot), figures, strict=True):
            plot.add(float(number), words)
        super().present(value)

    def page_of(self, value: Any) -> Page[QueueRow]:
        page: Page[QueueRow] = value.queue
        return page

    def key(self, row: QueueRow) -> str:
        return row.ticket

    def line(self, row: QueueRow) -> Line:
        now, local = self.bridge.now(), self.bridge.local
        return Line(
            row.ticket,
            {
                "number": cell(row.number),
                "state": ticket_state(row.state),
                "email": person(row.email),
                "sku": cell(row.sku),
                "quantity": cell(row.quantity),
                "until": cell(row.hold_until and when(local(row.hold_until), now), "dim"),
                "order": cell(row.order, "bold"),
                "problem": cell(row.problem, "warning"),
                "joined": cell(when(local(row.joined_at), now), "dim"),
            },
        )

    def sale(self) -> Sale | None:
        return self.seen

    def open_row(self, row: QueueRow) -> None:
        self.app.push_screen(OrderScreen(row.order) if row.order else TicketScreen(row.ticket))

    def record(self) -> object | None:
        return self.seen

    def command(self) -> str:
        return f"shopctl sales show {self.crumb()} -o json"

    def _facts(self, sale: Sale) -> Text:
        rate = f"at most {sale.rate}/min" if sale.rate else "no limit"
        items = " · ".join(f"{item.sku} {item.sold}/{item.allotment} at {item.price}" for item in sale.items)
        terms = f"{sale.per_customer} a customer, turns of {about(sale.hold_seconds)}, {rate}"
        rows = [
            ("units", cell(f"{items} {sale.currency}")),
            ("terms", cell(terms)),
            *([("problem", cell(sale.problem, "warning"))] if sale.problem else []),
            *([("problems", cell(f"{counted(sale.problems, 'tickets')} cannot be bought as registered", "warning"))] if sale.problems else []),
        ]  # fmt: skip
        text = styled(self, (f"Sale {self.crumb()}  ", "bold"), sale_status(sale.status), ("  ", ""))
        text.append_text(styled(self, countdown(sale, self.bridge), (f" · {sale.held} held", "")))
        for label, value in rows:
            text.append("\n").append_text(styled(self, (f"{label:<10}", "dim"), value))
        return text


class TicketScreen(ListScreen[Reservation]):
    """One ticket, and what is held for it."""

    NOUN = "holds"
    COLUMNS = (
        Column("id", "HOLD", 9),
        Column("state", "STATE", 12),
        Column("sku", "SKU", 14, grow=True),
        Column("warehouse", "WAREHOUSE", 10),
        Column("quantity", "UNITS", 5, right=True),
        Column("left", "LEFT", 10, right=True),
    )

    def __init__(self, ticket: str) -> None:
        super().__init__()
        self.ticket_id = ticket
        self.seen: Ticket | None = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "filter" and super().check_action(action, parameters)

    def head(self) -> ComposeResult:
        yield Static(id="facts")

    def crumb(self) -> str:
        return f"ticket {short_id(self.ticket_id)}"

    def question(self) -> Question:
        return lambda reads: reads.ticket(self.ticket_id)

    def present(self, value: Any) -> None:
        self.seen = value.ticket
        self.query_one("#facts", Static).update(self._facts(value.ticket))
        super().present(value)

    def page_of(self, value: Any) -> Page[Reservation]:
        page: Page[Reservation] = value.holds
        return page

    def key(self, row: Reservation) -> str:
        return row.id

    def line(self, row: Reservation) -> Line:
        return Line(
            row.id,
            {
                "id": Cell(short_id(row.id), "bold"),
                "state": hold_state(row.state, row.pinned, row.left_seconds),
                "sku": cell(row.sku),
                "warehouse": cell(row.warehouse),
                "quantity": cell(row.quantity),
                "left": left(row.left_seconds),
            },
        )

    def open_row(self, row: Reservation) -> None:
        self.app.push_screen(HoldScreen(row.id))

    def record(self) -> object | None:
        return self.seen

    def command(self) -> str:
        return f"shopctl sales position {self.ticket_id} -o json"

    def _facts(self, ticket: Ticket) -> Text:
        now, local = self.bridge.now(), self.bridge.local
        wait = "" if ticket.wait_seconds is None else f", about {about(ticket.wait_seconds)}"
        rows = [
            ("what", cell(f"{ticket.quantity} of {ticket.sku} at {ticket.price} {ticket.currency} in sale {ticket.sale}")),
            ("joined", cell(when(local(ticket.joined_at), now))),
            *([("before it", cell(f"{ticket.ahead}{wait}, chance {ticket.chance}"))] if ticket.ahead is not None else []),
            *([("until", cell(when(local(ticket.hold_until), now)))] if ticket.hold_until else []),
            *([("order", cell(ticket.order))] if ticket.order else []),
            *([("problem", cell(ticket.problem, "warning"))] if ticket.problem else []),
        ]  # fmt: skip
        text = styled(self, (f"Ticket {short_id(ticket.ticket)}  ", "bold"), ticket_state(ticket.state))
        for label, value in rows:
            text.append("\n").append_text(styled(self, (f"{label:<10}", "dim"), value))
        return text
