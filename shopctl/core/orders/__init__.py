"""Orders. The only writer of orders, lines, allocations, shipments, events and idempotency keys.

record.py   what was bought, and its history      shipping.py   goods that leave and arrive      changes.py   notes, addresses
imported.py  orders that were placed elsewhere
"""

from shopctl.core.orders.changes import note, readdress
from shopctl.core.orders.imported import NOWHERE, LineDraft, OrderDraft, ShipmentDraft, TakenIn, fingerprints, take_in
from shopctl.core.orders.record import (
    NewOrder,
    adopt,
    advance,
    allocate,
    cancel_allocations,
    correct,
    create,
    find_by_key,
    forget,
    leave,
    lines_of,
    lock,
    next_number,
    next_numbers,
    unfinished,
)
from shopctl.core.orders.shipping import deliver, ship

__all__ = [
    "NOWHERE",
    "LineDraft",
    "NewOrder",
    "OrderDraft",
    "ShipmentDraft",
    "TakenIn",
    "adopt",
    "advance",
    "allocate",
    "cancel_allocations",
    "correct",
    "create",
    "deliver",
    "find_by_key",
    "fingerprints",
    "forget",
    "leave",
    "lines_of",
    "lock",
    "next_number",
    "next_numbers",
    "note",
    "readdress",
    "ship",
    "take_in",
    "unfinished",
]
