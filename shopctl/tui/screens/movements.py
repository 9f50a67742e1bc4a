"""The ledger's lines, as every screen that ends in them shows them."""

from __future__ import annotations

from shopctl.core.queries.stock import Movement
from shopctl.tui.look import cell, signed, when
from shopctl.tui.screens.lists import ListScreen
from shopctl.tui.table import Column, Line


class MovementList(ListScreen[Movement]):
    """Stock movements, the latest first."""

    NOUN = "movements"
    OPENS = False
    EXAMPLE = "kind:receive  reference:1001  at:today  actor:ana"
    COLUMNS = (
        Column("at", "AT", 12),
        Column("kind", "KIND", 9),
        Column("warehouse", "WAREHOUSE", 9, rank=1),
        Column("quantity", "ON HAND", 7, right=True),
        Column("reserved", "RESERVED", 8, right=True),
        Column("committed", "COMMITTED", 9, right=True),
        Column("why", "WHY", 14, grow=True),
        Column("actor", "BY", 10, rank=2),
    )

    def key(self, row: Movement) -> str:
        return str(row.seq)

    def line(self, row: Movement) -> Line:
        return Line(
            str(row.seq),
            {
                "at": cell(when(self.bridge.local(row.at), self.bridge.now()), "dim"),
                "kind": cell(row.kind, "bold"),
                "warehouse": cell(row.warehouse),
                "quantity": signed(row.quantity),
                "reserved": signed(row.reserved),
                "committed": signed(row.committed),
                "why": cell(" · ".join(part for part in (row.reference, row.reason) if part)),
                "actor": cell(row.actor, "dim"),
            },
        )
