"""State machines as data: who may go where. Pure; the tables hold only words from here."""

from __future__ import annotations

from collections.abc import Mapping

from shopctl.core.errors import Refused

# state → verb → next state. A state without verbs is final.
ORDER: Mapping[str, Mapping[str, str]] = {
    "pending": {"confirm": "confirmed", "cancel": "cancelled"},
    "confirmed": {"ship": "shipped", "cancel": "cancelled"},
    "shipped": {"deliver": "delivered"},
    "delivered": {},
    "cancelled": {},
}
RESERVATION: Mapping[str, Mapping[str, str]] = {
    "held": {"commit": "committed", "release": "released", "expire": "expired"},
    "committed": {},
    "released": {},
    "expired": {},
}
PAYMENT: Mapping[str, Mapping[str, str]] = {
    "pending": {
        "capture": "captured",
        "authorize": "authorized",
        "fail": "failed",
        "void": "voided",
        "lose": "unknown",
        "challenge": "requires_action",
    },
    "unknown": {
        "capture": "captured",
        "authorize": "authorized",
        "fail": "failed",
        "void": "voided",
        "lose": "unknown",
        "challenge": "requires_action",
    },
    "requires_action": {
        "capture": "captured",
        "authorize": "authorized",
        "fail": "failed",
        "void": "voided",
        "lose": "unknown",
        "challenge": "requires_action",
    },
    "authorized": {"capture": "captured", "void": "voided"},
    # Money that arrives after its order was given up is taken in, so that it can be given back.
    "voided": {"capture": "captured", "authorize": "authorized"},
    "captured": {"capture": "captured"},  # what is still open of it, with another shipment
    "failed": {},
}
RETURN: Mapping[str, Mapping[str, str]] = {
    "requested": {"receive": "received", "reject": "rejected"},
    "received": {"resolve": "resolved"},
    "resolved": {},
    "rejected": {},
}
SALE: Mapping[str, Mapping[str, str]] = {
    "scheduled": {"open": "open", "cancel": "cancelled"},
    "open": {"pause": "paused", "close": "closed", "cancel": "cancelled"},
    "paused": {"resume": "open", "close": "closed", "cancel": "cancelled"},
    "closed": {},
    "cancelled": {},
}
TICKET: Mapping[str, Mapping[str, str]] = {
    "waiting": {"admit": "admitted", "leave": "left", "sell_out": "sold_out", "end": "ended"},
    "admitted": {"buy": "bought", "expire": "expired", "leave": "left", "end": "ended"},
    "bought": {},
    "expired": {},
    "left": {},
    "sold_out": {},
    "ended": {},
}

ORDER_STATUSES = tuple(ORDER)
CART_STATES = ("open", "merged", "expired")
NOTES = ("note", "address")
"""What people say about an order."""
REMARKS = (
    *NOTES,
    *("ship_part", "deliver_part", "cancel_part", "credit", "invoice"),
    *("return_request", "return_receive", "return_reject", "return_resolve"),
)
"""Entries of an order's history that leave it where it is."""
PAID_ORDERS = ("confirmed", "shipped", "delivered")
UNRESOLVED_PAYMENTS = ("pending", "unknown", "requires_action")
EXTERNAL = "external"
"""The gateway of money that was taken elsewhere, before its order was imported."""
MANUAL = "manual"
"""The gateway, and the token, of money that people take: the order waits until they say that they have it."""
UNASKED = (EXTERNAL, MANUAL)
"""What nobody here can ask for anything."""


def step(machine: Mapping[str, Mapping[str, str]], state: str, verb: str, subject: str) -> str:
    """The state that `verb` leads to, or Refused(invalid_state) saying what is possible."""
    moves = machine[state]
    if verb in moves:
        return moves[verb]
    allowed = ", ".join(moves) or "nothing"
    raise Refused(
        "invalid_state",
        f"{subject} is {state}: cannot {verb} it",
        hint=f"Possible now: {allowed}.",
        status=state,
        verb=verb,
    )
