"""Stripe's objects as the stand-in makes them: every field that the SDK's types have, null where there is nothing to say."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params._payment_intent_create_params import PaymentIntentCreateParams

Json = dict[str, Any]
CREATE_PARAMS = frozenset(PaymentIntentCreateParams.__annotations__)
"""What may be said when a PaymentIntent is made: anything else is refused, as Stripe does."""
WEEK = 7 * 24 * 3600


def _blank(kind: type) -> Json:
    """All fields of a type, with nothing in them."""
    return dict.fromkeys(name for name in kind.__annotations__ if not name.startswith(("_", "OBJECT")))


def intent(name: str, amount: int, asked: Json, now: int) -> Json:
    return {
        **_blank(stripe.PaymentIntent),
        "id": name,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": asked.get("capture_method", "automatic"),
        "client_secret": f"{name}_secret",
        "confirmation_method": "automatic",
        "created": now,
        "currency": asked["currency"],
        "livemode": False,
        "metadata": asked.get("metadata", {}),
        "payment_method": f"pm_{name[3:]}",
        "payment_method_options": {"card": (asked.get("payment_method_options") or {}).get("card") or {}},
        "payment_method_types": ["card"],
        "status": "requires_confirmation",
    }


def charge(name: str, of: Json, *, captured: bool, in_parts: bool) -> Json:
    card = _blank(stripe.Charge.PaymentMethodDetails.Card) | {
        "brand": "visa",
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "funding": "credit",
        "last4": "4242",
        "capture_before": None if captured else of["created"] + WEEK,
        "multicapture": {"status": "available" if in_parts else "unavailable"},
    }
    return {
        **_blank(stripe.Charge),
        "id": name,
        "object": "charge",
        "amount": of["amount"],
        "amount_captured": of["amount"] if captured else 0,
        "amount_refunded": 0,
        "billing_details": _blank(stripe.Charge.BillingDetails),
        "captured": captured,
        "created": of["created"],
        "currency": of["currency"],
        "disputed": False,
        "livemode": False,
        "metadata": of["metadata"],
        "paid": True,
        "payment_intent": of["id"],
        "payment_method": of["payment_method"],
        "payment_method_details": {"type": "card", "card": card},
        "refunded": False,
        "status": "succeeded",
    }


def refund(name: str, of: Json, amount: int, metadata: Json) -> Json:
    return {
        **_blank(stripe.Refund),
        "id": name,
        "object": "refund",
        "amount": amount,
        "charge": of["latest_charge"]["id"],
        "created": max(of["created"], of["latest_charge"]["created"]),
        "currency": of["currency"],
        "metadata": metadata,
        "payment_intent": of["id"],
        "status": "succeeded",
    }


def card_error(code: str, decline_code: str | None) -> Json:
    said = {"type": "card_error", "code": code, "message": "Your card was declined."}
    return said | ({"decline_code": decline_code} if decline_code else {})


def event(name: str, kind: str, about: Json, now: int) -> Json:
    return {
        **_blank(stripe.Event),
        "id": name,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": now,
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_standin", "idempotency_key": None},
        "type": kind,
    }
