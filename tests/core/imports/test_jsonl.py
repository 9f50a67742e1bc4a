"""JSONL: our own product line. A line is one row, and any bad part refuses the whole of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shopctl.core import catalog
from shopctl.core.errors import Refused
from shopctl.core.imports.products import import_products
from shopctl.core.imports.rows import ROW
from shopctl.core.shop import Shop

from .conftest import NewShop
from .helpers import Told, accepted, catalogue, exported, lines, only, refused


def variant(**fields: Any) -> dict[str, Any]:
    return {"price": "19.99", **fields}


def tee(**fields: Any) -> dict[str, Any]:
    return {"title": "Tee", "variants": [variant(sku="T-1")], **fields}


def test_title_and_price_are_enough(shop: Shop) -> None:
    report = accepted(shop, '{"title": "Blue Tee", "variants": [{"price": "19.99"}]}\n')
    assert (report.rows, report.products_created, report.variants, report.skus_made) == (1, 1, 1, 1)
    assert json.dumps(only(shop)) == json.dumps(
        {
            "handle": "blue-tee",
            "title": "Blue Tee",
            "description": "",
            "brand": None,
            "category": None,
            "tags": [],
            "status": "active",
            "image_urls": [],
            "variants": [
                {
                    "sku": "BLUE-TEE",
                    "options": {},
                    "price": "19.99",
                    "compare_at_price": None,
                    "currency": "USD",
                    "barcode": None,
                    "weight_grams": 0,
                    "image_urls": [],
                    "taxable": True,
                    "requires_shipping": True,
                    "tracked": True,
                    "backorder_limit": 0,
                    "low_stock": None,
                    "hold_at": None,
                }
            ],
        }
    )


@pytest.mark.parametrize(
    ("line", "column", "value", "reason"),
    [
        ("{oops", "(row)", "{oops", "is not JSON: Expecting property name"),
        ("[1]", "(row)", "[1]", "is not a JSON object"),
        ("3", "(row)", "3", "is not a JSON object"),
        ('{"title": "a", "title": "b"}', "(row)", '{"title": "a", "title": "b"}', "'title' stands twice"),
        ('{"title": "a", "weight": NaN}', "(row)", '{"title": "a", "weight": NaN}', "NaN is not a JSON number"),
        ("[" * 100_000, "(row)", "[" * 199 + "…", "nests too deeply"),
        ("1" * 5_000, "(row)", "1" * 199 + "…", "is not JSON"),
    ],
)
def test_a_line_that_is_no_product(shop: Shop, line: str, column: str, value: str, reason: str) -> None:
    ((number, where, what, why),) = refused(shop, f"{lines(tee())}\n{line}\n")
    assert (number, where, what) == (3, column, value)
    assert reason in why
    assert list(catalogue(shop)) == ["tee"]


@pytest.mark.parametrize(
    ("field", "value", "shown", "reason"),
    [
        ("title", "", "", "is empty"),
        ("title", None, "null", "is not text"),
        ("title", 7, "7", "is not text"),
        ("title", "a\x00b", "a\x00b", "holds a NUL character"),
        ("title", "x" * 100_001, "x" * 199 + "…", "is longer than 100000 characters"),
        ("handle", "", "", "is empty"),
        ("handle", "h" * 256, "h" * 199 + "…", "is longer than 255 characters"),
        ("category", "A > > B", "A > > B", "has an empty part; write A > B"),
        ("category", ">" * 30, ">" * 30, "has an empty part; write A > B"),
        ("category", ">".join("a" * 21), ">".join("a" * 21), "has more than 20 levels"),
        ("tags", "a, b", "a, b", "is not a list"),
        ("tags", ["a", 1], "1", "is not text"),
        ("image_urls", ["u" * 2_001], "u" * 199 + "…", "is longer than 2000 characters"),
        ("status", "live", "live", "is none of 'draft', 'active' or 'archived'"),
        ("variants", "none", "none", "is not a list"),
    ],
)
def test_a_bad_product_field(shop: Shop, field: str, value: Any, shown: str, reason: str) -> None:
    assert refused(shop, lines(tee(**{field: value}))) == [(1, field, shown, reason)]
    assert catalogue(shop) == {}


@pytest.mark.parametrize(
    ("field", "value", "shown", "reason"),
    [
        ("price", 19.99, "19.99", 'a price is a decimal string such as "19.99"'),
        ("price", True, "true", 'a price is a decimal string such as "19.99"'),
        ("price", None, "null", 'a price is a decimal string such as "19.99"'),
        ("price", "", "", 'is empty; a price is a decimal string such as "19.99"'),
        ("price", "1,50", "1,50", "'1,50' is not a decimal amount such as 19.99"),
        ("price", "1.999", "1.999", "'1.999' has more decimals than USD has (2)"),
        ("price", "-1", "-1", "must not be negative"),
        ("price", "9" * 17, "9" * 17, f"'{'9' * 17}' is larger than any amount a shop can hold"),
        ("compare_at_price", 1.5, "1.5", 'a price is a decimal string such as "19.99"'),
        ("currency", "EUR", "EUR", "the shop's currency is USD"),
        ("sku", "", "", "must have 1 to 128 characters"),
        ("sku", "-x", "-x", "must not begin with a dash"),
        ("sku", "a\u202eb", "a\u202eb", "must not have invisible characters or spaces around it"),
        ("options", ["M"], '["M"]', "is not an object of names and values"),
        ("options", {"": "M"}, '{"": "M"}', "an option needs a name"),
        ("options", {"Size": 5}, "5", "is not text"),
        ("options", {str(n): "" for n in range(11)}, None, "has more than 10 entries"),
        ("options", {"Size": "x" * 2_000}, None, "take more than 2000 bytes"),
        ("barcode", "1" * 65, "1" * 65, "is longer than 64 characters"),
        ("weight_grams", 1.5, "1.5", "is not a whole number"),
        ("weight_grams", -1, "-1", "is less than 0"),
        ("weight_grams", 10**9 + 1, "1000000001", "is more than 1000000000"),
        ("taxable", "perhaps", "perhaps", "is neither true nor false"),
        ("tracked", 1, "1", "is neither true nor false"),
        ("backorder_limit", 10**9 + 1, "1000000001", "is more than 1000000000"),
        ("hold_at", "never", "never", "is none of 'cart' or 'checkout'"),
        ("quantity", -1, "-1", "is less than 0"),
        ("quantity", True, "true", "is not a whole number"),
        ("image_urls", [None], "null", "is not text"),
    ],
)
def test_a_bad_variant_field_refuses_the_whole_line(
    shop: Shop, field: str, value: Any, shown: str | None, reason: str
) -> None:
    product = tee(variants=[variant(sku="T-1"), variant(sku="T-2", options={"Size": "L"}) | {field: value}])
    ((line, column, what, why),) = refused(shop, lines(product))
    assert (line, column, why) == (1, f"variants[1].{field}", reason)
    assert shown is None or what == shown
    assert catalogue(shop) == {}


def test_all_faults_of_a_line_are_told(shop: Shop) -> None:
    bad = {"title": "", "status": "x", "variants": [variant(price=1.5), 7]}
    columns = [column for _, column, _, _ in refused(shop, lines(bad))]
    assert columns == ["variants[1]", "title", "status", "variants[0].price"]


def test_unknown_keys_are_ignored_and_named_once(shop: Shop) -> None:
    report = accepted(
        shop,
        lines(
            tee(handle="a", vendor="x", variants=[variant(cost=3)]),
            tee(handle="b", vendor="y", variants=[variant(cost=4)]),
        ),
    )
    assert report.ignored == ["vendor", "variants.cost"]


def test_an_integer_price_is_a_whole_amount(shop: Shop) -> None:
    accepted(shop, lines(tee(variants=[variant(price=25)])))
    assert only(shop)["variants"][0]["price"] == "25.00"


def test_money_follows_the_shops_currency(new_shop: NewShop) -> None:
    shop = new_shop("JPY")
    assert refused(shop, lines(tee())) == [
        (1, "variants[0].price", "19.99", "'19.99' has more decimals than JPY has (0)")
    ]
    accepted(shop, lines(tee(variants=[variant(price="1999", currency="jpy")])))
    assert only(shop)["variants"][0]["currency"] == "JPY"


def test_null_and_blank_say_empty(shop: Shop) -> None:
    accepted(shop, lines(tee(brand="B", tags=["t"], category="A>B", description="d", status="draft")))
    assert only(shop)["category"] == "A > B"
    empty = dict.fromkeys(("brand", "tags", "category", "description", "status"))
    accepted(shop, lines(tee(**empty, variants=[variant(sku="T-1", currency=None, quantity=None, barcode="")])))
    product = only(shop)
    assert [product[name] for name in empty] == [None, [], None, "", "active"]
    assert product["variants"][0]["barcode"] is None


def test_what_is_not_said_stays(shop: Shop) -> None:
    accepted(shop, lines(tee(brand="Acme", variants=[variant(sku="T-1", weight_grams=5, options={"Size": "M"})])))
    report = accepted(shop, lines({"handle": "tee", "variants": [{"sku": "T-1", "price": "5"}]}))
    assert report.products_updated == 1
    product = only(shop)
    assert (product["title"], product["brand"]) == ("Tee", "Acme")
    assert product["variants"][0]["options"] == {"Size": "M"}
    assert (product["variants"][0]["price"], product["variants"][0]["weight_grams"]) == ("5.00", 5)
    accepted(shop, lines({"handle": "tee", "status": "archived"}))
    assert only(shop)["status"] == "archived"


@pytest.mark.parametrize(
    ("product", "refusal"),
    [
        ({"handle": "x", "variants": [{"price": "1"}]}, (1, "title", "", "a new product needs a title")),
        ({"variants": [{"price": "1"}]}, (1, "title", "", "is required")),
        ({"title": "X"}, (1, "variants", "", "a new product needs a variant")),
        ({"title": "X", "variants": []}, (1, "variants", "", "a new product needs a variant")),
        ({"title": "X", "variants": [{}]}, (1, "variants[0].price", "", "a new variant needs a price")),
    ],
)
def test_what_a_new_product_needs(shop: Shop, product: Any, refusal: tuple[int, str, str, str]) -> None:
    assert refused(shop, lines(product)) == [refusal]
    assert catalogue(shop) == {}


def test_a_handle_stands_once_in_a_file(shop: Shop) -> None:
    file = lines(tee(), tee(handle="other", variants=[variant()]), tee(variants=[variant(sku="T-9")]))
    reason = (
        "one product is one line; this handle stands in line 1 already (made from the title; give each product its own)"
    )
    assert refused(shop, file) == [(3, "handle", "tee", reason)]


CLASHES: list[tuple[list[dict[str, Any]], Told]] = [
    (
        [variant(sku="T-1", options={"Size": "M"}), variant(sku="T-1", options={"Size": "L"})],
        [(1, "variants[1].sku", "T-1", "this SKU stands in line 1 already")],
    ),
    (
        [variant(options={"Size": "M"}), variant(options={"Size": "M"})],
        [(1, "variants[1].options", "Size=M", "these options stand in line 1 already")],
    ),
    (
        [variant(sku="A", options={"Size": "M"}), variant(sku="B", options={"Size": "M"})],
        [(1, "variants[1].options", "Size=M", "these options are those of A")],
    ),
]


@pytest.mark.parametrize(("variants", "expected"), CLASHES)
def test_variants_that_clash_within_a_line(shop: Shop, variants: list[Any], expected: Told) -> None:
    assert refused(shop, lines(tee(variants=variants))) == expected
    assert catalogue(shop) == {}


def test_a_clash_leaves_a_known_product_as_it_was(shop: Shop) -> None:
    accepted(shop, lines(tee(), tee(title="Hat", variants=[variant(sku="H-1")])))
    before = exported(shop)
    change = tee(title="Tee", brand="New", variants=[variant(sku="T-1", price="1"), variant(sku="H-1")])
    assert refused(shop, lines(change)) == [(1, "variants[1].sku", "H-1", "this SKU belongs to another product")]
    assert exported(shop) == before


def test_options_may_move_between_variants(shop: Shop) -> None:
    first = [variant(sku="A", options={"Size": "M"})]
    accepted(shop, lines(tee(variants=first)))
    moved = [variant(sku="A", options={"Size": "L"}), variant(sku="B", options={"Size": "M"})]
    accepted(shop, lines(tee(variants=moved)))
    assert {v["sku"]: v["options"]["Size"] for v in only(shop)["variants"]} == {"A": "L", "B": "M"}


def test_a_made_sku_is_found_again(shop: Shop) -> None:
    file = lines(*(tee(handle=f"日本{n}", variants=[variant(options={"Size": s}) for s in "ML"]) for n in range(3)))
    assert accepted(shop, file).skus_made == 6
    report = accepted(shop, file)
    assert (report.products_unchanged, report.skus_made) == (3, 0)


def test_the_catalogue_refuses_a_product_without_variants(shop: Shop) -> None:
    with pytest.raises(Refused, match="needs a variant"):
        catalog.add(shop, catalog.ProductDraft("bare", {"title": "Bare"}, []))


def test_lines_are_counted_through_blanks_and_bom(shop: Shop) -> None:
    file = "\ufeff\r\n" + lines(tee()).replace("\n", "\r\n") + "\r\n{}\r\n"
    report = import_products(shop, file.encode())
    assert [refusal.line for refusal in report.refusals] == [4]
    assert (report.rows, report.rows_refused, report.products_refused) == (2, 1, 1)


@pytest.mark.parametrize(
    "bad",
    [
        tee(title="\ud800"),
        tee(handle="\udc00"),
        tee(tags=["\ud800"]),
        tee(extra={"a": {"b": "\ud800"}}),
        {**tee(), "\ud800": 1},
    ],
)
def test_half_a_character_refuses_its_row_alone(shop: Shop, bad: dict[str, Any]) -> None:
    """Nothing of it reaches the store, not even with how far the import has come."""
    report = import_products(shop, lines(bad, tee(handle="sound", variants=[{"sku": "S", "price": "1.00"}])))
    assert [(r.line, r.column, r.reason) for r in report.refusals] == [(1, ROW, "is not valid Unicode text")]
    assert list(catalogue(shop)) == ["sound"]
