"""Inventory files in and out: our own CSV and JSONL, Shopify's wide and tall."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopctl.core import stock, verify
from shopctl.core.db.tables import outbox
from shopctl.core.errors import BadInput, Refused
from shopctl.core.imports import stock as module
from shopctl.core.imports.export_stock import export_stock
from shopctl.core.imports.products import import_products
from shopctl.core.imports.stock import LevelChange, StockReport, import_stock
from shopctl.core.queries import stock as levels
from shopctl.core.queries import warehouses
from shopctl.core.shop import Shop
from tests import shops
from tests.core.imports.helpers import everything, lines

FORMATS = ("csv", "jsonl", "shopify-wide", "shopify-tall")
HEAD = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,SKU,HS Code,COO"
WIDE = HEAD + ",Main warehouse,Brooklyn\n"
TALL = HEAD + ",Location,Incoming,Unavailable,Committed,Available,On hand (current),On hand (new)\n"
Told = list[tuple[int, str, str, str]]


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """TEE in S and M, MAIN and EAST (Brooklyn): TEE-S 5 in MAIN, TEE-M 2 in EAST; a MUG without options nowhere."""
    tee = [{"sku": f"TEE-{size}", "price": "9", "options": {"Size": size, "Cut": "Slim"}} for size in ("S", "M")]
    mug = {"handle": "mug", "title": "Mug", "variants": [{"sku": "MUG", "price": "5"}]}
    import_products(shop, lines({"handle": "tee", "title": "Tee", "variants": tee}, mug))
    stock.add_warehouse(shop, code="EAST", name="Brooklyn")
    stock.receive(shop, sku="TEE-S", quantity=5)
    stock.receive(shop, sku="TEE-M", quantity=2, warehouse="EAST")
    return shop


def units(shop: Shop) -> dict[str, int]:
    with shop.read() as tx:
        return {f"{row.sku} {row.warehouse}": row.quantity for row in levels.LIST.rows(tx)}


def told(report: StockReport) -> Told:
    return [(r.line, r.column, r.value, r.reason) for r in report.refusals]


def exported(shop: Shop, format: str) -> str:
    return "".join(export_stock(shop, format))


# --- formats -------------------------------------------------------------------------------------------------------
def test_our_own_csv(shop: Shop) -> None:
    report = import_stock(shop, "sku;warehouse;quantity;safety_stock\nTEE-S;;7;1\nTEE-M;east;;3\nMUG;Brooklyn;4;\n")
    assert told(report) == []
    assert (report.format, report.levels_made, report.levels_changed, report.units_added) == ("csv", 1, 2, 6)
    assert units(shop) == {"TEE-S MAIN": 7, "TEE-M EAST": 2, "MUG EAST": 4}
    with shop.read() as tx:
        assert {row.sku: row.safety_stock for row in levels.LIST.rows(tx)} == {"TEE-S": 1, "TEE-M": 3, "MUG": 0}
        moved = levels.HISTORY.rows(tx, limit=2)
        assert [(m.sku, m.kind, m.quantity, m.reason) for m in moved[:2]] == [
            ("TEE-S", "adjust", 2, "import"),
            ("MUG", "receive", 4, "import"),
        ]


def test_our_own_jsonl(shop: Shop) -> None:
    file = lines({"sku": "TEE-S", "quantity": 7}, {"sku": "MUG", "warehouse": "EAST", "quantity": "4", "note": "x"})
    report = import_stock(shop, file)
    assert (report.format, report.rows, report.ignored) == ("jsonl", 2, ["note"])
    assert units(shop) == {"TEE-S MAIN": 7, "TEE-M EAST": 2, "MUG EAST": 4}


def test_shopify_wide_sets_what_is_said_and_leaves_the_rest(shop: Shop) -> None:
    file = (
        WIDE
        + "tee,Tee,Size,S,Cut,Slim,,,TEE-S,,,3,not stocked\ntee,Tee,,M,,Slim,,,,,,0,Not Stocked\nmug,Mug,Title,Default Title,,,,,,,,,6\n"
    )
    report = import_stock(shop, file)
    assert told(report) == []
    assert (report.format, report.left_alone) == ("shopify-wide", 3)
    assert units(shop) == {"TEE-S MAIN": 3, "TEE-M MAIN": 0, "TEE-M EAST": 2, "MUG EAST": 6}


def test_shopify_tall_takes_what_is_new_and_moves_in_what_is_not_there_yet(shop: Shop) -> None:
    row = "tee,Tee,Size,S,Cut,Slim,,,{},,,{},0,0,0,0,{},{}\n".format
    rows = [
        row("TEE-S", "Main warehouse", 5, 8),
        row("TEE-S", "Brooklyn", 9, ""),  # no level yet: what they had is what there is
        row("TEE-M", "Brooklyn", 7, ""),  # a level: nothing new is said of it
        row("TEE-M", "MAIN", "not stocked", "not stocked"),
        row("MUG", "MAIN", "not stocked", 3),
    ]
    report = import_stock(shop, TALL + "".join(rows))
    assert told(report) == []
    after = {"TEE-S MAIN": 8, "TEE-S EAST": 9, "TEE-M EAST": 2, "MUG MAIN": 3}
    assert units(shop) == after
    again = import_stock(shop, TALL + "".join(rows))
    assert (told(again), again.levels_changed, again.levels_made) == ([], 0, 0)
    stale = import_stock(shop, TALL + row("TEE-S", "MAIN", 5, 6))
    assert told(stale) == [(2, "On hand (new)", "6", "is counted from 5 on hand, and there are 8 now")]
    assert units(shop) == after


def test_tall_headings_as_shopify_writes_them_now_and_wrote_them(shop: Shop) -> None:
    now = "Handle,SKU,Location,Bin name,Incoming (not editable),Available (not editable),On hand (current),On hand (new)\n"
    assert import_stock(shop, now + "tee,TEE-S,MAIN,B1,0,5,5,6\n").format == "shopify-tall"
    assert import_stock(shop, "SKU,Location,On hand\nMUG,MAIN,4\n").levels_made == 1
    assert units(shop) == {"TEE-S MAIN": 6, "TEE-M EAST": 2, "MUG MAIN": 4}


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("", "empty_file"),
        ("a,b\n1,2\n", "unknown_format"),
        ("handle,title,price\n", "products_file"),
        ("sku,title,price,quantity\n", "products_file"),
        ("Handle,SKU,Location\n", "no_quantity"),
        ("Location,On hand (new)\n", "no_sku"),
        ("sku,sku,quantity\n", "column_twice"),
        (WIDE.replace("Brooklyn", "Main warehouse"), "column_twice"),
        (WIDE.replace("Brooklyn", ""), "bad_header"),
        (WIDE.replace("Brooklyn", "Paris"), "unknown_location"),
        ('"sku,quantity\n', "bad_header"),
        (b"sku,quantity\n\xff,1\n", "not_utf8"),
    ],
)
def test_files_that_cannot_be_read(shop: Shop, file: str | bytes, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        import_stock(shop, file)
    assert caught.value.code == code


def test_the_format_can_be_said(shop: Shop) -> None:
    with pytest.raises(BadInput, match="no stock format"):
        import_stock(shop, "sku,quantity\n", format="xml")
    with pytest.raises(BadInput, match="neither a quantity nor"):
        import_stock(shop, WIDE, format="csv")


# --- refusals ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        ("NOPE,MAIN,1", "SKU", "NOPE", "there is no such SKU"),
        (",MAIN,1", "SKU", "", "a row needs a SKU"),
        ("TEE-S,Moon,1", "warehouse", "Moon", "there is no such warehouse"),
        ("TEE-S,MAIN,-3", "quantity", "-3", "is negative"),
        ("TEE-S,MAIN,1.5", "quantity", "1.5", "is not a whole number"),
        ("TEE-S,MAIN,many", "quantity", "many", "is not a whole number"),
        ("TEE-S,MAIN,1000000001", "quantity", "1000000001", "is more than"),
        ("TEE-S,MAIN," + "9" * 30, "quantity", "9" * 30, "is not a whole number"),
        ("TEE-S,MAIN", "(row)", "2 cells", "the header has 3 cells"),
        ("TEE-S,MAIN,1,2", "(row)", "4 cells", "the header has 3 cells"),
        ("TEE-S,MAIN,1", "quantity", "1", "is below what is promised: 0 are reserved and 2 committed"),
        ("TEE-M,EAST,3", "quantity", "TEE-M", "TEE-M in EAST stands in line 2 already"),
    ],
)
def test_a_bad_row_is_refused_and_the_others_go_in(shop: Shop, row: str, column: str, value: str, reason: str) -> None:
    shops.buy(shop, "c1", "TEE-S", 2)
    report = import_stock(shop, f"sku,warehouse,quantity\nTEE-M,EAST,9\n{row}\nMUG,MAIN,4\n")
    assert report.rows_refused == 1
    assert told(report)[0][:3] == (3, column, value)
    assert reason in told(report)[0][3]
    assert units(shop) == {"TEE-S MAIN": 5, "TEE-M EAST": 9, "MUG MAIN": 4}
    assert verify.verify(shop).violations == []


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ('{"sku": "\\ud800", "quantity": 1}', "(row)", "is not valid Unicode text"),
        ('{"sku": "TEE-S", "warehouse": "\\u0000", "quantity": 1}', "warehouse", "holds a NUL character"),
        ('{"sku": 5}', "sku", "is not text"),
        ('{"sku": "TEE-S", "quantity": true}', "quantity", "is not a whole number"),
        ('{"sku": "TEE-S", "quantity": 1.0}', "quantity", "is not a whole number"),
        ("[1]", "(row)", "is not a JSON object"),
        ("{", "(row)", "is not JSON"),
        ("[" * 100_000, "(row)", "nests too deeply"),
        ('{"sku": "TEE-S", "warehouse": "%s", "quantity": 1}' % ("x" * 201), "warehouse", "1 to 200 characters"),
    ],
)
def test_a_bad_line_is_refused(shop: Shop, line: str, column: str, reason: str) -> None:
    report = import_stock(shop, f'{{"sku": "TEE-S", "quantity": 4}}\n{line}\n', make_warehouses=True)
    assert [(r.line, r.column) for r in report.refusals] == [(2, column)]
    assert reason in report.refusals[0].reason
    assert units(shop) == {"TEE-S MAIN": 4, "TEE-M EAST": 2}


def test_what_stands_behind_an_open_quote_is_kept_to_be_mended(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "mend.csv"
    file = 'sku,quantity\nTEE-S,4\n"TEE-M,5\nMUG,6\n'
    assert import_stock(shop, file, refused=str(path)).rows_refused == 1
    assert path.read_text() == 'sku,quantity\n"TEE-M,5\nMUG,6\n'


def test_a_variant_is_found_by_handle_and_options_or_not_at_all(shop: Shop) -> None:
    row = "{},T,Size,{},Cut,{},,,,,,1,\n".format
    report = import_stock(shop, WIDE + row("tee", "S", "Slim") + row("tee", "S", "Wide") + row("no", "S", "Slim"))
    assert [(line, why) for line, _, _, why in told(report)] == [
        (3, "tee has no variant S / Wide"),
        (4, "no has no variant S / Slim"),
    ]
    assert units(shop)["TEE-S MAIN"] == 1


def test_good_cells_of_a_row_go_in_without_the_bad_one(shop: Shop) -> None:
    report = import_stock(shop, WIDE + "tee,Tee,Size,S,Cut,Slim,,,TEE-S,,,-1,8\n")
    assert told(report)[0][:3] == (2, "Main warehouse", "-1")
    assert units(shop) == {"TEE-S MAIN": 5, "TEE-S EAST": 8, "TEE-M EAST": 2}


def test_refused_rows_go_to_a_file_that_can_be_mended(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "mend.csv"
    file = 'sku;warehouse;quantity\r\n"TEE-S";MAIN;x\r\nMUG;MAIN;1\r\nTEE-M;EAST;y\r\n'
    import_stock(shop, file, refused=str(path))
    assert path.read_bytes().decode() == 'sku;warehouse;quantity\r\n"TEE-S";MAIN;x\r\nTEE-M;EAST;y\r\n'
    assert told(import_stock(shop, path.read_text().replace(";x", ";1").replace(";y", ";2"))) == []
    with pytest.raises(BadInput, match="not empty"):
        import_stock(shop, file, refused=str(path))
    with pytest.raises(BadInput, match="nothing goes in"):
        import_stock(shop, file, refused="other.csv", on_error="stop")


def test_stop_lets_nothing_in(shop: Shop) -> None:
    before = everything(shop)
    with pytest.raises(Refused, match="Line 3"):
        import_stock(shop, "sku,quantity\nTEE-S,1\nNOPE,1\n", on_error="stop")
    assert everything(shop) == before


def test_a_backorder_limit_lets_a_count_go_below_what_is_promised(shop: Shop) -> None:
    shops.product(shop, "RARE", units=3, backorder_limit=9)
    shops.buy(shop, "c1", "RARE", 3)
    assert told(import_stock(shop, "sku,quantity\nRARE,1\n")) == []


# --- dry run, batches, warehouses ----------------------------------------------------------------------------------
def test_a_rehearsal_tells_the_difference_and_changes_nothing(shop: Shop) -> None:
    before, changes = everything(shop), list[LevelChange]()
    file = "sku,warehouse,quantity,safety_stock\nTEE-S,MAIN,5,2\nTEE-M,EAST,1,0\nMUG,EAST,0,\n"
    report = import_stock(shop.but(dry_run=True), file, on_change=changes.append)
    assert changes == [
        LevelChange("TEE-S", "MAIN", "safety_stock", 0, 2),
        LevelChange("TEE-M", "EAST", "quantity", 2, 1),
        LevelChange("MUG", "EAST", "quantity", None, 0),
    ]
    assert (report.levels_changed, report.levels_made, report.dry_run) == (2, 1, True)
    assert everything(shop) == before


def test_each_batch_is_a_unit_of_its_own_with_one_fact(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    steps: list[int] = []
    file = "sku,warehouse,quantity\nTEE-S,MAIN,1\nTEE-S,EAST,1\nTEE-M,MAIN,1\nTEE-M,EAST,2\nMUG,EAST,1\nTEE-S,MAIN,2\n"
    report = import_stock(shop, file, target="f.csv", progress=lambda rows, size: steps.append(rows))
    assert steps[:3] == [2, 4, 6]
    assert told(report) == [(7, "quantity", "TEE-S", "TEE-S in MAIN stands in line 2 already")]
    with shop.read() as tx:
        found = tx.rows(sa.select(outbox.c.payload).where(outbox.c.topic == "stock.import").order_by(outbox.c.id))
    assert [row.payload for row in found] == [{"levels": 2}, {"levels": 1}, {"levels": 1}]


def test_unknown_places_are_opened_where_that_is_wanted(shop: Shop) -> None:
    report = import_stock(shop, HEAD + ',"Paris, 3e"\n,,,,,,,,TEE-S,,,4\n', make_warehouses=True)
    assert report.warehouses_made == ["PARIS-3E"]
    with shop.read() as tx:
        assert [(row.code, row.name) for row in warehouses.LIST.rows(tx)][-1] == ("PARIS-3E", "Paris, 3e")
    again = import_stock(shop, HEAD + ',"paris, 3E"\n,,,,,,,,TEE-S,,,4\n')
    assert (again.warehouses_made, again.levels_unchanged) == ([], 1)


def test_a_name_of_two_warehouses_means_neither(shop: Shop) -> None:
    stock.add_warehouse(shop, code="WEST", name="brooklyn")
    report = import_stock(shop, "sku,warehouse,quantity\nTEE-S,Brooklyn,1\n", make_warehouses=True)
    assert told(report) == [(2, "warehouse", "Brooklyn", "several warehouses have this name; use a code")]
    assert exported(shop, "shopify-wide").splitlines()[0].endswith(",Main warehouse,EAST,WEST")


# --- round trips ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("format", FORMATS)
def test_what_comes_out_changes_nothing_when_it_goes_in(shop: Shop, format: str) -> None:
    stock.add_warehouse(shop, code="SKU", name='=Title, of a "place"')
    stock.set_level(shop, sku="TEE-S", quantity=0, warehouse="SKU", safety_stock=4)
    shops.buy(shop, "c1", "TEE-S", 1)
    before, file = everything(shop), exported(shop, format)
    report = import_stock(shop, file)
    assert (told(report), report.format) == ([], format)
    assert everything(shop) == before
    assert exported(shop, format) == file


def test_an_export_adds_up_as_shopifys_does(shop: Shop) -> None:
    stock.set_level(shop, sku="TEE-S", safety_stock=6)
    rows = list(csv.DictReader(io.StringIO(exported(shop, "shopify-tall"))))
    here = next(row for row in rows if row["SKU"] == "TEE-S" and row["Location"] == "Main warehouse")
    told = {name: int(here[f"{name} (not editable)"]) for name in ("Unavailable", "Committed", "Available")}
    assert told == {"Unavailable": 6, "Committed": 0, "Available": -1}
    assert sum(told.values()) == int(here["On hand (current)"]) == 5
    assert {row["On hand (current)"] for row in rows if row["SKU"] == "MUG"} == {"not stocked"}


def test_a_warehouse_that_is_called_like_a_column_has_no_column(shop: Shop) -> None:
    stock.add_warehouse(shop, code="COO", name="Title")
    with pytest.raises(BadInput, match="COO"):
        exported(shop, "shopify-wide")
    assert "COO" not in exported(shop, "csv")


def test_no_export_format_of_that_name(shop: Shop) -> None:
    with pytest.raises(BadInput):
        exported(shop, "xml")


_CELLS = st.sampled_from(["", "0", "3", "12", "-1", "x", "not stocked", "NOT STOCKED", "1.0", "+2"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.sampled_from(["TEE-S", "TEE-M", "MUG", "NOPE"]), _CELLS, _CELLS), max_size=8))
def test_any_file_leaves_books_that_add_up_and_goes_in_once(shop: Shop, rows: list[Any]) -> None:
    file = WIDE + "".join(f",,,,,,,,{sku},,,{one},{other}\n" for sku, one, other in rows)
    first = import_stock(shop, file)
    after = everything(shop)
    again = import_stock(shop, file)
    assert (told(again), again.levels_changed, again.levels_made) == (told(first), 0, 0)
    assert everything(shop) == after
    assert verify.verify(shop).violations == []
