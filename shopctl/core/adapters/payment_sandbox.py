"""The sandbox gateway: test tokens with Stripe's names, and a ledger of its own that no rollback of ours can touch.

The ledger is a file of JSON lines, appended under a lock and fsynced before any answer: after a crash it is the judge of
what was charged. It knows nothing of orders but the id in each line.
"""

from __future__ import annotations

import json
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shopctl.core.db.types import new_id
from shopctl.core.errors import Unavailable
from shopctl.core.ports import Charge, ChargeRequest, NoAnswer

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

    def authorize(self, request: ChargeRequest) -> Charge:
        if request.token == "pm_card_timeout":
            raise NoAnswer
        if request.token == "pm_card_slow":
            time.sleep(1)
        decline = DECLINES.get(request.token, None if request.token in TOKENS else "unknown_token")
        with self._appending() as file:
            line = self._line(request.key) or _append(
                file,
                verb="charge",
                key=request.key,
                status="declined" if decline else "captured",
                amount=request.amount,
                currency=request.currency,
                token=request.token,
                decline_code=decline,
                order_id=request.order_id,
            )
        if request.token == "pm_card_lostReply":
            raise NoAnswer
        return _charge(line)

    def find(self, key: str) -> Charge | None:
        line = self._line(key)
        return _charge(line) if line else None

    def refund(self, *, key: str, reference: str, amount: int) -> str:
        with self._appending() as file:
            line = self._line(key) or _append(file, verb="refund", key=key, charge=reference, amount=amount)
        return str(line["reference"])

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every line of the ledger, oldest first."""
        if self.ledger.exists():
            with self.ledger.open(encoding="utf-8") as file:
                yield from (json.loads(line) for line in file if line.endswith("\n"))

    def _line(self, key: str) -> dict[str, Any] | None:
        """The line of a key. A scan of the mapped file: a gigabyte a second, and no index that could disagree."""
        try:
            with self.ledger.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                found = text.find(b'"key": ' + json.dumps(key).encode() + b",")
                if found < 0:
                    return None
                start, end = text.rfind(b"\n", 0, found) + 1, text.find(b"\n", found)
                return dict(json.loads(text[start:end])) if end >= 0 else None
        except (FileNotFoundError, ValueError):  # no ledger yet, or an empty one
            return None
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


def _charge(line: dict[str, Any]) -> Charge:
    return Charge(line["status"], line["reference"], line["amount"], line["currency"], line["decline_code"])
