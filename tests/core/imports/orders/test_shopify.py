"""Shopify's orders export: what its cells become, and that they come out as they went in."""

from __future__ import annotations

from typing import Any

import pytest

from shopctl.core import orders, settlement
from shopctl.core.shop import Shop
from tests import shops

from .helpers import exported, first, later, records, refused, rows, shopify, taken


def only(shop: Shop, *found: dict[str, str]) -> dict[str, Any]:
    taken(shop, shopify(*found))
    (record,) = records(shop)
    return record


def test_an_order_is_taken_as_it_is(shop: Shop) -> None:
    record = only(
        shop,
        first(
            subtotal="12.00", shipping="4.99", taxes="2.71", total="16.99", discount_amount="3.00",
            tax_1_name="DE MwSt 19 %", tax_1_value="2.71", shipping_method="Standard", paid_at="2026-01-02 04:05:00 +0100",
            payment_reference="r1", shipping_name="Ana", shipping_address1="1 Road", shipping_city="Berlin",
            shipping_zip="'01067", shipping_country="de", fulfilled_at="2026-01-03 09:00:00 +0100",
        ),
        later(),
    )  # fmt: skip
    assert [(line["sku"], line["quantity"], line["unit_price"]) for line in record["lines"]] == [
        ("TEE", 1, "10.00"),
        ("CAP", 1, "5.00"),
    ]
    sums = {name: record[name] for name in ("subtotal", "discount", "shipping", "tax", "tax_included", "total")}
    assert sums == {"subtotal": "15.00", "discount": "3.00", "shipping": "4.99", "tax": "2.71", "tax_included": "2.71",
                    "total": "16.99"}  # fmt: skip
    assert record["taxes"] == [{"name": "DE MwSt 19 %", "percent": "19", "included": True, "amount": "2.71"}]
    assert record["created_at"] == "2026-01-02T03:04:05.000000Z"
    assert (record["status"], record["reference"], record["source"]) == ("shipped", "#1", "import")
    assert record["shipments"][0]["shipped_at"] == "2026-01-03T08:00:00.000000Z"
    assert record["shipping_address"] == {**shops.HOME, "postal_code": "01067"}
    (payment,) = record["payments"]
    assert (payment["gateway"], payment["captured"], payment["reference"]) == ("external", "16.99", "r1")
    assert payment["created_at"] == "2026-01-02T03:05:00.000000Z"


def test_taxes_on_top_and_duties(shop: Shop) -> None:
    record = only(shop, first(taxes="1.00", duties="0.50", total="11.50", tax_1_name="CA", tax_1_value="1.00"))
    assert (record["tax"], record["tax_included"], record["total"]) == ("1.50", "0.00", "11.50")
    assert [(part["name"], part["amount"]) for part in record["taxes"]] == [("CA", "1.00"), ("Duties", "0.50")]


@pytest.mark.parametrize(
    ("cells", "status", "payment"),
    [
        ({}, "shipped", ("captured", "10.00", "0.00")),
        ({"fulfillment_status": ""}, "confirmed", ("captured", "10.00", "0.00")),
        ({"fulfillment_status": "unfulfilled", "financial_status": "pending"}, "confirmed", None),
        ({"financial_status": "authorized"}, "shipped", ("authorized", "0.00", "0.00")),
        ({"financial_status": "voided"}, "shipped", ("voided", "0.00", "0.00")),
        ({"financial_status": "expired"}, "shipped", None),
        (
            {"financial_status": "partially_paid", "outstanding_balance": "4.00"},
            "shipped",
            ("captured", "6.00", "0.00"),
        ),
        (
            {"financial_status": "partially_refunded", "refunded_amount": "4.00"},
            "shipped",
            ("captured", "10.00", "4.00"),
        ),
        ({"financial_status": "refunded"}, "shipped", ("captured", "10.00", "10.00")),
        ({"financial_status": "refunded", "fulfillment_status": ""}, "cancelled", ("captured", "10.00", "10.00")),
        (
            {"cancelled_at": "2026-01-03 04:04:05 +0100", "fulfillment_status": "restocked"},
            "cancelled",
            ("captured", "10.00", "0.00"),
        ),
        ({"discount_amount": "10.00", "subtotal": "0.00", "total": "0.00"}, "shipped", None),
    ],
)
def test_how_far_it_had_come(shop: Shop, cells: dict[str, str], status: str, payment: tuple[str, ...] | None) -> None:
    shops.product(shop, "TEE", units=1)
    record = only(shop, first(**cells))
    assert record["status"] == status
    paid = [(one["state"], one["captured"], one["refunded"]) for one in record["payments"]]
    assert paid == ([payment] if payment else [])
    (row,) = rows(exported(shop, "shopify"))
    assert {name: row[name] for name in first(**cells)} == first(**cells)


def test_every_cell_comes_out_again(shop: Shop) -> None:
    cells = {name: f"{name} said" for name in ("vendor", "tags", "notes", "billing_company", "device_id", "payment_id")}
    dates = {"created_at": "2026-01-02 04:04:05 +0100", "next_payment_due_at": "some day", "phone": "+49 30 1"}
    file = shopify(
        first(
            **cells,
            **dates,
            accepts_marketing="yes",
            email="",
            lineitem_discount="1.00",
            subtotal="15.00",
            total="15.00",
        ),
        later(vendor="Other", lineitem_fulfillment_status="odd"),
        first("#2", billing_zip="'00501", currency=""),
    )
    assert taken(shop, file).orders_created == 2
    out = exported(shop, "shopify")
    went_in, came_out = rows(file), rows(out)
    for row, again in zip(went_in, came_out, strict=True):
        assert row | {"Phone": ""} == again | {"Phone": ""}
    assert came_out[0]["Phone"] == "'+49 30 1"  # no spreadsheet takes it for a formula, and it is taken back as it was
    assert taken(shop, out).orders_unchanged == 2


def test_what_the_order_says_itself_counts_once_it_goes_on(shop: Shop) -> None:
    shops.product(shop, "TEE", units=2)
    cells = {"fulfillment_status": "", "lineitem_fulfillment_status": "scheduled", "outstanding_balance": "1.00"}
    taken(shop, shopify(first(**cells, vendor="Acme"), first("#2", **cells)))
    orders.ship(shop, number="1001")
    settlement.cancel(shop, number="1002")
    shipped, cancelled = rows(exported(shop, "shopify"))
    assert (shipped["Fulfillment Status"], shipped["Lineitem fulfillment status"]) == ("fulfilled", "fulfilled")
    assert (shipped["Outstanding Balance"], shipped["Vendor"], shipped["Cancelled at"]) == ("0.00", "Acme", "")
    assert cancelled["Cancelled at"]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([first(fulfillment_status="partial")], (2, "Fulfillment Status", "partial", "shipped in part")),
        ([first(fulfillment_status="gone")], (2, "Fulfillment Status", "gone", "none of")),
        ([first(financial_status="gone")], (2, "Financial Status", "gone", "none of")),
        ([first(cancelled_at="2026-01-03 04:04:05 +0100")], (2, "Cancelled at", "2026-01-03 04:04:05 +0100", "cannot")),
        ([first(total="11.00")], (2, "Total", "11.00", "is neither Subtotal 10.00 + Shipping 0.00 + Taxes 0.00")),
        ([first(subtotal="11.00")], (2, "Subtotal", "11.00", "more than the line items, which are 10.00")),
        ([first(taxes="1.00", tax_1_name="A", tax_1_value="0.90")], (2, "Taxes", "1.00", "Tax 1 to 5, which is 0.90")),
        ([first(total="")], (2, "Total", "", "has a total")),
        ([first(total="1e3")], (2, "Total", "1e3", "decimal number")),
        ([first(currency="EUR")], (2, "Currency", "EUR", "the shop's currency is USD")),
        ([first(created_at="2026-01-02 04:04:05")], (2, "Created at", "2026-01-02 04:04:05", "with its offset")),
        ([first(created_at="")], (2, "Created at", "", "is missing")),
        ([first(paid_at="soon")], (2, "Paid at", "soon", "is not a time")),
        ([first(lineitem_quantity="")], (2, "Lineitem quantity", "", "is not a number")),
        ([first(lineitem_quantity="0.5", subtotal="5.00", total="5.00")], (2, "Lineitem quantity", "0.5", "whole number")),
        ([first(lineitem_price="x")], (2, "Lineitem price", "x", "is not a number")),
        ([first(lineitem_taxable="x")], (2, "Lineitem taxable", "x", "neither true nor false")),
        ([first(email="nobody")], (2, "Email", "nobody", "is not an e-mail address")),
        ([first(shipping_country="Germany")], (2, "Shipping Country", "Germany", "two letters")),
        ([first(notes="card 4111111111111111")], (2, "Notes", "", "card number")),
        ([first(financial_status="refunded", refunded_amount="11.00")], (2, "Refunded Amount", "11.00", "was captured")),
        ([first(total="15.00", subtotal="15.00"), later(currency="EUR")], (3, "Currency", "EUR", "its order's line 2")),
        ([first(), {**later(), "Name": ""}], (3, "Name", "", "names its order")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(shop: Shop, found: list[dict[str, str]], told: tuple[Any, ...]) -> None:
    report = refused(shop, shopify(*found, first("#2")))
    line, column, value, reason = next(one for one in report if one[1] != "(row)")
    assert (line, column, value) == told[:3]
    assert told[3] in reason
    assert {one[0] for one in report} == set(range(2, 2 + len(found)))
    assert [record["reference"] for record in records(shop)] == ["#2"]


def test_ragged_rows_refuse_their_order(shop: Shop) -> None:
    file = shopify(first(subtotal="15.00", total="15.00"), later()).rstrip().removesuffix(",") + "\r\n"
    assert [one[:3] for one in refused(shop, file)] == [(2, "(row)", "#1"), (3, "(row)", "78 cells")]


def test_columns_are_found_whatever_their_case(shop: Shop) -> None:
    header, _, rest = shopify(first()).partition("\r\n")
    assert taken(shop, f"{header.upper()}\r\n{rest}").orders_created == 1
