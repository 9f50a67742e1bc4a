"""Orders. The only writer of orders, lines, allocations, shipments, events and idempotency keys; of returns, credits, invoices.

record.py      what was bought, and its history      shipping.py    goods that leave and arrive    changes.py   notes, addresses
cancelling.py  what will not be shipped              returns.py     goods that come back           imported.py  orders placed elsewhere
credits.py     what is not owed any more: the rule   refunding.py   what was paid goes back        repaying.py  asking for it
invoices.py    papers with numbers                   units.py       so many of a SKU, which may stand in several lines
"""

from shopctl.core.orders import credits, invoices, returns
from shopctl.core.orders.cancelling import cancel, give_up
from shopctl.core.orders.changes import note, readdress
from shopctl.core.orders.imported import (
    NOWHERE,
    CreditDraft,
    CreditLine,
    LineDraft,
    OrderDraft,
    ShipmentDraft,
    TakenIn,
    fingerprints,
    take_in,
)
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
from shopctl.core.orders.refunding import refund
from shopctl.core.orders.repaying import finish, going_back, money_back
from shopctl.core.orders.shipping import captures, deliver, ship
from shopctl.core.orders.units import Units

__all__ = [
    "NOWHERE",
    "CreditDraft",
    "CreditLine",
    "LineDraft",
    "NewOrder",
    "OrderDraft",
    "ShipmentDraft",
    "TakenIn",
    "Units",
    "adopt",
    "advance",
    "allocate",
    "cancel",
    "cancel_allocations",
    "captures",
    "correct",
    "create",
    "credits",
    "deliver",
    "find_by_key",
    "fingerprints",
    "finish",
    "forget",
    "give_up",
    "going_back",
    "invoices",
    "leave",
    "lines_of",
    "lock",
    "money_back",
    "next_number",
    "next_numbers",
    "note",
    "readdress",
    "refund",
    "returns",
    "ship",
    "take_in",
    "unfinished",
]
