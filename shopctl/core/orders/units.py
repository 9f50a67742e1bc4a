"""Units of an order's lines, as people name them: so many of a SKU, which may stand in several lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from shopctl.core.db.unit_of_work import Row
from shopctl.core.errors import BadInput, Refused

Units = Mapping[str, int]
"""How many of which SKU."""


def in_lines(order: Row, lines: Sequence[Row], wanted: Units, there: Callable[[Row], int], what: str) -> dict[str, int]:
    """The wanted units by the id of their line, of those that are `there`; Refused(not_owed) when there are fewer.

    `what` says of units which ones are meant: "to be shipped".
    """
    found: dict[str, int] = {}
    for sku, units in wanted.items():
        if units <= 0:
            raise BadInput("bad_quantity", f"A quantity is 1 or more, not {units}", sku=sku, quantity=units)
        here = {line.id: there(line) for line in lines if line.sku == sku}
        if sum(here.values()) < units:
            raise Refused(
                "not_owed",
                f"Order {order.number} has {sum(here.values())} {sku} {what}, not {units}",
                hint=f"`shopctl orders show {order.number}` has its lines.",
                number=str(order.number),
                sku=sku,
                requested=units,
                available=sum(here.values()),
            )
        for line_id, count in here.items():
            taken = min(count, units)
            units -= taken
            if taken:
                found[line_id] = taken
    return found


def unshipped(line: Row) -> int:
    return int(line.quantity - line.cancelled - line.shipped)


def told(lines: Sequence[Row], units: Mapping[str, int]) -> str:
    """Units by line as people read them: "2 × TEE, 1 × CAP"."""
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.sku] = sums.get(line.sku, 0) + units.get(line.id, 0)
    return ", ".join(f"{count} × {sku}" for sku, count in sums.items() if count)
