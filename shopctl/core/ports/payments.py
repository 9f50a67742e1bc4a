"""What the core asks of a payment gateway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, runtime_checkable


class NoAnswer(Exception):
    """The gateway did not answer: the outcome is unknown, and only asking with the same key can tell it."""


class Throttled(NoAnswer):
    """The gateway was asked too often (429). Nothing happened; the same key may be used again after `seconds`."""

    def __init__(self, seconds: float = 0.5) -> None:
        super().__init__()
        self.seconds = seconds


class Rejected(Exception):
    """The gateway says that this cannot be done, now or later: nothing happened. `code` is the gateway's own word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


ChargeStatus = Literal["requires_action", "authorized", "captured", "declined", "voided"]


@dataclass(frozen=True, slots=True)
class Charge:
    """The gateway's word on one key. Amounts in minor units; `reference` is the gateway's own id.

    `captured` of `amount` was taken. While it is only authorized, the rest can be captured until `expires_at` (None: it says
    no time). requires_action: the shopper confirms it at `action_url` (3-D Secure).
    """

    status: ChargeStatus
    reference: str
    amount: int
    currency: str
    captured: int = 0
    decline_code: str | None = None
    action_url: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """What is asked of the gateway; the key makes the same request safe to repeat.

    `at` is when it was written down, before it was asked; `gateway` is the name of who is asked. `capture`: at once, or later
    in parts.
    """

    key: str
    amount: int
    currency: str
    token: str
    order_id: str
    at: datetime
    gateway: str
    capture: bool = True


@dataclass(frozen=True, slots=True)
class Repaid:
    """The gateway's word on a refund: `pending` is on its way, `failed` has a `problem` and moved nothing."""

    status: Literal["succeeded", "pending", "failed"]
    reference: str
    amount: int
    problem: str | None = None


class Gateway(Protocol):
    """An external payment gateway. A repeat with the same key gets the first answer for as long as `memory`; the same key
    with other words is Rejected. No answer raises NoAnswer, too many questions Throttled; a gateway that cannot be used at all
    (no key, a wrong one) Unavailable.
    """

    @property
    def name(self) -> str: ...

    @property
    def live(self) -> bool:
        """Whether real money moves; not with a sandbox, or with a test key."""
        ...

    @property
    def memory(self) -> timedelta:
        """How long a repeated key is sure to get its first answer. Later one must look, and not repeat."""
        ...

    def ready(self) -> None:
        """Raise Unavailable (or what is wrong with the settings) when it cannot be asked at all. Asks nobody."""
        ...

    def authorize(self, request: ChargeRequest) -> Charge:
        """Authorize, and capture in the same call when that is asked for. A decline is an answer, not an error."""
        ...

    def find(self, key: str, *, since: datetime) -> Charge | None:
        """What has become of a charge by now; None when the gateway has not seen the key. `since`: not asked before then."""
        ...

    def capture(self, *, key: str, reference: str, amount: int, final: bool) -> Charge:
        """Take part of an authorization; `final` lets the rest of it go. Rejected when it has lapsed, or is not enough."""
        ...

    def void(self, *, key: str, reference: str) -> Charge:
        """Let an authorization go, or a charge that still requires action. Rejected when money was captured."""
        ...

    def refund(self, *, key: str, reference: str, amount: int) -> Repaid:
        """Give back part of a captured charge. Rejected when that is more than it has left."""
        ...

    def find_refund(self, key: str, *, reference: str) -> Repaid | None:
        """What has become of a refund of a charge by now; None when the gateway has not seen the key."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """What a gateway tells of its own accord. It is a reason to ask, never an answer: it may be late, repeated, out of order,
    or about somebody else's charge. `key` and `reference` of the charge it is about, as far as it says them.
    """

    id: str
    kind: str
    key: str | None
    reference: str | None


@runtime_checkable
class Vouching(Protocol):
    """A gateway that says without charging whether a token could be charged. Not every gateway does."""

    def doubt(self, token: str) -> str | None:
        """The gateway's own word for what is wrong with a token, None when nothing seems to be. Or NoAnswer."""
        ...


@runtime_checkable
class Rehearsing(Protocol):
    """A gateway that lets anybody play the shopper: a sandbox."""

    def confirm(self, *, reference: str, succeed: bool = True) -> Charge:
        """Confirm a charge that requires it, or fail to. Rejected when it does not."""
        ...


@runtime_checkable
class Notifying(Protocol):
    """A gateway that sends notices (webhooks). Not every gateway does."""

    @property
    def signature_header(self) -> str:
        """Which header of a notice has its signature."""
        ...

    def notice(self, body: bytes, headers: Mapping[str, str]) -> Notice | None:
        """Read a notice, once its signature is verified; None for one that is about no charge. NotPermitted for a wrong or
        missing signature, or one from too long ago."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a gateway's own ledger: a charge as it is now, or a refund of one (`charge` is its reference).

    `amount` of a charge is what was captured of it; `status` is a charge's or a refund's.
    """

    verb: Literal["charge", "refund"]
    key: str | None
    reference: str
    amount: int
    currency: str
    status: str
    order_id: str | None = None
    charge: str | None = None
    at: datetime | None = None


@runtime_checkable
class Ledgered(Protocol):
    """A gateway whose own ledger can be read, to compare it with the shop's payments. Not every gateway is one."""

    def entries(self, since: datetime | None = None) -> Iterator[Entry]:
        """Every charge, then every refund; never all in memory; with `since`, those made from then on."""
        ...
