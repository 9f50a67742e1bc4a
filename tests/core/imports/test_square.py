"""Square's item library: which row is what, what its columns mean, and that it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from shopctl.core import catalog
from shopctl.core.errors import BadInput
from shopctl.core.imports.products import import_products
from shopctl.core.shop import Shop

from .conftest import NewShop
from .helpers import accepted, catalogue, exported, lines, only, refused
from .platforms import comes_back, sheet, table

Cells = dict[str, str]

COLUMNS = (
    *("Reference Handle", "Token", "Item Name", "Variation Name", "SKU", "Description", "Categories"),
    *("Reporting Category", "GTIN", "Square Online Item Visibility", "Item Type", "Weight (lb)", "Price"),
    *("Online Sale Price", "Archived", "Sellable", "Stockable", "Option Name 1", "Option Value 1", "Option Name 2"),
    *("Option Value 2", "Enabled Main St", "Current Quantity Main St", "New Quantity Main St", "Price Main St"),
    *("Current Quantity Pier 4", "Tax - City (5%)", "Tax - State (2%)"),
)
ITEM = {"Item Name": "Tee", "Variation Name": "Regular", "SKU": "T", "Price": "5", "Archived": "N", "Sellable": "Y"}
ITEM |= {"Stockable": "Y", "Current Quantity Main St": "3", "Item Type": "Physical good", "Token": "TOK"}
ITEM |= {"Square Online Item Visibility": "Visible"}
SMALL = ITEM | {"Variation Name": "Small", "SKU": "T-S"}
LARGE = ITEM | {"Variation Name": "Large", "SKU": "T-L"}


def file(*rows: Cells) -> str:
    return sheet(COLUMNS, *rows)


def test_a_library_comes_back(shop: Shop) -> None:
    tee = {"Description": "Soft, warm", "Categories": "Apparel, Sale", "Reporting Category": "Apparel"}
    tee |= {"Tax - City (5%)": "Y", "Tax - State (2%)": "N", "Weight (lb)": ".5", "Online Sale Price": "4"}
    told = comes_back(
        shop,
        "square",
        file(
            SMALL | tee | {"Enabled Main St": "Y", "Current Quantity Pier 4": "2", "GTIN": "012345678905"},
            LARGE | tee | {"Description": "", "Price Main St": "5.50", "Tax - City (5%)": "N"},
        ),
    )
    assert len(told) == 2
    product = only(shop)
    assert (product["handle"], product["description"], product["category"]) == ("tee", "Soft, warm", "Apparel")
    small, large = product["variants"]
    assert (small["options"], large["options"]) == ({"Variation": "Small"}, {"Variation": "Large"})
    assert (small["barcode"], small["weight_grams"], small["taxable"]) == ("012345678905", 227, True)
    assert large["taxable"] is False


def test_what_the_report_tells(shop: Shop) -> None:
    more = {"Online Sale Price": "4", "New Quantity Main St": "9", "Current Quantity Pier 4": "2"}
    report = accepted(shop, file(ITEM | more))
    assert (report.format, report.opening_units, report.ignored) == ("square", 5, [])
    assert report.notes == [
        "Online Sale Price: kept for an export, not used; a variant has one price",
        "Stock at Main St, Pier 4 is booked as one",
        "New Quantity Main St: kept for an export, not used beside the current quantity",
    ]


@pytest.mark.parametrize(
    "cells",
    [
        {"Variation Name": ""},
        {"Variation Name": "regular"},
        {"Variation Name": "Small"},
        {"Option Name 1": "Size", "Option Value 1": "M", "Variation Name": "Medium"},
        {"Option Name 1": "Size", "Option Value 1": "M", "Option Name 2": "Colour", "Option Value 2": "Red"},
        {"Option Name 1": "Variation", "Option Value 1": "M"},
        {"Reference Handle": "#coat"},
        {"Reference Handle": "coat"},
        {"Archived": "Y"},
        {"Archived": "yes"},
        {"Archived": "", "Sellable": "", "Stockable": ""},
        {"Square Online Item Visibility": "unavailable"},
        {"Square Online Item Visibility": ""},
        {"Item Type": "Digital"},
        {"Item Type": "Prepared food and beverage"},
        {"Item Type": ""},
        {"Categories": "A>B"},
        {"Categories": "A, B"},
        {"Reporting Category": "A"},
        {"Weight (lb)": "0"},
        {"Weight (lb)": "1.250"},
        {"Current Quantity Main St": ""},
        {"Current Quantity Main St": "0"},
        {"Stockable": "N"},
        {"Tax - City (5%)": "N", "Tax - State (2%)": "N"},
    ],
    ids=str,
)
def test_other_words_for_the_same_come_back(shop: Shop, cells: Cells) -> None:
    comes_back(shop, "square", file(ITEM | cells))


@pytest.mark.parametrize(
    ("cells", "field", "expected"),
    [
        ({}, "options", {}),
        ({"Variation Name": "Small"}, "options", {"Variation": "Small"}),
        ({"Option Name 1": "Size", "Option Value 1": "M"}, "options", {"Size": "M"}),
        ({"Weight (lb)": "2"}, "weight_grams", 907),
        ({"Item Type": "Digital"}, "requires_shipping", False),
        ({"Current Quantity Main St": ""}, "tracked", False),
        ({"Stockable": "N"}, "tracked", False),
        ({"Current Quantity Main St": "", "New Quantity Main St": "4"}, "tracked", True),
        ({"Tax - City (5%)": "N"}, "taxable", False),
        ({"Tax - City (5%)": "N", "Tax - State (2%)": "Y"}, "taxable", True),
        ({}, "taxable", True),
    ],
    ids=str,
)
def test_what_a_variation_means(shop: Shop, cells: Cells, field: str, expected: Any) -> None:
    accepted(shop, file(ITEM | cells))
    assert only(shop)["variants"][0][field] == expected


@pytest.mark.parametrize(
    ("cells", "field", "expected"),
    [
        ({"Archived": "Y"}, "status", "archived"),
        ({"Square Online Item Visibility": "Hidden"}, "status", "draft"),
        ({}, "status", "active"),
        ({"Categories": "A > B, C"}, "category", "A > B"),
        ({"Categories": "A, C", "Reporting Category": "C"}, "category", "C"),
        ({"Reference Handle": "#coat"}, "handle", "coat"),
    ],
    ids=str,
)
def test_what_an_item_means(shop: Shop, cells: Cells, field: str, expected: str) -> None:
    accepted(shop, file(ITEM | cells))
    assert only(shop)[field] == expected


def test_a_file_of_the_older_layout(shop: Shop) -> None:
    columns = "Token,Item Name,Variation Name,SKU,Description,Category,Price,Current Quantity Shop,New Quantity Shop\n"
    told = comes_back(shop, "square", columns + "A,Apple,Regular,AP,Red,Fruit,1.00,5,\nB,Plum,,PL,,,1.5,,\n")
    assert [row["categories"] for row in told] == ["Fruit", ""]
    assert catalogue(shop)["apple"]["category"] == "Fruit"
    report = accepted(shop, columns + "C,Pear,Regular,PE,,,1,,7\n")
    assert report.opening_units == 7
    assert table(exported(shop, "square"))[1]["current quantity shop"] == "7"
    assert accepted(shop, exported(shop, "square")).products_unchanged == 3


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("Price", "variable", "has no fixed price"),
        ("Price", "", "a variant needs a price"),
        ("Price", "1,00", "'1,00' is not a decimal amount such as 19.99"),
        ("Sellable", "N", "is not for sale"),
        ("Sellable", "maybe", "is neither Y nor N"),
        ("Stockable", "maybe", "is neither Y nor N"),
        ("Tax - City (5%)", "maybe", "is neither Y nor N"),
        ("Variation Name", "", "an item with several variations needs their names"),
        ("Variation Name", "Small", "these options are those of T-S"),
        ("Option Value 1", "M", "its option has no name"),
        ("Option Name 1", "Size", "a variation of this item needs a value for its option 'Size'"),
        ("Current Quantity Main St", "-3", "is less than 0"),
        ("Current Quantity Main St", "1.5", "is not a whole number"),
        ("Weight (lb)", "1,5", "is not a weight such as 0.25"),
        ("Categories", "Other", "differs from the product's first row, line 2"),
        ("SKU", "T-S", "this SKU stands in line 2 already"),
    ],
)
def test_a_bad_row_is_refused_by_itself(shop: Shop, column: str, cell: str, reason: str) -> None:
    sale = {"Categories": "Sale"}
    third = ITEM | sale | {"Variation Name": "Third", "SKU": "T-3"}
    told = refused(shop, file(SMALL | sale, LARGE | sale | {column: cell}, third))
    named = "Option Value 1" if column == "Option Name 1" else column
    shown = "" if named != column else f"Variation={cell}" if "these options" in reason else cell
    assert told == [(3, named, shown, reason)]
    assert [v["sku"] for v in only(shop)["variants"]] == ["T-S", "T-3"]


def test_a_bad_item_is_refused_as_a_whole(shop: Shop) -> None:
    told = refused(shop, file(SMALL | {"Archived": "maybe"}, LARGE | {"Archived": "maybe"}))
    assert told == [
        (2, "Archived", "maybe", "is neither Y nor N"),
        (3, "Reference Handle", "tee", "its product is refused, see line 2"),
    ]
    assert refused(shop, file(ITEM | {"Item Name": ""}))[0][3] == "a row needs a handle, or a title"
    assert catalogue(shop) == {}


def test_a_ragged_row_costs_no_other(shop: Shop) -> None:
    text = file(SMALL, LARGE)
    broken = text.replace("TOK,", "TOK,,", 1)
    ((line, column, _, reason),) = refused(shop, broken)
    assert (line, column) == (2, "(row)")
    assert "never guessed" in reason
    assert [v["sku"] for v in only(shop)["variants"]] == ["T-L"]


def test_items_of_one_name(shop: Shop) -> None:
    hat = ITEM | {"Item Name": "Hat", "SKU": "H"}
    told = refused(shop, file(SMALL, hat, LARGE))
    assert told[0][:3] == (4, "Reference Handle", "tee")
    assert "stands in line 2 already" in told[0][3]
    accepted(shop, file(*(ITEM | {"Reference Handle": f"#{n}", "SKU": f"N-{n}"} for n in "ab")))
    assert {"a", "b"} <= catalogue(shop).keys()


def test_an_item_that_was_renamed_is_known_by_its_skus(shop: Shop) -> None:
    accepted(shop, file(SMALL, LARGE))
    assert accepted(shop, file(*(row | {"Item Name": "Shirt"} for row in (SMALL, LARGE)))).products_updated == 1
    assert (only(shop)["handle"], only(shop)["title"]) == ("tee", "Shirt")
    assert table(exported(shop, "square"))[0]["reference handle"] == "#tee"


def test_a_file_without_item_names(shop: Shop) -> None:
    with pytest.raises(BadInput, match="Item Name column"):
        import_products(shop, "handle,title\na,A\n", format="square")


def test_what_changes_here_shows(shop: Shop) -> None:
    tee = {"Categories": "A, B", "Weight (lb)": ".5", "Tax - City (5%)": "Y", "Current Quantity Pier 4": "2"}
    accepted(shop, file(ITEM | tee))
    said = {"title": "Coat", "category": "C", "status": "archived"}
    catalog.edit(shop, name="tee", said=said)
    catalog.edit(
        shop, name="T", said={"price": 900, "weight_grams": 1000, "taxable": False, "requires_shipping": False}
    )
    (row,) = table(exported(shop, "square"))
    assert [row[name] for name in ("reference handle", "item name", "categories", "archived")] == [
        "#tee",
        "Coat",
        "C",
        "Y",
    ]
    assert [row[name] for name in ("price", "weight (lb)", "tax - city (5%)", "item type")] == [
        "9",
        "2.204623",
        "N",
        "Digital",
    ]
    assert [row[name] for name in ("current quantity main st", "current quantity pier 4", "token")] == ["3", "2", "TOK"]
    assert accepted(shop, exported(shop, "square")).variants == 1
    assert only(shop)["title"] == "Coat"


def test_products_from_elsewhere_come_back(new_shop: NewShop) -> None:
    shop, other = new_shop(), new_shop()
    options = [{"Size": "M", "Colour": "Red"}, {"Size": "L", "Colour": "=1"}]
    variants: list[dict[str, Any]] = [
        {"options": o, "price": "0.50", "weight_grams": n + 1, "tracked": not n, "requires_shipping": bool(n)}
        for n, o in enumerate(options)
    ]
    variants[0] |= {"quantity": 4, "barcode": "-5"}
    tee = {
        "handle": "x",
        "title": "=Tee",
        "description": "+1",
        "category": "A > B",
        "status": "draft",
        "variants": variants,
    }
    named = [{"options": {"Variation": name}, "price": "1"} for name in ("Regular", "Big")]
    accepted(shop, lines(tee, {"title": "Plain", "variants": [{"price": "1"}]}, {"title": "Two", "variants": named}))
    out = exported(shop, "square")
    assert accepted(shop, out).products_unchanged == 3
    accepted(other, out)
    assert catalogue(other) == catalogue(shop)
    assert exported(other, "square") == out
    assert ",=" not in out
