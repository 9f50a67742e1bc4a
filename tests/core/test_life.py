"""Orders the whole way: sent, cancelled, refunded and returned in part; invoices; the money in all of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import (
    cart,
    checkout,
    documents,
    erasure,
    orders,
    payments,
    rates,
    recovery,
    settlement,
    stock,
    verify,
)
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import refunds
from shopctl.core.errors import BadInput, NotFound, Refused, StillPending
from shopctl.core.ports import NoAnswer, Rejected
from shopctl.core.queries import orders as reads
from shopctl.core.queries.orders import OrderDetail
from shopctl.core.queries.payments import PaymentRow
from shopctl.core.shop import Shop
from tests import shops
from tests.shops import placement, product


def shown(shop: Shop, number: str = "1001") -> OrderDetail:
    with shop.read() as tx:
        return reads.detail(tx, number)


def paid(shop: Shop, number: str = "1001") -> PaymentRow:
    return shown(shop, number).payments[0]


def money(shop: Shop, number: str = "1001") -> tuple[str, str, str]:
    """What is captured, refunded and credited."""
    order = shown(shop, number)
    credited = sum(credit.total.amount for credit in order.credits)
    return str(order.payments[0].captured), str(order.payments[0].refunded), f"{credited / 100:.2f}"


def clean(shop: Shop) -> bool:
    return verify.verify(shop).violations == []


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.code == code


@pytest.fixture(params=["order", "shipment"])
def capture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sold(shop: Shop, tmp_path: Path, capture: str) -> Shop:
    """Order 1001: 3 TEE at 20.00 (2 from MAIN, 1 from EAST), 2 CAP at 7.77, 19 % on top, 4.99 for the parcel; total 95.83."""
    shop = shops.rule(shop, tmp_path, capture=capture)
    stock.add_warehouse(shop, code="EAST")
    rates.add(
        shop, rates.TAX, {"name": "VAT", "country": "DE", "percent": "19", "included": False, "on_shipping": True}
    )
    rates.add(shop, rates.SHIPPING, {"name": "Std", "country": "DE", "amount": "4.99"})
    product(shop, "TEE", price=2000)
    product(shop, "CAP", units=5, price=777)
    stock.receive(shop, sku="TEE", quantity=2, warehouse="MAIN")
    stock.receive(shop, sku="TEE", quantity=1, warehouse="EAST")
    cart.add(shop, handle="c1", sku="TEE", quantity=3)
    cart.add(shop, handle="c1", sku="CAP", quantity=2)
    checkout.place(shop, placement("c1", "k1"))
    assert str(shown(shop).total) == "95.83"
    return shop


# --- in parts ------------------------------------------------------------------------------------------------------
def test_an_order_is_sent_in_parts(sold: Shop, capture: str) -> None:
    first = orders.ship(sold, number="1001", lines={"TEE": 1}, warehouse="EAST", tracking="E1")
    assert (first.status, first.fulfilment) == ("confirmed", "partial")
    assert [line.shipped for line in first.lines] == [1, 0]
    # 20.00 and 3.80 tax, and the shipping (4.99 and 0.95) with the first parcel
    assert money(sold)[0] == ("95.83" if capture == "order" else "29.74")
    assert clean(sold)
    second = orders.ship(sold, number="1001", lines={"TEE": 1, "CAP": 1}, tracking="M1")
    assert second.fulfilment == "partial"
    assert orders.deliver(sold, number="1001", shipment=1).status == "confirmed"
    last = orders.ship(sold, number="1001")
    assert (last.status, last.fulfilment) == ("shipped", "complete")
    assert money(sold) == ("95.83", "0.00", "0.00")
    assert [(s.warehouse, s.tracking) for s in shown(sold).shipments] == [
        ("EAST", "E1"),
        ("MAIN", "M1"),
        ("MAIN", None),
    ]
    assert orders.deliver(sold, number="1001", shipment=2).status == "shipped"
    assert orders.deliver(sold, number="1001").status == "delivered"
    assert clean(sold)


def test_what_is_not_owed_is_not_sent(sold: Shop) -> None:
    with refused("not_owed"):
        orders.ship(sold, number="1001", lines={"TEE": 4})
    with refused("not_owed"):
        orders.ship(sold, number="1001", lines={"TEE": 2}, warehouse="EAST")
    with refused("not_owed"):
        orders.ship(sold, number="1001", lines={"NONE": 1})
    with pytest.raises(BadInput):
        orders.ship(sold, number="1001", lines={"TEE": 0})
    with pytest.raises(NotFound):
        orders.ship(sold, number="1001", warehouse="NORTH")
    with pytest.raises(NotFound):
        orders.deliver(sold, number="1001", shipment=1)
    with refused("invalid_state"):
        orders.deliver(sold, number="1001")
    assert shown(sold).shipments == []
    assert clean(sold)


def test_units_are_cancelled_and_the_rest_is_sent(sold: Shop, capture: str) -> None:
    orders.ship(sold, number="1001", lines={"TEE": 2})
    part = settlement.cancel(sold, number="1001", lines={"CAP": 1})
    assert part.status == "confirmed"
    assert money(sold)[2] == "9.25"  # 7.77 and half of 2.95 tax, the larger half
    rest = settlement.cancel(sold, number="1001")
    assert (rest.status, rest.fulfilment) == ("shipped", "complete")
    # 95.83 − (15.54 + 2.95) − (20.00 + 3.80)
    assert money(sold) == (("95.83", "42.29", "42.29") if capture == "order" else ("53.54", "0.00", "42.29"))
    with sold.read() as tx:
        assert payments.of_order(tx, shown(sold).id).open == 0  # type: ignore[union-attr]
    assert clean(sold)


def test_cancelling_every_unit_cancels_the_order(sold: Shop, capture: str) -> None:
    settlement.cancel(sold, number="1001", lines={"TEE": 3})
    ended = settlement.cancel(sold, number="1001", lines={"CAP": 2})
    assert ended.status == "cancelled"
    back = ("95.83", "95.83", "95.83") if capture == "order" else ("0.00", "0.00", "95.83")
    assert money(sold) == back
    assert paid(sold).state == ("captured" if capture == "order" else "voided")
    with refused("invalid_state"):
        settlement.cancel(sold, number="1001", lines={"TEE": 1})
    assert clean(sold)


def test_an_order_without_payment_is_only_cancelled_whole(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    made = checkout.place(shop, placement("c1", "k1", token="manual"))
    assert (made.status, made.payment) == ("pending", "awaited")  # type: ignore[union-attr]
    with refused("invalid_state"):
        settlement.cancel(shop, number="1001", lines={"TEE": 1})
    with refused("invalid_state"):
        orders.refund(shop, number="1001", amount="1", reason="no")
    assert settlement.cancel(shop, number="1001").status == "cancelled"
    assert clean(shop)


def test_money_taken_by_hand_goes_back_by_hand(shop: Shop) -> None:
    product(shop, "TEE", units=5, price=1000)
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    checkout.place(shop, placement("c1", "k1", token="manual"))
    assert settlement.pay(shop, number="1001", reference="till 7").payment == "captured"
    heard: list[str] = []
    orders.refund(shop.but(narrate=heard.append), number="1001", amount="5", reason="scratched")
    assert heard == [
        "Order 1001 was paid elsewhere (till 7): give back 5.00 USD there, then say so with `shopctl payments refunded 1001`."
    ]
    assert str(paid(shop).refunded) == "0.00"
    payments.refunded(shop, name="1001", reference="till 8")
    assert str(paid(shop).refunded) == "5.00"
    assert clean(shop)


def test_of_several_refunds_by_hand_each_is_noted_and_the_rest_is_told(shop: Shop) -> None:
    product(shop, "TEE", units=5, price=1000)
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    checkout.place(shop, placement("c1", "k1", token="manual"))
    settlement.pay(shop, number="1001", reference="till 7")
    heard: list[str] = []
    shop = shop.but(narrate=heard.append)
    orders.refund(shop, number="1001", amount="5", reason="scratched")
    orders.refund(shop, number="1001", amount="6", reason="late")
    assert heard.pop().endswith("`shopctl payments refunded 1001`, once for each of 5.00, 6.00.")
    heard.clear()
    assert str(payments.refunded(shop, name="1001", reference="till 8").refunded) == "5.00"
    assert "5.00 USD is noted; 6.00 USD of order 1001 still waits" in heard.pop()
    assert str(payments.refunded(shop, name="1001").refunded) == "11.00"
    assert heard == []
    assert clean(shop)


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_a_refund_of_nothing_is_bad_input(shop: Shop, amount: str) -> None:
    product(shop, "TEE", units=5, price=1000)
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    checkout.place(shop, placement("c1", "k1"))
    with pytest.raises(BadInput):
        orders.refund(shop, number="1001", amount=amount, reason="no")


# --- captured with the shipment ------------------------------------------------------------------------------------
class Gateway:
    """The sandbox, with captures and refunds that end otherwise."""

    def __init__(self, inner: SandboxGateway, **broken: Exception) -> None:
        self._inner, self._broken = inner, broken

    def __getattr__(self, name: str) -> Any:
        if name in self._broken:

            def fail(**_: object) -> None:
                raise self._broken[name]

            return fail
        return getattr(self._inner, name)


def broken(shop: Shop, **how: Exception) -> Shop:
    assert isinstance(shop.gateway, SandboxGateway)
    return shop.but(gateway=Gateway(shop.gateway, **how))


@pytest.mark.parametrize("capture", ["shipment"], indirect=True)
def test_nothing_leaves_without_its_money(sold: Shop) -> None:
    reference = paid(sold).reference
    assert reference
    with refused("capture_failed"):
        orders.ship(broken(sold, capture=Rejected("processing_error", "not now")), number="1001")
    assert clean(sold)  # it is still authorized
    sold.gateway.void(key="lapsed", reference=reference)
    for _ in ("the gateway says so", "we know it"):
        with refused("capture_failed"):
            orders.ship(sold, number="1001")
    assert shown(sold).shipments == []
    assert 10 in {v.check for v in verify.verify(sold).violations}  # a confirmed order that nobody pays for
    settlement.cancel(sold, number="1001")
    assert clean(sold)


@pytest.mark.parametrize("capture", ["shipment"], indirect=True)
def test_a_capture_without_answer_is_finished_by_the_next_attempt(sold: Shop) -> None:
    with pytest.raises(StillPending):
        orders.ship(broken(sold, capture=NoAnswer()), number="1001", lines={"TEE": 1})
    with pytest.raises(StillPending):
        settlement.cancel(broken(sold, capture=NoAnswer()), number="1001")
    assert orders.ship(sold, number="1001", lines={"TEE": 1}).fulfilment == "partial"
    assert money(sold)[0] == "29.74"
    assert clean(sold)


@pytest.mark.parametrize("capture", ["shipment"], indirect=True)
def test_recover_finishes_a_capture(sold: Shop) -> None:
    silent = broken(sold, capture=NoAnswer())
    with pytest.raises(StillPending):
        orders.ship(silent, number="1001", lines={"TEE": 1})
    assert [(one.action, one.ok) for one in recovery.recover(silent)] == [("the gateway does not answer", False)]
    assert [(one.action, one.ok) for one in recovery.recover(sold)] == [("its capture is finished", True)]
    assert money(sold)[0] == "29.74"
    assert recovery.recover(sold) == []
    assert clean(sold)


@pytest.mark.parametrize("capture", ["shipment"], indirect=True)
def test_money_captured_before_a_crash_is_found_and_nothing_is_captured_twice(sold: Shop) -> None:
    payments.capture_up_to(sold, order_id=shown(sold).id, amount=2974, final=False)  # and then the lights went out
    assert clean(sold)
    orders.ship(sold, number="1001", lines={"TEE": 1})
    assert money(sold)[0] == "29.74"
    orders.refund(sold, number="1001", amount="3.00", reason="late")
    assert money(sold)[1:] == ("3.00", "3.00")
    orders.ship(sold, number="1001")
    assert money(sold) == ("95.83", "3.00", "3.00")
    assert clean(sold)


@pytest.mark.parametrize("capture", ["shipment"], indirect=True)
def test_money_captured_for_a_parcel_that_is_cancelled_goes_back(sold: Shop) -> None:
    payments.capture_up_to(sold, order_id=shown(sold).id, amount=9583, final=True)
    orders.ship(sold, number="1001", lines={"TEE": 1})
    assert money(sold)[1] == "0.00"  # it is there for the next parcel
    settlement.cancel(sold, number="1001")
    assert money(sold) == ("95.83", "66.09", "66.09")
    assert clean(sold)


# --- refunds -------------------------------------------------------------------------------------------------------
def test_refunds_stop_at_what_was_captured(sold: Shop, capture: str) -> None:
    if capture == "shipment":
        with refused("nothing_to_refund"):
            orders.refund(sold, number="1001", amount="1", reason="early")
    orders.ship(sold, number="1001")
    orders.refund(sold, number="1001", amount="90", reason="angry")
    with refused("refund_too_large"):
        orders.refund(sold, number="1001", amount="5.84", reason="angry")
    orders.refund(sold, number="1001", amount="5.83", reason="angry")
    with refused("nothing_to_refund"):
        orders.refund(sold, number="1001", amount="0.01", reason="angry")
    assert money(sold) == ("95.83", "95.83", "95.83")
    assert clean(sold)


def test_no_more_goes_back_than_was_captured_whatever_is_asked_for(sold: Shop) -> None:
    """Nor is the gateway, which would refuse it, asked for more."""
    orders.ship(sold, number="1001")
    for amount in ("90", "5.84"):
        with suppress(Refused):
            orders.refund(sold, number="1001", amount=amount, reason="angry")
    with sold.read() as tx:
        assert tx.execute(sa.select(sa.func.sum(refunds.c.amount))).scalar_one() <= 9583


def test_two_refunds_at_once_see_each_other(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    codes: list[str] = []

    def attempt() -> None:
        try:
            orders.refund(sold, number="1001", amount="60", reason="twice")
            codes.append("done")
        except Refused as error:
            codes.append(error.code)

    racing = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    assert sorted(codes) == ["done", *["refund_too_large"] * 3]
    assert clean(sold)


def test_a_refund_is_made_once_under_its_key(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    for amount in ("5", "5.00"):
        orders.refund(sold, number="1001", amount=amount, reason="late", key="r1")
    assert money(sold)[1:] == ("5.00", "5.00")
    for other in ({"amount": "6"}, {"lines": {"TEE": 1}}, {"shipping": True}, {"amount": "5", "number": "1002"}):
        if "number" in other:
            shops.buy(sold, "c2", "CAP")
        with refused("key_reused"):
            orders.refund(sold, **{"number": "1001", "reason": "late", **other}, key="r1")  # type: ignore[arg-type]
    for _ in range(2):
        orders.refund(sold, number="1001", lines={"TEE": 1}, restock=True, reason="back", key="r2")
    assert [(one.kind, one.key) for one in shown(sold).credits] == [("refund", "r1"), ("return", "r2")]
    assert len(shown(sold).returns) == 1
    orders.refund(sold, number="1001", amount="5", reason="late again")
    assert [one.key for one in shown(sold).credits] == ["r1", "r2", None]
    assert clean(sold)


def test_a_key_finishes_the_refund_that_was_left_behind(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    with pytest.raises(StillPending):
        orders.refund(broken(sold, refund=NoAnswer()), number="1001", amount="5", reason="late", key="r1")
    assert money(sold)[1:] == ("0.00", "5.00")
    orders.refund(sold, number="1001", amount="5", reason="late", key="r1")
    assert money(sold)[1:] == ("5.00", "5.00")
    assert clean(sold)


@pytest.mark.parametrize("key", ["", "x" * 256, "two\nlines"])
def test_what_is_no_key(sold: Shop, key: str) -> None:
    with pytest.raises(BadInput):
        orders.refund(sold, number="1001", amount="5", reason="late", key=key)


def test_one_key_at_once_is_one_refund(sold: Shop) -> None:
    orders.ship(sold, number="1001")

    def attempt() -> None:
        orders.refund(sold, number="1001", amount="10", reason="late", key="r1")

    racing = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    assert money(sold)[1:] == ("10.00", "10.00")
    assert clean(sold)


def test_units_and_shipping_are_refunded_once(sold: Shop) -> None:
    with refused("not_owed"):
        orders.refund(sold, number="1001", lines={"TEE": 1}, reason="not sent yet")
    orders.ship(sold, number="1001")
    orders.refund(sold, number="1001", lines={"TEE": 1}, shipping=True, reason="lost")
    assert money(sold)[1] == "29.74"
    with refused("nothing_to_refund"):
        orders.refund(sold, number="1001", shipping=True, reason="again")
    with refused("not_owed"):
        orders.refund(sold, number="1001", lines={"TEE": 3}, reason="more than are left")
    orders.refund(sold, number="1001", lines={"TEE": 2}, restock=True, reason="back already")
    with sold.read() as tx:
        from shopctl.core.queries.stock import show

        assert sum(level.quantity for level in show(tx, "TEE")) == 2
    assert [one.state for one in shown(sold).returns] == ["resolved"]
    assert clean(sold)


@pytest.mark.parametrize(
    "said", [{}, {"amount": "1", "shipping": True}, {"amount": "1", "restock": True}, {"amount": "x"}]
)
def test_what_is_no_refund(sold: Shop, said: dict[str, Any]) -> None:
    orders.ship(sold, number="1001")
    with pytest.raises(BadInput):
        orders.refund(sold, number="1001", reason="because", **said)
    with pytest.raises(BadInput):
        orders.refund(sold, number="1001", reason=" ", amount="1")


def test_a_refund_that_the_gateway_refuses_is_reported(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    with refused("refund_failed"):
        orders.refund(broken(sold, refund=Rejected("no", "no")), number="1001", amount="5", reason="sorry")
    assert {v.check for v in verify.verify(sold).violations} == {10}
    orders.refund(sold, number="1001", amount="1", reason="sorry")  # what is kept too much goes back with it
    assert money(sold) == ("95.83", "6.00", "6.00")
    assert clean(sold)


def test_a_refund_without_answer_is_finished_by_recover(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    with pytest.raises(StillPending):
        orders.refund(broken(sold, refund=NoAnswer()), number="1001", amount="5", reason="sorry")
    assert clean(sold)
    assert [(one.number, one.status, one.ok) for one in recovery.recover(sold)] == [("1001", "shipped", True)]
    assert money(sold) == ("95.83", "5.00", "5.00")
    assert clean(sold)


def test_a_dry_run_refunds_nothing(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    orders.refund(sold.but(dry_run=True), number="1001", amount="5", reason="sorry")
    orders.returns.request(sold.but(dry_run=True), number="1001", lines={"TEE": 1}, reason="x")
    orders.invoices.issue(sold.but(dry_run=True), number="1001")
    order = shown(sold)
    assert (order.credits, order.returns, order.papers) == ([], [], [])


# --- returns -------------------------------------------------------------------------------------------------------
def test_a_return_goes_its_way(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    with refused("not_owed"):
        orders.returns.request(sold, number="1001", lines={"TEE": 4}, reason="too many")
    asked = orders.returns.request(sold, number="1001", lines={"TEE": 2, "CAP": 1}, reason="too small")
    assert (asked.number, asked.state) == ("1001-R1", "requested")
    with refused("not_owed"):
        orders.returns.request(sold, number="1001", lines={"TEE": 2}, reason="one is left")
    with refused("invalid_state"):
        orders.returns.resolve(sold, number="1001-R1")
    orders.returns.receive(sold, number="1001-r1")
    with refused("invalid_state"):
        orders.returns.reject(sold, number="1001-R1")
    with refused("not_owed"):
        orders.returns.resolve(sold, number="1001-R1", write_off={"TEE": 3})
    done = orders.returns.resolve(sold, number="1001-R1", write_off={"TEE": 1}, warehouse="EAST")
    assert [(one.sku, one.restocked, one.written_off) for one in done.lines] == [("TEE", 1, 1), ("CAP", 1, 0)]
    assert str(done.credited) == "56.85"  # 2 × 23.80 and 9.25
    with sold.read() as tx:
        from shopctl.core.queries.stock import level_of

        assert (level_of(tx, "TEE", "EAST").quantity, level_of(tx, "TEE", "MAIN").quantity) == (1, 0)
    assert money(sold)[1] == "56.85"
    with refused("invalid_state"):
        orders.returns.resolve(sold, number="1001-R1")
    assert clean(sold)


def test_a_return_cut_off_before_its_refund_is_finished_by_repeating_it(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    orders.returns.request(sold, number="1001", lines={"TEE": 1}, reason="too small")
    orders.returns.receive(sold, number="1001-R1")
    silent = broken(sold, refund=NoAnswer("gone"), find_refund=NoAnswer("gone"))
    with pytest.raises(StillPending):
        orders.returns.resolve(silent, number="1001-R1")
    assert money(sold)[1] == "0.00"
    assert orders.returns.resolve(sold, number="1001-R1").state == "resolved"
    assert money(sold)[1] == "23.80"
    assert clean(sold)


def test_units_on_their_way_back_are_refunded_by_their_return(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    orders.returns.request(sold, number="1001", lines={"TEE": 2}, reason="small")
    with refused("not_owed"):
        orders.refund(sold, number="1001", lines={"TEE": 2}, restock=True, reason="here")
    orders.refund(sold, number="1001", lines={"TEE": 1}, restock=True, reason="here")
    orders.returns.receive(sold, number="1001-R1")
    assert str(orders.returns.resolve(sold, number="1001-R1").credited) == "47.60"
    assert clean(sold)


def test_a_return_may_be_rejected_or_kept_without_money(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    orders.returns.request(sold, number="1001", lines={"TEE": 3}, reason="x")
    assert orders.returns.reject(sold, number="1001-R1", reason="worn").state == "rejected"
    orders.returns.request(sold, number="1001", lines={"TEE": 3}, reason="x")
    orders.returns.receive(sold, number="1001-R2")
    kept = orders.returns.resolve(sold, number="1001-R2", restock={"TEE": 1}, refund=False)
    assert [(one.restocked, one.written_off) for one in kept.lines] == [(1, 2)]
    assert money(sold)[1:] == ("0.00", "0.00")
    assert [one.returned for one in shown(sold).lines] == [3, 0]
    with pytest.raises(NotFound):
        orders.returns.receive(sold, number="1001-R9")
    assert clean(sold)


# --- papers --------------------------------------------------------------------------------------------------------
def test_papers_are_numbered_without_gaps_and_kept_as_they_were(sold: Shop, tmp_path: Path) -> None:
    product(sold, "MUG", units=3, price=500)
    shops.buy(sold, "c2", "MUG")
    with pytest.raises(NotFound):
        orders.invoices.issue(sold, number="1001", credit=1)
    second = orders.invoices.issue(sold, number="1002")
    orders.ship(sold, number="1001")
    orders.refund(sold, number="1001", lines={"TEE": 1}, reason="torn")
    note = orders.invoices.issue(sold, number="1001", credit=1)  # its invoice is issued before it
    assert (second.number, note.invoice, note.number, note.total) == ("1", "2", "3", "23.80")
    assert [(part["name"], part["percent"], part["amount"]) for part in note.taxes] == [("VAT", "19", "3.80")]
    first = orders.invoices.issue(sold, number="1001")
    assert (first.number, first.total, first.seller) == ("2", "95.83", "Test shop")
    renamed = shops.rule(sold, tmp_path, name="Another")
    assert orders.invoices.issue(renamed, number="1001") == first
    assert [paper.number for paper in shown(renamed).papers] == ["2", "3"]
    assert clean(renamed)


def test_an_order_that_never_was_has_no_invoice(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    checkout.place(shop, placement("c1", "k1", token="manual"))
    with refused("invalid_state"):
        orders.invoices.issue(shop, number="1001")
    settlement.cancel(shop, number="1001")
    with refused("invalid_state"):
        orders.invoices.issue(shop, number="1001")


def test_many_issue_at_once_and_leave_no_gap(shop: Shop) -> None:
    product(shop, "TEE", units=9)
    for i in range(4):
        shops.buy(shop, f"c{i}", "TEE")
    racing = [
        threading.Thread(target=lambda n=i: orders.invoices.issue(shop, number=str(1001 + n % 4))) for i in range(8)
    ]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    numbers = [orders.invoices.issue(shop, number=str(1001 + i)).number for i in range(4)]
    assert sorted(numbers) == ["1", "2", "3", "4"]
    assert clean(shop)


def test_papers_say_what_they_are_in_text_and_in_html(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    orders.refund(sold, number="1001", amount="1.19", reason="<b>late</b>")
    paper, note = orders.invoices.issue(sold, number="1001"), orders.invoices.issue(sold, number="1001", credit=1)
    text = "\n".join(documents.invoice_text(sold.facts, paper))
    assert "Invoice 1" in text
    assert "3 × TEE  Thing TEE  60.00" in text
    assert "VAT 19 %   15.30" in text
    assert "Total USD  95.83" in text
    html = documents.invoices_html(sold.facts, [paper, note])
    assert "Corrects invoice: 1" in html
    assert "&lt;b&gt;late&lt;/b&gt;" in html
    assert "<b>" not in html


def test_an_erased_customer_leaves_their_papers(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    orders.refund(sold, number="1001", amount="1", reason="Ana was sad")
    orders.returns.request(sold, number="1001", lines={"TEE": 1}, reason="Ana again")
    orders.invoices.issue(sold, number="1001", credit=1)
    orders.deliver(sold, number="1001")
    erasure.erase(sold, email="c1@example.com")
    paper = orders.invoices.issue(sold, number="1001")
    assert (paper.total, paper.email, paper.address["country"]) == ("95.83", "", "DE")
    assert "Ana" not in repr(shown(sold))
    assert "Road" not in repr([paper, orders.invoices.issue(sold, number="1001", credit=1)])
    assert clean(sold)


# --- the story -----------------------------------------------------------------------------------------------------
def test_the_timeline_tells_everything(sold: Shop) -> None:
    orders.ship(sold, number="1001")
    orders.refund(sold, number="1001", amount="1", reason="late")
    told = [(event.verb, event.note) for event in shown(sold).timeline if event.verb != "capture"]
    assert told[0] == ("place", None)
    assert told[-3:] == [("credit", "1.00 USD: late"), ("refund", "1.00 USD"), ("refunded", "1.00 USD")]
