"""Customers, the newest first → one account with its orders."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from shopctl.core.queries.customers import Customer, CustomerDetail
from shopctl.core.queries.orders import Order
from shopctl.tui.asking import Question
from shopctl.tui.bridge import Account, Page
from shopctl.tui.look import cell, when
from shopctl.tui.screens.lists import ListScreen
from shopctl.tui.screens.orders import OrdersScreen
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import styled


class CustomersScreen(ListScreen[Customer]):
    """Everybody who bought or registered."""

    NOUN = "customers"
    EXAMPLE = "orders:>1  spent:>100  registered:yes  created_at:today  ana@"
    COLUMNS = (
        Column("email", "E-MAIL", 24, grow=True),
        Column("name", "NAME", 16, grow=True),
        Column("kind", "ACCOUNT", 10, rank=2),
        Column("orders", "ORDERS", 6, right=True),
        Column("spent", "SPENT", 14, right=True),
        Column("since", "SINCE", 12, rank=1),
    )

    def crumb(self) -> str:
        return "Customers"

    def question(self) -> Question:
        place = self.place
        return lambda reads: reads.customers(place)

    def key(self, row: Customer) -> str:
        return row.id

    def line(self, row: Customer) -> Line:
        return Line(
            row.id,
            {
                "email": cell(row.email, "bold"),
                "name": cell(row.name),
                "kind": cell("registered" if row.registered else "guest", "dim"),
                "orders": cell(row.orders),
                "spent": cell(f"{row.spent} {row.currency}"),
                "since": cell(when(self.bridge.local(row.created_at), self.bridge.now()), "dim"),
            },
        )

    def open_row(self, row: Customer) -> None:
        self.app.push_screen(CustomerScreen(row.email))

    def command(self) -> str:
        return "shopctl customers list -o jsonl"


class CustomerScreen(OrdersScreen):
    """One account: what is known of it, and its orders."""

    def __init__(self, email: str) -> None:
        super().__init__()
        self.email = email
        self.account: CustomerDetail | None = None

    def head(self) -> ComposeResult:
        yield Static(id="facts")

    def crumb(self) -> str:
        return cell(self.email, limit=32).text

    def question(self) -> Question:
        place = self.place
        return lambda reads: reads.customer(self.email, place)

    def present(self, value: Any) -> None:
        self.account = value.customer
        self.query_one("#facts", Static).update(self._facts(value.customer))
        super().present(value)

    def page_of(self, value: Account) -> Page[Order]:
        return value.orders

    def command(self) -> str:
        return f"shopctl customers orders {cell(self.email).text} -o jsonl"

    def _facts(self, account: CustomerDetail) -> Text:
        kind = "registered" if account.registered else "guest"
        text = styled(self, cell(account.email, "bold"), ("  ", ""), cell(account.name), ("  ", ""), (kind, "dim"))
        bought = f"{account.orders} placed, {account.spent} {account.currency} spent"
        text.append("\n").append_text(styled(self, ("orders    ", "dim"), cell(bought)))
        for number, address in enumerate(account.addresses[:3]):
            parts = ", ".join(value for name, value in address.items() if value and name != "id")
            text.append("\n").append_text(styled(self, ("" if number else "addresses", "dim"), ("", "")))
            text.append(" " * (10 - (0 if number else 9))).append_text(styled(self, cell(parts)))
        return text
