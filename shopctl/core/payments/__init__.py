"""Payments: what the gateway was asked and what it answered. The only writer of payments, their attempts and actions, and
refunds.

The key of every foreign call is written before the call, and repeated on each retry. No answer is UNKNOWN, never a guess:
only asking with the same key can tell.

asking.py    calls to the gateway, outside any transaction     actions.py   an authorization is captured, in parts, or let go
record.py    a payment, and each answer to it                  refunds.py   money that goes back, never more than was captured
elsewhere.py money that was taken elsewhere, or by hand        contract.py  what every gateway must do, as checks
"""

from shopctl.core.domain.lifecycle import EXTERNAL, MANUAL
from shopctl.core.payments.actions import capture_up_to, finish_actions, let_go, let_rest_go, pending_actions
from shopctl.core.payments.asking import Outcome, charge, gateway_of, look_up
from shopctl.core.payments.elsewhere import External, known_references, take_in
from shopctl.core.payments.record import doubtful, kept, locked, of_order, open_payment, record, request_for
from shopctl.core.payments.refunds import finish_refunds, open_refund, pending_refunds, refunded, refunds_elsewhere

__all__ = [
    "EXTERNAL",
    "MANUAL",
    "External",
    "Outcome",
    "capture_up_to",
    "charge",
    "doubtful",
    "finish_actions",
    "finish_refunds",
    "gateway_of",
    "kept",
    "known_references",
    "let_go",
    "let_rest_go",
    "locked",
    "look_up",
    "of_order",
    "open_payment",
    "open_refund",
    "pending_actions",
    "pending_refunds",
    "record",
    "refunded",
    "refunds_elsewhere",
    "request_for",
    "take_in",
]
