"""The sandbox gateway on a bad day: slow, deaf, forgetful, lying. On test stores only: SHOPCTL_SANDBOX=drop=0.1,fail=0.05.

What happens to a call is drawn from the seed, the verb, the key and how often this process has asked it, so that neither
the order of processes nor their number matters.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta

from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.errors import BadInput
from shopctl.core.ports import Charge, ChargeRequest, NoAnswer, Repaid, Throttled


@dataclass(frozen=True, slots=True)
class Faults:
    """How often, from 0 to 1, a call or a notice meets what; `seconds` is how slow; keys are remembered for `memory`
    seconds, and authorizations good for `authorized`."""

    fail: float = 0  # nothing is done, and nothing answered
    drop: float = 0  # it is done, and nothing answered
    throttle: float = 0  # 429
    slow: float = 0
    lie: float = 0  # about the amount
    repeat: float = 0  # a notice, twice
    reorder: float = 0  # a notice, after the next one
    seconds: float = 1
    memory: float = 24 * 3600
    authorized: float = 7 * 24 * 3600
    seed: float = 0


def faults(text: str) -> Faults:
    """drop=0.1,fail=0.05,seed=7 as Faults; BadInput."""
    known = [one.name for one in fields(Faults)]
    said: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        most = 1 if name in known[: known.index("seconds")] else 10**9
        try:
            number = float(value)
        except ValueError:
            number = -1
        if name not in known or not 0 <= number <= most:
            raise BadInput(
                "bad_setting",
                f"sandbox is a list like drop=0.1,fail=0.05, not {part!r}",
                hint=f"There are {', '.join(known)}; those before seconds are chances from 0 to 1.",
            )
        said[name] = number
    return Faults(**said)


@dataclass(frozen=True)
class FaultySandbox(SandboxGateway):
    """The sandbox gateway, with faults."""

    faults: Faults = field(default_factory=Faults)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", timedelta(seconds=self.faults.memory))
        object.__setattr__(self, "authorized_for", timedelta(seconds=self.faults.authorized))

    def authorize(self, request: ChargeRequest) -> Charge:
        with self._fate("authorize", request.key) as chance:
            return self._told(super().authorize(request), chance)

    def find(self, key: str, *, since: datetime) -> Charge | None:
        with self._fate("find", key) as chance:
            found = super().find(key, since=since)
            return found and self._told(found, chance)

    def capture(self, *, key: str, reference: str, amount: int, final: bool) -> Charge:
        with self._fate("capture", key):
            return super().capture(key=key, reference=reference, amount=amount, final=final)

    def void(self, *, key: str, reference: str) -> Charge:
        with self._fate("void", key):
            return super().void(key=key, reference=reference)

    def refund(self, *, key: str, reference: str, amount: int) -> Repaid:
        with self._fate("refund", key):
            return super().refund(key=key, reference=reference, amount=amount)

    def find_refund(self, key: str, *, reference: str) -> Repaid | None:
        with self._fate("find_refund", key):
            return super().find_refund(key, reference=reference)

    def notices(self) -> Iterator[tuple[bytes, Mapping[str, str]]]:
        late: list[tuple[bytes, Mapping[str, str]]] = []
        for one in super().notices():
            chance = random.Random(f"{self.faults.seed}-{one[0]!r}")
            after_the_next = chance.random() < self.faults.reorder
            copies = [one] * (2 if chance.random() < self.faults.repeat else 1)
            if after_the_next:
                late += copies
                continue
            yield from copies
            yield from late
            late.clear()
        yield from late

    @contextmanager
    def _fate(self, verb: str, key: str) -> Iterator[random.Random]:
        self.asked[verb, key] += 1
        chance = random.Random(f"{self.faults.seed}-{verb}-{key}-{self.asked[verb, key]}")
        if chance.random() < self.faults.slow:
            time.sleep(self.faults.seconds)
        if chance.random() < self.faults.throttle:
            raise Throttled(0.01)
        if chance.random() < self.faults.fail:
            raise NoAnswer
        yield chance
        if chance.random() < self.faults.drop:
            raise NoAnswer

    def _told(self, charge: Charge, chance: random.Random) -> Charge:
        if chance.random() >= self.faults.lie:
            return charge
        return replace(charge, amount=charge.amount + 1, captured=charge.captured and charge.captured + 1)
