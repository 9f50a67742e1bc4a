"""Stock levels → a SKU's movements, and why it is held. Receiving, adjusting, transferring and counting on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from shopctl.core.queries.stock import Movement, StockRow
from shopctl.tui import deeds
from shopctl.tui.asking import Question
from shopctl.tui.bridge import Page, Sku
from shopctl.tui.look import Cell, cell, stock_status, when
from shopctl.tui.screens import dialogs
from shopctl.tui.screens.dialogs import Field, Plan
from shopctl.tui.screens.lists import ListScreen, T
from shopctl.tui.screens.movements import MovementList
from shopctl.tui.screens.why import WhyScreen
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import desk, styled


def receive_plan(sku: str, warehouse: str) -> Plan:
    return Plan(
        f"Receive {sku}",
        "Goods arrived: the units are on hand from now on.",
        "Receive",
        (
            Field("quantity", "Quantity", check=dialogs.units),
            Field("warehouse", "Warehouse", warehouse),
            Field("reason", "Reason (optional)"),
        ),
    )


def adjust_plan(sku: str, warehouse: str) -> Plan:
    return Plan(
        f"Adjust {sku}",
        "Corrects what is on hand, never below what is reserved and committed. The ledger keeps the reason.",
        "Adjust",
        (
            Field("quantity", "Change (-2, +5)", check=dialogs.change),
            Field("reason", "Reason", check=dialogs.needed),
            Field("warehouse", "Warehouse", warehouse),
        ),
    )


def transfer_plan(sku: str, warehouse: str) -> Plan:
    return Plan(
        f"Transfer {sku}",
        "From one warehouse to another, both at once, and never what is reserved or committed there.",
        "Transfer",
        (
            Field("quantity", "Quantity", check=dialogs.units),
            Field("target", "To warehouse", check=dialogs.needed),
            Field("source", "From warehouse", warehouse, check=dialogs.needed),
            Field("reason", "Reason (optional)"),
        ),
    )


def count_plan(sku: str, warehouse: str) -> Plan:
    return Plan(
        f"Count {sku}",
        "Says what is on hand, how many units no shopper gets, or both; a difference is booked. Nothing typed: it stays.",
        "Set",
        (
            Field("counted", "Counted on hand", check=dialogs.counted),
            Field("safety", "Safety stock", check=dialogs.counted),
            Field("warehouse", "Warehouse", warehouse),
            Field("reason", "Reason (optional)"),
        ),
    )


def spread_plan(sku: str, warehouse: str) -> Plan:
    return Plan(
        f"Spread {sku}",
        "Puts a level into buckets, so that many buyers at once do not queue for one row. 1 makes it whole again.",
        "Spread",
        (
            Field("buckets", "Buckets (1 to 64)", "16", check=dialogs.units),
            Field("warehouse", "Warehouse (optional)", warehouse),
        ),
    )


class StockActions(ListScreen[T]):
    """The deeds of a level, wherever one is at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "receive", "Receive", id="stock.receive"),
        Binding("u", "adjust", "Adjust", id="stock.adjust"),
        Binding("t", "transfer", "Transfer", id="stock.transfer"),
        Binding("n", "count", "Count", id="stock.count"),
        Binding("b", "spread", "Buckets", id="stock.spread", show=False),
        Binding("w", "why", "Why held", id="stock.why"),
    ]

    def level(self) -> tuple[str, str] | None:
        """The SKU and warehouse at hand."""
        raise NotImplementedError

    def action_receive(self) -> None:
        if found := self.level():
            sku, warehouse = found
            desk(self).consider(
                receive_plan(sku, warehouse),
                lambda typed: deeds.receive(sku, int(typed["quantity"]), typed["warehouse"], typed["reason"]),
            )

    def action_adjust(self) -> None:
        if found := self.level():
            sku, warehouse = found
            desk(self).consider(
                adjust_plan(sku, warehouse),
                lambda typed: deeds.adjust(sku, int(typed["quantity"]), typed["reason"], typed["warehouse"]),
            )

    def action_transfer(self) -> None:
        if found := self.level():
            sku, warehouse = found
            desk(self).consider(
                transfer_plan(sku, warehouse),
                lambda typed: deeds.transfer(
                    sku, int(typed["quantity"]), typed["source"], typed["target"], typed["reason"]
                ),
            )

    def action_count(self) -> None:
        if found := self.level():
            sku, warehouse = found
            desk(self).consider(
                count_plan(sku, warehouse),
                lambda typed: deeds.count(
                    sku, _units(typed["counted"]), _units(typed["safety"]), typed["warehouse"], typed["reason"]
                ),
            )

    def action_spread(self) -> None:
        if found := self.level():
            sku, warehouse = found
            desk(self).consider(
                spread_plan(sku, warehouse),
                lambda typed: deeds.spread(sku, int(typed["buckets"]), typed["warehouse"]),
            )

    def action_why(self) -> None:
        if found := self.level():
            self.app.push_screen(WhyScreen(found[0]))


def _units(typed: str) -> int | None:
    return int(typed) if typed.strip() else None


class StockScreen(StockActions[StockRow]):
    """What is where: a row per SKU and warehouse."""

    NOUN = "levels"
    EXAMPLE = "low:yes  available:<4  warehouse:MAIN  safety_stock:>0  TEE"
    COLUMNS = (
        Column("sku", "SKU", 16, grow=True),
        Column("warehouse", "WAREHOUSE", 10),
        Column("state", "STATE", 6),
        Column("available", "AVAILABLE", 9, right=True),
        Column("quantity", "ON HAND", 8, rank=1, right=True),
        Column("reserved", "RESERVED", 8, rank=3, right=True),
        Column("committed", "COMMITTED", 9, rank=5, right=True),
        Column("low_stock", "LOW AT", 6, rank=2, right=True),
        Column("safety", "SAFETY", 6, rank=4, right=True),
        Column("updated", "CHANGED", 12, rank=6),
    )

    def crumb(self) -> str:
        return "Stock"

    def question(self) -> Question:
        place = self.place
        return lambda reads: reads.stock(place)

    def key(self, row: StockRow) -> str:
        return f"{row.sku}\n{row.warehouse}"

    def line(self, row: StockRow) -> Line:
        return Line(
            self.key(row),
            {
                "sku": cell(row.sku, "bold"),
                "warehouse": cell(row.warehouse),
                "state": stock_status(row.available, row.low),
                "available": cell(row.available, "bold"),
                "quantity": cell(row.quantity),
                "reserved": _some(row.reserved),
                "committed": _some(row.committed),
                "low_stock": cell("–" if row.low_stock is None else row.low_stock, "dim"),
                "safety": _some(row.safety_stock),
                "updated": cell(when(self.bridge.local(row.updated_at), self.bridge.now()), "dim"),
            },
        )

    def level(self) -> tuple[str, str] | None:
        row = self.current
        return None if row is None else (row.sku, row.warehouse)

    def open_row(self, row: StockRow) -> None:
        self.app.push_screen(SkuScreen(row.sku, row.warehouse))

    def command(self) -> str:
        return "shopctl stock list -o jsonl"


class SkuScreen(MovementList, StockActions[Movement]):
    """One SKU: where it lies, and how it came to that."""

    def __init__(self, sku: str, warehouse: str = "") -> None:
        super().__init__()
        self.sku, self.warehouse = sku, warehouse

    def head(self) -> ComposeResult:
        yield Static(id="facts")

    def crumb(self) -> str:
        return cell(self.sku, limit=24).text

    def question(self) -> Question:
        sku, place = self.sku, self.place
        return lambda reads: reads.sku(sku, place)

    def page_of(self, value: Sku) -> Page[Movement]:
        return value.movements

    def present(self, value: Any) -> None:
        self.query_one("#facts", Static).update(self._facts(value))
        super().present(value)

    def level(self) -> tuple[str, str] | None:
        return self.sku, self.warehouse

    def command(self) -> str:
        return f"shopctl stock history {cell(self.sku).text} -o jsonl"

    def _facts(self, found: Sku) -> Text:
        text = styled(
            self, cell(found.sku, "bold"), ("  ", ""), cell(found.title), ("  ", ""), cell(found.status, "dim")
        )
        for level in found.levels[:4]:
            words = f"{level.available} available  =  {level.quantity} on hand − {level.reserved} reserved"
            text.append("\n").append_text(
                styled(
                    self,
                    cell(f"{level.warehouse:<10}", "dim"),
                    stock_status(level.available, level.low),
                    (f"  {words} − {level.committed} committed", ""),
                )
            )
        if len(found.levels) > 4:
            text.append("\n").append_text(styled(self, (f"and {len(found.levels) - 4} more warehouses", "dim")))
        limits = _limits(found.levels)
        return text.append("\n").append_text(styled(self, cell(limits, "dim"))) if limits else text


def _some(units: int) -> Cell:
    return cell(units) if units else Cell("·", "dim")


def _limits(levels: Sequence[StockRow]) -> str:
    """At how many units together the SKU is low, what each warehouse keeps back, and where it is in buckets."""
    low = [f"low at {level.low_stock} together" for level in levels[:1] if level.low_stock is not None]
    safe = [f"safety stock {level.safety_stock} in {level.warehouse}" for level in levels if level.safety_stock]
    apart = [f"{level.buckets} buckets in {level.warehouse}" for level in levels if level.buckets > 1]
    return " · ".join([*low, *safe, *apart])
