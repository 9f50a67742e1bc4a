"""WooCommerce's product CSV: which row is what, whose variations they are, and that a file comes out as it went in."""

from __future__ import annotations

import pytest

from shopctl.core import catalog, stock
from shopctl.core.errors import BadInput
from shopctl.core.imports.products import import_products
from shopctl.core.shop import Shop

from .conftest import NewShop
from .helpers import accepted, catalogue, everything, exported, only, refused
from .sheets import differences, imported_again, out, sheet

Row = dict[str, str]


def simple(**cells: str) -> Row:
    """A simple product as WooCommerce writes it."""
    usual = {"ID": "1", "Type": "simple", "SKU": "MUG", "Name": "Mug", "Published": "1", "Is featured?": "0"}
    usual |= {"Visibility in catalog": "visible", "Tax status": "taxable", "In stock?": "1", "Stock": "5"}
    usual |= {"Backorders allowed?": "0", "Weight (lbs)": "", "Regular price": "20", "Sale price": ""}
    return usual | named(cells)


def parent(**cells: str) -> Row:
    usual = {"ID": "10", "Type": "variable", "SKU": "TEE", "Name": "Tee", "Stock": "", "Regular price": ""}
    attribute = {"Attribute 1 name": "Size", "Attribute 1 value(s)": "L, M", "Attribute 1 visible": "1"}
    return simple(**usual) | attribute | {"Attribute 1 global": "1"} | named(cells)


def variation(value: str, **cells: str) -> Row:
    usual = {"ID": f"1{ord(value[0])}", "Type": "variation", "SKU": f"TEE-{value}", "Name": f"Tee - {value}"}
    attribute = {"Attribute 1 name": "Size", "Attribute 1 value(s)": value, "Attribute 1 visible": ""}
    return simple(**usual, Parent="TEE") | attribute | {"Attribute 1 global": "1"} | named(cells)


def named(cells: Row) -> Row:
    """Keywords as columns: Regular_price, Published; those that are no names go in as they are."""
    return {name.replace("_", " "): cell for name, cell in cells.items()}


# --- what goes in --------------------------------------------------------------------------------------------------
def test_a_simple_product(shop: Shop) -> None:
    more = {"Description": r"one\ntwo \\n", "Categories": r"Kitchen > Mugs \, cups, Gifts", "Tags": r"a, b\, c"}
    more |= {"Images": "https://x/w_1,h_2.jpg, https://x/b.jpg", "Brands": "Acme", "Low stock amount": "2"}
    more |= {"GTIN, UPC, EAN, or ISBN": "0123", "Weight (lbs)": ".5", "Sale price": "18"}
    report = accepted(shop, b"\xef\xbb\xbf" + sheet(simple(**more)).encode())
    assert (report.format, report.opening_units) == ("woocommerce", 5)
    product = only(shop)
    assert (product["handle"], product["title"], product["description"]) == ("mug", "Mug", "one\ntwo \\n")
    assert (product["category"], product["tags"], product["brand"]) == ("Kitchen > Mugs , cups", ["a", "b, c"], "Acme")
    assert product["image_urls"] == ["https://x/w_1,h_2.jpg", "https://x/b.jpg"]
    (mug,) = product["variants"]
    assert (mug["sku"], mug["price"], mug["compare_at_price"], mug["weight_grams"]) == ("MUG", "18.00", "20.00", 227)
    assert (mug["barcode"], mug["low_stock"], mug["tracked"]) == ("0123", 2, True)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 1, 0), (3, 1, 0, 2)])
def test_variations_find_their_parent_wherever_it_stands(shop: Shop, order: tuple[int, ...]) -> None:
    rows = [
        parent(**{"Weight (lbs)": "1"}),
        variation("M"),
        variation("L", Parent="id:10", Regular_price="21"),
        simple(),
    ]
    accepted(shop, sheet(*(rows[i] for i in order)))
    tee = catalogue(shop)["tee"]
    assert {v["sku"]: (v["options"], v["price"], v["weight_grams"]) for v in tee["variants"]} == {
        "TEE-M": ({"Size": "M"}, "20.00", 454),
        "TEE-L": ({"Size": "L"}, "21.00", 454),
    }


@pytest.mark.parametrize(
    ("cells", "field", "value"),
    [
        ({"Type": "simple, downloadable, virtual"}, "requires_shipping", False),
        ({"Type": ""}, "requires_shipping", True),
        ({"Tax_status": "none"}, "taxable", False),
        ({"Tax_status": "shipping"}, "taxable", False),
        ({"Backorders_allowed?": "notify"}, "backorder_limit", 10**9),
        ({"Stock": ""}, "tracked", False),
        ({"Stock": "", "In_stock?": "0"}, "tracked", True),
        ({"Stock": "3.0"}, "tracked", True),
        ({"Regular_price": "11,05"}, "price", "11.05"),
        ({"Regular_price": ".5"}, "price", "0.50"),
        ({"Sale_price": "5", "Date_sale_price_ends": "2020-01-01"}, "price", "20.00"),
        ({"Weight_(lbs)": "0,5"}, "weight_grams", 227),
    ],
)
def test_what_cells_mean(shop: Shop, cells: Row, field: str, value: object) -> None:
    accepted(shop, sheet(simple(**cells)))
    assert only(shop)["variants"][0][field] == value


@pytest.mark.parametrize(
    ("published", "status"),
    [("1", "active"), ("0", "archived"), ("-1", "draft"), ("'-1", "draft"), ("2", "draft"), ("", "draft")],
)
def test_published(shop: Shop, published: str, status: str) -> None:
    accepted(shop, sheet(simple(Published=published)))
    assert only(shop)["status"] == status
    assert imported_again(shop, "woocommerce") == (0, 0, 1)


def test_notes(shop: Shop) -> None:
    dated = simple(Sale_price="5") | {"Date sale price starts": "2020-01-01"}
    report = accepted(shop, sheet(dated, parent(Stock="9"), variation("M", Stock="parent")))
    assert report.notes == [
        "1 sale prices with dates were kept but are not used",
        "1 variations share their parent's stock; it was not booked",
    ]
    assert report.opening_units == 5


# --- what does not -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ({"Type": "grouped"}, "Type", "a set of others"),
        ({"Type": "external"}, "Type", "another shop"),
        ({"Type": "subscription"}, "Type", "is none of"),
        ({"Type": "simple, variable"}, "Type", "more than one"),
        ({"Parent": "TEE"}, "Parent", "only a variation"),
        ({"Name": ""}, "Name", "is empty"),
        ({"Published": "maybe"}, "Published", "is none of"),
        ({"Tax_status": "yes"}, "Tax status", "is none of"),
        ({"Backorders_allowed?": "x"}, "Backorders allowed?", "is none of"),
        ({"Stock": "-3"}, "Stock", "is less than 0"),
        ({"Stock": "2.5"}, "Stock", "is not a whole number"),
        ({"Regular_price": ""}, "Regular price", "needs a price"),
        ({"Regular_price": "1.234"}, "Regular price", "more decimals"),
        ({"Regular_price": "1,234"}, "Regular price", "more decimals"),
        ({"Regular_price": "$5"}, "Regular price", "is not a decimal"),
        ({"Regular_price": "-5"}, "Regular price", "must not be negative"),
        ({"Weight_(lbs)": "heavy"}, "Weight (lbs)", "is not a weight"),
        ({"Weight_(lbs)": "1", "Weight_(kg)": "1"}, "Weight (lbs)", "another weight"),
        ({"SKU": "a\tb"}, "SKU", "invisible"),
    ],
)
def test_a_row_that_is_refused(shop: Shop, cells: Row, column: str, reason: str) -> None:
    (told,) = refused(shop, sheet(simple(SKU="OK", ID="99", Name="Fine"), simple(**cells)))
    assert told[:2] == (3, column)
    assert reason in told[3]
    assert [product["title"] for product in catalogue(shop).values()] == ["Fine"]


@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ({"Parent": ""}, "Parent", "names its parent"),
        ({"Parent": "NONE"}, "Parent", "is not in this file"),
        ({"Parent": "MUG"}, "Parent", "line 2, is simple, not variable"),
        ({"Parent": "id:1"}, "Parent", "line 2, is simple, not variable"),
        ({"Published": "0"}, "Published", "switched off"),
        ({"Attribute_1_name": ""}, "Attribute 1 value(s)", "has no name"),
        ({"Attribute_1_value(s)": "M", "SKU": "X"}, "Attribute 1 value(s)", "these options are those of TEE-M"),
        ({"SKU": "TEE-M"}, "SKU", "stands in line 4 already"),
        ({"ID": "1"}, "ID", "stands in line 2 already"),
        ({"Regular_price": ""}, "Regular price", "needs a price"),
    ],
)
def test_a_variation_that_is_refused(shop: Shop, cells: Row, column: str, reason: str) -> None:
    (told,) = refused(shop, sheet(simple(), parent(), variation("M"), variation("L", **cells)))
    assert told[:2] == (5, column)
    assert reason in told[3]
    assert [v["sku"] for v in catalogue(shop)["tee"]["variants"]] == ["TEE-M"]


def test_a_parent_that_is_refused_takes_its_variations_along(shop: Shop) -> None:
    told = refused(shop, sheet(variation("M"), parent(Name=""), parent(ID="11", SKU="G", Type="grouped")))
    assert [(line, column) for line, column, _, _ in told] == [(2, "Name"), (3, "Name"), (4, "Type")]
    assert catalogue(shop) == {}


def test_ragged_rows_are_refused_alone(shop: Shop) -> None:
    file = sheet(simple(), parent(), variation("M")) + "1,simple\n"
    (told,) = refused(shop, file)
    assert told[0] == 5
    assert "never guessed" in told[3]
    assert len(catalogue(shop)) == 2


def test_columns(shop: Shop) -> None:
    head, *rows = sheet(simple()).splitlines(keepends=True)
    with pytest.raises(BadInput) as caught:
        import_products(shop, head.strip() + ",name\n" + rows[0].strip() + ",x\n")
    assert caught.value.code == "column_twice"
    report = accepted(shop, head.strip().lower() + ",,\n" + rows[0].strip() + ",,x\n")
    assert (report.ignored, report.products_created) == (["column 16"], 1)


# --- whose product it is -------------------------------------------------------------------------------------------
def test_the_same_file_again_changes_nothing(shop: Shop) -> None:
    file = sheet(variation("M"), simple(), parent(), variation("L"), simple(ID="2", SKU="", Name="Other"))
    accepted(shop, file)
    before = everything(shop)
    assert accepted(shop, file).products_unchanged == 3
    assert everything(shop) == before


def test_a_product_is_known_by_its_skus_whatever_its_name(shop: Shop) -> None:
    accepted(shop, sheet(simple(), parent(), variation("M"), variation("L")))
    renamed = (simple(Name="Cup"), parent(Name="Shirt", SKU="NEW"), variation("L", Parent="NEW", Regular_price="9"))
    assert accepted(shop, sheet(*renamed)).products_updated == 2
    assert {handle: product["title"] for handle, product in catalogue(shop).items()} == {"mug": "Cup", "tee": "Shirt"}
    assert [v["price"] for v in catalogue(shop)["tee"]["variants"]] == ["20.00", "9.00"]


def test_a_row_without_a_sku_is_known_by_its_id(shop: Shop) -> None:
    accepted(shop, sheet(simple(SKU=""), parent(SKU=""), variation("M", SKU="", Parent="id:10")))
    assert accepted(shop, sheet(simple(SKU="", Name="Cup", ID="1"))).products_updated == 1
    assert sorted(v["sku"] for p in catalogue(shop).values() for v in p["variants"]) == ["WC-1", "WC-177"]
    again = sheet(parent(SKU=""), variation("L", Parent="id:10", ID="5"))
    assert accepted(shop, again).products_updated == 1
    assert len(catalogue(shop)["tee"]["variants"]) == 2


def test_products_of_one_name_are_told_apart(shop: Shop) -> None:
    file = sheet(simple(), simple(ID="2", SKU="B"), simple(ID="", SKU="C"))
    assert accepted(shop, file).products_created == 3
    assert accepted(shop, sheet(simple(ID="3", SKU="D"), simple(ID="2", SKU="B"))).products_created == 1
    titles = [(product["title"], product["variants"][0]["sku"]) for product in catalogue(shop).values()]
    assert sorted(titles) == [("Mug", "B"), ("Mug", "C"), ("Mug", "D"), ("Mug", "MUG")]
    assert accepted(shop, file).products_unchanged == 3


def test_a_changed_sku_is_refused_not_doubled(shop: Shop) -> None:
    accepted(shop, sheet(simple()))
    (told,) = refused(shop, sheet(simple(SKU="NEW")))
    assert "these options are those of MUG" in told[3]
    assert len(catalogue(shop)) == 1


def test_two_rows_that_nothing_tells_apart(shop: Shop) -> None:
    file = sheet(simple(ID="", SKU=""), simple(ID="", SKU=""))
    (told,) = refused(shop, file)
    assert "stands in line 2 already" in told[3]
    assert [v["sku"] for v in only(shop)["variants"]] == ["MUG"]


def test_a_file_with_few_columns_changes_only_those(shop: Shop) -> None:
    accepted(shop, sheet(simple(**{"Short description": "s"}), parent(), variation("M")))
    before = out(shop, "woocommerce")
    few = {"Type": "simple", "Name": "Mug", "SKU": "MUG", "Regular price": "30"}
    assert accepted(shop, sheet(few)).products_updated == 1
    assert [line.replace("'30.00'", "'20.00'") for line in differences(before, out(shop, "woocommerce"), "SKU")] == [
        "MUG Regular price: '20.00' became '20.00'"
    ]


# --- what comes out ------------------------------------------------------------------------------------------------
FULL = (
    simple(
        **{"Weight (lbs)": ".5", "Type": "simple, downloadable, virtual", "Short description": "s", "Meta: x": "'=1"}
    ),
    simple(ID="2", SKU="B", Name="Other", Stock="", **{"In stock?": "0", "Backorders allowed?": "notify"}),
    simple(ID="3", SKU="C", Name="Third", Sale_price="1,5", Categories="A > B, C", Published="2", Position="7"),
    simple(ID="4", SKU="D", Name="Info") | {"Attribute 1 name": "Colour", "Attribute 1 value(s)": "Red, Blue"},
    parent(**{"Weight (lbs)": "1", "Attribute 2 name": "Fit", "Attribute 2 value(s)": "Slim, Wide"}),
    variation("M", **{"Attribute 2 name": "Fit", "Description": "d"}),
    variation(
        "L", Parent="id:10", **{"Weight (lbs)": ".75", "Attribute 2 name": "Fit", "Attribute 2 value(s)": "Slim"}
    ),
)


def test_a_file_comes_out_as_it_went_in(shop: Shop, new_shop: NewShop) -> None:
    file = sheet(*FULL)
    accepted(shop, file)
    assert differences(FULL, out(shop, "woocommerce"), "ID") == []
    assert imported_again(shop, "woocommerce") == (0, 0, 5)
    assert accepted(shop, file).products_unchanged == 5
    other = new_shop()
    accepted(other, exported(shop, "woocommerce"))
    assert catalogue(other) == catalogue(shop)


def test_what_was_edited_comes_out_edited(shop: Shop) -> None:
    accepted(shop, sheet(*FULL))
    catalog.edit(shop, name="MUG", said={"weight_grams": 1000, "requires_shipping": True, "price": 999})
    catalog.edit(shop, name="third", said={"category": "X, Y > Z", "status": "active"})
    catalog.edit(shop, name="TEE-L", said={"weight_grams": 454})
    stock.receive(shop, sku="B", quantity=4)
    rows = {row["SKU"]: row for row in out(shop, "woocommerce")}
    assert (rows["MUG"]["Type"], rows["MUG"]["Regular price"]) == ("simple", "9.99")
    assert rows["MUG"]["Weight (lbs)"] == "2.204623"
    assert (rows["C"]["Categories"], rows["C"]["Published"]) == (r"X\, Y > Z", "1")
    assert (rows["B"]["Stock"], rows["B"]["In stock?"], rows["B"]["Backorders allowed?"]) == ("4", "1", "notify")
    assert (rows["TEE-L"]["Weight (lbs)"], rows["TEE-M"]["Weight (lbs)"]) == ("1.000899", "")
    before = rows
    assert imported_again(shop, "woocommerce") == (0, 4, 1)  # cells that say no longer what the fields say are let go
    assert {row["SKU"]: row for row in out(shop, "woocommerce")} == before
    assert imported_again(shop, "woocommerce") == (0, 0, 5)


def test_a_new_option_joins_its_parents_attributes(shop: Shop) -> None:
    accepted(shop, sheet(*FULL))
    new = catalog.VariantDraft({"Size": "XL, tall", "Sleeve": "Long"}, {"price": 100}, "TEE-XL")
    with shop.work("test") as tx:
        catalog.put(tx, [catalog.ProductDraft("tee", {}, [new])])
        tx.commit()
    rows = {row["SKU"]: row for row in out(shop, "woocommerce")}
    assert rows["TEE"]["Attribute 1 value(s)"] == r"L, M, XL\, tall"
    assert (rows["TEE"]["Attribute 3 name"], rows["TEE"]["Attribute 3 value(s)"]) == ("Sleeve", "Long")
    assert rows["TEE-XL"]["Attribute 1 value(s)"] == r"XL\, tall"
    assert imported_again(shop, "woocommerce")[0] == 0
