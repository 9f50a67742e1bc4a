"""Gateways to try, and how each is made to misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.adapters.payment_stripe import StripeGateway
from shopctl.core.adapters.sandbox_faults import Faults, FaultySandbox
from shopctl.core.payments.contract import Fault, Lab
from tests import stripe_stand_in
from tests.stripe_stand_in import StandIn


def sandbox(directory: Path) -> Lab:
    gateway = FaultySandbox(directory / "ledger.jsonl")
    trouble = {"throttled": Faults(throttle=1), "unanswered": Faults(drop=1)}

    @contextmanager
    def misbehave(fault: Fault) -> Iterator[None]:
        object.__setattr__(gateway, "faults", trouble[fault])
        yield
        object.__setattr__(gateway, "faults", Faults())

    return Lab(gateway, "USD", misbehave=misbehave)


def stripe_gateway(server: StandIn, *, key: str = stripe_stand_in.KEY, currency: str = "USD") -> StripeGateway:
    return StripeGateway(
        "shop-1", currency, lambda: key, lambda: stripe_stand_in.WEBHOOK_SECRET, server.url, "https://shop.example/paid"
    )


def stripe(server: StandIn, currency: str = "USD") -> Lab:
    @contextmanager
    def misbehave(fault: Fault) -> Iterator[None]:
        server.faults.append({"throttled": "429", "unanswered": "after"}[fault])
        yield

    return Lab(stripe_gateway(server, currency=currency), currency, confirm=server.confirm, misbehave=misbehave)


def quiet(directory: Path) -> Lab:
    """The sandbox, of which nothing can be asked but what the port has."""
    return replace(sandbox(directory), gateway=SandboxGateway(directory / "l.jsonl"), misbehave=None)
