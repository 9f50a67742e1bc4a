"""The stand-in is worth its trust: its answers are shaped as the SDK's types say, which Stripe generates from its OpenAPI."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import pytest
import stripe
from stripe._expandable_field import ExpandableField

from shopctl.core.payments import contract
from tests.core.adapters import labs
from tests.stripe_stand_in import KEY, StandIn, nested, stand_in


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in(page=5) as made:
        yield made


def problems(value: Any, hint: Any, where: str) -> Iterator[str]:
    """In what a value is not of a type of the SDK."""
    if isinstance(hint, str | ForwardRef):  # another resource, by its name
        hint = getattr(stripe, hint if isinstance(hint, str) else hint.__forward_arg__, Any)
    if hint is Any:
        return
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType, ExpandableField):
        found = [list(problems(value, one, where)) for one in args]
        if all(found):
            yield from min(found, key=len)
    elif origin is Literal:
        if value not in args:
            yield f"{where} is {value!r}, not one of {args}"
    elif origin in (list, dict) or (isinstance(origin, type) and issubclass(origin, stripe.ListObject)):
        if not isinstance(value, list if origin is list else dict):
            yield f"{where} is {value!r}"
        elif origin is list:
            for i, one in enumerate(value):
                yield from problems(one, args[0], f"{where}[{i}]")
    elif (isinstance(hint, type) and hint.__name__ == "UntypedStripeObject") or getattr(
        origin, "__name__", ""
    ) == "UntypedStripeObject":
        if not isinstance(value, dict):
            yield f"{where} is {value!r}"
    elif isinstance(hint, type) and issubclass(hint, stripe.StripeObject):
        yield from shaped(value, hint, where)
    elif isinstance(hint, type) and (not isinstance(value, hint) or (hint is int and isinstance(value, bool))):
        yield f"{where} is {value!r}, not {hint.__name__}"


def shaped(value: Any, kind: type, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is {value!r}, not an object"
        return
    fields = {name: hint for name, hint in kind.__annotations__.items() if not name.startswith(("_", "OBJECT"))}
    for name, one in value.items():
        if name not in fields:
            yield f"{where}.{name} is no field of {kind.__name__}"
        else:
            yield from problems(one, fields[name], f"{where}.{name}")
    for name in fields.keys() - value.keys():
        if type(None) not in get_args(fields[name]):
            yield f"{where}.{name} is missing"


def test_the_yardstick_measures() -> None:
    assert list(problems({"status": "available"}, stripe.Charge.PaymentMethodDetails.Card.Multicapture, "it")) == []
    assert list(shaped({"status": 1}, stripe.Charge.PaymentMethodDetails.Card.Multicapture, "it"))
    assert list(shaped({}, stripe.Charge.PaymentMethodDetails.Card.Multicapture, "it")) == ["it.status is missing"]
    assert list(shaped({"status": "x", "and": 1}, stripe.Charge.PaymentMethodDetails.Card.Multicapture, "it"))


def test_every_object_has_the_fields_of_the_sdk_and_no_other(server: StandIn) -> None:
    assert all(shown.result == "ok" for shown in contract.run(labs.stripe(server)))
    charges = [intent["latest_charge"] for intent in server.intents.values() if intent["latest_charge"]]
    wrong = {
        problem
        for kind, made in (
            (stripe.PaymentIntent, server.intents.values()),
            (stripe.Charge, charges),
            (stripe.Refund, server.refunds.values()),
            (stripe.Event, server.events),
        )
        for one in made
        for problem in shaped(one, kind, kind.__name__)
    }
    assert sorted(wrong) == []
    statuses = {intent["status"] for intent in server.intents.values()}
    assert statuses == {
        "succeeded",
        "canceled",
        "requires_payment_method",
    }  # each with what it has and the others have not


def test_it_refuses_what_stripe_refuses(server: StandIn) -> None:
    client = stripe.StripeClient(KEY, base_addresses={"api": server.url}, max_network_retries=0).v1
    paid = client.payment_intents.create(
        {"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    )
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.refunds.create({"payment_intent": paid.id, "amount": 1001})
    client.refunds.create({"payment_intent": paid.id, "amount": 600})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.refunds.create({"payment_intent": paid.id, "amount": 401})
    unknown: Any = {"amount": 1, "currency": "usd", "nonsense": 1}
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        client.payment_intents.create(unknown)
    same: Any = {"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    other: Any = {**same, "amount": 1001}
    client.payment_intents.create(same, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        client.payment_intents.create(other, {"idempotency_key": "k"})
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("sk_test_other", base_addresses={"api": server.url}).v1.refunds.list()


def test_it_reads_forms_as_stripe_does() -> None:
    read = nested([("a[b]", "1"), ("c[0]", "x"), ("c[1]", "y"), ("d[e][f]", "2"), ("g", "")])
    assert json.dumps(read) == '{"a": {"b": "1"}, "c": ["x", "y"], "d": {"e": {"f": "2"}}, "g": ""}'
