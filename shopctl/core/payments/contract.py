"""What every gateway must do, as checks that can be run: by tests over each adapter, by `payments selftest` with the owner's own
test key. A check takes a Lab, and raises Broken when the gateway does something else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from shopctl.core.db.types import new_id
from shopctl.core.errors import ShopError
from shopctl.core.ports import (
    Charge,
    ChargeRequest,
    Entry,
    Gateway,
    Ledgered,
    NoAnswer,
    Rehearsing,
    Rejected,
    Repaid,
    Throttled,
)

AMOUNT = 4200
"""Minor units, of whatever currency: every gateway can charge it exactly, and parts of it."""
GOOD_CARD = "pm_card_visa"
Fault = Literal["throttled", "unanswered"]


class Broken(Exception):
    """The gateway does not keep the contract."""


class NotShown(Exception):
    """It cannot be tried with this gateway, and why."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A gateway to try. `confirm` plays the shopper of one that does not let us, `misbehave` makes the next call fail; where nobody can, what needs it is
    not shown."""

    gateway: Gateway
    currency: str
    confirm: Callable[[str], object] | None = None
    misbehave: Callable[[Fault], AbstractContextManager[object]] | None = None

    def request(self, token: str = GOOD_CARD, *, amount: int = AMOUNT, capture: bool = True) -> ChargeRequest:
        name = new_id()
        words = {"order_id": name, "at": datetime.now(UTC), "gateway": self.gateway.name, "capture": capture}
        return ChargeRequest(f"selftest-{name}", amount, self.currency, token, **words)  # type: ignore[arg-type]

    def charged(self, *, capture: bool = True) -> Charge:
        made = self.gateway.authorize(self.request(capture=capture))
        must(made.status == ("captured" if capture else "authorized"), f"a good card is {made.status}")
        return made

    def find(self, request: ChargeRequest) -> Charge | None:
        return self.gateway.find(request.key, since=request.at)

    def key(self) -> str:
        return f"selftest-{new_id()}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of one check."""

    check: str
    result: Literal["ok", "failed", "not shown"]
    detail: str
    seconds: float


def run(lab: Lab) -> Iterator[Shown]:
    """Every check, as it is made."""
    for name, check in CHECKS.items():
        began = time.monotonic()
        result, detail = _tried(lab, check)
        yield Shown(name, result, detail, round(time.monotonic() - began, 3))


def _tried(lab: Lab, check: Callable[[Lab], None]) -> tuple[Literal["ok", "failed", "not shown"], str]:
    try:
        check(lab)
    except NotShown as why:
        return "not shown", str(why)
    except Broken as why:
        return "failed", str(why)
    except ShopError as error:
        return "failed", error.message
    except NoAnswer:
        return "failed", "it does not answer"
    except Rejected as rejected:
        return "failed", f"it rejects it: {rejected} ({rejected.code})"
    return "ok", (check.__doc__ or "").strip()


def must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


def must_reject(call: Callable[[], object], what: str) -> None:
    try:
        call()
    except Rejected:
        return
    raise Broken(f"{what} was not rejected")


# --- the checks ----------------------------------------------------------------------------------------------------
def charges_exactly(lab: Lab) -> None:
    """A charge is of what was asked for, and is found again."""
    for amount in (AMOUNT, AMOUNT + 10):
        asked = lab.request(amount=amount)
        made = lab.gateway.authorize(asked)
        told = (made.status, made.amount, made.captured, made.currency)
        must(told == ("captured", amount, amount, lab.currency), f"{amount} was charged as {told}")
        must(lab.find(asked) == made, "the charge is found as another")


def knows_no_stranger(lab: Lab) -> None:
    """A key that was never used is not found."""
    must(lab.find(lab.request()) is None, "an unused key is found")


def repeats_the_answer(lab: Lab) -> None:
    """The same key again is the same charge."""
    asked = lab.request()
    first, second = lab.gateway.authorize(asked), lab.gateway.authorize(asked)
    must(first == second, f"{first} the first time, {second} the second")


def one_key_one_request(lab: Lab) -> None:
    """The same key for another amount is rejected, and changes nothing."""
    asked = lab.request()
    made = lab.gateway.authorize(asked)
    must_reject(lambda: lab.gateway.authorize(replace(asked, amount=AMOUNT + 100)), "the same key for another amount")
    must(lab.find(asked) == made, "the charge has changed")


def declines(lab: Lab) -> None:
    """A decline is an answer with its code, and takes nothing."""
    for token, code in (
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ):
        asked = lab.request(token)
        made = lab.gateway.authorize(asked)
        told = (made.status, made.decline_code, made.captured)
        must(told == ("declined", code, 0), f"{token} is {told}")
        found = lab.find(asked)
        must(found is not None and found.status == "declined", "a decline is found as something else")
        must(lab.gateway.authorize(asked) == made, "a declined key is tried again")


def captures_later(lab: Lab) -> None:
    """An authorization takes nothing until it is captured, once under one key."""
    made = lab.charged(capture=False)
    must((made.captured, made.amount) == (0, AMOUNT), f"authorized, and {made.captured} captured")
    key = lab.key()
    for _ in range(2):
        taken = lab.gateway.capture(key=key, reference=made.reference, amount=AMOUNT, final=True)
        must((taken.status, taken.captured) == ("captured", AMOUNT), f"captured as {taken}")


def captures_part(lab: Lab) -> None:
    """A final capture of part lets the rest go."""
    made = lab.charged(capture=False)
    taken = lab.gateway.capture(key=lab.key(), reference=made.reference, amount=1200, final=True)
    must((taken.status, taken.captured) == ("captured", 1200), f"captured as {taken}")
    again = {"reference": made.reference, "amount": 100, "final": True}
    must_reject(lambda: lab.gateway.capture(key=lab.key(), **again), "a capture after the final one")  # type: ignore[arg-type]


def captures_in_parts(lab: Lab) -> None:
    """An authorization is captured in two parts, and never beyond its amount."""
    made = lab.charged(capture=False)
    try:
        first = lab.gateway.capture(key=lab.key(), reference=made.reference, amount=1200, final=False)
    except Rejected as rejected:
        raise NotShown(f"the account cannot capture in parts ({rejected.code})") from None
    must((first.status, first.captured) == ("captured", 1200), f"the first part is {first}")
    over = {"reference": made.reference, "amount": 3010, "final": False}
    must_reject(lambda: lab.gateway.capture(key=lab.key(), **over), "a capture above the authorization")  # type: ignore[arg-type]
    last = lab.gateway.capture(key=lab.key(), reference=made.reference, amount=3000, final=True)
    must((last.status, last.captured) == ("captured", AMOUNT), f"the last part is {last}")


def voids(lab: Lab) -> None:
    """An authorization is let go once; nothing can be captured after it, and nothing captured can be let go."""
    asked = lab.request(capture=False)
    made, key = lab.gateway.authorize(asked), lab.key()
    for _ in range(2):
        gone = lab.gateway.void(key=key, reference=made.reference)
        must((gone.status, gone.captured) == ("voided", 0), f"let go, it is {gone}")
    found = lab.find(asked)
    must(found is not None and found.status == "voided", "it is found as something else")
    late = {"reference": made.reference, "amount": 100, "final": True}
    must_reject(lambda: lab.gateway.capture(key=lab.key(), **late), "a capture of what was let go")  # type: ignore[arg-type]
    paid = lab.charged()
    must_reject(lambda: lab.gateway.void(key=lab.key(), reference=paid.reference), "letting go of what was captured")


def refunds(lab: Lab) -> None:
    """Parts are given back, once under one key, never more than was captured."""
    made, key = lab.charged(), lab.key()
    for _ in range(2):
        _given(lab.gateway.refund(key=key, reference=made.reference, amount=1200), 1200)
    _given(lab.gateway.refund(key=lab.key(), reference=made.reference, amount=2990), 2990)
    must_reject(
        lambda: lab.gateway.refund(key=lab.key(), reference=made.reference, amount=20), "a refund above the rest"
    )
    must_reject(
        lambda: lab.gateway.refund(key=key, reference=made.reference, amount=10), "the same key for another refund"
    )
    _given(lab.gateway.refund(key=lab.key(), reference=made.reference, amount=10), 10)


def finds_refunds(lab: Lab) -> None:
    """A refund is found under its key, and no other is."""
    made, key = lab.charged(), lab.key()
    must(lab.gateway.find_refund(key, reference=made.reference) is None, "a refund is found before it is made")
    given = lab.gateway.refund(key=key, reference=made.reference, amount=1200)
    found = lab.gateway.find_refund(key, reference=made.reference)
    must(found is not None and found.reference == given.reference, "the refund is not found")
    must(lab.gateway.find_refund(lab.key(), reference=made.reference) is None, "another refund is found")


def asks_the_shopper(lab: Lab) -> None:
    """3-D Secure: the charge waits with its URL, takes nothing, and can be let go."""
    asked = lab.request("pm_card_authenticationRequired")
    made = lab.gateway.authorize(asked)
    must((made.status, made.captured) == ("requires_action", 0), f"it is {made.status}")
    must(bool(made.action_url and made.action_url.startswith("https://")), f"its URL is {made.action_url!r}")
    must(lab.find(asked) == made, "it is found as something else")
    must(lab.gateway.void(key=lab.key(), reference=made.reference).status == "voided", "it cannot be let go")


def hears_of_the_shopper(lab: Lab) -> None:
    """A charge that the shopper has confirmed is found as captured."""
    asked = lab.request("pm_card_authenticationRequired")
    made = lab.gateway.authorize(asked)
    if isinstance(lab.gateway, Rehearsing):
        lab.gateway.confirm(reference=made.reference)
    elif lab.confirm:
        lab.confirm(made.reference)
    else:
        raise NotShown("nobody can play the shopper here")
    found = lab.find(asked)
    must(found is not None and (found.status, found.captured) == ("captured", AMOUNT), f"confirmed, it is {found}")


def says_when_it_is_asked_too_often(lab: Lab) -> None:
    """429 is Throttled: nothing happened, and the same key may be used again."""
    asked = lab.request()
    with _trouble(lab, "throttled"):
        try:
            lab.gateway.authorize(asked)
        except Throttled as throttled:
            must(throttled.seconds >= 0, "it says no time")
        else:
            raise Broken("it answers")
    must(lab.gateway.authorize(asked).status == "captured", "the same key cannot be used again")


def is_asked_again_after_silence(lab: Lab) -> None:
    """Without an answer the outcome is unknown; the charge is found, and its key repeats it."""
    asked = lab.request()
    with _trouble(lab, "unanswered"):
        try:
            lab.gateway.authorize(asked)
        except Throttled:
            raise Broken("silence is taken for 429") from None
        except NoAnswer:
            pass
        else:
            raise Broken("it answers")
    found = lab.find(asked)
    must(found is not None and found.status == "captured", f"what was done is found as {found}")
    must(lab.gateway.authorize(asked) == found, "the same key is another charge")


def tells_its_ledger(lab: Lab) -> None:
    """Its ledger has every charge and refund of a time, under their keys, to the cent."""
    if not isinstance(lab.gateway, Ledgered):
        raise NotShown("it has no ledger to read")
    asked, key = lab.request(), lab.key()
    made = lab.gateway.authorize(asked)
    given = lab.gateway.refund(key=key, reference=made.reference, amount=1200)
    mine = {entry.key: entry for entry in lab.gateway.entries(asked.at - timedelta(minutes=1))}
    charge = Entry("charge", asked.key, made.reference, AMOUNT, lab.currency, "captured", order_id=asked.order_id)
    refund = Entry("refund", key, given.reference, 1200, lab.currency, given.status, charge=made.reference)
    for entry in (charge, refund):
        found = mine.get(entry.key)
        must(found is not None and replace(found, at=None) == entry, f"it has {found}, not {entry}")


def _given(refund: Repaid, amount: int) -> None:
    told = (refund.status in ("succeeded", "pending"), refund.amount)
    must(told == (True, amount), f"a refund of {amount} is {refund}")


def _trouble(lab: Lab, fault: Fault) -> AbstractContextManager[object]:
    if lab.misbehave is None:
        raise NotShown("nobody can make it misbehave here")
    return lab.misbehave(fault)


CHECKS: Mapping[str, Callable[[Lab], None]] = {
    check.__name__: check
    for check in (
        charges_exactly,
        knows_no_stranger,
        repeats_the_answer,
        one_key_one_request,
        declines,
        captures_later,
        captures_part,
        captures_in_parts,
        voids,
        refunds,
        finds_refunds,
        asks_the_shopper,
        hears_of_the_shopper,
        says_when_it_is_asked_too_often,
        is_asked_again_after_silence,
        tells_its_ledger,
    )
}
