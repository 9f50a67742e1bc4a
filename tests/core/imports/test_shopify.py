"""Shopify's classic product CSV: which row is what, and what its columns mean."""

from __future__ import annotations

import pytest

from shopctl.core.errors import BadInput
from shopctl.core.imports.products import import_products
from shopctl.core.shop import Shop

from .helpers import accepted, catalogue, only, refused

HEADER = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,"
    "Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,"
    "Variant Compare At Price,Variant Requires Shipping,Variant Taxable,Variant Barcode,Image Src,Image Position,"
    "Variant Image,Variant Weight Unit,Price / International,Status"
)
COLUMNS = HEADER.split(",")
FIRST = {"Handle": "tee", "Title": "Tee", "Option1 Name": "Title", "Option1 Value": "Default Title"}
FIRST |= {"Variant Price": "5", "Variant Inventory Tracker": "shopify"}


def file(*rows: dict[str, str], without: tuple[str, ...] = ()) -> str:
    columns = [name for name in COLUMNS if name not in without]
    cells = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    return "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in cells)


def size(value: str, **more: str) -> dict[str, str]:
    named = {name.replace("_", " "): cell for name, cell in more.items()}
    return {"Handle": "tee", "Option1 Value": value, "Variant Price": "5", "Variant Inventory Tracker": "x"} | named


def test_a_product_with_variants_and_images(shop: Shop) -> None:
    first = FIRST | {"Option1 Name": "Size", "Option1 Value": "M", "Option2 Name": "Colour", "Option2 Value": "Red"}
    first |= {"Body (HTML)": "<p>b</p>", "Vendor": "Acme", "Type": "Shirts", "Tags": "a, b", "Variant SKU": "T-M"}
    first |= {"Image Src": "u3", "Image Position": "3", "Variant Image": "v", "Variant Barcode": "123"}
    second = size("L", Option2_Value="Red", Image_Src="u1", Image_Position="1", Variant_Taxable="FALSE")
    third = {"Handle": "tee", "Image Src": "u2", "Image Position": "2"}
    last = {"Handle": "tee", "Image Src": "u4"}
    report = accepted(shop, file(first, second, third, last).upper().replace("TEE", "tee").encode())
    assert (report.format, report.rows, report.products_created, report.variants) == ("shopify", 4, 1, 2)
    product = only(shop)
    assert product["description"] == "<P>B</P>"
    assert (product["title"], product["brand"], product["category"]) == ("tee", "ACME", "SHIRTS")
    assert (product["tags"], product["image_urls"]) == (["A", "B"], ["U1", "U2", "U3", "U4"])
    one, two = product["variants"]
    assert (one["sku"], one["options"], one["barcode"], one["image_urls"]) == (
        "T-M",
        {"SIZE": "M", "COLOUR": "RED"},
        "123",
        ["V"],
    )
    assert (one["taxable"], two["taxable"], two["options"]) == (True, False, {"SIZE": "L", "COLOUR": "RED"})


def test_default_title_means_no_options(shop: Shop) -> None:
    accepted(shop, file(FIRST))
    assert [(v["options"], v["sku"]) for v in only(shop)["variants"]] == [({}, "TEE")]


@pytest.mark.parametrize(
    ("published", "status", "expected"),
    [
        ("TRUE", "", "active"),
        ("FALSE", "", "draft"),
        ("FALSE", "active", "draft"),
        ("false", "archived", "archived"),
        ("TRUE", "draft", "draft"),
        ("TRUE", "Archived", "archived"),
        ("", "", "active"),
    ],
)
def test_published_and_status(shop: Shop, published: str, status: str, expected: str) -> None:
    accepted(shop, file(FIRST | {"Published": published, "Status": status}))
    assert only(shop)["status"] == expected


def test_the_tracker(shop: Shop) -> None:
    blank = FIRST | {"Variant Inventory Tracker": "", "Variant Inventory Qty": "4"}
    report = accepted(shop, file(blank))
    assert (report.untracked, report.opening_untracked, report.opening_units) == (1, 1, 0)
    assert only(shop)["variants"][0]["tracked"] is False
    other = FIRST | {"Handle": "hat", "Title": "Hat", "Variant Inventory Qty": "4"}
    report = accepted(shop, file(other, without=("Variant Inventory Tracker", "Variant Inventory Policy")))
    assert (report.untracked, report.opening_units) == (0, 4)
    assert [catalogue(shop)["hat"]["variants"][0][name] for name in ("tracked", "backorder_limit")] == [True, 0]


@pytest.mark.parametrize(("policy", "limit"), [("", 0), ("deny", 0), ("CONTINUE", 10**9)])
def test_the_policy(shop: Shop, policy: str, limit: int) -> None:
    accepted(shop, file(FIRST | {"Variant Inventory Policy": policy}))
    assert only(shop)["variants"][0]["backorder_limit"] == limit


@pytest.mark.parametrize(("grams", "weight"), [("145", 145), ("226.796185", 227), ("0.5", 1), ("", 0)])
def test_grams_are_grams_whatever_the_unit_says(shop: Shop, grams: str, weight: int) -> None:
    accepted(shop, file(FIRST | {"Variant Grams": grams, "Variant Weight Unit": "oz"}))
    assert only(shop)["variants"][0]["weight_grams"] == weight


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("Variant Price", "", "a variant needs a price"),
        ("Variant Price", "1,00", "'1,00' is not a decimal amount such as 19.99"),
        ("Variant Compare At Price", "x", "'x' is not a decimal amount such as 19.99"),
        ("Variant Inventory Qty", "-3", "is less than 0"),
        ("Variant Inventory Qty", "1.5", "is not a whole number"),
        ("Variant Inventory Policy", "maybe", "is neither deny nor continue"),
        ("Variant Grams", "1 kg", "is not a whole number"),
        ("Variant Taxable", "maybe", "is neither true nor false"),
        ("Variant SKU", " x", "must not have invisible characters or spaces around it"),
        ("Image Position", "first", "is not a whole number"),
        ("Image Src", "u" * 2_001, "is longer than 2000 characters"),
        ("Option1 Value", "", "a variant of this product needs a value for its option 'Size'"),
        ("Option2 Value", "Red", "its option has no name on the product's first row, line 2"),
        ("Vendor", "Other", "differs from the product's first row, line 2"),
    ],
)
def test_a_bad_row_is_refused_by_itself(shop: Shop, column: str, cell: str, reason: str) -> None:
    first = FIRST | {"Option1 Name": "Size", "Option1 Value": "M", "Vendor": "Acme"}
    bad = size("L", Image_Src="u") | {column: cell}
    ((line, where, what, why),) = refused(shop, file(first, bad, size("S")))
    assert (line, where, what[:199], why) == (3, column, cell[:199], reason)
    assert [v["options"]["Size"] for v in only(shop)["variants"]] == ["M", "S"]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("Title", "", "is empty"),
        ("Status", "live", "is none of 'draft', 'active' or 'archived'"),
        ("Published", "maybe", "is neither TRUE nor FALSE"),
        ("Type", "A > ", "has an empty part; write A > B"),
        ("Option2 Name", "Size", "this option stands twice"),
    ],
)
def test_a_bad_first_row_refuses_the_product(shop: Shop, column: str, cell: str, reason: str) -> None:
    first = FIRST | {"Option1 Name": "Size", "Option1 Value": "M", column: cell}
    image = {"Handle": "tee", "Image Src": "u"}
    told = refused(shop, file(first, size("L"), image))
    assert told[0] == (2, column, cell, reason)
    assert [(line, name) for line, name, _, _ in told[1:]] == [(3, "Handle"), (4, "Handle")]
    assert catalogue(shop) == {}


def test_a_repeated_sku(shop: Shop) -> None:
    first = FIRST | {"Option1 Name": "Size", "Option1 Value": "M", "Variant SKU": "T"}
    hat = FIRST | {"Handle": "hat", "Title": "Hat", "Variant SKU": "T"}
    assert refused(shop, file(first, size("L", Variant_SKU="T"), hat)) == [
        (3, "Variant SKU", "T", "this SKU stands in line 2 already"),
        (4, "Variant SKU", "T", "this SKU belongs to another product"),
    ]


def test_a_row_that_says_nothing(shop: Shop) -> None:
    assert refused(shop, file(FIRST, {"Handle": "tee"})) == [(3, "(row)", "", "has neither a variant nor an image")]


def test_a_product_that_comes_back(shop: Shop) -> None:
    report = import_products(shop, file(FIRST, FIRST | {"Handle": "hat"}, {"Handle": "tee", "Image Src": "u"}))
    told = [(r.line, r.column, r.value, r.reason) for r in report.refusals]
    assert (4, "Handle", "tee", "rows of one product must stand together; tee began at line 2") in told
    assert only(shop) if len(catalogue(shop)) == 1 else catalogue(shop)["tee"]["image_urls"] == []


def test_columns_of_other_regions_are_kept_and_told(shop: Shop) -> None:
    hat = FIRST | {"Handle": "hat", "Title": "Hat", "Variant Weight Unit": "kg"}
    report = accepted(shop, file(FIRST | {"Price / International": "9"}, hat))
    assert report.ignored == []
    assert report.notes == ["Price / International: kept for an export, not used; a variant has one price"]
    kept = {handle: p["variants"][0]["extra"]["shopify"] for handle, p in catalogue(shop).items()}
    assert kept["tee"]["Price / International"] == "9"
    assert kept["hat"]["Variant Weight Unit"] == "kg"


def test_the_product_category_comes_before_the_type(shop: Shop) -> None:
    accepted(shop, "Handle,Title,Product Category,Type,Variant Price\na,A,X > Y,T,1\nb,B,,T,1\n")
    assert {handle: p["category"] for handle, p in catalogue(shop).items()} == {"a": "X > Y", "b": "T"}


def test_a_file_of_prices_changes_prices_only(shop: Shop) -> None:
    first = FIRST | {"Option1 Name": "Size", "Option1 Value": "M", "Variant SKU": "T-M", "Vendor": "Acme"}
    accepted(shop, file(first | {"Image Src": "u", "Variant Weight Unit": "kg", "Status": "draft"}))
    before = only(shop)
    accepted(shop, "Handle,Variant SKU,Variant Price\ntee,T-M,7\n")
    before["variants"][0]["price"] = "7.00"
    assert only(shop) == before


def test_columns_without_a_name_of_their_own_are_ignored(shop: Shop) -> None:
    assert accepted(shop, "Handle,Title,Variant Price,,Note\na,A,1,x,y\n").ignored == ["column 4"]
    assert only(shop)["extra"] == {"shopify": {"Note": "y"}}
    for name in ("Title", "Note"):
        with pytest.raises(BadInput, match="more than once"):
            import_products(shop, f"Handle,Title,Variant Price,Note,{name.upper()}\na,A,1,y,A\n")


@pytest.mark.parametrize(("cell", "limit"), [("", 10**9), ("5", 5)])
def test_our_own_column_says_how_far(shop: Shop, cell: str, limit: int) -> None:
    accepted(shop, f"Handle,Title,Variant Price,Variant Inventory Policy,Backorder limit\na,A,1,continue,{cell}\n")
    assert only(shop)["variants"][0]["backorder_limit"] == limit


def test_formulas_are_unquoted(shop: Shop) -> None:
    accepted(shop, file(FIRST | {"Title": "'=1+1", "Vendor": "'@x", "Variant Barcode": "'0123", "Type": "'-a"}))
    found = only(shop)
    assert (found["title"], found["brand"], found["category"]) == ("=1+1", "@x", "-a")
    assert found["variants"][0]["barcode"] == "'0123"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_other_spreadsheets(shop: Shop, end: str) -> None:
    text = file(FIRST).replace(",", ";").replace("\n", end)
    assert accepted(shop, b"\xef\xbb\xbf" + text.encode()).variants == 1
    assert only(shop)["handle"] == "tee"


def test_a_ragged_row(shop: Shop) -> None:
    first = FIRST | {"Option1 Name": "Size", "Option1 Value": "M"}
    text = file(first, size("L"), size("S"))
    short = text.replace('"L"', '"L","x"')
    ((line, column, _, reason),) = refused(shop, short)
    assert (line, column) == (3, "(row)")
    assert "never guessed" in reason
    assert [v["options"]["Size"] for v in only(shop)["variants"]] == ["M", "S"]
