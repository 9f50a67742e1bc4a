"""Orders. The only writer of orders, lines, allocations, shipments, events and idempotency keys.

record.py   what was bought, and its history      shipping.py   goods that leave and arrive      changes.py   notes, addresses
imported.py  orders that were placed elsewhere
"""

from shopctl.core.orders.changes import note, readdress
from shopctl.core.orders.imported import NOWHERE, LineDraft, OrderDraft, ShipmentDraft, take_in, taken_in
from shopctl.core.orders.record import (
    NewOrder,
    adopt,
    advance,
    allocate,
    cancel_allocations,
    correct,
    create,
    find_by_key,
    leave,
    lines_of,
    lock,
    next_number,
    unfinished,
)
from shopctl.core.orders.shipping import deliver, ship

__all__ = [
    "NOWHERE",
    "LineDraft",
    "NewOrder",
    "OrderDraft",
    "ShipmentDraft",
    "adopt",
    "advance",
    "allocate",
    "cancel_allocations",
    "correct",
    "create",
    "deliver",
    "find_by_key",
    "leave",
    "lines_of",
    "lock",
    "next_number",
    "note",
    "readdress",
    "ship",
    "take_in",
    "taken_in",
    "unfinished",
]
