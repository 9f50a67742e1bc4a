"""The sandbox gateway: test tokens with Stripe's names, and a ledger of its own that no rollback of ours can touch.

The ledger is a file of JSON lines, appended under a lock and fsynced before any answer: after a crash it is the judge of
what was charged. It knows nothing of orders but the id in each line.
"""

from __future__ import annotations

import json
import mmap
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shopctl.core.db.types import new_id
from shopctl.core.errors import Unavailable
from shopctl.core.ports import Charge, ChargeRequest, Entry, NoAnswer, Rejected, Repaid

try:
    import fcntl
except ImportError:  # no flock on this platform: one process at a time
    fcntl = None  # type: ignore[assignment]

DECLINES = {
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
}
TOKENS = ("pm_card_visa", "pm_card_slow", "pm_card_lostReply", "pm_card_timeout", *DECLINES)


@dataclass(frozen=True, slots=True)
class SandboxGateway:
    """A gateway in a file."""

    ledger: Path
    name: str = "sandbox"
    memory: timedelta = timedelta(days=1)

    def authorize(self, request: ChargeRequest) -> Charge:
        if request.token == "pm_card_timeout":
            raise NoAnswer
        if request.token == "pm_card_slow":
            time.sleep(1)
        decline = DECLINES.get(request.token, None if request.token in TOKENS else "unknown_token")
        asked = {"amount": request.amount, "currency": request.currency, "token": request.token}
        with self._appending() as file:
            line = self._line(request.key) or _append(
                file,
                verb="charge",
                key=request.key,
                status="declined" if decline else "captured" if request.capture else "authorized",
                **asked,
                decline_code=decline,
                order_id=request.order_id,
            )
        _must_be_the_same(line, asked)
        if request.token == "pm_card_lostReply":
            raise NoAnswer
        return self._charge(line)

    def find(self, key: str, *, since: datetime) -> Charge | None:  # noqa: ARG002 — it forgets nothing
        line = self._line(key)
        return self._charge(line) if line else None

    def capture(self, *, key: str, reference: str, amount: int, final: bool) -> Charge:
        asked = {"charge": reference, "amount": amount, "final": final}
        with self._appending() as file:
            charge = self._known(reference)
            line = self._line(key)
            if line is None:
                if charge.status not in ("authorized", "captured") or self._open(reference) < amount:
                    raise Rejected("amount_too_large", f"Only {self._open(reference)} of {reference} can be captured")
                line = _append(file, verb="capture", key=key, **asked)
        _must_be_the_same(line, asked)
        return self._known(reference)

    def void(self, *, key: str, reference: str) -> Charge:
        with self._appending() as file:
            charge = self._known(reference)
            if self._line(key) is None:
                if charge.status not in ("authorized", "requires_action"):
                    raise Rejected("charge_not_open", f"The charge {reference} is {charge.status}")
                _append(file, verb="void", key=key, charge=reference)
        return self._known(reference)

    def refund(self, *, key: str, reference: str, amount: int) -> Repaid:
        asked = {"charge": reference, "amount": amount}
        with self._appending() as file:
            line = self._line(key)
            if line is None:
                left = self._known(reference).captured - sum(
                    one["amount"] for one in self._about(reference) if one["verb"] == "refund"
                )
                if amount > left:
                    raise Rejected("amount_too_large", f"Only {left} of {reference} can be refunded")
                line = _append(file, verb="refund", key=key, **asked)
        _must_be_the_same(line, asked)
        return _repaid(line)

    def find_refund(self, key: str, *, reference: str) -> Repaid | None:  # noqa: ARG002 — it has one list of keys
        line = self._line(key)
        return _repaid(line) if line else None

    def entries(self, since: datetime | None = None) -> Iterator[Entry]:
        """Charges as they are now, and refunds, in the order of the ledger."""
        for line in self._lines():
            at = datetime.fromisoformat(line["at"])
            if line["verb"] not in ("charge", "refund") or (since and at < since):
                continue
            if line["verb"] == "refund":
                made = self._line_of(line["charge"])
                currency = made["currency"] if made else ""
                yield Entry(
                    "refund",
                    line["key"],
                    line["reference"],
                    line["amount"],
                    currency,
                    "succeeded",
                    charge=line["charge"],
                    at=at,
                )
                continue
            charge = self._charge(line)
            yield Entry(
                "charge",
                line["key"],
                charge.reference,
                charge.captured,
                charge.currency,
                charge.status,
                order_id=line["order_id"],
                at=at,
            )

    # --- the ledger ------------------------------------------------------------------------------------------------
    def _charge(self, line: Mapping[str, Any]) -> Charge:
        """A charge as everything that happened to it has left it."""
        status, captured = line["status"], line["amount"] if line["status"] == "captured" else 0
        if status in ("authorized", "requires_action"):
            for later in self._about(line["reference"]):
                if later["verb"] == "void":
                    status = "voided"
                elif later["verb"] == "capture":
                    status, captured = "captured", captured + later["amount"]
        return Charge(
            status, line["reference"], line["amount"], line["currency"], captured, decline_code=line["decline_code"]
        )

    def _open(self, reference: str) -> int:
        """What can still be captured of a charge."""
        charge = self._known(reference)
        let_go = any(line.get("final") for line in self._about(reference))
        return 0 if let_go or charge.status not in ("authorized", "captured") else charge.amount - charge.captured

    def _known(self, reference: str) -> Charge:
        line = self._line_of(reference)
        if line is None:
            raise Rejected("resource_missing", f"No such charge: {reference}")
        return self._charge(line)

    def _line_of(self, reference: str) -> dict[str, Any] | None:
        return next(self._found("reference", reference), None)

    def _about(self, reference: str) -> Iterator[dict[str, Any]]:
        """What happened to a charge later, in order."""
        return self._found("charge", reference)

    def _line(self, key: str) -> dict[str, Any] | None:
        return next(self._found("key", key), None)

    def _lines(self) -> Iterator[dict[str, Any]]:
        if self.ledger.exists():
            with self.ledger.open(encoding="utf-8") as file:
                yield from (json.loads(line) for line in file if line.endswith("\n"))

    def _found(self, field: str, value: str) -> Iterator[dict[str, Any]]:
        """The lines with a value. A scan of the mapped file: a gigabyte a second, and no index that could disagree."""
        sought = json.dumps({field: value})[1:-1].encode()
        try:
            with self.ledger.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                found = text.find(sought)
                while found >= 0:
                    start, end = text.rfind(b"\n", 0, found) + 1, text.find(b"\n", found)
                    if end < 0:
                        return
                    yield json.loads(text[start:end])
                    found = text.find(sought, end)
        except (FileNotFoundError, ValueError):  # no ledger yet, or an empty one
            return
        except OSError as error:
            raise _away(error) from None

    @contextmanager
    def _appending(self) -> Iterator[Any]:
        """The ledger, locked; a line that a crash left unfinished is cut off first."""
        try:
            self.ledger.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(self.ledger, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)
                _cut_torn_line(file)
                yield file
        except OSError as error:
            raise _away(error) from None


def _away(error: OSError) -> Unavailable:
    return Unavailable("gateway_unavailable", f"The sandbox gateway's ledger cannot be used: {error.strerror}")


def _append(file: Any, **facts: object) -> dict[str, Any]:
    line = {"at": datetime.now(UTC).isoformat(), "reference": f"sb_{new_id()}", **facts}
    file.write(json.dumps(line).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
    return line


def _cut_torn_line(file: Any) -> None:
    size = file.seek(0, os.SEEK_END)
    while size:
        file.seek(max(0, size - 4096))
        block = file.read(min(4096, size))
        newline = block.rfind(b"\n")
        if newline >= 0:
            file.truncate(size - len(block) + newline + 1)
            break
        size -= len(block)
    else:
        file.truncate(0)
    file.seek(0, os.SEEK_END)


def _must_be_the_same(line: Mapping[str, Any], asked: Mapping[str, object]) -> None:
    """A key stands for one request."""
    if any(line[field] != value for field, value in asked.items()):
        raise Rejected("idempotency_key_in_use", f"The key {line['key']!r} was used for another request")


def _repaid(line: Mapping[str, Any]) -> Repaid:
    return Repaid("succeeded", line["reference"], line["amount"])
