"""The sandbox gateway's ledger, read as a whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.adapters.sandbox_ledger import Ledger
from shopctl.core.ports import ChargeRequest


def test_entries_search_the_ledger_for_none_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = SandboxGateway(tmp_path / "ledger.jsonl")
    for name in ("a", "b"):
        charge = gateway.authorize(_asked(name, "pm_card_visa", capture=False))
        gateway.capture(key=f"capture-{name}", reference=charge.reference, amount=300, final=True)
        gateway.refund(key=f"refund-{name}", reference=charge.reference, amount=100)
    gateway.authorize(_asked("c", "pm_card_chargeDeclined", capture=True))

    def search(*_: object) -> None:
        raise AssertionError("a ledger of a million lines would be read a million times")

    monkeypatch.setattr(Ledger, "_found", search)
    told = [(entry.verb, entry.key, entry.amount, entry.currency, entry.status) for entry in gateway.entries()]
    assert told == [
        ("charge", "order-a", 300, "USD", "captured"),
        ("refund", "refund-a", 100, "USD", "succeeded"),
        ("charge", "order-b", 300, "USD", "captured"),
        ("refund", "refund-b", 100, "USD", "succeeded"),
        ("charge", "order-c", 0, "USD", "declined"),
    ]


def _asked(name: str, token: str, *, capture: bool) -> ChargeRequest:
    return ChargeRequest(f"order-{name}", 500, "USD", token, name, datetime.now(UTC), "sandbox", capture)
