"""What becomes of an imported order: its stock, its money, its name; once, or not at all."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NoReturn

import pytest
import sqlalchemy as sa

from shopctl.core import cart, orders, payments, recovery, settlement, stock
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import outbox
from shopctl.core.errors import BadInput, Refused
from shopctl.core.imports.orders.take import How, import_orders
from shopctl.core.ports import ChargeRequest
from shopctl.core.queries import orders as read
from shopctl.core.queries.stock import level_of
from shopctl.core.shop import Shop
from tests import shops

from .helpers import exported, first, jsonl, later, order, records, refused, shopify, taken, violations


@pytest.fixture
def shop(shop: Shop) -> Shop:
    shops.product(shop, "TEE", units=10)
    return shop


def counters(shop: Shop) -> tuple[int, int]:
    with shop.read() as tx:
        level = level_of(tx, "TEE", "MAIN")
    return level.quantity, level.committed


def line(quantity: int, price: str = "10.00", sku: str = "TEE") -> dict[str, object]:
    return {"sku": sku, "quantity": quantity, "unit_price": price}


# --- stock ---------------------------------------------------------------------------------------------------------
def test_an_open_order_takes_its_units(shop: Shop) -> None:
    report = taken(shop, jsonl(order(lines=[line(2), line(3, "8.00"), line(1, "1.00", "FEE")])))
    assert (report.units_committed, report.lines_untracked) == (5, 1)
    assert counters(shop) == (10, 5)
    orders.ship(shop, number="1001")
    assert counters(shop) == (5, 0)
    orders.deliver(shop, number="1001")
    assert violations(shop) == []


def test_a_cancelled_one_gives_them_back(shop: Shop) -> None:
    taken(shop, jsonl(order(lines=[line(2), line(3, "8.00")])))
    assert settlement.cancel(shop, number="1001").status == "cancelled"
    assert counters(shop) == (10, 0)
    assert violations(shop) == []


@pytest.mark.parametrize("status", ["shipped", "delivered", "cancelled"])
def test_what_is_over_moves_nothing(shop: Shop, status: str) -> None:
    report = taken(shop, jsonl(order(status=status, lines=[line(500)])))
    assert (report.units_committed, report.lines_untracked) == (0, 0)
    assert counters(shop) == (10, 0)


def test_too_little_stock_refuses_the_order_and_no_other(shop: Shop) -> None:
    file = shopify(
        first(fulfillment_status="", subtotal="105.00", total="105.00", lineitem_quantity="10"),
        later(),
        first("#2", fulfillment_status="", subtotal="30.00", total="30.00"),
        later("#2", lineitem_sku="TEE", lineitem_quantity="4"),
    )
    stock.adjust(shop, sku="TEE", quantity=-3, reason="count")
    assert refused(shop, file) == [
        (2, "Lineitem sku", "TEE", "Only 7 of TEE can be had, 10 asked for"),
        (3, "(row)", "#1", "its order is refused, see line 2"),
    ]
    assert counters(shop) == (7, 5)
    assert [record["number"] for record in records(shop)] == ["1001"]


def test_strange_skus_can_be_refused(shop: Shop) -> None:
    file = jsonl(order(lines=[line(1), line(1, sku="FEE")]))
    assert refused(shop, file, strict_skus=True) == [(1, "sku", "FEE", "is no SKU of the catalogue")]
    assert taken(shop, file).lines_untracked == 1


# --- once ----------------------------------------------------------------------------------------------------------
def test_the_same_file_again_changes_nothing(shop: Shop) -> None:
    file = jsonl(order(), order("R2", status="delivered"))
    assert taken(shop, file).orders_created == 2
    before = exported(shop)
    assert taken(shop, file).orders_unchanged == 2
    assert exported(shop) == before


def test_a_name_stands_for_one_order(shop: Shop) -> None:
    taken(shop, jsonl(order()))
    told = refused(
        shop, jsonl(order(email="eve@example.com"), order("R2"), order("R2"), order("R2", status="delivered"))
    )
    assert [(row[0], row[2]) for row in told] == [(1, "R1"), (4, "R2")]
    taken(shop, shopify(first("R1")))  # another platform's R1 is another order
    assert [record["reference"] for record in records(shop)] == ["R1", "R2", "R1"]


def test_a_payment_is_of_one_order(shop: Shop) -> None:
    file = jsonl(order(payments=[{"reference": "p"}]), order("R2", payments=[{"reference": "p"}]))
    assert [row[:3] for row in refused(shop, file)] == [(2, "payments.reference", "p")]


# --- all or some ---------------------------------------------------------------------------------------------------
def test_stop_lets_nothing_in(shop: Shop) -> None:
    with pytest.raises(Refused, match=r"Line 2, lines.* Nothing was imported"):
        import_orders(shop, jsonl(order(), order("R2", lines=[])), How(on_error="stop", batch=1))
    assert records(shop) == []
    assert counters(shop) == (10, 0)


def test_a_rehearsal_tells_and_changes_nothing(shop: Shop) -> None:
    told: list[str] = []
    rehearsal = shop.but(dry_run=True)
    report = import_orders(
        rehearsal, jsonl(order(), order("R2", lines=[line(10)])), How(on_order=lambda new: told.append(new.reference))
    )
    assert (report.orders_created, told) == (1, ["R1"])
    assert "Only 9 of TEE" in report.refusals[0].reason
    assert records(shop) == []


def test_refused_rows_can_be_mended(shop: Shop, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    good = [first(subtotal="15.00", total="15.00"), later()]
    file = shopify(first("#0"), *good).replace("5.00,,CAP", "5.00x,,CAP")
    report = import_orders(shop, file, How(refused=str(bad)))
    assert (report.orders_created, report.orders_refused, report.rows_refused) == (1, 1, 2)
    mended = bad.read_bytes().decode().replace("5.00x,,CAP", "5.00,,CAP")
    assert mended == shopify(*good)
    assert taken(shop, mended).orders_created == 1
    with pytest.raises(BadInput, match="exists already"):
        import_orders(shop, file, How(refused=str(bad)))


# --- money and mail ------------------------------------------------------------------------------------------------
class NobodyAsks(SandboxGateway):
    """A gateway that must not be asked for anything."""

    def find(self, key: str, *, since: datetime) -> NoReturn:
        raise AssertionError(key)

    def authorize(self, request: ChargeRequest) -> NoReturn:
        raise AssertionError(request)

    def refund(self, *, key: str, reference: str, amount: int) -> NoReturn:
        raise AssertionError(key)


def test_money_taken_elsewhere_is_given_back_there(shop: Shop) -> None:
    told: list[str] = []
    assert isinstance(shop.gateway, SandboxGateway)
    shop = shop.but(gateway=NobodyAsks(shop.gateway.ledger), narrate=told.append)
    taken(shop, jsonl(order(payments=[{"reference": "p", "refunded": "4.00"}])))
    settlement.cancel(shop, number="1001")
    assert told == [
        "Order 1001 was paid elsewhere (p): give back 6.00 USD there, then say so with `shopctl payments refunded 1001`."
    ]
    assert recovery.recover(shop) == []
    with shop.read() as tx:
        detail = read.detail(tx, "1001")
    (cancelled,) = [event for event in detail.timeline if event.verb == "cancel"]
    assert cancelled.note == "was paid elsewhere (p): refund 6.00 USD there"
    assert str(detail.payments[0].refunded) == "4.00"
    assert violations(shop) == []
    assert str(payments.refunded(shop, name="1001", reference="re_1").refunded) == "10.00"
    with pytest.raises(Refused, match="no refund that waits"):
        payments.refunded(shop, name="1001")


@pytest.mark.parametrize(
    ("payment", "told"),
    [
        ([{"state": "authorized"}], ["Order 1001 was authorized elsewhere: void the authorization there."]),
        ([{"state": "voided"}], []),
        ([{"refunded": "10.00"}], []),
        ([], []),
    ],
)
def test_what_else_there_may_be_to_do(shop: Shop, payment: list[dict[str, str]], told: list[str]) -> None:
    said: list[str] = []
    assert isinstance(shop.gateway, SandboxGateway)
    shop = shop.but(gateway=NobodyAsks(shop.gateway.ledger), narrate=said.append)
    taken(shop, jsonl(order(payments=payment)))
    assert recovery.recover(shop) == []
    settlement.cancel(shop, number="1001")
    assert said == told
    assert violations(shop) == []


def test_a_payment_of_ours_is_not_refunded_by_hand(shop: Shop) -> None:
    shops.buy(shop, "c1", "TEE")
    with pytest.raises(Refused, match="no refund that waits"):
        payments.refunded(shop, name="1001")


def test_customers_are_known_by_their_address_and_get_no_mail(shop: Shop) -> None:
    shops.buy(shop, "ana", "TEE")
    report = taken(
        shop,
        jsonl(
            order(email="ANA@example.com", shipping_address=shops.HOME),
            order("#7", email=None, status="delivered"),
        ),
    )
    assert (report.without_email, report.unpaid) == (1, 2)
    with shop.read() as tx:
        bought, imported, nameless = sorted(read.LIST.rows(tx), key=lambda one: one.number)
        topics = tx.execute(sa.select(outbox.c.topic)).scalars().all()
    assert bought.customer == imported.customer != nameless.customer
    assert nameless.email.endswith("@unknown.invalid")
    assert topics.count("order.confirmed") == 1
    assert topics.count("order.imported") == 2


def test_numbers_go_on(shop: Shop) -> None:
    shops.buy(shop, "c1", "TEE")
    taken(shop, jsonl(*(order(f"R{n}", status="delivered") for n in range(5))), batch=2)
    cart.add(shop, handle="c2", sku="TEE", quantity=1)
    shops.buy(shop, "c3", "TEE")
    assert [record["number"] for record in records(shop)] == [str(1001 + n) for n in range(7)]
