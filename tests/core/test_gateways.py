"""A shop and its gateway on a bad day: lies, forgotten keys, shoppers who have to confirm, notices, another gateway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, checkout, notices, payments, reconcile, recovery, settlement, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.adapters.sandbox_faults import FaultySandbox, faults
from shopctl.core.db.tables import payments as rows
from shopctl.core.errors import BadInput, NotPermitted, Refused, StillPending, Unavailable
from shopctl.core.faults import Faults, Injected
from shopctl.core.ports import Entry
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop
from tests import shops
from tests.core.adapters import labs
from tests.stripe_stand_in import StandIn, stand_in

CHALLENGED = "pm_card_authenticationRequired"


@pytest.fixture
def shop(shop: Shop) -> Shop:
    shops.product(shop, "TEE", units=20)
    for handle in ("c1", "c2"):
        cart.add(shop, handle=handle, sku="TEE", quantity=1)
    return shop


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in() as made:
        yield made


def on_a_bad_day(shop: Shop, text: str) -> Shop:
    assert isinstance(shop.gateway, SandboxGateway)
    return shop.but(gateway=FaultySandbox(shop.gateway.ledger, faults=faults(text)))


def with_stripe(shop: Shop, server: StandIn) -> Shop:
    stripe = replace(labs.stripe_gateway(server), shop=shop.facts.id)
    return shop.but(gateway=stripe, other_gateways=(shop.gateway,))


def place(shop: Shop, handle: str = "c1", **wanted: Any) -> Order:
    order = checkout.place(shop, shops.placement(handle, f"key-{handle}", **wanted))
    assert isinstance(order, Order)
    return order


def pending(shop: Shop, handle: str = "c1", **wanted: Any) -> StillPending:
    with pytest.raises(StillPending) as waits:
        place(shop, handle, **wanted)
    return waits.value


def state(shop: Shop) -> list[tuple[str, int]]:
    with shop.read() as tx:
        return [(row.state, row.captured) for row in tx.rows(sa.select(rows).order_by(rows.c.created_at))]


def charges(shop: Shop) -> list[Entry]:
    assert isinstance(shop.gateway, SandboxGateway)
    return [entry for entry in shop.gateway.entries() if entry.amount]


def clean(shop: Shop) -> bool:
    return not verify.verify(shop).violations


# --- faults --------------------------------------------------------------------------------------------------------
def test_a_lie_about_the_amount_confirms_nothing(shop: Shop) -> None:
    pending(on_a_bad_day(shop, "lie=1"))
    assert state(shop) == [("unknown", 0)]
    assert place(shop).status == "confirmed"  # the truth, under the same key
    assert len(charges(shop)) == 1
    assert clean(shop)


def test_a_forgotten_key_is_looked_for_and_not_repeated(shop: Shop) -> None:
    deaf = on_a_bad_day(shop, "drop=1")  # charged, and nothing is heard of it
    pending(deaf)
    assert len(charges(shop)) == 1
    later = on_a_bad_day(shop, "memory=0").but(clock=lambda: shop.clock() + timedelta(minutes=1))
    assert place(later).status == "confirmed"
    assert len(charges(shop)) == 1
    assert clean(shop)


def test_without_the_look_a_forgotten_key_charges_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail."""
    monkeypatch.setattr(payments.asking, "_may_be_forgotten", lambda *_: False)
    pending(on_a_bad_day(shop, "drop=1"))
    place(on_a_bad_day(shop, "memory=0"))
    assert len(charges(shop)) > 1
    assert "double_charge" in {drift.kind for drift in reconcile.find(shop)}


def test_an_old_key_and_a_gateway_that_cannot_be_asked_charge_nothing(shop: Shop) -> None:
    pending(on_a_bad_day(shop, "fail=1"))
    later = on_a_bad_day(shop, "fail=1,memory=1").but(clock=lambda: shop.clock() + timedelta(minutes=1))
    pending(later)
    assert charges(shop) == []


@pytest.mark.parametrize("text", ["drop=2", "drop=x", "drop", "dorp=0.1", "seconds=-1", ""])
def test_faults_that_nobody_has_are_refused(text: str) -> None:
    with pytest.raises(BadInput):
        faults(text)


# --- what is refused, and what the shopper has to do ---------------------------------------------------------------
def test_a_token_that_the_gateway_does_not_know_is_declined(shop: Shop, server: StandIn) -> None:
    for handle in ("c1", "c2"):  # two, because neither has a reference
        with pytest.raises(Refused) as refused:
            place(with_stripe(shop, server), handle, token="pm_card_nobody")
        assert refused.value.details["decline_code"] == "resource_missing"
    assert clean(with_stripe(shop, server))


@pytest.mark.parametrize("succeed", [True, False])
def test_a_shopper_confirms_or_does_not(shop: Shop, succeed: bool) -> None:
    waits = pending(shop, token=CHALLENGED)
    assert waits.code == "action_required"
    assert str(waits.details["url"]).startswith("https://")
    assert clean(shop)
    order = notices.confirm(shop, number="1001", succeed=succeed)
    assert order.status == ("confirmed" if succeed else "cancelled")
    assert state(shop) == [("captured", 1999)] if succeed else [("failed", 0)]
    assert clean(shop)
    with pytest.raises(Refused):
        notices.confirm(shop, number="1001")


@pytest.mark.parametrize("gateway", ["sandbox", "stripe"])
def test_an_order_that_waits_for_its_shopper_can_be_cancelled(shop: Shop, server: StandIn, gateway: str) -> None:
    shop = with_stripe(shop, server) if gateway == "stripe" else shop
    pending(shop, token=CHALLENGED)
    assert settlement.cancel(shop, number="1001").status == "cancelled"
    assert state(shop) == [("voided", 0)]
    assert clean(shop)


@pytest.mark.parametrize("again", ["cancel", "recover"])
def test_a_cancellation_that_was_cut_off_behind_its_void_is_finished(shop: Shop, again: str) -> None:
    pending(shop, token=CHALLENGED)
    with pytest.raises(Injected):
        settlement.cancel(shop.but(faults=Faults("payments.void.before_commit", 2, "raise")), number="1001")
    if again == "cancel":
        assert settlement.cancel(shop, number="1001").status == "cancelled"
    else:
        assert [done.ok for done in recovery.recover(shop)] == [True]
    assert recovery.recover(shop) == []
    assert state(shop) == [("voided", 0)]
    assert clean(shop)


def test_a_confirmation_that_was_cut_off_is_finished_as_the_shopper_decided(shop: Shop) -> None:
    for handle in ("c1", "c2"):
        pending(shop, handle, token=CHALLENGED)
    assert isinstance(shop.gateway, SandboxGateway)
    with shop.read() as tx:
        references = [row.reference for row in tx.rows(sa.select(rows.c.reference))]
    for reference in references:
        shop.gateway.confirm(reference=reference)
    assert notices.confirm(shop, number="1001").status == "confirmed"
    with pytest.raises(Refused) as refused:
        notices.confirm(shop, number="1002", succeed=False)
    assert refused.value.code == "invalid_state"
    assert [name for name, _ in state(shop)] == ["captured", "captured"]
    assert clean(shop)


def test_a_shop_that_is_open_read_only_asks_its_gateway_for_nothing(shop: Shop) -> None:
    pending(shop, token=CHALLENGED)
    place(shop, "c2")
    with pytest.raises(StillPending):
        settlement.cancel(on_a_bad_day(shop, "fail=1,seed=3"), number="1002")
    assert isinstance(shop.gateway, SandboxGateway)
    before, closed = list(shop.gateway.entries()), shop.but(read_only=True)
    with pytest.raises(NotPermitted):
        notices.confirm(closed, number="1001")
    with pytest.raises(NotPermitted):
        settlement.cancel(closed, number="1002")
    assert list(shop.gateway.entries()) == before
    assert settlement.cancel(shop, number="1002").payment == "captured"
    assert clean(shop)


def test_the_same_key_finds_what_the_shopper_has_confirmed(shop: Shop, server: StandIn) -> None:
    shop = with_stripe(shop, server)
    pending(shop, token=CHALLENGED)
    (reference,) = server.intents
    server.confirm(reference)
    assert place(shop, token=CHALLENGED).status == "confirmed"
    pending(shop, "c2", token=CHALLENGED)
    with pytest.raises(Refused) as refused:
        notices.confirm(shop, number="1002")
    assert refused.value.code == "not_a_sandbox"


# --- notices -------------------------------------------------------------------------------------------------------
def test_a_notice_settles_what_waits_and_its_repeats_change_nothing(shop: Shop, server: StandIn) -> None:
    shop = with_stripe(shop, server)
    pending(shop, token=CHALLENGED)
    place(shop, "c2")
    server.confirm(next(iter(server.intents)))
    for body, headers in [*reversed(server.notices()), *server.notices()]:  # the last first, and all of them twice
        heard = notices.heed(shop, body=body, signature=headers["Stripe-Signature"])
        assert heard.order in ("1001", "1002")
    assert state(shop) == [("captured", 1999), ("captured", 1999)]
    assert clean(shop)


def test_notices_of_the_sandbox_are_repeated_reordered_and_signed(shop: Shop) -> None:
    waiting = on_a_bad_day(shop, "repeat=1,reorder=0.5,seed=2")
    pending(waiting, token=CHALLENGED)
    assert isinstance(waiting.gateway, FaultySandbox)
    waiting.gateway.confirm(reference=next(waiting.gateway.entries()).reference)
    place(waiting, "c2")
    sent = list(waiting.gateway.notices())
    assert len(sent) > 3
    assert sent != list(SandboxGateway(waiting.gateway.ledger).notices())
    for body, headers in sent:
        notices.heed(waiting, body=body, signature=headers["Sandbox-Signature"])
        with pytest.raises(NotPermitted):
            notices.heed(waiting, body=body + b" ", signature=headers["Sandbox-Signature"])
    assert state(shop) == [("captured", 1999), ("captured", 1999)]
    assert clean(shop)


def test_a_notice_about_nothing_of_ours_is_heard_and_left(shop: Shop, server: StandIn) -> None:
    labs.stripe(server).charged()
    shop = with_stripe(shop, server)
    ((body, headers),) = server.notices()
    assert notices.heed(shop, body=body, signature=headers["Stripe-Signature"]) == notices.Heard(None, None)


# --- two gateways --------------------------------------------------------------------------------------------------
def test_payments_of_the_other_gateway_are_still_asked_for(shop: Shop, server: StandIn) -> None:
    place(shop)
    both = with_stripe(shop, server)
    assert place(both, "c2").status == "confirmed"
    assert settlement.cancel(both, number="1001").status == "cancelled"
    assert settlement.cancel(both, number="1002").status == "cancelled"
    assert [entry.verb for entry in SandboxGateway(shop.gateway.ledger).entries()] == ["charge", "refund"]  # type: ignore[attr-defined]
    assert len(server.refunds) == 1
    assert clean(both)
    assert list(reconcile.find(both)) == []


def test_a_key_is_resumed_at_the_gateway_that_was_asked_first(shop: Shop, server: StandIn) -> None:
    pending(on_a_bad_day(shop, "drop=1"))
    assert place(with_stripe(shop, server)).status == "confirmed"
    assert not server.intents
    assert len(charges(shop)) == 1


def test_a_gateway_that_is_not_set_up_is_said(shop: Shop, server: StandIn) -> None:
    place(with_stripe(shop, server))
    with pytest.raises(Unavailable):
        settlement.cancel(shop, number="1001")
    notes = {note.name for note in verify.verify(shop).notes}
    assert "gateway_unread" in notes
