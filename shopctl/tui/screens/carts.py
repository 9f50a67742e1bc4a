"""Carts, the latest first → what is in one, with what changed since it was put there."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from shopctl.core.queries.carts import CartLine, CartSummary, CartView
from shopctl.tui.asking import Question
from shopctl.tui.bridge import Page
from shopctl.tui.look import cart_state, cell, person, when
from shopctl.tui.screens.lists import ListScreen
from shopctl.tui.screens.stock import SkuScreen
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import styled


class CartsScreen(ListScreen[CartSummary]):
    """Everybody's carts."""

    NOUN = "carts"
    EXAMPLE = "state:open  units:>3  customer:ana@  merged_into:c1"
    COLUMNS = (
        Column("cart", "CART", 16, grow=True),
        Column("state", "STATE", 13),
        Column("customer", "CUSTOMER", 18, grow=True),
        Column("lines", "LINES", 5, rank=1, right=True),
        Column("units", "UNITS", 5, right=True),
        Column("updated", "CHANGED", 12),
        Column("expires", "UNTIL", 12, rank=2),
    )

    def crumb(self) -> str:
        return "Carts"

    def question(self) -> Question:
        place = self.place
        return lambda reads: reads.carts(place)

    def key(self, row: CartSummary) -> str:
        return row.id

    def line(self, row: CartSummary) -> Line:
        now, local = self.bridge.now(), self.bridge.local
        return Line(
            row.id,
            {
                "cart": cell(f"{row.cart} → {row.merged_into}" if row.merged_into else row.cart, "bold"),
                "state": cart_state(row.state, row.in_checkout),
                "customer": person(row.customer),
                "lines": cell(row.lines),
                "units": cell(row.units),
                "updated": cell(when(local(row.updated_at), now), "dim"),
                "expires": cell(when(local(row.expires_at), now), "dim"),
            },
        )

    def open_row(self, row: CartSummary) -> None:
        if handle := row.cart if row.state == "open" else row.merged_into:
            self.app.push_screen(CartScreen(handle))

    def command(self) -> str:
        return "shopctl cart list -o jsonl"


class CartScreen(ListScreen[CartLine]):
    """One open cart."""

    NOUN = "lines"
    COLUMNS = (
        Column("sku", "SKU", 18),
        Column("product", "PRODUCT", 18, grow=True),
        Column("quantity", "UNITS", 5, right=True),
        Column("price", "PRICE", 10, right=True),
        Column("total", "TOTAL", 11, rank=1, right=True),
        Column("available", "CAN BE HAD", 10, rank=2, right=True),
        Column("changes", "CHANGED", 20, grow=True),
    )

    def __init__(self, handle: str) -> None:
        super().__init__()
        self.handle = handle
        self.cart: CartView | None = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "filter" and super().check_action(action, parameters)

    def head(self) -> ComposeResult:
        yield Static(id="facts")

    def crumb(self) -> str:
        return cell(self.handle, limit=24).text

    def question(self) -> Question:
        return lambda reads: reads.cart(self.handle)

    def present(self, value: Any) -> None:
        self.cart = value
        self.query_one("#facts", Static).update(self._facts(value))
        super().present(value)

    def page_of(self, value: Any) -> Page[CartLine]:
        return Page(value.lines, None)

    def key(self, row: CartLine) -> str:
        return row.sku

    def line(self, row: CartLine) -> Line:
        return Line(
            row.sku,
            {
                "sku": cell(row.sku, "bold"),
                "product": cell(row.product_name),
                "quantity": cell(row.quantity),
                "price": cell(row.unit_price),
                "total": cell(row.total_price),
                "available": cell("not counted" if row.available is None else row.available, "dim"),
                "changes": cell("; ".join(row.changes), "warning"),
            },
        )

    def open_row(self, row: CartLine) -> None:
        self.app.push_screen(SkuScreen(row.sku))

    def record(self) -> object | None:
        return self.cart

    def command(self) -> str:
        return f"shopctl cart show {cell(self.handle).text} -o json"

    def _facts(self, cart: CartView) -> Text:
        now, local = self.bridge.now(), self.bridge.local
        text = styled(self, cell(f"Cart {cart.cart}", "bold"), ("  ", ""), cart_state("open", cart.in_checkout))
        for label, value in (
            ("customer", person(cart.customer) if cart.customer else cell("a guest")),
            ("subtotal", cell(f"{cart.subtotal} {cart.currency}")),
            ("until", cell(when(local(cart.expires_at), now))),
        ):
            text.append("\n").append_text(styled(self, (f"{label:<10}", "dim"), value))
        return text
