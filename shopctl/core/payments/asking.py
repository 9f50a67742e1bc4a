"""Calls to the gateway, outside any transaction. Each has its key already, and may be repeated with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from shopctl.core.db.unit_of_work import Row
from shopctl.core.domain.lifecycle import UNASKED
from shopctl.core.errors import Unavailable
from shopctl.core.ports import Charge, ChargeRequest, Gateway, NoAnswer, Rejected, Repaid, Throttled
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
    for gateway in (shop.gateway, *shop.other_gateways):
        if gateway.name == name:
            return gateway
    raise Unavailable(
        "other_gateway",
        f"The payment was made with the gateway {name!r}, and this shop is set up for {shop.gateway.name!r}",
        hint="Give it the key of that gateway, too, or set SHOPCTL_GATEWAY for this command.",
    )


def charge(shop: Shop, request: ChargeRequest) -> Outcome:
    """Authorize, and capture if that is asked for; without an answer ask again with the same key, a bounded number of times.

    A key that the gateway may have forgotten is looked for first: to it, the repeat would be another charge.
    """
    shop.must_write("a charge")
    gateway = gateway_of(shop, request.gateway)
    try:
        seen = _find(gateway, request) if _may_be_forgotten(shop, gateway, request.at) else None
    except NoAnswer:
        return Outcome(None)
    if seen:
        return Outcome(seen)
    for attempt in range(TRIES):
        try:
            answer = gateway.authorize(request)
            if (
                answer.status == "requires_action"
            ):  # a repeat is told so although the shopper may have confirmed it since
                answer = _find(gateway, request) or answer
            return Outcome(answer)
        except Throttled as throttled:
            time.sleep(throttled.seconds)
        except Rejected as rejected:
            return _refused(gateway, request, rejected)
        except NoAnswer:
            found = _found(gateway, request)
            if found is not None:
                return Outcome(found)
            time.sleep(BACKOFF_SECONDS * 2**attempt)
    return Outcome(None)


def _refused(gateway: Gateway, request: ChargeRequest, why: Rejected) -> Outcome:
    """The gateway will not do it. It may have done it before, and been asked in other words since (another setting)."""
    try:
        found = _find(gateway, request)
    except NoAnswer:
        return Outcome(None)
    return Outcome(found or Charge("declined", "", request.amount, request.currency, decline_code=why.code))


def _found(gateway: Gateway, request: ChargeRequest) -> Charge | None:
    try:
        return _find(gateway, request)
    except NoAnswer:
        return None


def _find(gateway: Gateway, request: ChargeRequest) -> Charge | None:
    return gateway.find(request.key, since=request.at)


def _may_be_forgotten(shop: Shop, gateway: Gateway, asked_at: datetime) -> bool:
    """Whether a key may have left the gateway's memory; two clocks are compared, so half of it is what counts."""
    return (shop.clock() - asked_at) * 2 > gateway.memory


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
    shop.must_write(f"a {action.verb}")
    gateway = gateway_of(shop, action.gateway)
    old = _may_be_forgotten(shop, gateway, action.created_at)

    def ask() -> Charge:
        found = gateway.find(action.payment_key, since=action.payment_made_at) if old else None
        if found and _has_happened(action, found):
            return found
        if action.verb == "void":
            return gateway.void(key=action.gateway_key, reference=action.reference)
        words = {"key": action.gateway_key, "reference": action.reference}
        return gateway.capture(**words, amount=action.amount, final=action.final)

    return _persistently(ask)


def _has_happened(action: Row, found: Charge) -> bool:
    """Whether what was asked of a charge was done to it: nothing else is asked of it meanwhile."""
    if action.verb == "void":
        return found.status == "voided"
    return bool(found.captured >= action.captured_before + action.amount)


def still_open(shop: Shop, action: Row) -> int | None:
    """What of an authorization is left, now that the gateway has refused to act on it; None without an answer."""
    try:
        found = gateway_of(shop, action.gateway).find(action.payment_key, since=action.payment_made_at)
    except NoAnswer:
        return None
    return found.amount - found.captured if found and found.status == "authorized" else 0


def give_back(shop: Shop, refund: Row, *, old: bool) -> Repaid | None:
    """Ask for a refund under its stored key; None without an answer. One that is `old` may have left the gateway's memory of
    keys, and a repeat would pay twice: so it is looked for first."""
    shop.must_write("a refund")
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
