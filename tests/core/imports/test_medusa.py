"""Medusa's product CSV: a row a variant, prices by currency and region, commas or semicolons."""

from __future__ import annotations

import pytest

from shopctl.core import catalog
from shopctl.core.shop import Shop

from .conftest import NewShop
from .helpers import accepted, catalogue, everything, exported, only, refused
from .sheets import differences, imported_again, out, rows_of, sheet

Row = dict[str, str]


def row(value: str = "M", **cells: str) -> Row:
    """A variant as Medusa writes it; keywords are columns."""
    product = {"Product Id": "prod_1", "Product Handle": "tee", "Product Title": "Tee", "Product Status": "published"}
    product |= {"Product Description": "one\ntwo", "Product Thumbnail": "a.png", "Product Discountable": "true"}
    product |= {"Product Image 1": "a.png", "Product Image 2": "b.png", "Product Tag 1": "123", "Product Tag 2": ""}
    variant = {"Variant Id": f"variant_{value}", "Variant Title": value, "Variant Sku": f"TEE-{value}"}
    variant |= {"Variant Ean": "", "Variant Barcode": "", "Variant Weight": "", "Variant Manage Inventory": "true"}
    variant |= {"Variant Allow Backorder": "false", "Variant Option 1 Name": "size", "Variant Option 1 Value": value}
    variant |= {"Variant Price USD": "100", "Variant Price EUR": "", "Variant Product Id": "prod_1"}
    return {**product, **variant, **{name.replace("_", " "): cell for name, cell in cells.items()}}


def test_a_product(shop: Shop) -> None:
    first = row(**{"Variant Ean": "4006381333931", "Variant Weight": "250.4", "Variant Allow Backorder": "TRUE"})
    report = accepted(shop, sheet(first, row("L", **{"Variant Manage Inventory": "false"})))
    assert (report.format, report.products_created, report.variants) == ("medusa", 1, 2)
    product = only(shop)
    assert (product["handle"], product["title"], product["status"]) == ("tee", "Tee", "active")
    assert (product["description"], product["tags"]) == ("one\ntwo", ["123"])
    assert product["image_urls"] == ["a.png", "b.png"]
    one, two = product["variants"]
    assert (one["sku"], one["options"], one["price"]) == ("TEE-M", {"size": "M"}, "100.00")
    assert (one["barcode"], one["weight_grams"], one["backorder_limit"]) == ("4006381333931", 250, 10**9)
    assert (one["tracked"], two["tracked"]) == (True, False)


@pytest.mark.parametrize(
    ("cells", "field", "value"),
    [
        ({"Variant_Option_1_Name": "Default option", "Variant_Option_1_Value": "Default option value"}, "options", {}),
        ({"Product_Weight": "70"}, "weight_grams", 70),
        ({"Product_Weight": "70", "Variant_Weight": "80"}, "weight_grams", 80),
        ({"Variant_Barcode": "1", "Variant_Ean": "2"}, "barcode", "1"),
        ({"Variant_Upc": "3"}, "barcode", "3"),
        ({"Variant_Manage_Inventory": ""}, "tracked", True),
        ({"Variant_Image_1": "v.png"}, "image_urls", ["v.png"]),
        ({"Variant_Sku": ""}, "sku", "TEE-M"),
    ],
)
def test_what_cells_mean(shop: Shop, cells: Row, field: str, value: object) -> None:
    accepted(shop, sheet(row(**cells)))
    assert only(shop)["variants"][0][field] == value
    assert imported_again(shop, "medusa") == (0, 0, 1)


@pytest.mark.parametrize(
    ("word", "status"),
    [("published", "active"), ("draft", "draft"), ("Proposed", "draft"), ("rejected", "archived"), ("", "draft")],
)
def test_statuses(shop: Shop, word: str, status: str) -> None:
    file = sheet(row(Product_Status=word))
    accepted(shop, file)
    assert only(shop)["status"] == status
    assert out(shop, "medusa")[0]["Product Status"] == word


def test_opening_stock(shop: Shop) -> None:
    assert accepted(shop, sheet(row(Variant_Inventory_Quantity="7.0"))).opening_units == 7


# --- prices --------------------------------------------------------------------------------------------------------
def test_other_prices_are_kept_and_reported(shop: Shop) -> None:
    prices = {"Variant Price EUR": "90", "Variant Price DKK": "700", "Variant Price Nordics [EUR]": "95"}
    report = accepted(shop, sheet(row(**prices)))
    assert report.notes == ["prices in EUR, DKK, Nordics (EUR) were kept but are not used"]
    assert [v["price"] for v in only(shop)["variants"]] == ["100.00"]
    (found,) = out(shop, "medusa")
    assert {name: found[name] for name in prices} == prices


def test_the_shops_currency_is_the_price(new_shop: NewShop) -> None:
    shop = new_shop("EUR")
    report = accepted(shop, sheet(row(**{"Variant Price EUR": "90"})).replace("Price EUR", "price eur"))
    assert [v["price"] for v in only(shop)["variants"]] == ["90.00"]
    assert "USD" in report.notes[0]


def test_prices_in_other_currencies_only(new_shop: NewShop) -> None:
    shop = new_shop("GBP")
    good = row(Product_Handle="b", Variant_Sku="B") | {"Variant Price GBP": "1"}
    told = refused(shop, sheet(row(), row("L", **{"Variant Price USD": "", "Variant Price EUR": "9"}), good))
    assert [(line, column, value) for line, column, value, _ in told] == [
        (2, "Variant Price USD", "100"),
        (4, "Variant Price EUR", "9"),
    ]
    assert [reason for _, _, _, reason in told] == [
        "has prices in USD only; the shop's currency is GBP",
        "has prices in EUR only; the shop's currency is GBP",
    ]
    assert list(catalogue(shop)) == ["b"]


def test_a_blank_price_among_others(shop: Shop) -> None:
    blank = row("L", **{"Variant Price USD": "", "Variant Price EUR": "9"})
    (told,) = refused(shop, sheet(row(), blank))
    assert told == (4, "Variant Price USD", "", "a variant needs a price")
    assert [v["sku"] for v in only(shop)["variants"]] == ["TEE-M"]


# --- what does not go in -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ({"Variant_Option_1_Name": ""}, "Variant Option 1 Value", "has no name"),
        ({"Variant_Option_1_Value": ""}, "Variant Option 1 Value", "needs a value"),
        ({"Variant_Option_2_Name": "size", "Variant_Option_2_Value": "x"}, "Variant Option 2 Name", "stands twice"),
        ({"Variant_Option_1_Value": "M"}, "Variant Option 1 Value", "these options are those of TEE-M"),
        ({"Variant_Manage_Inventory": "maybe"}, "Variant Manage Inventory", "neither true nor false"),
        ({"Variant_Weight": "1kg"}, "Variant Weight", "not a weight"),
        ({"Variant_Price_USD": "1.005"}, "Variant Price USD", "more decimals"),
        ({"Variant_Sku": "TEE-M"}, "Variant Sku", "stands in line 2 already"),
        ({"Product_Title": "Other"}, "Product Title", "differs from the product's first row"),
        ({"Variant_Inventory_Quantity": "-1"}, "Variant Inventory Quantity", "less than 0"),
    ],
)
def test_a_row_that_is_refused(shop: Shop, cells: Row, column: str, reason: str) -> None:
    told = refused(shop, sheet(row(), row("L", **cells)))
    assert told[0][:2] == (4, column)
    assert reason in told[0][3]
    assert [v["sku"] for v in only(shop)["variants"]] == ["TEE-M"]


def test_a_product_that_is_refused(shop: Shop) -> None:
    told = refused(shop, sheet(row(Product_Status="gone"), row("L", Product_Status="gone")))
    assert [(line, column) for line, column, _, _ in told] == [(2, "Product Status"), (4, "Product Handle")]
    assert refused(shop, sheet(row(Product_Handle="", Product_Title="")))[0][1] == "Product Handle"


def test_ragged_rows(shop: Shop) -> None:
    (told,) = refused(shop, sheet(row()) + "prod_1,tee\n")
    assert (told[0], told[1]) == (4, "(row)")


# --- what comes out ------------------------------------------------------------------------------------------------
FULL = (
    row(**{"Product Type Id": "t", "Variant Ean": "1", "Product Weight": "70", "Product Status": "proposed"}),
    row(
        "L", **{"Product Type Id": "", "Product Weight": "70", "Product Status": "proposed", "Variant Weight": "250.4"}
    ),
    row("X", **{"Product Handle": "-x", "Variant Price USD": "1,5", "Variant Price EUR": "9", "Other": "x"}),
)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_file_comes_out_as_it_went_in(shop: Shop, new_shop: NewShop, delimiter: str) -> None:
    file = sheet(*FULL, delimiter=delimiter)
    accepted(shop, file)
    before = everything(shop)
    found = [cells | {"Product Handle": cells["Product Handle"].lstrip("'")} for cells in out(shop, "medusa")]
    assert differences(FULL, found, "Variant Id") == []
    assert imported_again(shop, "medusa") == (0, 0, 2)
    assert accepted(shop, file).products_unchanged == 2
    assert everything(shop) == before
    other = new_shop()
    accepted(other, exported(shop, "medusa"))
    assert catalogue(other) == catalogue(shop)


def test_what_was_edited_comes_out_edited(shop: Shop) -> None:
    accepted(shop, sheet(*FULL))
    catalog.edit(shop, name="tee", said={"status": "active", "tags": ["new", "er"], "image_urls": []})
    catalog.edit(shop, name="TEE-M", said={"barcode": "9", "price": 5, "weight_grams": 71})
    one, two, _ = sorted(rows_of(exported(shop, "medusa")), key=lambda cells: "MLX".index(cells["Variant Id"][-1]))
    assert (one["Product Status"], one["Product Tag 1"], one["Product Tag 2"]) == ("published", "new", "er")
    assert (one["Product Image 1"], one["Variant Barcode"], one["Variant Ean"]) == ("", "9", "")
    assert (one["Variant Price USD"], one["Variant Weight"], two["Variant Weight"]) == ("0.05", "71", "250.4")
    assert imported_again(shop, "medusa")[0] == 0
    assert imported_again(shop, "medusa") == (0, 0, 2)
