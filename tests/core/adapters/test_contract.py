"""One contract, every gateway: the sandbox, and Stripe's adapter against a real HTTP server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.payments import contract
from shopctl.core.payments.contract import Lab
from shopctl.core.ports import Charge, ChargeRequest, Repaid
from tests.core.adapters import labs
from tests.stripe_stand_in import stand_in


@pytest.fixture(params=["sandbox", "stripe", "stripe in JPY", "stripe in KWD", "stripe in ISK", "stripe in UGX"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    if request.param == "sandbox":
        yield labs.sandbox(tmp_path)
        return
    with stand_in(page=3) as server:  # small pages: everything that is listed is on more than one
        yield labs.stripe(server, request.param[-3:] if " in " in request.param else "USD")


@pytest.mark.parametrize("check", contract.CHECKS)
def test_the_contract_is_kept(lab: Lab, check: str) -> None:
    contract.CHECKS[check](lab)


def test_what_cannot_be_tried_is_said(tmp_path: Path) -> None:
    results = {shown.check: shown.result for shown in contract.run(labs.quiet(tmp_path))}
    unshown = {name for name, result in results.items() if result == "not shown"}
    assert unshown == {"says_when_it_is_asked_too_often", "is_asked_again_after_silence"}
    assert set(results.values()) == {"ok", "not shown"}


# --- it can fail ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Forgetful(SandboxGateway):
    """Every key is new to it."""

    def authorize(self, request: ChargeRequest) -> Charge:
        return super().authorize(replace(request, key=f"{request.key}-{len(list(self.entries()))}"))


@dataclass(frozen=True)
class Generous(SandboxGateway):
    """It gives back whatever is asked for."""

    def refund(self, *, key: str, reference: str, amount: int) -> Repaid:
        return Repaid("succeeded", f"re_{key}", amount)


@dataclass(frozen=True)
class Inexact(SandboxGateway):
    """It charges a cent more."""

    def authorize(self, request: ChargeRequest) -> Charge:
        return super().authorize(replace(request, amount=request.amount + 1))


@dataclass(frozen=True)
class Greedy(SandboxGateway):
    """It takes all at once."""

    def authorize(self, request: ChargeRequest) -> Charge:
        return super().authorize(replace(request, capture=True))


@pytest.mark.parametrize(
    ("broken", "checks"),
    [
        (Forgetful, {"repeats_the_answer", "one_key_one_request"}),
        (Generous, {"refunds", "finds_refunds", "tells_its_ledger"}),
        (Inexact, {"charges_exactly"}),
        (Greedy, {"captures_later", "captures_part", "captures_in_parts", "voids"}),
    ],
)
def test_a_gateway_that_breaks_it_is_found_out(tmp_path: Path, broken: type[SandboxGateway], checks: set[str]) -> None:
    lab = replace(labs.quiet(tmp_path), gateway=broken(tmp_path / "l.jsonl"))
    failed = {shown.check for shown in contract.run(lab) if shown.result == "failed"}
    assert checks <= failed
