"""Our own CSV: rows of one handle, blank cells, formula cells, ragged and broken rows."""

from __future__ import annotations

import pytest

from shopctl.core.errors import BadInput
from shopctl.core.imports.cells import guarded, unguarded
from shopctl.core.imports.products import import_products
from shopctl.core.shop import Shop

from .helpers import accepted, catalogue, only, refused

HEADER = "handle,title,brand,tags,sku,options,price\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("comma", [",", ";"])
def test_rows_of_one_handle_are_one_product(shop: Shop, comma: str, mark: str, end: str) -> None:
    rows = ["Handle,Title,SKU,Options,Price", "tee,Tee,T-1,Size=M,5", "tee,,T-2,Size=L,6", ",Blue Hat,,,7"]
    accepted(shop, (mark + end.join(rows).replace(",", comma)).encode())
    products = catalogue(shop)
    assert [(v["sku"], v["options"], v["price"]) for v in products["tee"]["variants"]] == [
        ("T-1", {"Size": "M"}, "5.00"),
        ("T-2", {"Size": "L"}, "6.00"),
    ]
    assert products["blue-hat"]["variants"][0]["sku"] == "BLUE-HAT"


def test_lists_and_mappings_as_json_or_plain(shop: Shop) -> None:
    file = (
        "title,tags,image_urls,options,price,variant_image_urls\n"
        'A,"a, b ,,c",http://x/1,"Size=M; Colour=Red",1,\n'
        'B,"[""a,b"",""[c]""]",,"{""Size"":""=M;""}",1,"[""u""]"\n'
    )
    accepted(shop, file)
    a, b = catalogue(shop)["a"], catalogue(shop)["b"]
    assert (a["tags"], a["image_urls"], b["tags"]) == (["a", "b", "c"], ["http://x/1"], ["a,b", "[c]"])
    assert a["variants"][0]["options"] == {"Size": "M", "Colour": "Red"}
    assert b["variants"][0]["options"] == {"Size": "=M;"}
    assert b["variants"][0]["image_urls"] == ["u"]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("tags", "[1", "begins like JSON and is none: Expecting ',' delimiter: line 1 column 3 (char 2)"),
        ("tags", "{}", "is a JSON object where a list belongs"),
        ("options", "[]", "is a JSON list where names and values belong"),
        ("options", "M", "'M' is no name=value; write Size=M; Colour=Red"),
        ("options", "Size=M; Size=L", "the name 'Size' stands twice"),
        ("options", '{"a":"1","a":"2"}', "the name 'a' stands twice"),
        ("weight_grams", "1.5", "is not a whole number"),
        ("taxable", "maybe", "is neither true nor false"),
        ("currency", "EUR", "the shop's currency is USD"),
        ("quantity", "-1", "is less than 0"),
        ("price", "$5", "'$5' is not a decimal amount such as 19.99"),
    ],
)
def test_a_bad_cell_is_named(shop: Shop, column: str, cell: str, reason: str) -> None:
    price = "" if column == "price" else ",5"
    quoted = cell.replace('"', '""')
    file = f'title,{column}{",price" if price else ""}\nTee,"{quoted}"{price}\n'
    assert refused(shop, file) == [(2, column, cell, reason)]


def test_a_bad_row_is_refused_by_itself(shop: Shop) -> None:
    file = HEADER + "tee,Tee,,,T-1,Size=M,5\ntee,,,,T-2,Size=L,free\ntee,,,,T-3,Size=XL,7\n"
    report = import_products(shop, file)
    assert [(r.line, r.column, r.value) for r in report.refusals] == [(3, "price", "free")]
    assert (report.products_created, report.variants, report.rows, report.rows_refused) == (1, 2, 3, 1)
    assert [v["sku"] for v in only(shop)["variants"]] == ["T-1", "T-3"]


def test_a_bad_first_row_refuses_all_rows_by_line(shop: Shop) -> None:
    file = HEADER + "tee,,,,T-1,Size=M,5\ntee,,,,T-2,Size=L,free\ntee,,,,T-3,Size=XL,7\nhat,Hat,,,H,,1\n"
    assert refused(shop, file) == [
        (2, "title", "", "is empty"),
        (3, "price", "free", "'free' is not a decimal amount such as 19.99"),
        (4, "handle", "tee", "its product is refused, see line 2"),
    ]
    assert list(catalogue(shop)) == ["hat"]


def test_a_new_product_without_title_column(shop: Shop) -> None:
    assert refused(shop, "handle,options,price\ntee,Size=M,1\ntee,Size=L,1\n") == [
        (2, "title", "", "a new product needs a title"),
        (3, "handle", "tee", "its product is refused, see line 2"),
    ]


@pytest.mark.parametrize("title", ["", "Tee"])
def test_rows_of_one_product_must_stand_together(shop: Shop, title: str) -> None:
    file = HEADER + f"tee,Tee,,,T-1,Size=M,5\nhat,Hat,,,H,,1\ntee,{title},,,T-2,Size=L,6\n"
    ((line, column, value, reason), *_) = refused(shop, file)
    assert (line, column, value) == (4, "handle", "tee")
    assert reason == "rows of one product must stand together; tee began at line 2"
    assert len(catalogue(shop)["tee"]["variants"]) == 1


def test_product_cells_of_a_later_row_must_agree(shop: Shop) -> None:
    file = HEADER + "tee,Tee,,,T-1,Size=M,5\ntee,Tee,,,T-2,Size=L,5\ntee,Shirt,,,T-3,Size=S,5\n"
    assert refused(shop, file) == [(4, "title", "Shirt", "differs from the product's first row, line 2")]
    assert len(only(shop)["variants"]) == 2


@pytest.mark.parametrize(
    ("row", "count"), [("tee,,,,T-2,Size=L", "6 cells"), ("tee,,,,T-2,Size=L,5,9", "8 cells"), ("tee", "1 cells")]
)
def test_a_ragged_row_is_never_guessed(shop: Shop, row: str, count: str) -> None:
    file = HEADER + f"tee,Tee,,,T-1,Size=M,5\n{row}\ntee,,,,T-3,Size=XL,7\n"
    ((line, column, value, reason),) = refused(shop, file)
    assert (line, column, value) == (3, "(row)", count)
    assert "the header has 7 cells" in reason
    assert [v["sku"] for v in only(shop)["variants"]] == ["T-1", "T-3"]


def test_a_ragged_first_row_takes_its_product_along(shop: Shop) -> None:
    report = refused(shop, "handle,brand,sku,price\ntee,Acme,T-1\ntee,,T-2,5\n")
    assert [(line, column) for line, column, _, _ in report] == [(2, "(row)"), (3, "handle")]


def test_a_row_without_handle_and_title(shop: Shop) -> None:
    assert refused(shop, HEADER + ",,,,T-1,,5\n") == [(2, "handle", "", "a row needs a handle, or a title")]


def test_broken_quotes(shop: Shop) -> None:
    file = "title,price\nA,1\n" + '"B"x,1\nC,1\n"D,1\nE,1\n'
    report = import_products(shop, file)
    assert [(r.line, r.column) for r in report.refusals] == [(3, "(row)"), (5, "(row)")]
    assert "never closes" in report.refusals[1].reason
    assert set(catalogue(shop)) == {"a", "c"}


def test_cells_keep_their_line_ends(shop: Shop) -> None:
    accepted(shop, b'title,description,price\r\n"a\nb","x\r\ny\rz\tq",1\r\n')
    assert (only(shop)["title"], only(shop)["description"]) == ("a\nb", "x\r\ny\rz\tq")


def test_lines_are_counted_through_embedded_ones(shop: Shop) -> None:
    file = 'title,description,price\nA,"one\ntwo\nthree",1\n\nB,,x\n'
    assert [refusal[:3] for refusal in refused(shop, file)] == [(6, "price", "x")]


def test_a_blank_cell_says_empty_and_an_absent_column_nothing(shop: Shop) -> None:
    accepted(shop, "title,brand,tags,sku,price,weight_grams,tracked,status\nTee,Acme,a,T,5,10,false,draft\n")
    accepted(shop, "handle,price\ntee,6\n".replace("price", "sku,price").replace("6", "T,6"))
    product = only(shop)
    assert (product["brand"], product["tags"], product["status"]) == ("Acme", ["a"], "draft")
    assert (product["variants"][0]["price"], product["variants"][0]["tracked"]) == ("6.00", False)
    accepted(shop, "title,brand,tags,sku,price,weight_grams,tracked,status\nTee,,,T,5,,,\n")
    product = only(shop)
    assert (product["brand"], product["tags"], product["status"]) == (None, [], "active")
    assert (product["variants"][0]["weight_grams"], product["variants"][0]["tracked"]) == (0, True)


def test_columns_that_nobody_reads_are_named_when_they_say_something(shop: Shop) -> None:
    report = accepted(shop, "title,cost,price,colour\nA,,1,\nB,3,1,\n")
    assert report.ignored == ["cost"]


def test_a_column_that_stands_twice(shop: Shop) -> None:
    with pytest.raises(BadInput, match="'title' more than once"):
        import_products(shop, "title,Title,price\nA,B,1\n")


def test_opening_stock_is_booked_once(shop: Shop) -> None:
    file = "title,sku,price,tracked,quantity\nA,A,1,true,5\nB,B,1,false,7\nC,C,1,true,0\nD,D,1,true,\n"
    first = accepted(shop, file)
    assert (first.opening_booked, first.opening_units, first.opening_untracked, first.untracked) == (1, 5, 1, 1)
    again = accepted(shop, file)
    assert (again.opening_booked, again.opening_units, again.opening_ignored) == (0, 0, 1)


@pytest.mark.parametrize(
    "cell", ["=1+1", "'=x", "''=x", "+1", "-1", "@a", "\tx", "\rx", "'", "''", "'x", "x=1", "", "'\t", " =1"]
)
def test_formula_cells_come_back_unchanged(cell: str) -> None:
    assert guarded(cell)[:1] not in ("=", "+", "-", "@", "\t", "\r") or not cell
    assert unguarded(guarded(cell)) == cell
    assert guarded(cell) == (cell if cell[:1] not in list("=+-@\t\r'") or cell in ("'", "''", "'x") else "'" + cell)


def test_half_a_character_in_a_cell_of_json_refuses_its_row_alone(shop: Shop) -> None:
    cell = '"{""shopify"":{""a"":""\\ud800""}}"'
    report = import_products(shop, f"title,sku,price,extra\nA,A,1,{cell}\nB,B,1,\n")
    assert [(r.line, r.column, r.reason) for r in report.refusals] == [(2, "extra", "is not valid Unicode text")]
    assert list(catalogue(shop)) == ["b"]
