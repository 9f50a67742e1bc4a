"""Calls to the gateway, outside any transaction. Each has its key already, and may be repeated with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from shopctl.core.db.unit_of_work import Row
from shopctl.core.domain.lifecycle import UNASKED
from shopctl.core.errors import Unavailable
from shopctl.core.ports import Charge, ChargeRequest, Gateway, NoAnswer, Repaid, Throttled
from shopctl.core.shop import Shop

TRIES = 3
BACKOFF_SECONDS = 0.05
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known after asking: a charge, or that nothing is known."""

    charge: Charge | None
    known_absent: bool = False  # the gateway says that it has never seen the key


def gateway_of(shop: Shop, name: str) -> Gateway:
    """The gateway that a payment was made with; Unavailable when this shop is not set up for it."""
    if name != shop.gateway.name:
        raise Unavailable(
            "other_gateway",
            f"The payment was made with the gateway {name!r}, and this shop is set up for {shop.gateway.name!r}",
            hint=f"Set SHOPCTL_GATEWAY={name} for this command.",
        )
    return shop.gateway


def charge(shop: Shop, request: ChargeRequest) -> Outcome:
    """Authorize, and capture if that is asked for; without an answer ask again with the same key, a bounded number of times."""
    for attempt in range(TRIES):
        try:
            return Outcome(shop.gateway.authorize(request))
        except Throttled as throttled:
            time.sleep(throttled.seconds)
        except NoAnswer:
            found = _found(shop.gateway, request)
            if found is not None:
                return Outcome(found)
            time.sleep(BACKOFF_SECONDS * 2**attempt)
    return Outcome(None)


def _found(gateway: Gateway, request: ChargeRequest) -> Charge | None:
    try:
        return gateway.find(request.key, since=request.at)
    except NoAnswer:
        return None


def look_up(shop: Shop, payment: Row) -> Outcome:
    """Ask the gateway what became of a payment, without asking for anything new."""
    if payment.gateway in UNASKED:
        return Outcome(None, known_absent=True)
    try:
        found = gateway_of(shop, payment.gateway).find(payment.gateway_key, since=payment.created_at)
    except NoAnswer:
        return Outcome(None)
    return Outcome(found, known_absent=found is None)


def act(shop: Shop, action: Row) -> Charge | None:
    """Capture or void under the stored key; None without an answer. Rejected when the gateway says no for good."""
    gateway = gateway_of(shop, action.gateway)
    if action.verb == "void":
        return _persistently(lambda: gateway.void(key=action.gateway_key, reference=action.reference))
    return _persistently(
        lambda: gateway.capture(
            key=action.gateway_key, reference=action.reference, amount=action.amount, final=action.final
        )
    )


def give_back(shop: Shop, refund: Row, *, old: bool) -> Repaid | None:
    """Ask for a refund under its stored key; None without an answer. One that is `old` may have left the gateway's memory of
    keys, and a repeat would pay twice: so it is looked for first."""
    gateway = gateway_of(shop, refund.gateway)
    reference = refund.charge_reference

    def ask() -> Repaid:
        found = gateway.find_refund(refund.gateway_key, reference=reference) if old else None
        return found or gateway.refund(key=refund.gateway_key, reference=reference, amount=refund.amount)

    return _persistently(ask)


def _persistently(ask: Callable[[], Answer]) -> Answer | None:
    for attempt in range(TRIES):
        try:
            return ask()
        except Throttled as throttled:
            time.sleep(throttled.seconds)
        except NoAnswer:
            time.sleep(BACKOFF_SECONDS * 2**attempt)
    return None
