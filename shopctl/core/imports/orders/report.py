"""What an import of orders did, counted as it goes."""

from __future__ import annotations

from dataclasses import dataclass, field

from shopctl.core.imports.report import Refusing
from shopctl.core.imports.rows import Refusal
from shopctl.core.orders import NOWHERE, OrderDraft


@dataclass(slots=True)
class Report(Refusing):
    """Counts of one import of orders. Rows are JSONL lines or CSV rows below the header; units are pieces of stock."""

    format: str = ""
    rows: int = 0
    rows_refused: int = 0
    orders_created: int = 0
    orders_unchanged: int = 0
    orders_refused: int = 0
    lines: int = 0
    lines_untracked: int = 0  # of open orders: without a SKU, or with one that the catalogue does not count
    units_committed: int = 0
    unpaid: int = 0  # orders that still stand and that nobody has paid in full
    without_email: int = 0
    refusals_total: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)  # columns that nobody reads
    notes: list[str] = field(default_factory=list)
    dry_run: bool = False

    def add(self, draft: OrderDraft) -> None:
        """An order that went in, with its stock decided."""
        self.orders_created += 1
        self.lines += len(draft.lines)
        if draft.status == "confirmed":
            self.lines_untracked += sum(not line.tracked for line in draft.lines)
            self.units_committed += sum(line.quantity for line in draft.lines if line.tracked)
        captured = draft.payment.captured if draft.payment else 0
        self.unpaid += draft.status != "cancelled" and captured < draft.total
        self.without_email += draft.email.endswith(NOWHERE)

    def note(self) -> None:
        """Say what the orders that went in leave to be known."""
        told = (
            (self.unpaid, "orders are not paid in full: their money is still to come, there or here"),
            (self.without_email, f"orders have no e-mail address: their customers are named order-…{NOWHERE}"),
            (self.lines_untracked, "lines of open orders move no stock: the catalogue does not count their SKU"),
        )
        self.notes = [f"{count} {words}." for count, words in told if count]
