"""BigCommerce's product CSV: products, the SKU rows below them, and rules, which nobody guesses."""

from __future__ import annotations

import pytest

from shopctl.core import catalog, stock
from shopctl.core.shop import Shop

from .conftest import NewShop
from .helpers import accepted, catalogue, everything, exported, only, refused
from .sheets import differences, imported_again, out, sheet

Row = dict[str, str]


def product(**cells: str) -> Row:
    usual = {"Item Type": "Product", "Product ID": "10", "Product Name": "Mug", "Product Type": "P"}
    usual |= {"Product Code/SKU": "MUG", "Brand Name": "Acme", "Product Description": "d", "Price": "12.5000"}
    usual |= {"Retail Price": "0.00", "Sale Price": "0.00", "Product Weight": "", "Allow Purchases?": "Y"}
    usual |= {"Product Visible?": "Y", "Track Inventory": "by product", "Current Stock Level": "7"}
    usual |= {"Low Stock Level": "0", "Category": "Kitchen/Mugs;Gifts", "Product UPC/EAN": "", "Product URL": "/mug/"}
    return usual | {name.replace("_", " "): cell for name, cell in cells.items()}


def tee(**cells: str) -> Row:
    usual = {"Product ID": "11", "Product Name": "Tee", "Product Code/SKU": "", "Track Inventory": "by option"}
    return product(**{**usual, "Price": "20", "Current Stock Level": "0", "Product URL": "/tee/", **cells})


def sku(name: str, code: str, **cells: str) -> Row:
    row = {"Item Type": "  SKU", "Product Name": name, "Product Code/SKU": code, "Current Stock Level": "3"}
    return row | {name.replace("_", " "): cell for name, cell in cells.items()}


def rule(name: str, code: str = "", price: str = "") -> Row:
    return {"Item Type": "  Rule", "Product Name": name, "Product Code/SKU": code, "Price": price}


M, L = sku("[S]Size=M[/S]", "TEE-M"), sku("[S]Size=L,[CS]Colour=Red:#ff0000", "TEE-L", Price="22")


def test_a_product_without_options(shop: Shop) -> None:
    images = {"Product Image File - 1": "a.jpg", "Product Image File - 2": "b.jpg", "Search Keywords": "cup, tea"}
    report = accepted(shop, sheet(product(**images, **{"Retail Price": "15", "Low Stock Level": "2"})))
    assert (report.format, report.opening_units) == ("bigcommerce", 7)
    found = only(shop)
    assert (found["handle"], found["title"], found["brand"]) == ("mug", "Mug", "Acme")
    assert (found["category"], found["tags"], found["image_urls"]) == (
        "Kitchen > Mugs",
        ["cup", "tea"],
        ["a.jpg", "b.jpg"],
    )
    (mug,) = found["variants"]
    assert (mug["sku"], mug["price"], mug["compare_at_price"], mug["low_stock"]) == ("MUG", "12.50", "15.00", 2)


def test_sku_rows(shop: Shop) -> None:
    report = accepted(shop, sheet(tee(), M, L, sku("[RT]Size=XL,[S]Fit=Wide", "TEE-XL", Track_Inventory="none")))
    assert (report.products_created, report.variants, report.opening_units) == (1, 3, 6)
    assert [(v["options"], v["price"], v["tracked"]) for v in only(shop)["variants"]] == [
        ({"Size": "M"}, "20.00", True),
        ({"Size": "L", "Colour": "Red"}, "22.00", True),
        ({"Size": "XL", "Fit": "Wide"}, "20.00", False),
    ]


@pytest.mark.parametrize(
    ("cells", "field", "value"),
    [
        ({"Sale_Price": "10"}, "compare_at_price", "12.50"),
        ({"Sale_Price": "10"}, "price", "10.00"),
        ({"Product_Type": "D"}, "requires_shipping", False),
        ({"Product_Tax_Class": "Non-Taxable Products"}, "taxable", False),
        ({"Track_Inventory": "none"}, "tracked", False),
        ({"Product_UPC/EAN": "012"}, "barcode", "012"),
        ({"Global_Trade_Item_Number": "013"}, "barcode", "013"),
        ({"Product_Code/SKU": ""}, "sku", "BC-10"),
    ],
)
def test_what_cells_mean(shop: Shop, cells: Row, field: str, value: object) -> None:
    accepted(shop, sheet(product(**cells)))
    assert only(shop)["variants"][0][field] == value
    assert imported_again(shop, "bigcommerce") == (0, 0, 1)


@pytest.mark.parametrize(
    ("visible", "bought", "status"),
    [("Y", "Y", "active"), ("N", "Y", "draft"), ("y", "n", "draft"), ("N", "N", "archived"), ("", "", "active")],
)
def test_statuses(shop: Shop, visible: str, bought: str, status: str) -> None:
    cells = {"Product Visible?": visible, "Allow Purchases?": bought}
    accepted(shop, sheet(product(**cells)))
    assert only(shop)["status"] == status
    assert {name: out(shop, "bigcommerce")[0][name] for name in cells} == cells


def test_notes(shop: Shop) -> None:
    report = accepted(shop, sheet(tee(Track_Inventory="by product", Product_Weight="0.5"), M, L))
    assert report.notes == [
        "2 variants share their product's stock; it was not booked",
        "weights were kept but are not used: the file does not say their unit",
    ]
    assert report.opening_units == 0


@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ({"Item_Type": "Bundle"}, "Item Type", "is none of Product, SKU, Rule"),
        ({"Product_Name": ""}, "Product Name", "is empty"),
        ({"Product_Visible?": "perhaps"}, "Product Visible?", "neither Y nor N"),
        ({"Track_Inventory": "often"}, "Track Inventory", "is none of"),
        ({"Current_Stock_Level": "-2"}, "Current Stock Level", "less than 0"),
        ({"Current_Stock_Level": "1.5"}, "Current Stock Level", "not a whole number"),
        ({"Price": ""}, "Price", "needs a price"),
        ({"Price": "1.005"}, "Price", "more decimals"),
        ({"Product_ID": "10"}, "Product ID", "stands in line 2 already"),
        ({"Product_Code/SKU": "MUG"}, "Product Code/SKU", "stands in line 2 already"),
        ({"Category": "A//B"}, "Category", "empty part"),
    ],
)
def test_a_product_that_is_refused(shop: Shop, cells: Row, column: str, reason: str) -> None:
    other = {"Product_ID": "12", "Product_Name": "Cup", "Product_Code/SKU": "CUP", "Product_URL": "/cup/"}
    (told,) = refused(shop, sheet(product(), product(**(other | cells))))
    assert told[:2] == (3, column)
    assert reason in told[3]
    assert list(catalogue(shop)) == ["mug"]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (sku("Size L", "TEE-L"), "Product Name", "names no option"),
        (sku("[S]Size=L,[S]Size=M", "TEE-L"), "Product Name", "one option twice"),
        (sku("[S]Size=[/S]", "TEE-L"), "Product Name", "needs a value"),
        (sku("[S]Size=M[/S]", "TEE-L"), "Product Name", "these options are those of TEE-M"),
        (sku("[S]Size=L[/S]", "TEE-M"), "Product Code/SKU", "stands in line 3 already"),
        (sku("[S]Size=L[/S]", "TEE-L", Price="[ADD]5"), "Price", "is not a decimal"),
        (sku("[S]Size=L[/S]", "TEE-L", Current_Stock_Level="x"), "Current Stock Level", "not a whole number"),
        (rule("[S]Size=M[/S]"), "Item Type", "a rule changes"),
    ],
)
def test_a_row_below_that_is_refused(shop: Shop, row: Row, column: str, reason: str) -> None:
    (told,) = refused(shop, sheet(tee(), M, row))
    assert told[:2] == (4, column)
    assert reason in told[3]
    assert [v["sku"] for v in only(shop)["variants"]] == ["TEE-M"]


@pytest.mark.parametrize("named", [rule("", "TEE-L", "[ADD]5"), rule("[CS]Colour=Red:#ff0000", price="[FIXED]30")])
def test_a_rule_for_a_price_takes_its_variant_along(shop: Shop, named: Row) -> None:
    told = refused(shop, sheet(tee(), M, L, named))
    assert [(line, column) for line, column, _, _ in told] == [(4, "Price"), (5, "Item Type")]
    assert told[0][3] == "the rule in line 5 changes it"
    assert [v["sku"] for v in only(shop)["variants"]] == ["TEE-M"]


def test_rows_whose_product_is_not_known_are_refused(shop: Shop) -> None:
    told = refused(shop, sheet(M, tee(), L) + "Product,12\n  SKU" + "," * 15 + "\n")
    assert [line for line, *_ in told] == [2, 5, 6]
    assert told[0][3] == "stands above every product"
    assert [v["sku"] for v in only(shop)["variants"]] == ["TEE-L"]


def test_a_product_is_known_by_its_skus_or_its_id(shop: Shop) -> None:
    twin = product(Product_ID="12", **{"Product Code/SKU": "", "Product URL": ""})
    assert accepted(shop, sheet(product(), tee(), M, L, twin)).products_created == 3
    before = sorted(catalogue(shop))
    renamed = product(Product_Name="Cup", Product_URL="/cup/"), tee(Product_Name="Shirt", Product_URL="/shirt/"), L
    assert accepted(shop, sheet(*renamed, twin | {"Product Name": "Twin"})).products_updated == 3
    assert {found["title"] for found in catalogue(shop).values()} == {"Cup", "Shirt", "Twin"}
    assert sorted(catalogue(shop)) == before


FULL = (
    product(**{"Retail Price": "15.0000", "Cost Price": "3", "Product Weight": "0.5", "Meta Keywords": "=x"}),
    tee(Category="A\\/B/C", **{"Low Stock Level": "", "Product Code/SKU": "TEE", "Option Set": "sizes"}),
    M,
    L,
    sku("[RT]Size=XL", "TEE-XL", **{"Product Image File - 1": "xl.jpg", "Current Stock Level": "0"}),
    product(
        **{"Product ID": "12", "Product Name": "Book", "Product Code/SKU": "B", "Product URL": "", "Sale Price": "5"}
    ),
    tee(**{"Product ID": "13", "Product Name": "Cap", "Product URL": "/cap/", "Track Inventory": "by product"}),
    sku("[S]Size=One[/S]", "CAP", **{"Current Stock Level": "0"}),
)


def test_a_file_comes_out_as_it_went_in(shop: Shop, new_shop: NewShop) -> None:
    file = sheet(*FULL)
    accepted(shop, file)
    before = everything(shop)
    rows = [row | {"Meta Keywords": row["Meta Keywords"].lstrip("'")} for row in out(shop, "bigcommerce")]
    assert differences(FULL, rows, "Product Code/SKU") == []
    assert imported_again(shop, "bigcommerce") == (0, 0, 4)
    assert accepted(shop, file).products_unchanged == 4
    assert everything(shop) == before
    other = new_shop()
    accepted(other, exported(shop, "bigcommerce"))
    assert catalogue(other) == catalogue(shop)


def test_what_was_edited_comes_out_edited(shop: Shop) -> None:
    accepted(shop, sheet(*FULL))
    catalog.edit(shop, name="TEE-M", said={"price": 2500, "compare_at_price": 3000})
    catalog.edit(shop, name="mug", said={"category": "New", "status": "draft"})
    catalog.edit(shop, name="MUG", said={"price": 1100})
    stock.receive(shop, sku="CAP", quantity=4)
    rows = {row["Product Code/SKU"]: row for row in out(shop, "bigcommerce")}
    assert (rows["TEE-M"]["Price"], rows["TEE-M"]["Sale Price"]) in (("30.00", "25.00"), ("", ""))
    assert (rows["MUG"]["Category"], rows["MUG"]["Product Visible?"]) == ("New", "N")
    assert (rows["MUG"]["Price"], rows["MUG"]["Sale Price"]) == ("15.00", "11.00")
    assert rows["CAP"]["Current Stock Level"] == "4"
    before = {v["sku"]: v["price"] for p in catalogue(shop).values() for v in p["variants"]}
    assert imported_again(shop, "bigcommerce")[0] == 0
    assert {v["sku"]: v["price"] for p in catalogue(shop).values() for v in p["variants"]} == before
    assert imported_again(shop, "bigcommerce") == (0, 0, 4)
