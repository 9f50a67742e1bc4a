"""Our own formats: what comes out of a shop goes into another, or into the same, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shopctl.core import orders, payments, rates, settlement
from shopctl.core.errors import BadInput, Refused
from shopctl.core.imports.orders.take import import_orders
from shopctl.core.imports.products import import_products
from shopctl.core.queries import customers as customer_reads
from shopctl.core.queries import orders as order_reads
from shopctl.core.queries import reports
from shopctl.core.queries import stock as stock_reads
from shopctl.core.shop import Shop
from tests import shops

from .helpers import PLACED, exported, jsonl, order, records, refused, taken, violations


@pytest.fixture
def lived(tmp_path: Path) -> Shop:
    """A shop with an order of every status but pending, some of them imported."""
    shop = shops.make(tmp_path / "lived", currency="EUR")
    shops.product(shop, "TEE", units=50)
    for handle in ("c1", "c2", "c3", "c4"):
        shops.buy(shop, handle, "TEE", 2)
    orders.ship(shop, number="1002", tracking="1Z")
    orders.ship(shop, number="1003")
    orders.deliver(shop, number="1003")
    settlement.cancel(shop, number="1004")
    line = {"sku": "=1+1", "quantity": 2, "unit_price": "5.00", "product_name": '-a "b"\n', "options": {"Size": "M"}}
    tax = {"name": "VAT", "percent": "19", "included": True, "amount": "1.00"}
    paid = {"captured": "10.00", "refunded": "4.00", "reference": "r1"}
    taken(
        shop,
        jsonl(
            order(
                "#1", lines=[line, line], discount="3.00", tax="1.00", tax_included="1.00", taxes=[tax], payments=[paid]
            ),
            order("#2", status="delivered", email="", shipping_address={"country": "gb"}),
        ),
    )
    return shop


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_another_shop_gets_all_of_it(lived: Shop, tmp_path: Path, format: str) -> None:
    file = exported(lived, format)
    there = shops.make(tmp_path / "there", currency="EUR")
    shops.product(there, "TEE", units=50)
    report = taken(there, file)
    assert (report.orders_created, report.orders_unchanged) == (6, 0)
    new = {"source": "import"}
    for before, after in zip(records(lived), records(there), strict=True):
        assert [payment.pop("gateway") for payment in after["payments"]] == ["external"] * len(after["payments"])
        for payment in before["payments"]:
            del payment["gateway"]
        assert {**before, **new, "number": after["number"]} == after


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_the_same_shop_knows_its_own_orders(lived: Shop, format: str) -> None:
    before = exported(lived, format)
    report = taken(lived, before)
    assert (report.orders_created, report.orders_unchanged) == (0, 6)
    assert exported(lived, format) == before


@pytest.fixture
def credited(tmp_path: Path) -> Shop:
    """Orders that are not owed in full any more: a sent one with all kinds of credits, and an open one with a unit cancelled."""
    shop = shops.make(tmp_path / "credited", currency="EUR", country="DE")
    vat = {"name": "VAT", "percent": "19", "included": True, "on_shipping": True, "country": "DE"}
    rates.add(shop, rates.TAX, vat)
    rates.add(shop, rates.TAX, {"name": "Levy", "percent": "2.5", "included": False, "country": "DE"})
    rates.add(shop, rates.SHIPPING, {"name": "Post", "amount": "4.99", "country": "DE"})
    shops.product(shop, "TEE", units=50)
    for handle in ("c1", "c2", "c3"):
        shops.buy(shop, handle, "TEE", 4)
    settlement.cancel(shop, number="1001", lines={"TEE": 1})
    orders.ship(shop, number="1001")
    orders.refund(shop, number="1001", lines={"TEE": 1}, restock=True, reason="back")
    orders.refund(shop, number="1001", amount="3.33", reason="late")
    settlement.cancel(shop, number="1002", lines={"TEE": 1})
    return shop


def owed(shop: Shop) -> list[tuple[str, str, str]]:
    """What reports and customers say."""
    with shop.read() as tx:
        found = reports.sales(tx, "customer", reports.span(tx, "2026-01-01")).rows(tx)
        spent = {one.email: str(one.spent) for one in customer_reads.LIST.rows(tx)}
    assert {row.customer: str(row.net) for row in found} == spent
    return sorted((row.customer, str(row.total), str(row.credited)) for row in found)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_what_is_not_owed_any_more_goes_along(credited: Shop, tmp_path: Path, format: str) -> None:
    there = shops.make(tmp_path / "there", currency="EUR")
    shops.product(there, "TEE", units=50)
    taken(there, exported(credited, format))
    assert owed(there) == owed(credited)
    assert len({amount for _, _, amount in owed(there)}) == 3
    assert [one["credits"] for one in records(there)] == [one["credits"] for one in records(credited)]
    assert [len(one["credits"]) for one in records(there)] == [3, 1, 0]
    assert (taken(there, exported(credited, format)).orders_unchanged, taken(there, exported(there)).orders_unchanged) == (
        3,
        3,
    )  # fmt: skip
    with there.read() as tx:
        (level,) = stock_reads.show(tx, "TEE")
    assert (level.quantity, level.committed) == (50, 7)
    orders.ship(there, number="1002")
    settlement.cancel(there, number="1003")
    orders.refund(there, number="1001", amount="1.00", reason="more")
    with pytest.raises(Refused, match="can be refunded"):
        orders.refund(there, number="1001", amount="99.00", reason="more")
    assert violations(there) == []


def test_what_was_refunded_before_credits_were_told_is_one(shop: Shop) -> None:
    paid = {"captured": "10.00", "refunded": "4.00"}
    taken(shop, jsonl(order("R1", status="shipped", payments=[paid]), order("R2", status="cancelled", payments=[paid])))
    assert [[one["total"] for one in record["credits"]] for record in records(shop)] == [["4.00"], []]
    assert owed(shop) == [("ana@example.com", "10.00", "4.00")]
    orders.refund(shop, number="1001", amount="6.00", reason="the rest")
    with shop.read() as tx:
        assert [str(one.total) for one in order_reads.detail(tx, "1001").credits] == ["4.00", "6.00"]
        assert [str(row.amount) for row in payments.refunds_elsewhere(tx, order_reads.detail(tx, "1001").id)] == ["600"]


def test_an_order_that_went_on_is_not_what_the_file_says(lived: Shop) -> None:
    before = exported(lived)
    orders.ship(lived, number="1001")
    assert [(told[0], told[2]) for told in refused(lived, before)] == [(1, "1001")]


def test_an_imported_order_may_go_on(lived: Shop) -> None:
    file = jsonl(order("R9"))
    taken(lived, file)
    settlement.cancel(lived, number="1007")
    assert taken(lived, file).orders_unchanged == 1


def test_what_lists_print_is_taken(shop: Shop) -> None:
    listed = {**order(None), "number": "1001", "customer": "c", "source": "checkout", "total": "10.00"}  # type: ignore[arg-type]
    report = taken(shop, jsonl(listed))
    assert report.ignored == []
    assert records(shop)[0]["reference"] == "1001"


LINE = order()["lines"][0]
VAT = {"name": "VAT", "included": True, "amount": "1.00"}
TAXED = {"tax": "1.00", "tax_included": "1.00", "taxes": [VAT]}
OF_CREDIT = {"line": 1, "quantity": 2, "amount": "1.00", "tax": "0"}
CREDIT = {"items": "1.00", "lines": [OF_CREDIT]}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"reference": None}, ("reference", "needs the name")),
        ({"created_at": None}, ("created_at", "is missing")),
        ({"created_at": "2026-01-02"}, ("created_at", "with its offset")),
        ({"created_at": "1900-01-01T00:00:00Z"}, ("created_at", "before 1970")),
        ({"status": "pending"}, ("status", "is none of")),
        ({"currency": "EUR", "total": "1.001"}, ("currency", "currency is USD")),
        ({"email": "x"}, ("email", "not an e-mail address")),
        ({"id": "x"}, ("id", "is not an id")),
        ({"lines": []}, ("lines", "fewer than 1")),
        ({"lines": [1]}, ("lines", "list of objects")),
        ({"lines": [{**LINE, "quantity": 0}]}, ("lines[0].quantity", "less than 1")),
        ({"lines": [LINE, {**LINE, "unit_price": 1.5}]}, ("lines[1].unit_price", "decimal string")),
        ({"lines": [{**LINE, "unit_price": None}]}, ("lines[0].unit_price", "is missing")),
        ({"lines": [{**LINE, "total_price": "9.00"}]}, ("lines[0].total_price", "quantity × unit_price, 10.00")),
        ({"lines": [{**LINE, "sku": "-x"}]}, ("lines[0].sku", "dash")),
        ({"lines": [{**LINE, "sku": " "}]}, ("lines[0].sku", "needs a SKU, or")),
        ({"subtotal": "9.00"}, ("subtotal", "sum of the lines, 10.00")),
        ({"total": "9.00"}, ("total", "10.00 − 0.00 + 0.00 + 0.00 − 0.00 = 10.00")),
        ({"discount": "11.00"}, ("total", "no total that an order can have")),
        ({"tax": "1.00", "taxes": [{"name": "VAT", "amount": "2.00"}]}, ("taxes", "tax is 1.00")),
        ({"taxes": [{"amount": "2.00"}]}, ("taxes[0].name", "is missing")),
        ({"payments": [{}, {}]}, ("payments", "more than 1")),
        ({"payments": [{"captured": "11.00"}]}, ("payments[0].amount", "at most the total, 10.00")),
        ({"payments": [{"refunded": "11.00"}]}, ("payments[0].refunded", "more than was captured, 10.00")),
        ({"payments": [{"state": "unknown"}]}, ("payments[0].state", "is none of")),
        ({"payments": [{"state": "voided", "captured": "1.00"}]}, ("payments[0].captured", "does not fit")),
        ({"shipments": [{"shipped_at": PLACED}]}, ("shipments", "has not been shipped")),
        ({"status": "shipped", "shipments": [{}]}, ("shipments[0].shipped_at", "is missing")),
        (
            {"status": "shipped", "shipments": [{"shipped_at": PLACED, "lines": [{"line": 1, "quantity": 2}]}]},
            ("shipments", "exactly the units"),
        ),
        ({"credits": [{"items": "10.01"}]}, ("credits", "more than the order's worth, 10.00")),
        ({"credits": [{"items": "6.00"}, {"items": "6.00"}]}, ("credits", "more than")),
        ({"credits": [{"shipping": "1.00"}]}, ("credits", "more than")),
        ({"credits": [{"items": "1.00", "total": "2.00"}]}, ("credits[0].total", "items + shipping + tax, 1.00")),
        ({"credits": [{}]}, ("credits[0].total", "is nothing")),
        ({"credits": [{"items": "1.00", "kind": "gift"}]}, ("credits[0].kind", "is none of")),
        ({"credits": [{"items": "1.00", "reason": "4111 1111 1111 1111"}]}, ("credits[0].reason", "card number")),
        (
            {"credits": [{"items": "1.00", "taxes": [{"name": "VAT", "amount": "0"}]}]},
            ("credits[0].taxes", "not the order's"),
        ),
        ({**TAXED, "credits": [{"items": "1.00", "taxes": [{**VAT, "amount": "2.00"}]}]}, ("credits", "more of a tax")),
        (
            {"credits": [{**CREDIT, "lines": [{**OF_CREDIT, "quantity": 0, "amount": "0"}] * 2}]},
            ("credits[0].lines", "twice"),
        ),
        ({"credits": [CREDIT]}, ("credits", "units that the order's lines have not")),
        (
            {"credits": [{**CREDIT, "lines": [{**OF_CREDIT, "quantity": 1, "amount": "9"}]}]},
            ("credits[0].lines", "worth more"),
        ),
        (
            {"credits": [{**CREDIT, "lines": [{**OF_CREDIT, "quantity": None}]}]},
            ("credits[0].lines[0].quantity", "not a whole"),
        ),
        ({"status": "cancelled", "credits": [{"items": "1.00"}]}, ("credits", "of a cancelled order are its total")),
        ({"lines": [{**LINE, "cancelled": 2}]}, ("lines[0].cancelled", "more than were ordered")),
        ({"lines": [{**LINE, "cancelled": 1}]}, ("lines", "are all cancelled")),
        ({"shipping_address": {"line1": "4111 1111 1111 1111"}}, ("shipping_address.line1", "card number")),
        ({"extra": {"shopify": {"status": "shipped"}}}, ("extra.shopify.rows", "is missing")),
    ],
)
def test_what_cannot_be_is_refused_by_name(shop: Shop, said: dict[str, Any], told: tuple[str, str]) -> None:
    report = refused(shop, jsonl({**order(), **said}, order("R2", status="delivered")))
    assert [(line, column) for line, column, _, _ in report] == [(1, told[0])]
    assert told[1] in report[0][3]
    assert [record["reference"] for record in records(shop)] == ["R2"]


@pytest.mark.parametrize("line", ["[1]", "null", "{", '{"a": 1, "a": 2}', '{"x": NaN}', "[" * 100_000])
def test_a_line_that_is_no_object_is_refused_alone(shop: Shop, line: str) -> None:
    report = refused(shop, jsonl(order(status="delivered")) + line + "\n")
    assert [told[:2] for told in report] == [(2, "(row)")]


def test_csv_by_hand(shop: Shop) -> None:
    head = "reference,created_at,email,sku,quantity,unit_price,taxes,what\n"
    report = taken(shop, f"{head}A,{PLACED},a@b.example,X,1,2.00,,\nA,,,Y,2,1.50,,\nB,{PLACED},,Z,1,1.00,,new\n")
    assert (report.orders_created, report.lines, report.ignored) == (2, 3, ["what"])
    assert [record["total"] for record in records(shop)] == ["5.00", "1.00"]
    file = f"{head}C,{PLACED},,X,1,2.00,[,\nC,,b@c.example,Y,1,1.00,,\nD,{PLACED},,X,1\n"
    assert [told[:2] for told in refused(shop, file)] == [(2, "taxes"), (3, "email"), (4, "(row)")]


def test_files_of_products_and_of_orders_are_told_apart(shop: Shop) -> None:
    taken(shop, jsonl(order(status="delivered")))
    for format in ("jsonl", "csv", "shopify"):
        with pytest.raises(BadInput, match="file of orders") as caught:
            import_products(shop, exported(shop, format))
        assert caught.value.hint == "Use shopctl orders import."
    for file in (
        "handle,title,variant price\na,A,1\n",
        "title,price\nA,1\n",
        json.dumps({"title": "A", "variants": []}),
    ):
        with pytest.raises(BadInput, match="file of products") as caught:
            import_orders(shop, file)
        assert caught.value.hint == "Use shopctl catalog import."


@pytest.mark.parametrize(
    ("file", "code"),
    [("", "empty_file"), ("a,b\n1,2\n", "unknown_format"), ("[]\n", "unsupported_format"), (b"\xff{}", "not_utf8")],
)
def test_files_that_are_nothing(shop: Shop, file: str | bytes, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        import_orders(shop, file)
    assert caught.value.code == code
