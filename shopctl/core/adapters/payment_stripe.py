"""Stripe, through its SDK: a charge is a PaymentIntent, confirmed in the call that makes it.

What we send has {shop, order, key} as metadata, and that is how it is found again: by listing, which is consistent, and not by
searching, which lags. Amounts go as Stripe counts them (stripe_amounts.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shopctl.core.adapters.stripe_amounts import ours, theirs
from shopctl.core.errors import NotPermitted, Unavailable
from shopctl.core.ports import Charge, ChargeRequest, ChargeStatus, Entry, NoAnswer, Notice, Rejected, Repaid, Throttled

if TYPE_CHECKING:
    from stripe import PaymentIntent, Refund, StripeClient

API_VERSION = "2026-10-28.endive"
"""Of Stripe's API, whatever the account's or the SDK's own is."""
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
CLOCKS_APART = timedelta(minutes=5)
"""How far Stripe's clock may be behind ours."""
PAGE = 100
_NOTICED = ("payment_intent", "charge", "refund")


@dataclass(frozen=True)
class StripeGateway:
    """Stripe, for a shop and its one currency. `key` and `webhook_secret` are asked for when they are needed."""

    shop: str
    currency: str
    key: Callable[[], str]
    webhook_secret: Callable[[], str]
    base: str
    return_url: str
    name: str = "stripe"
    memory: timedelta = timedelta(hours=24)
    signature_header: str = "Stripe-Signature"

    @property
    def live(self) -> bool:
        return "_live_" in self.key()

    @cached_property
    def _client(self) -> StripeClient:
        stripe = _sdk()
        stripe.enable_telemetry = False
        client: StripeClient = stripe.StripeClient(
            self.key(),
            stripe_version=API_VERSION,
            base_addresses={"api": self.base},
            max_network_retries=0,  # who calls us repeats, and looks before
            http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, ANSWER_SECONDS)),
        )
        return client

    def ready(self) -> None:
        """It has its SDK and a key that it may be used with."""
        assert self._client

    # --- charges ---------------------------------------------------------------------------------------------------
    def authorize(self, request: ChargeRequest) -> Charge:
        with _told():
            try:
                made = self._client.v1.payment_intents.create(
                    {
                        "amount": theirs(request.amount, request.currency),
                        "currency": request.currency.lower(),
                        "payment_method": request.token,
                        "allowed_payment_method_types": ["card"],
                        "payment_method_options": {"card": {} if request.capture else _IN_PARTS},
                        "capture_method": "automatic" if request.capture else "manual",
                        "confirm": True,
                        "return_url": self.return_url,
                        "metadata": {"shop": self.shop, "order": request.order_id, "key": request.key},
                        "expand": ["latest_charge"],
                    },
                    {"idempotency_key": request.key},
                )
            except _sdk().CardError as declined:
                return _declined(declined, request)
        return _charge(made)

    def find(self, key: str, *, since: datetime) -> Charge | None:
        with _told():
            found = next((one for one in self._made(since) if _said(one, "key") == key), None)
        return _charge(found) if found else None

    def capture(self, *, key: str, reference: str, amount: int, final: bool) -> Charge:
        with _told():
            asked: Any = {"amount_to_capture": theirs(amount, self.currency), "expand": ["latest_charge"]}
            if not final:  # it is an error to say so where parts cannot be captured
                asked["final_capture"] = False
            taken = self._client.v1.payment_intents.capture(reference, asked, {"idempotency_key": key})
        return _charge(taken)

    def void(self, *, key: str, reference: str) -> Charge:
        with _told():
            return _charge(self._client.v1.payment_intents.cancel(reference, {}, {"idempotency_key": key}))

    def _made(self, since: datetime | None) -> Iterator[PaymentIntent]:
        """This shop's, the latest first."""
        asked: dict[str, Any] = {"limit": PAGE, "expand": ["data.latest_charge"], **_created(since)}
        listed = self._client.v1.payment_intents.list(asked)  # type: ignore[arg-type]
        return (one for one in listed.auto_paging_iter() if _said(one, "shop") == self.shop)

    # --- refunds ---------------------------------------------------------------------------------------------------
    def refund(self, *, key: str, reference: str, amount: int) -> Repaid:
        with _told():
            made = self._client.v1.refunds.create(
                {
                    "payment_intent": reference,
                    "amount": theirs(amount, self.currency),
                    "metadata": {"shop": self.shop, "key": key},
                },
                {"idempotency_key": key},
            )
        return _repaid(made)

    def find_refund(self, key: str, *, reference: str) -> Repaid | None:
        with _told():
            listed = self._client.v1.refunds.list({"payment_intent": reference, "limit": PAGE})
            made = (one for one in listed.auto_paging_iter() if _said(one, "key") == key)
            found = next(made, None)
        return _repaid(found) if found else None

    # --- what it tells ---------------------------------------------------------------------------------------------
    def entries(self, since: datetime | None = None) -> Iterator[Entry]:
        with _told():
            for intent in self._made(since):
                status, captured = _status(intent) or "pending", _amount(intent, intent.amount_received)
                about = (_said(intent, "key"), intent.id, captured, intent.currency.upper(), status)
                order_id = _said(intent, "order")
                yield Entry("charge", *about, order_id=order_id, at=datetime.fromtimestamp(intent.created, UTC))
            asked: dict[str, Any] = {"limit": PAGE, "expand": ["data.payment_intent"], **_created(since)}
            listed = self._client.v1.refunds.list(asked)  # type: ignore[arg-type]
            for refund in listed.auto_paging_iter():
                paid: Any = refund.payment_intent
                if paid is not None and _said(paid, "shop") == self.shop:
                    key, given = _said(refund, "key"), _repaid(refund)
                    words = (key, given.reference, given.amount, refund.currency.upper(), given.status)
                    yield Entry("refund", *words, charge=paid.id, at=datetime.fromtimestamp(refund.created, UTC))

    def notice(self, body: bytes, headers: Mapping[str, str]) -> Notice | None:
        stripe = _sdk()
        given = {name.lower(): value for name, value in headers.items()}.get(self.signature_header.lower())
        try:
            stripe.WebhookSignature.verify_header(body, given, self.webhook_secret(), stripe.Webhook.DEFAULT_TOLERANCE)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            raise NotPermitted(
                "bad_signature",
                "The notice is not signed by Stripe with this shop's secret, or too long ago",
                hint="Set STRIPE_WEBHOOK_SECRET; pass the body as it came, and its Stripe-Signature.",
            ) from None
        event = json.loads(body)
        about = event["data"]["object"]
        told = about.get("metadata") or {}
        if about.get("object") not in _NOTICED or told.get("shop", self.shop) != self.shop:
            return None
        if about["object"] == "payment_intent":
            return Notice(event["id"], event["type"], told.get("key"), about["id"])
        return Notice(event["id"], event["type"], None, about.get("payment_intent"))


_IN_PARTS: Any = {"request_multicapture": "if_available"}


# --- its words, in ours --------------------------------------------------------------------------------------------
def _charge(intent: PaymentIntent) -> Charge:
    status = _status(intent)
    if status is None:
        raise NoAnswer  # it works on it: later it will know
    told = intent.to_dict()
    problem, latest = told.get("last_payment_error") or {}, told.get("latest_charge")
    action = (told.get("next_action") or {}).get("redirect_to_url") or {}
    details = (latest.get("payment_method_details") or {}) if isinstance(latest, dict) else {}
    lapses = (details.get("card") or {}).get("capture_before")
    return Charge(
        status,
        intent.id,
        _amount(intent, intent.amount),
        intent.currency.upper(),
        _amount(intent, intent.amount_received),
        decline_code=(problem.get("decline_code") or problem.get("code")) if status == "declined" else None,
        action_url=action.get("url"),
        expires_at=datetime.fromtimestamp(lapses, UTC) if lapses and status == "authorized" else None,
    )


def _status(intent: PaymentIntent) -> ChargeStatus | None:
    """None while it is not known."""
    match intent.status:
        case "succeeded":
            return "captured"
        case "requires_capture":
            return "captured" if intent.amount_received else "authorized"
        case "requires_action":
            return "requires_action"
        case "canceled":
            return "captured" if intent.amount_received else "voided"
        case "requires_payment_method":
            return "declined"
        case _:
            return None


def _amount(intent: PaymentIntent, amount: int) -> int:
    return ours(amount, intent.currency.upper())


def _declined(error: Any, request: ChargeRequest) -> Charge:
    """A decline is an answer; the PaymentIntent is in it."""
    told = error.json_body["error"]
    made = told.get("payment_intent") or {"id": ""}
    code = told.get("decline_code") or told.get("code") or "card_declined"
    return Charge("declined", made["id"], request.amount, request.currency, decline_code=code)


def _repaid(refund: Refund) -> Repaid:
    amount = ours(refund.amount, refund.currency.upper())
    if refund.status in ("failed", "canceled"):
        return Repaid("failed", refund.id, amount, getattr(refund, "failure_reason", None) or refund.status)
    return Repaid("succeeded" if refund.status == "succeeded" else "pending", refund.id, amount)


def _said(thing: PaymentIntent | Refund, name: str) -> str | None:
    """What we wrote on it."""
    said: str | None = thing.metadata.to_dict().get(name) if thing.metadata else None
    return said


def _created(since: datetime | None) -> dict[str, Any]:
    return {"created": {"gte": int((since - CLOCKS_APART).timestamp())}} if since else {}


@contextmanager
def _told() -> Iterator[None]:
    """The SDK's errors as the port's. None of them has the key, and no traceback of ours theirs."""
    stripe = _sdk()
    try:
        yield
    except stripe.RateLimitError as error:
        raise Throttled(_seconds(error)) from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        allowed = "does not accept the key" if error.http_status == 401 else "does not allow this to the key"
        raise Unavailable(
            "gateway_refuses_key", f"Stripe {allowed}", hint="Look at it in Stripe's dashboard."
        ) from None
    except stripe.IdempotencyError as error:
        raise Rejected("idempotency_error", str(error.user_message)) from None
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        raise Rejected(error.code or "invalid_request", str(error.user_message)) from None
    except stripe.StripeError as error:
        if error.http_status == 409:  # somebody asks with the same key at this moment
            raise Throttled(_seconds(error)) from None
        raise NoAnswer from None


def _seconds(error: Any) -> float:
    """How long to wait, as it says itself."""
    said = str(error.headers.get("retry-after") or error.headers.get("Retry-After") or "")
    return min(float(said), 30.0) if said.isdigit() else 0.5


def _sdk() -> Any:
    try:
        import stripe
    except ImportError:
        raise Unavailable(
            "stripe_missing",
            "The gateway is stripe, and its SDK is not installed",
            hint="pip install 'shopctl[stripe]'",
        ) from None
    return stripe
