"""Flash sales, the latest first. Opening, pausing, closing and cancelling on the way."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from shopctl.core.domain.lifecycle import SALE
from shopctl.core.domain.times import about
from shopctl.core.queries.sales import Sale
from shopctl.tui import deeds
from shopctl.tui.asking import Question
from shopctl.tui.bridge import Bridge
from shopctl.tui.look import Cell, cell, counted, sale_status
from shopctl.tui.screens.dialogs import Field, Plan
from shopctl.tui.screens.lists import ListScreen, T
from shopctl.tui.table import Column, Line
from shopctl.tui.widgets import desk


def sale_plan(sale: Sale, verb: str) -> Plan:
    waiting, turns = counted(sale.waiting, "tickets"), counted(sale.admitted, "turns")
    units = counted(sale.left, "units")
    match verb:
        case "open":
            skus = ", ".join(item.sku for item in sale.items)
            effect, button = f"{units} of {skus} are set aside, and the queue moves: {waiting}.", "Open it"
        case "pause":
            effect, button = f"Nobody else is admitted, {waiting} wait on; {turns} go on.", "Pause it"
        case "resume":
            effect, button = f"The queue moves again: {waiting}, {units} left.", "Resume it"
        case "close":
            effect, button = f"{waiting} get nothing, {turns} go on to their end, {units} are put back.", "Close it"
        case _:
            effect, button = (
                f"{waiting} get nothing, and {turns} end now. What was bought stays bought.",
                "Cancel the sale",
            )
    severe = verb == "cancel"
    fields = (Field("name", f"Type {sale.name}", exactly=sale.name),) if severe else ()
    return Plan(
        f"{verb.capitalize()} sale {sale.name}", effect, button, fields, severe, "Keep it" if severe else "Cancel"
    )


class SaleActions(ListScreen[T]):
    """The deeds of a sale, wherever one is at hand: those that its status allows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sale('open')", "Open", id="sales.open"),
        Binding("x", "sale('pause')", "Pause sale", id="sales.pause"),
        Binding("x", "sale('resume')", "Resume sale", id="sales.resume"),
        Binding("e", "sale('close')", "Close", id="sales.close"),
        Binding("c", "sale('cancel')", "Cancel", id="sales.cancel"),
    ]

    def sale(self) -> Sale | None:
        """The sale at hand."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "sale":
            sale = self.sale()
            return sale is not None and parameters[0] in SALE[sale.status]
        return super().check_action(action, parameters)

    def action_sale(self, verb: str) -> None:
        if sale := self.sale():
            desk(self).consider(sale_plan(sale, verb), lambda _: deeds.sale(sale.name, verb))


class SalesScreen(SaleActions[Sale]):
    """Every sale, the latest first."""

    NOUN = "sales"
    EXAMPLE = "status:open  starts_at:today  friday"
    COLUMNS = (
        Column("name", "SALE", 14, grow=True),
        Column("status", "STATUS", 11),
        Column("clock", "CLOCK", 15),
        Column("waiting", "WAITING", 7, right=True),
        Column("held", "HELD", 6, rank=1, right=True),
        Column("sold", "SOLD", 6, right=True),
        Column("left", "LEFT", 6, right=True),
        Column("problem", "PROBLEM", 16, rank=2, grow=True),
    )

    def crumb(self) -> str:
        return "Flash sale"

    def question(self) -> Question:
        place = self.place
        return lambda reads: reads.sales(place)

    def key(self, row: Sale) -> str:
        return row.name

    def line(self, row: Sale) -> Line:
        return Line(
            row.name,
            {
                "name": cell(row.name, "bold"),
                "status": sale_status(row.status),
                "clock": countdown(row, self.bridge),
                "waiting": cell(row.waiting),
                "held": cell(row.held),
                "sold": cell(row.sold),
                "left": cell(row.left),
                "problem": cell(row.problem, "warning"),
            },
        )

    def sale(self) -> Sale | None:
        return self.current

    def open_row(self, row: Sale) -> None:
        desk(self).visit("sale", row.name)

    def command(self) -> str:
        return "shopctl sales list -o jsonl"


def countdown(sale: Sale, bridge: Bridge) -> Cell:
    """How long until it opens, or ends, by its window."""
    word, moment = ("opens", sale.starts_at) if sale.status == "scheduled" else ("ends", sale.ends_at)
    if "cancel" not in SALE[sale.status] or (moment is None and sale.status != "scheduled"):
        return Cell("sold out", "dim") if sale.sold_out_at else Cell("–", "dim")
    if moment is None:
        return Cell("opens by hand", "dim")
    seconds = round((moment - bridge.now()).total_seconds())
    return Cell(f"{word} in {about(seconds)}", "accent") if seconds > 0 else Cell(f"{word} now", "warning")
