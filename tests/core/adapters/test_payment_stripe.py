"""What is Stripe's own, beyond the contract: its errors, keys, notices, and what it must never do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shopctl.core.adapters.stripe_amounts import ours, theirs
from shopctl.core.errors import NotPermitted, Unavailable
from shopctl.core.payments.contract import Lab
from shopctl.core.ports import NoAnswer, Rejected, Throttled
from tests.core.adapters import labs
from tests.stripe_stand_in import WEBHOOK_SECRET, StandIn, signed, stand_in


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in() as made:
        yield made


@pytest.fixture
def lab(server: StandIn) -> Lab:
    return labs.stripe(server)


def test_a_wrong_key_is_said_and_never_shown(server: StandIn) -> None:
    gateway = labs.stripe_gateway(server, key="sk_test_secretsecret")
    with pytest.raises(Unavailable) as refused:
        gateway.authorize(labs.stripe(server).request())
    assert refused.value.code == "gateway_refuses_key"
    assert "secretsecret" not in f"{refused.value} {refused.value.hint} {refused.value.details} {gateway!r}"
    assert not server.intents


def test_it_is_asked_once_a_call(lab: Lab, server: StandIn) -> None:
    for fault, raised in (("before", NoAnswer), ("500", NoAnswer), ("429", Throttled)):
        server.faults.append(fault)
        server.calls.clear()
        with pytest.raises(raised):
            lab.gateway.authorize(lab.request())
        assert len(server.calls) == 1  # we repeat, the SDK does not
    assert not server.intents


def test_a_charge_says_whose_it_is(lab: Lab, server: StandIn) -> None:
    asked = lab.request()
    made = lab.gateway.authorize(asked)
    intent = server.intents[made.reference]
    assert intent["metadata"] == {"shop": "shop-1", "order": asked.order_id, "key": asked.key}
    assert intent["capture_method"] == "automatic"


def test_other_shops_of_the_account_are_nobody(server: StandIn, lab: Lab) -> None:
    other = replace(lab, gateway=replace(labs.stripe_gateway(server), shop="shop-2"))
    asked = other.request()
    paid = other.gateway.authorize(asked)
    other.gateway.refund(key="r", reference=paid.reference, amount=100)
    assert lab.find(asked) is None
    gateway = labs.stripe_gateway(server)
    assert list(gateway.entries()) == []
    assert [gateway.notice(*one) for one in server.notices()][:1] == [None]


def test_it_finds_what_was_made_and_nothing_older(lab: Lab) -> None:
    asked = lab.request()
    made = lab.gateway.authorize(asked)
    assert lab.gateway.find(asked.key, since=asked.at + timedelta(minutes=4)) == made  # clocks may be apart
    assert lab.gateway.find(asked.key, since=asked.at + timedelta(hours=1)) is None


def test_a_forgotten_key_makes_another_charge_which_is_why_one_looks(lab: Lab, server: StandIn) -> None:
    asked = lab.request()
    first = lab.gateway.authorize(asked)
    server.forget_keys()
    assert lab.gateway.authorize(asked).reference != first.reference


def test_an_authorization_says_when_it_lapses(lab: Lab) -> None:
    made = lab.charged(capture=False)
    assert made.expires_at
    assert timedelta(days=6) < made.expires_at - datetime.now(UTC) <= timedelta(days=7)


def test_an_account_that_cannot_capture_in_parts_says_so_and_takes_nothing(lab: Lab, server: StandIn) -> None:
    server.multicapture = False
    asked = lab.request(capture=False)
    made = lab.gateway.authorize(asked)
    with pytest.raises(Rejected):
        lab.gateway.capture(key="c", reference=made.reference, amount=100, final=False)
    found = lab.find(asked)
    assert found
    assert (found.status, found.captured) == ("authorized", 0)


def test_a_shopper_who_fails_is_a_decline(lab: Lab, server: StandIn) -> None:
    asked = lab.request("pm_card_authenticationRequired")
    server.confirm(lab.gateway.authorize(asked).reference, succeed=False)
    found = lab.find(asked)
    assert found
    assert (found.status, found.decline_code) == ("declined", "payment_intent_authentication_failure")


def test_what_stripe_still_works_on_is_no_answer(lab: Lab, server: StandIn) -> None:
    asked = lab.request()
    server.intents[lab.gateway.authorize(asked).reference]["status"] = "processing"
    with pytest.raises(NoAnswer):
        lab.find(asked)


def test_a_refund_that_fails_later_is_told(lab: Lab, server: StandIn) -> None:
    paid = lab.charged()
    lab.gateway.refund(key="r", reference=paid.reference, amount=100)
    (refund,) = server.refunds.values()
    refund |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
    found = lab.gateway.find_refund("r", reference=paid.reference)
    assert found
    assert (found.status, found.problem) == ("failed", "lost_or_stolen_card")


# --- notices -------------------------------------------------------------------------------------------------------
def test_a_signed_notice_is_read(lab: Lab, server: StandIn) -> None:
    gateway = labs.stripe_gateway(server)
    asked = lab.request()
    made = lab.gateway.authorize(asked)
    lab.gateway.refund(key="r", reference=made.reference, amount=100)
    notices = [notice for one in server.notices() if (notice := gateway.notice(*one))]
    assert [(one.kind, one.key, one.reference) for one in notices] == [
        ("payment_intent.succeeded", asked.key, made.reference),
        ("refund.created", None, made.reference),
    ]


@pytest.mark.parametrize("how", ["unsigned", "another secret", "another body", "long ago", "nonsense"])
def test_a_forged_notice_is_refused(server: StandIn, lab: Lab, how: str) -> None:
    lab.charged()
    body = json.dumps(server.events[0]).encode()
    headers = {
        "unsigned": {},
        "another secret": signed(body, secret="whsec_other"),
        "another body": signed(body + b" "),
        "long ago": signed(body, at=time.time() - 600),
        "nonsense": {"Stripe-Signature": "t=x,v1="},
    }[how]
    with pytest.raises(NotPermitted) as refused:
        labs.stripe_gateway(server).notice(body, headers)
    assert WEBHOOK_SECRET not in str(refused.value)


# --- amounts -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("amount", "currency", "counted"),
    [(5997, "USD", 5997), (500, "JPY", 500), (5, "ISK", 500), (5, "UGX", 500), (5120, "KWD", 5120), (500, "MGA", 5)],
)
def test_amounts_are_counted_as_stripe_does(amount: int, currency: str, counted: int) -> None:
    assert theirs(amount, currency) == counted
    assert ours(counted, currency) == amount


@pytest.mark.parametrize(("amount", "currency"), [(5124, "KWD"), (550, "MGA")])
def test_an_amount_that_stripe_cannot_charge_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(Rejected):
        theirs(amount, currency)
