"""The story of a checkout, and every way in which it must not end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import (
    cart,
    catalog,
    checkout,
    orders,
    payments,
    process,
    rates,
    recovery,
    reservations,
    settlement,
    stock,
    verify,
)
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.adapters.sandbox_faults import FaultySandbox, faults
from shopctl.core.db.tables import orders as order_table
from shopctl.core.db.tables import payments as payment_table
from shopctl.core.db.tables import reservations as holds
from shopctl.core.domain.money import Money
from shopctl.core.errors import BadInput, Refused, StillPending
from shopctl.core.ports import Charge, Entry
from shopctl.core.queries import carts, customers
from shopctl.core.queries import orders as orders_read
from shopctl.core.queries import payments as payment_reads
from shopctl.core.queries.orders import Order, Quote
from shopctl.core.queries.stock import StockRow, level_of
from shopctl.core.shop import Shop
from tests import shops
from tests.shops import buy, placement, product


def level(shop: Shop, sku: str, warehouse: str = "MAIN") -> StockRow:
    with shop.read() as tx:
        return level_of(tx, sku, warehouse)


def charges(shop: Shop) -> list[Entry]:
    assert isinstance(shop.gateway, SandboxGateway)
    return [line for line in shop.gateway.entries() if line.verb == "charge" and line.status == "captured"]


def live_holds(shop: Shop) -> int:
    with shop.read() as tx:
        return int(tx.execute(sa.select(sa.func.count()).where(holds.c.state == "held")).scalar_one())


def in_checkout(shop: Shop, handle: str) -> bool:
    with shop.read() as tx:
        return carts.show(tx, handle).in_checkout


def test_a_cart_becomes_a_confirmed_order_with_committed_stock_and_one_charge(shop: Shop) -> None:
    product(shop, "TEE", units=10)
    order = buy(shop, "c1", "TEE", 2, expect_total="39.98")
    assert (order.number, order.status, str(order.total)) == ("1001", "confirmed", "39.98")
    found = level(shop, "TEE")
    assert (found.quantity, found.reserved, found.committed, found.available) == (10, 0, 2, 8)
    assert [line.amount for line in charges(shop)] == [3998]
    with shop.read() as tx:
        assert carts.show(tx, "c1").lines == []
        assert customers.show(tx, "C1@example.com").orders == 1


def test_the_same_key_is_the_same_answer_and_one_charge(shop: Shop) -> None:
    product(shop, "TEE", units=10)
    first = buy(shop, "c1", "TEE", key="k")
    assert checkout.place(shop, placement("c1", "k")) == first
    assert len(charges(shop)) == 1


def test_a_used_key_for_anything_else_is_refused_and_nothing_is_touched(shop: Shop) -> None:
    product(shop, "TEE", units=10)
    buy(shop, "c1", "TEE", key="k")
    cart.add(shop, handle="c2", sku="TEE", quantity=1)
    for other in (
        placement("c2", "k"),
        placement("c1", "k", email="x@example.com"),
        placement("c1", "k", token="pm_card_slow"),
    ):
        with pytest.raises(Refused) as refused:
            checkout.place(shop, other)
        assert refused.value.code == "key_reused"
    assert (live_holds(shop), len(charges(shop))) == (0, 1)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_made_up", "unknown_token"),
    ],
)
def test_a_declined_card_gives_everything_back_and_stays_declined(shop: Shop, token: str, code: str) -> None:
    product(shop, "TEE", units=10)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            checkout.place(shop, placement("c1", "k", token=token))
        assert (refused.value.code, refused.value.details["decline_code"]) == ("payment_declined", code)
    assert (level(shop, "TEE").available, live_holds(shop), charges(shop)) == (10, 0, [])
    assert checkout.place(shop, placement("c1", "k2")).number == "1002"  # type: ignore[union-attr]


def test_a_wrong_total_is_refused_and_nothing_is_held(shop: Shop) -> None:
    product(shop, "TEE", units=10)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    with pytest.raises(Refused) as refused:
        checkout.place(shop, placement("c1", "k", expect_total="19.98"))
    assert (refused.value.code, refused.value.details["total"]) == ("price_changed", "19.99")
    assert live_holds(shop) == 0
    assert checkout.place(shop, placement("c1", "k", expect_total="19.99")).number == "1001"  # type: ignore[union-attr]


def test_too_little_stock_is_refused_with_the_facts_and_stores_no_key(shop: Shop) -> None:
    product(shop, "TEE", units=2)
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    buy(shop, "c2", "TEE", 1)
    with pytest.raises(Refused) as refused:
        checkout.place(shop, placement("c1", "k"))
    assert refused.value.code == "insufficient_stock"
    assert refused.value.details == {"sku": "TEE", "requested": 2, "available": 1}
    stock.receive(shop, sku="TEE", quantity=5)
    assert checkout.place(shop, placement("c1", "k")).status == "confirmed"  # type: ignore[union-attr]


def test_a_lost_reply_is_found_by_its_key(shop: Shop) -> None:
    product(shop, "TEE", units=2)
    assert buy(shop, "c1", "TEE", token="pm_card_lostReply").status == "confirmed"
    assert len(charges(shop)) == 1


def test_silence_keeps_the_order_pending_and_pinned_until_it_is_recovered(shop: Shop) -> None:
    product(shop, "TEE", units=2)
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    for _ in range(2):
        with pytest.raises(StillPending):
            checkout.place(shop, placement("c1", "k", token="pm_card_timeout"))
    assert (level(shop, "TEE").available, live_holds(shop)) == (0, 1)
    later = shop.but(clock=lambda: shops_later(hours=2))
    assert reservations.sweep(later) == 0  # pinned: the payment may still arrive
    with pytest.raises(Refused, match="in a checkout"):
        cart.add(shop, handle="c1", sku="TEE", quantity=1)
    assert [(done.number, done.status) for done in recovery.recover(shop)] == [("1001", "cancelled")]
    assert (level(shop, "TEE").available, charges(shop)) == (2, [])
    with pytest.raises(Refused) as refused:
        checkout.place(shop, placement("c1", "k", token="pm_card_timeout"))
    assert refused.value.code == "order_cancelled"
    assert checkout.place(shop, placement("c1", "k2")).status == "confirmed"  # type: ignore[union-attr]


def shops_later(**how: float) -> Any:
    from datetime import UTC, datetime, timedelta

    return datetime.now(UTC) + timedelta(**how)


def test_money_that_comes_after_the_order_was_given_up_is_refunded(shop: Shop) -> None:
    product(shop, "TEE", units=2)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    with pytest.raises(StillPending):
        checkout.place(shop, placement("c1", "k", token="pm_card_timeout"))
    with shop.read() as tx:
        payment = tx.rows(sa.select(payment_table))[0]
    recovery.recover(shop)
    late = payments.request_for(payment)
    charge = shop.gateway.authorize(replace(late, token="pm_card_visa"))
    assert charge.status == "captured"
    recovery.recover(shop)  # asks again for what was given up within a day
    with shop.read() as tx:
        found = payment_reads.payment(tx, "1001")
    assert (found.state, str(found.captured), str(found.refunded)) == ("captured", "19.99", "19.99")


def test_a_charge_of_another_amount_is_no_answer(shop: Shop) -> None:
    product(shop, "TEE", units=2)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    with pytest.raises(StillPending):
        checkout.place(shop, placement("c1", "k", token="pm_card_timeout"))
    with shop.read() as tx:
        payment = tx.rows(sa.select(payment_table))[0]
    for amount in (1, 5000):
        lie = payments.Outcome(Charge("captured", "sb_lie", amount, "USD", captured=amount))
        assert settlement.settle(shop, order_id=payment.order_id, outcome=lie).status == "pending"


def test_a_paid_hold_that_vanished_is_held_anew_or_the_money_goes_back(shop: Shop, tmp_path: Path) -> None:
    product(shop, "TEE", units=1)
    for handle, stays in (("c1", True), ("c2", False)):
        cart.add(shop, handle=handle, sku="TEE", quantity=1)
        with pytest.raises(StillPending):
            checkout.place(shop, placement(handle, handle, token="pm_card_timeout"))
        with shop.work("tamper") as tx:
            for hold in tx.rows(sa.select(holds.c.owner_id).where(holds.c.state == "held")):
                reservations.release_order(tx, hold.owner_id)
            tx.commit()
        if not stays:
            stock.adjust(shop, sku="TEE", quantity=-1, reason="lost")
        with shop.read() as tx:
            payment = tx.rows(sa.select(payment_table).order_by(payment_table.c.id.desc()))[0]
        charge = shop.gateway.authorize(replace(payments.request_for(payment), token="pm_card_visa"))
        order = settlement.settle(shop, order_id=payment.order_id, outcome=payments.Outcome(charge))
        assert order.status == ("confirmed" if stays else "cancelled")
        if stays:
            settlement.cancel(shop, number=order.number)
    with shop.read() as tx:
        assert str(payment_reads.payment(tx, "1002").refunded) == "19.99"


def test_two_keys_on_one_cart_while_the_first_is_in_flight(shop: Shop, tmp_path: Path) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    slow = threading.Thread(
        target=lambda: checkout.place(shops.reopen(tmp_path), placement("c1", "k1", token="pm_card_slow"))
    )
    slow.start()
    while not in_checkout(shop, "c1"):
        assert slow.is_alive()
    with pytest.raises(Refused) as refused:
        checkout.place(shop, placement("c1", "k2"))
    assert refused.value.code == "cart_in_checkout"
    slow.join()
    assert len(charges(shop)) == 1


def test_nothing_to_pay_needs_no_payment(shop: Shop) -> None:
    product(shop, "GIFT", units=2, price=0)
    order = buy(shop, "c1", "GIFT", token=None)
    assert (order.status, str(order.total), charges(shop)) == ("confirmed", "0.00", [])
    product(shop, "TEE", units=2)
    cart.add(shop, handle="c2", sku="TEE", quantity=1)
    with pytest.raises(BadInput, match="something to pay"):
        checkout.place(shop, placement("c2", "k", token=None))


def test_cancelling_gives_back_stock_and_money_exactly(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    order = buy(shop, "c1", "TEE", 3)
    assert settlement.cancel(shop, number=order.number).status == "cancelled"
    assert level(shop, "TEE").available == 5
    with shop.read() as tx:
        assert str(payment_reads.payment(tx, order.number).refunded) == "59.97"
    with pytest.raises(Refused, match="cannot cancel"):
        settlement.cancel(shop, number=order.number)
    with pytest.raises(Refused, match="cannot ship"):
        orders.ship(shop, number=order.number)


def test_a_shipped_order_leaves_the_stock_and_walks_its_path_only(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    order = buy(shop, "c1", "TEE", 3)
    with pytest.raises(Refused, match="cannot deliver"):
        orders.deliver(shop, number=order.number)
    orders.ship(shop, number=f"#{order.number}", tracking="1Z999")
    found = level(shop, "TEE")
    assert (found.quantity, found.committed) == (2, 0)
    with pytest.raises(Refused, match="cannot cancel"):
        settlement.cancel(shop, number=order.number)
    orders.deliver(shop, number=order.number)
    with shop.read() as tx:
        shown = orders_read.detail(tx, order.number)
    assert [event.to_status for event in shown.timeline if event.to_status] == [
        "pending",
        "confirmed",
        "shipped",
        "delivered",
    ]
    assert (shown.shipments[0].tracking, shown.shipments[0].lines) == ("1Z999", [{"sku": "TEE", "quantity": 3}])


def test_an_order_is_a_snapshot(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    order = buy(shop, "c1", "TEE", 1)
    catalog.edit(shop, name="TEE", said={"price": 5})
    catalog.edit(shop, name="tee", said={"title": "Renamed"})
    with shop.read() as tx:
        again = orders_read.get(tx, order.id)
    assert again == order
    assert again.lines[0].product_name == "Thing TEE"


def test_lines_come_from_one_warehouse_where_one_can_and_are_split_where_none_can(shop: Shop) -> None:
    stock.add_warehouse(shop, code="EAST")
    for sku in ("A", "B"):
        product(shop, sku, units=1)
        stock.receive(shop, sku=sku, quantity=2, warehouse="EAST")
    cart.add(shop, handle="c1", sku="A", quantity=2)
    cart.add(shop, handle="c1", sku="B", quantity=1)
    order = checkout.place(shop, placement("c1", "k"))
    assert isinstance(order, Order)
    assert level(shop, "A", "EAST").committed == 2
    assert level(shop, "B", "EAST").committed == 1
    split = buy(shop, "c2", "B", 2)
    orders.ship(shop, number=split.number)
    with shop.read() as tx:
        assert [parcel.warehouse for parcel in orders_read.detail(tx, split.number).shipments] == ["EAST", "MAIN"]


def test_tax_and_shipping_by_place(shop: Shop) -> None:
    product(shop, "TEE", units=5, price=10000)
    change = shops_later(hours=-1)
    always, over = {"valid_from": change}, {"valid_from": shops_later(hours=-2), "valid_to": change}
    vat = {"name": "VAT", "country": "DE", "included": False, "on_shipping": True}
    rates.add(shop, rates.TAX, {**vat, "percent": "19", **always})
    rates.add(shop, rates.TAX, {**vat, "percent": "16", **over})
    rates.add(shop, rates.SHIPPING, {"name": "DHL", "amount": "5.00", "country": "DE", **always})
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    quoted = checkout.quote(shop, cart="c1", address=shops.HOME)
    assert (str(quoted.tax), str(quoted.shipping), str(quoted.total)) == ("19.95", "5.00", "124.95")
    assert buy(shop, "c2", "TEE", 1, expect_total="124.95").shipping_method == "DHL"
    with pytest.raises(Refused) as refused:
        checkout.quote(shop, cart="c1", address={**shops.HOME, "country": "FR"})
    assert refused.value.code == "no_shipping_rate"


def test_a_quote_says_what_cannot_be_had(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=4)
    told: list[str] = []
    checkout.quote(shop.but(narrate=told.append), cart="c1")
    assert not any("can be had" in line for line in told)
    stock.adjust(shop, sku="TEE", quantity=-2, reason="broken")
    checkout.quote(shop.but(narrate=told.append), cart="c1")
    assert told[-1] == "Only 3 of TEE can be had, 4 asked for."


def test_a_dry_run_quotes_and_leaves_no_trace(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    answer = checkout.place(shop.but(dry_run=True), placement("c1", "k"))
    assert isinstance(answer, Quote)
    assert answer.total == Money(1999, "USD")
    assert (level(shop, "TEE").available, charges(shop)) == (5, [])
    with shop.read() as tx:
        assert not tx.rows(sa.select(order_table.c.id))
    assert buy(shop, "c1", "TEE", key="k").status == "confirmed"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"email": "nobody"}, "bad_email"),
        ({"token": "4242 4242 4242 4242"}, "card_number"),
        ({"key": ""}, "bad_key"),
        ({"expect_total": "1e3"}, "bad_amount"),
        ({"token": "\x1b"}, "bad_token"),
    ],
)
def test_bad_input_is_one_error_and_nothing_happens(shop: Shop, wanted: dict[str, Any], code: str) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    with pytest.raises(BadInput) as refused:
        checkout.place(shop, placement("c1", **{"key": "k", **wanted}))
    assert refused.value.code == code
    assert live_holds(shop) == 0


def test_draft_and_archived_products_cannot_be_bought(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    catalog.archive(shop, handle="tee")
    with pytest.raises(Refused) as refused:
        checkout.place(shop, placement("c1", "k"))
    assert refused.value.code == "not_for_sale"


def test_untracked_and_backordered_goods(shop: Shop) -> None:
    product(shop, "FILE", tracked=False, requires_shipping=False)
    product(shop, "LATER", backorder_limit=2)
    assert buy(shop, "c1", "FILE", 50).status == "confirmed"
    order = buy(shop, "c2", "LATER", 2)
    assert (level(shop, "LATER").available, live_holds(shop)) == (-2, 0)
    with pytest.raises(Refused, match="Only 0"):
        cart.add(shop, handle="c3", sku="LATER", quantity=1)
    with pytest.raises(Refused, match="waits for goods"):
        orders.ship(shop, number=order.number)
    stock.receive(shop, sku="LATER", quantity=2)
    assert orders.ship(shop, number=order.number).status == "shipped"


def test_a_hold_that_fits_no_line_any_more_is_given_back(shop: Shop, tmp_path: Path) -> None:
    product(shop, "TEE", units=20, hold_at="cart")
    cart.add(shop, handle="c1", sku="TEE", quantity=5)
    catalog.edit(shop, name="TEE", said={"tracked": False})
    cart.set_quantity(shop, handle="c1", sku="TEE", quantity=2)
    catalog.edit(shop, name="TEE", said={"tracked": True})
    order = checkout.place(shop, placement("c1", "k"))
    assert isinstance(order, Order)
    assert level(shop, "TEE").committed == 2
    orders.ship(shop, number=order.number)
    assert level(shop, "TEE").quantity == 18


def test_a_backorder_limit_is_the_skus_however_many_warehouses(shop: Shop) -> None:
    for code in ("EAST", "WEST"):
        stock.add_warehouse(shop, code=code)
    product(shop, "LATER", units=1, backorder_limit=2)
    for code in ("EAST", "WEST"):
        stock.receive(shop, sku="LATER", quantity=1, warehouse=code)
    with pytest.raises(Refused, match="Only 5"):
        cart.add(shop, handle="c1", sku="LATER", quantity=6)
    buy(shop, "c1", "LATER", 5)
    with pytest.raises(Refused, match="2 units are sold already"):
        catalog.edit(shop, name="LATER", said={"backorder_limit": 1})


def test_the_answer_to_a_repeat_is_the_first_answer(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    first = buy(shop, "c1", "TEE", key="k")
    settlement.cancel(shop, number=first.number)
    assert checkout.place(shop, placement("c1", "k")) == first


def test_a_cancellation_overtaking_its_charge_says_that_it_is_refunded(shop: Shop, tmp_path: Path) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    told: list[str] = []

    def pay() -> None:
        with pytest.raises(Refused) as refused:
            checkout.place(shops.reopen(tmp_path), placement("c1", "k", token="pm_card_slow"))
        told.append(refused.value.message)

    slow = threading.Thread(target=pay)
    slow.start()
    while not in_checkout(shop, "c1"):
        assert slow.is_alive()
    assert settlement.cancel(shop, number="1001").status == "cancelled"
    slow.join()
    assert "refunded" in told[0]
    with shop.read() as tx:
        assert str(payment_reads.payment(tx, "1001").refunded) == "19.99"


def test_a_checkout_that_was_never_told_of_its_confirmation_is_told_of_its_cancellation(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    assert isinstance(shop.gateway, SandboxGateway)
    silent = shop.but(gateway=FaultySandbox(shop.gateway.ledger, faults=faults("drop=1")))
    with pytest.raises(StillPending):
        checkout.place(silent, placement("c1", "k"))
    assert settlement.cancel(shop, number="1001").payment == "captured"
    with pytest.raises(Refused) as refused:
        checkout.place(shop, placement("c1", "k"))
    assert refused.value.code == "order_cancelled"
    assert "refunded" in refused.value.message
    assert not verify.verify(shop).violations


def test_an_order_is_left_to_the_live_process_even_when_another_repeats_its_key(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    with pytest.raises(StillPending):
        checkout.place(shop, placement("c1", "k", token="pm_card_timeout"))
    with shop.work("test") as tx:
        tx.execute(sa.update(order_table).values(process=f"{process.name()}"))
        tx.commit()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "name", lambda: "elsewhere:1:1")
        checkout._resume(shop, placement("c1", "k", token="pm_card_timeout"))
        assert [done.action for done in recovery.recover(shop)] == ["left to its own process"]


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "from shopctl.core import process; print(process.name())"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    name = child.stdout.read().decode().strip()
    child.stdout.close()
    time.sleep(0.2)  # dead, and nobody has waited for it yet
    assert process.is_alive(name) is False
    child.wait()
    assert process.is_alive(process.name()) is True
    assert process.is_alive("") is False


def test_a_basket_beyond_any_amount_is_refused(shop: Shop) -> None:
    product(shop, "GOLD", units=10**9, price=10**15)
    cart.add(shop, handle="c1", sku="GOLD", quantity=10**9)
    with pytest.raises(Refused, match="costs more"):
        checkout.quote(shop, cart="c1")


def test_merging_says_what_could_not_be_merged(shop: Shop) -> None:
    product(shop, "A", units=4)
    product(shop, "B", units=4)
    told: list[str] = []
    cart.add(shop, handle="guest", sku="A", quantity=3)
    cart.add(shop, handle="guest", sku="B", quantity=1)
    cart.add(shop, handle="mine", sku="A", quantity=3)
    catalog.archive(shop, handle="b")
    merged = cart.merge(shop.but(narrate=told.append), source="guest", target="mine")
    assert [(line.sku, line.quantity) for line in merged.lines] == [("A", 4)]
    assert told == ["Only 4 of A are in the cart; 6 were wanted.", "B is archived and was left out."]
