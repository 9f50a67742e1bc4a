"""The catalogue, a row per variant → a product with its variants → a SKU's ledger. Prices are edited on the way."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from shopctl.core.domain.money import Money
from shopctl.core.queries.catalog import Product, Variant, VariantRow
from shopctl.tui import deeds
from shopctl.tui.asking import Question
from shopctl.tui.bridge import Page, Shelf
from shopctl.tui.look import Cell, cell, counted, product_status, stock_status
from shopctl.tui.screens import dialogs
from shopctl.tui.screens.dialogs import Field, Plan
from shopctl.tui.screens.lists import ListScreen, T
from shopctl.tui.screens.stock import SkuScreen
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import desk, styled


def price_plan(sku: str, price: Money, currency: str) -> Plan:
    return Plan(
        f"Price of {sku}",
        f"It is {price} {currency}. Carts show the change; orders keep what they were charged.",
        "Change the price",
        (Field("price", "New price", check=dialogs.amount),),
    )


class PriceActions(ListScreen[T]):
    """The deeds of a variant, wherever one is at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("e", "price", "Edit price", id="catalog.price")]

    def variant(self) -> tuple[str, Money, str] | None:
        """The SKU, price and currency at hand."""
        raise NotImplementedError

    def action_price(self) -> None:
        if found := self.variant():
            plan = price_plan(*found)
            desk(self).consider(plan, lambda typed: deeds.reprice(found[0], typed["price"].strip()))


class CatalogScreen(PriceActions[VariantRow]):
    """Everything that is or was for sale, by handle."""

    NOUN = "variants"
    EXAMPLE = "status:active  price:>20  category:Shirts  available:<4  tee"
    COLUMNS = (
        Column("sku", "SKU", 18),
        Column("title", "PRODUCT", 20, grow=True),
        Column("options", "OPTIONS", 14, rank=2),
        Column("status", "STATUS", 10),
        Column("price", "PRICE", 12, right=True),
        Column("available", "AVAILABLE", 9, rank=1, right=True),
        Column("category", "CATEGORY", 20, rank=3),
    )

    def crumb(self) -> str:
        return "Catalog"

    def question(self) -> Question:
        place = self.place
        return lambda reads: reads.catalog(place)

    def key(self, row: VariantRow) -> str:
        return row.sku

    def line(self, row: VariantRow) -> Line:
        return Line(
            row.sku,
            {
                "sku": cell(row.sku, "bold"),
                "title": cell(row.title),
                "options": cell(", ".join(row.options.values()), "dim"),
                "status": product_status(row.status),
                "price": cell(f"{row.price} {row.currency}"),
                "available": _available(row.available),
                "category": cell(row.category, "dim"),
            },
        )

    def variant(self) -> tuple[str, Money, str] | None:
        row = self.current
        return None if row is None else (row.sku, row.price, row.currency)

    def open_row(self, row: VariantRow) -> None:
        self.app.push_screen(ProductScreen(row.handle))

    def command(self) -> str:
        return "shopctl catalog list -o jsonl"


class ProductScreen(PriceActions[Variant]):
    """One product: what it is, and its variants to go on from."""

    NOUN = "variants"
    COLUMNS = (
        Column("sku", "SKU", 20, grow=True),
        Column("options", "OPTIONS", 18, grow=True),
        Column("price", "PRICE", 12, right=True),
        Column("before", "BEFORE", 10, rank=2, right=True),
        Column("state", "STATE", 6),
        Column("available", "AVAILABLE", 9, right=True),
        Column("barcode", "BARCODE", 14, rank=3),
    )

    def __init__(self, handle: str) -> None:
        super().__init__()
        self.handle = handle
        self.product: Product | None = None
        self.low: frozenset[str] = frozenset()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "filter" and super().check_action(action, parameters)

    def head(self) -> ComposeResult:
        yield Static(id="facts")

    def crumb(self) -> str:
        return cell(self.handle, limit=24).text

    def question(self) -> Question:
        return lambda reads: reads.product(self.handle)

    def present(self, value: Any) -> None:
        self.product, self.low = value.product, value.low
        self.query_one("#facts", Static).update(self._facts(value.product))
        super().present(value)

    def page_of(self, value: Shelf) -> Page[Variant]:
        return Page(value.product.variants, None)

    def key(self, row: Variant) -> str:
        return row.sku

    def line(self, row: Variant) -> Line:
        return Line(
            row.sku,
            {
                "sku": cell(row.sku, "bold"),
                "options": cell(", ".join(f"{name} {value}" for name, value in row.options.items())),
                "price": cell(f"{row.price} {row.currency}"),
                "before": cell(row.compare_at_price, "dim"),
                "state": Cell("·", "dim")
                if row.available is None
                else stock_status(row.available, row.sku in self.low),
                "available": _available(row.available),
                "barcode": cell(row.barcode, "dim"),
            },
        )

    def variant(self) -> tuple[str, Money, str] | None:
        row = self.current
        return None if row is None else (row.sku, row.price, row.currency)

    def open_row(self, row: Variant) -> None:
        self.app.push_screen(SkuScreen(row.sku))

    def record(self) -> object | None:
        return self.product

    def command(self) -> str:
        return f"shopctl catalog show {cell(self.handle).text} -o json"

    def _facts(self, product: Product) -> Text:
        about = " · ".join(part for part in (product.brand, product.category, ", ".join(product.tags)) if part)
        text = styled(self, cell(product.title, "bold"), ("  ", ""), product_status(product.status))
        for label, value in (
            ("about", cell(about or "·")),
            ("says", cell(product.description or "·")),
            ("images", cell(counted(len(product.image_urls), "images"))),
        ):
            text.append("\n").append_text(styled(self, (f"{label:<10}", "dim"), value))
        return text


def _available(units: int | None) -> Cell:
    return Cell("not counted", "dim") if units is None else cell(units, "bold")
