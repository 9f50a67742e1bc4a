"""Stock levels → a SKU's movements. Receiving on the way."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from shopctl.core.queries.stock import Movement, StockRow
from shopctl.tui import bridge
from shopctl.tui.asking import Question
from shopctl.tui.bridge import Page, Sku
from shopctl.tui.look import cell, stock_status, when
from shopctl.tui.screens.dialogs import Field, Plan
from shopctl.tui.screens.lists import ListScreen, T
from shopctl.tui.screens.movements import MovementList
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import desk, styled


def receive_plan(sku: str, warehouse: str) -> Plan:
    return Plan(
        f"Receive {sku}",
        "Goods arrived: the units are on hand from now on.",
        "Receive",
        (
            Field("quantity", "Quantity", whole=True),
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
            Field("quantity", "Change (-2, +5)", signed=True),
            Field("reason", "Reason", needed=True),
            Field("warehouse", "Warehouse", warehouse),
        ),
    )


class StockActions(ListScreen[T]):
    """The deeds of a level, wherever one is at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "receive", "Receive", id="stock.receive"),
        Binding("u", "adjust", "Adjust", id="stock.adjust"),
    ]

    def level(self) -> tuple[str, str] | None:
        """The SKU and warehouse at hand."""
        raise NotImplementedError

    def action_receive(self) -> None:
        if found := self.level():
            sku, warehouse = found
            desk(self).consider(
                receive_plan(sku, warehouse),
                lambda typed: bridge.receive(sku, int(typed["quantity"]), typed["warehouse"], typed["reason"]),
            )

    def action_adjust(self) -> None:
        if found := self.level():
            sku, warehouse = found
            desk(self).consider(
                adjust_plan(sku, warehouse),
                lambda typed: bridge.adjust(sku, int(typed["quantity"]), typed["reason"], typed["warehouse"]),
            )


class StockScreen(StockActions[StockRow]):
    """What is where: a row per SKU and warehouse."""

    NOUN = "levels"
    EXAMPLE = "low:yes  available:<4  warehouse:MAIN  committed:>0  TEE"
    COLUMNS = (
        Column("sku", "SKU", 20, grow=True),
        Column("warehouse", "WAREHOUSE", 10),
        Column("state", "STATE", 6),
        Column("available", "AVAILABLE", 9, right=True),
        Column("quantity", "ON HAND", 8, rank=1, right=True),
        Column("reserved", "RESERVED", 8, rank=2, right=True),
        Column("committed", "COMMITTED", 9, rank=3, right=True),
        Column("updated", "CHANGED", 12, rank=4),
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
                "reserved": cell(row.reserved or "·", "" if row.reserved else "dim"),
                "committed": cell(row.committed or "·", "" if row.committed else "dim"),
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
        return text
