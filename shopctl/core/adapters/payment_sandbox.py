"""The sandbox gateway: test tokens with Stripe's names, and a ledger of its own (sandbox_ledger.py). No money moves.

It knows nothing of orders but the id in each line. How it can be made to misbehave is in sandbox_faults.py.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shopctl.core.adapters.sandbox_ledger import Append, Ledger, Line
from shopctl.core.errors import NotPermitted
from shopctl.core.ports import Charge, ChargeRequest, Entry, NoAnswer, Notice, Rejected, Repaid

DECLINES = {
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_chargeDeclinedLostCard": "lost_card",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
}
CHALLENGED = "pm_card_authenticationRequired"
TOKENS = ("pm_card_visa", "pm_card_mastercard", "pm_card_slow", "pm_card_lostReply", "pm_card_timeout", CHALLENGED)
NOTICE_AGE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SandboxGateway:
    """A gateway in a file."""

    ledger: Path
    name: str = "sandbox"
    memory: timedelta = timedelta(days=1)
    authorized_for: timedelta = timedelta(days=7)
    live: bool = False
    signature_header: str = "Sandbox-Signature"

    @property
    def book(self) -> Ledger:
        return Ledger(self.ledger)

    def ready(self) -> None: ...

    # --- charges ---------------------------------------------------------------------------------------------------
    def authorize(self, request: ChargeRequest) -> Charge:
        if request.token == "pm_card_timeout":
            raise NoAnswer
        if request.token == "pm_card_slow":
            time.sleep(1)
        asked = {"amount": request.amount, "currency": request.currency, "token": request.token}
        decline = DECLINES.get(request.token, None if request.token in TOKENS else "unknown_token")
        taken = "captured" if request.capture else "authorized"
        status = "declined" if decline else "requires_action" if request.token == CHALLENGED else taken
        with self.book.appending() as append:
            line = self._remembered(request.key, asked) or append(
                verb="charge",
                key=request.key,
                status=status,
                **asked,
                decline_code=decline,
                order_id=request.order_id,
                then=taken,
            )
        if request.token == "pm_card_lostReply":
            raise NoAnswer
        return self._charge(line)

    def doubt(self, token: str) -> str | None:
        """That a card has expired shows before it is charged; that it will be declined, only then."""
        if token in TOKENS:
            return None
        found = DECLINES.get(token, "unknown_token")
        return found if found in ("expired_card", "unknown_token") else None

    def find(self, key: str, *, since: datetime) -> Charge | None:  # noqa: ARG002 — its ledger has everything
        line = self.book.under(key)
        return self._now(line) if line else None

    def capture(self, *, key: str, reference: str, amount: int, final: bool) -> Charge:
        asked = {"charge": reference, "amount": amount, "final": final}
        with self.book.appending() as append:
            charge = self._known(reference)
            if self._remembered(key, asked) is None:
                if amount > self._open(charge):
                    raise Rejected("amount_too_large", f"Only {self._open(charge)} of {reference} can be captured")
                append(verb="capture", key=key, **asked)
        return self._known(reference)

    def void(self, *, key: str, reference: str) -> Charge:
        with self.book.appending() as append:
            charge = self._known(reference)
            if self._remembered(key, {"charge": reference}) is None:
                _must_be(charge, "authorized", "requires_action")
                append(verb="void", key=key, charge=reference)
        return self._known(reference)

    def confirm(self, *, reference: str, succeed: bool = True) -> Charge:
        """Play the shopper, who confirms a charge that requires it, or fails to."""
        with self.book.appending() as append:
            _must_be(self._known(reference), "requires_action")
            append(verb="confirm", key=None, charge=reference, succeed=succeed)
        return self._known(reference)

    # --- refunds ---------------------------------------------------------------------------------------------------
    def refund(self, *, key: str, reference: str, amount: int) -> Repaid:
        asked = {"charge": reference, "amount": amount}
        with self.book.appending() as append:
            line = self._remembered(key, asked) or self._refunded(append, key, asked)
        return _repaid(line)

    def _refunded(self, append: Append, key: str, asked: Mapping[str, Any]) -> Line:
        reference = asked["charge"]
        given = sum(line["amount"] for line in self.book.about(reference) if line["verb"] == "refund")
        left = self._known(reference).captured - given
        if asked["amount"] > left:
            raise Rejected("amount_too_large", f"Only {left} of {reference} can be refunded")
        return append(verb="refund", key=key, **asked)

    def find_refund(self, key: str, *, reference: str) -> Repaid | None:
        found = (line for line in self.book.all_under(key) if line.get("charge") == reference)
        return next((_repaid(line) for line in found), None)

    # --- what it tells ---------------------------------------------------------------------------------------------
    def entries(self, since: datetime | None = None) -> Iterator[Entry]:
        """Charges as they are now, each with its refunds."""
        for story in self.book.stories():
            for line in story:
                at = datetime.fromisoformat(line["at"])
                if since is None or at >= since:
                    if line["verb"] == "charge":
                        yield self._charged(line, story, at)
                    elif line["verb"] == "refund":
                        yield self._given_back(line, story, at)

    def _charged(self, line: Line, story: Sequence[Line], at: datetime) -> Entry:
        now = self._after(line, (later for later in story if later["verb"] != "charge"))
        words = (line["key"], now.reference, now.captured, now.currency, now.status)
        return Entry("charge", *words, order_id=line["order_id"], at=at)

    def _given_back(self, line: Line, story: Sequence[Line], at: datetime) -> Entry:
        currency = story[0].get("currency", "")  # of the charge; there is none for a refund of nothing
        words = (line["key"], line["reference"], line["amount"], currency, "succeeded")
        return Entry("refund", *words, charge=line["charge"], at=at)

    def notices(self) -> Iterator[tuple[bytes, Mapping[str, str]]]:
        """What it would send of everything that happened, body and headers, signed now. Nobody sends them: a test does."""
        for line in self.book.lines():
            about = self.book.named(line["charge"]) if "charge" in line else line
            about = about or {"key": None, "reference": None}
            told = {"key": about["key"], "reference": about["reference"], "kind": f"charge.{line['verb']}"}
            body = json.dumps({"id": f"evt_{line['reference']}", **told}).encode()
            yield body, {self.signature_header: _signed(self._secret(), body, int(time.time()))}

    def notice(self, body: bytes, headers: Mapping[str, str]) -> Notice | None:
        given = {name.lower(): value for name, value in headers.items()}.get(self.signature_header.lower(), "")
        moment = given.partition("t=")[2].partition(",")[0]
        known = moment.isdecimal() and _signed(self._secret(), body, int(moment))
        if not known or not hmac.compare_digest(given.encode(), known.encode()):
            raise NotPermitted("bad_signature", "The notice is not signed by the sandbox gateway")
        if datetime.now(UTC).timestamp() - int(moment) > NOTICE_AGE.total_seconds():
            raise NotPermitted("bad_signature", "The notice was signed too long ago")
        return Notice(**json.loads(body))

    def _secret(self) -> bytes:
        """What it signs with, made when it is first needed."""
        path = self.ledger.with_name("sandbox-secret")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            try:
                os.link(draft, path)  # the first one stays
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_bytes()

    # --- a charge, as everything that happened to it has left it ------------------------------------------------------
    def _now(self, line: Line) -> Charge:
        is_open = line["status"] in ("authorized", "requires_action")
        return self._after(line, self.book.about(line["reference"]) if is_open else ())

    def _after(self, line: Line, story: Iterable[Line]) -> Charge:
        status, captured, decline = line["status"], self._charge(line).captured, line["decline_code"]
        for later in story:
            match later["verb"]:
                case "void":
                    status = "voided"
                case "capture":
                    status, captured = "captured", captured + later["amount"]
                case "confirm" if later["succeed"]:
                    status = line["then"]
                    captured = line["amount"] if status == "captured" else 0
                case "confirm":
                    status, decline = "declined", "authentication_failed"
        if status == "authorized" and self._has_lapsed(line):
            status = "voided"
        return self._charge({**line, "status": status, "decline_code": decline}, captured)

    def _has_lapsed(self, line: Line) -> bool:
        return datetime.now(UTC) > datetime.fromisoformat(line["at"]) + self.authorized_for

    def _charge(self, line: Line, captured: int | None = None) -> Charge:
        """A charge as it was made; or, with what was captured of it since, as the line says that it is now."""
        status, reference = line["status"], line["reference"]
        if captured is None:
            captured = line["amount"] if status == "captured" else 0
        return Charge(
            status,
            reference,
            line["amount"],
            line["currency"],
            captured,
            decline_code=line["decline_code"],
            action_url=f"https://sandbox.invalid/confirm/{reference}" if status == "requires_action" else None,
            expires_at=datetime.fromisoformat(line["at"]) + self.authorized_for if status == "authorized" else None,
        )

    def _open(self, charge: Charge) -> int:
        """What can still be captured of a charge."""
        if charge.status not in ("authorized", "captured") or any(
            line.get("final") for line in self.book.about(charge.reference)
        ):
            return 0
        made = self.book.named(charge.reference)
        return charge.amount - charge.captured if made and not self._has_lapsed(made) else 0

    def _known(self, reference: str) -> Charge:
        line = self.book.named(reference)
        if line is None or line["verb"] != "charge":
            raise Rejected("resource_missing", f"No such charge: {reference}")
        return self._now(line)

    def _remembered(self, key: str, asked: Mapping[str, object]) -> Line | None:
        """The line that was written under this key, while the gateway remembers it. A key stands for one request."""
        oldest = datetime.now(UTC) - self.memory
        for line in self.book.all_under(key):
            if datetime.fromisoformat(line["at"]) >= oldest:
                if any(line.get(field) != value for field, value in asked.items()):
                    raise Rejected("idempotency_error", f"The key {key!r} was used for another request")
                return line
        return None


def _must_be(charge: Charge, *states: str) -> None:
    if charge.status not in states:
        raise Rejected("charge_not_open", f"The charge {charge.reference} is {charge.status}")


def _repaid(line: Line) -> Repaid:
    return Repaid("succeeded", line["reference"], line["amount"])


def _signed(secret: bytes, body: bytes, moment: int) -> str:
    """As Stripe signs: the time and the body, HMAC-SHA256."""
    return f"t={moment},v1={hmac.new(secret, f'{moment}.'.encode() + body, hashlib.sha256).hexdigest()}"
