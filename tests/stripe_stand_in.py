"""A stand-in for Stripe: a real HTTP server with PaymentIntents, refunds and signed webhooks, in this process.

What can be trusted of it: its answers have exactly the fields that the SDK's own types have, which Stripe generates from its
published OpenAPI (tests/core/adapters/test_stripe_stand_in.py); it is stricter than what it stands for where money is at stake
(keys, over-captures, over-refunds), and `payments selftest` runs the same contract against Stripe itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests import stripe_objects as objects

Json = dict[str, Any]
KEY, WEBHOOK_SECRET = "sk_test_standin", "whsec_standin"
DECLINES = {
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
}
CHALLENGED = "pm_card_authenticationRequired"
CARDS = ("pm_card_visa", "pm_card_mastercard", CHALLENGED, *DECLINES)


class Problem(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, kind: str, code: str | None, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **({"code": code} if code else {}), **more}}


def _invalid(code: str, message: str, status: int = 400) -> Problem:
    return Problem(status, "invalid_request_error", code, message)


@dataclass
class StandIn:
    """`faults` are met by the next calls, in order: "429", "500", "before" (the connection drops, nothing is done), "after"."""

    intents: dict[str, Json] = field(default_factory=dict)
    refunds: dict[str, Json] = field(default_factory=dict)
    answered: dict[str, tuple[str, int, Json]] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    multicapture: bool = True
    page: int = 100
    url: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # --- what a shopper and an operator of Stripe do --------------------------------------------------------------------
    def confirm(self, reference: str, *, succeed: bool = True) -> None:
        """The shopper confirms, or fails to."""
        with self._lock:
            intent = self.intents[reference]
            assert intent["status"] == "requires_action"
            intent["next_action"] = None
            if succeed:
                self._take(intent)
            else:
                self._decline(intent, "payment_intent_authentication_failure", None)

    def forget_keys(self) -> None:
        self.answered.clear()

    def notices(self) -> list[tuple[bytes, Mapping[str, str]]]:
        """The webhooks for all that happened, signed now."""
        return [(body, signed(body)) for body in (json.dumps(event).encode() for event in self.events)]

    # --- the API -------------------------------------------------------------------------------------------------------
    def answer(self, method: str, path: str, asked: Json, key: str | None) -> tuple[int, Json]:
        """The answer to a call; of a POST under a key that was answered before, the same one."""
        with self._lock:
            words = json.dumps([path, asked], sort_keys=True)
            if method == "POST" and key and key in self.answered:
                first, status, body = self.answered[key]
                if first != words:
                    raise Problem(400, "idempotency_error", None, "Keys can only be used with the same parameters.")
                return status, body
            try:
                status, body = 200, self._do(method, path.strip("/").split("/")[1:], asked)
            except Problem as problem:
                status, body = problem.status, problem.body
            body = json.loads(json.dumps(body))  # as it is now: it changes, the stored answer does not
            if method == "POST" and key:
                self.answered[key] = (words, status, body)
            return status, body

    def _do(self, method: str, path: list[str], asked: Json) -> Json:
        match method, path:
            case "POST", ["payment_intents"]:
                return self._shown(self._create(asked), asked)
            case "GET", ["payment_intents"]:
                return self._list("/v1/payment_intents", self.intents, asked)
            case "GET", ["payment_intents", name]:
                return self._shown(self._intent(name), asked)
            case "POST", ["payment_intents", name, "capture"]:
                return self._shown(self._capture(self._intent(name), asked), asked)
            case "POST", ["payment_intents", name, "cancel"]:
                return self._shown(self._cancel(self._intent(name)), asked)
            case "POST", ["refunds"]:
                return self._refund(asked)
            case "GET", ["refunds"]:
                mine = {k: v for k, v in self.refunds.items() if asked.get("payment_intent", v["payment_intent"]) == v["payment_intent"]}  # fmt: skip
                return self._list("/v1/refunds", mine, asked)
            case _:
                raise _invalid("resource_missing", f"Unrecognized request URL ({method}: /v1/{'/'.join(path)})", 404)

    def _create(self, asked: Json) -> Json:
        for name in asked.keys() - objects.CREATE_PARAMS:
            raise _invalid("parameter_unknown", f"Received unknown parameter: {name}")
        amount, token = int(asked["amount"]), asked["payment_method"]
        if amount < 1:
            raise _invalid("parameter_invalid_integer", "This value must be greater than or equal to 1.")
        if token not in CARDS:
            raise _invalid("resource_missing", f"No such PaymentMethod: '{token}'")
        intent = objects.intent(f"pi_{next(self._numbers):08}", amount, asked, int(time.time()))
        self.intents[intent["id"]] = intent
        if token in DECLINES:
            self._decline(intent, "card_declined", DECLINES[token])
            error = {**intent["last_payment_error"], "payment_intent": intent}
            message = error.pop("message")
            raise Problem(402, error.pop("type"), error.pop("code"), message, **error)
        if token == CHALLENGED:
            url = f"https://hooks.stripe.test/redirect/authenticate/{intent['id']}"
            intent["status"] = "requires_action"
            intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": {"return_url": asked["return_url"], "url": url}}  # fmt: skip
            self._tell("payment_intent.requires_action", intent)
        else:
            self._take(intent)
        return intent

    def _take(self, intent: Json) -> None:
        manual = intent["capture_method"] == "manual"
        card = (intent["payment_method_options"] or {}).get("card") or {}
        parts = self.multicapture and card.get("request_multicapture") == "if_available"
        intent["latest_charge"] = objects.charge(f"ch_{intent['id'][3:]}", intent, captured=not manual, in_parts=parts)
        intent["status"] = "requires_capture" if manual else "succeeded"
        intent["amount_capturable"] = intent["amount"] if manual else 0
        intent["amount_received"] = 0 if manual else intent["amount"]
        self._tell(f"payment_intent.{'amount_capturable_updated' if manual else 'succeeded'}", intent)

    def _decline(self, intent: Json, code: str, decline_code: str | None) -> None:
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = objects.card_error(code, decline_code)
        self._tell("payment_intent.payment_failed", intent)

    def _capture(self, intent: Json, asked: Json) -> Json:
        if intent["status"] != "requires_capture":
            raise _invalid("payment_intent_unexpected_state", f"It could not be captured: {intent['status']}")
        amount = int(asked.get("amount_to_capture") or intent["amount_capturable"])
        if not 0 < amount <= intent["amount_capturable"]:
            raise _invalid("amount_too_large", f"The amount is greater than {intent['amount_capturable']}")
        final = asked.get("final_capture", "true") == "true"
        multicapture = intent["latest_charge"]["payment_method_details"]["card"]["multicapture"]["status"]
        if not final and multicapture != "available":
            raise _invalid("parameter_invalid", "final_capture can only be false where multicapture is available")
        intent["amount_received"] += amount
        intent["amount_capturable"] = 0 if final else intent["amount_capturable"] - amount
        intent["status"] = "requires_capture" if intent["amount_capturable"] else "succeeded"
        intent["latest_charge"] |= {"captured": True, "amount_captured": intent["amount_received"]}
        self._tell("payment_intent.succeeded" if final else "charge.captured", intent)
        return intent

    def _cancel(self, intent: Json) -> Json:
        if intent["status"] in ("succeeded", "canceled") or intent["amount_received"]:
            raise _invalid("payment_intent_unexpected_state", f"You cannot cancel it: {intent['status']}")
        intent |= {"status": "canceled", "amount_capturable": 0, "canceled_at": int(time.time()), "next_action": None}
        self._tell("payment_intent.canceled", intent)
        return intent

    def _refund(self, asked: Json) -> Json:
        intent, amount = self._intent(asked["payment_intent"]), int(asked["amount"])
        given = sum(one["amount"] for one in self.refunds.values() if one["payment_intent"] == intent["id"])
        if not 0 < amount <= intent["amount_received"] - given:
            raise _invalid("charge_already_refunded", "Refund amount is greater than unrefunded amount on charge")
        refund = objects.refund(f"re_{next(self._numbers):08}", intent, amount, asked.get("metadata", {}))
        self.refunds[refund["id"]] = refund
        intent["latest_charge"] |= {"amount_refunded": given + amount, "refunded": given + amount == intent["amount_received"]}  # fmt: skip
        self._tell("refund.created", refund)
        return refund

    def _intent(self, name: str) -> Json:
        if name not in self.intents:
            raise _invalid("resource_missing", f"No such payment_intent: '{name}'", 404)
        return self.intents[name]

    def _list(self, url: str, rows: Mapping[str, Json], asked: Json) -> Json:
        """The latest first, from `created[gte]` on, a page after another."""
        since = int((asked.get("created") or {}).get("gte", 0))
        found = [row for row in reversed(list(rows.values())) if row["created"] >= since]
        if after := asked.get("starting_after"):
            found = found[[row["id"] for row in found].index(after) + 1 :]
        size = min(int(asked.get("limit", 10)), self.page)
        expand = [name.removeprefix("data.") for name in asked.get("expand", [])]
        data = [self._shown(row, {"expand": expand}) for row in found[:size]]
        return {"object": "list", "url": url, "has_more": len(found) > size, "data": data}

    def _shown(self, thing: Json, asked: Json) -> Json:
        """What is related is an id, unless it is to be expanded."""
        wanted = asked.get("expand", [])
        if thing["object"] == "refund":
            paid = self.intents[thing["payment_intent"]]
            return {**thing, "payment_intent": self._shown(paid, {})} if "payment_intent" in wanted else thing
        latest = thing["latest_charge"]
        return thing if latest is None or "latest_charge" in wanted else {**thing, "latest_charge": latest["id"]}

    def _tell(self, kind: str, thing: Json) -> None:
        about = json.loads(json.dumps(self._shown(thing, {})))
        self.events.append(objects.event(f"evt_{next(self._numbers):08}", kind, about, int(time.time())))


def signed(body: bytes, *, secret: str = WEBHOOK_SECRET, at: float | None = None) -> Mapping[str, str]:
    """As Stripe signs a webhook."""
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={digest}"}


# --- HTTP ----------------------------------------------------------------------------------------------------------
@contextmanager
def stand_in(**how: Any) -> Iterator[StandIn]:
    """One that listens, until the end of the block."""
    made = StandIn(**how)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


def _handler(stripe: StandIn) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve("")

        def do_POST(self) -> None:
            self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

        def _serve(self, body: str) -> None:
            url = urlsplit(self.path)
            stripe.calls.append(f"{self.command} {url.path}")
            fault = stripe.faults.pop(0) if stripe.faults else ""
            if fault == "before":
                return self._hang_up()
            try:
                if self.headers.get("Authorization") != f"Bearer {KEY}":
                    raise Problem(401, "invalid_request_error", None, "Invalid API Key provided")
                if fault in ("429", "500"):
                    raise Problem(int(fault), "rate_limit_error" if fault == "429" else "api_error", None, "Not now")
                asked = nested(parse_qsl(body or url.query, keep_blank_values=True))
                status, answer = stripe.answer(self.command, url.path, asked, self.headers.get("Idempotency-Key"))
            except Problem as problem:
                status, answer = problem.status, problem.body
            return self._hang_up() if fault == "after" else self._send(status, answer)

        def _hang_up(self) -> None:
            self.close_connection = True

        def _send(self, status: int, answer: Json) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            said = {"Content-Type": "application/json", "Content-Length": len(body), "Request-Id": "req_standin"}
            for name, value in (said | {"Stripe-Version": self.headers.get("Stripe-Version", "")}).items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    return Handler


def nested(pairs: list[tuple[str, str]]) -> Json:
    """a[b]=1&c[0]=2 as Stripe reads it."""
    found: Json = {}
    for name, value in pairs:
        head, *rest = name.replace("]", "").split("[")
        place, last = found, head
        for word in rest:
            place, last = place.setdefault(last, {}), word
        place[last] = value
    return {name: _as_list(value) for name, value in found.items()}


def _as_list(value: Any) -> Any:
    if isinstance(value, dict) and value and all(name.isdigit() for name in value):
        return list(value.values())
    return {name: _as_list(one) for name, one in value.items()} if isinstance(value, dict) else value
