"""The import as a whole: batches, all or nothing, dry runs, being killed, doing it again."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import stock
from shopctl.core.catalog import Change
from shopctl.core.db.tables import audit_log, outbox, products
from shopctl.core.domain.wire import plain
from shopctl.core.errors import Refused
from shopctl.core.imports import products as importing
from shopctl.core.imports import report as reports
from shopctl.core.imports.products import import_products
from shopctl.core.imports.rows import Refusal
from shopctl.core.imports.sniff import open_source
from shopctl.core.shop import Shop

from .helpers import accepted, catalogue, count, everything, exported, lines, shirts, units


def test_the_same_file_again_changes_nothing(shop: Shop) -> None:
    file = lines(*shirts(25))
    first = accepted(shop, file, batch=10)
    assert (first.products_created, first.opening_booked, first.opening_units) == (25, 25, 75)
    before = everything(shop)
    again = accepted(shop, file, batch=7)
    assert (again.products_unchanged, again.opening_ignored, again.opening_units) == (25, 25, 0)
    assert everything(shop) == before


def test_what_changed_is_told_to_the_index(shop: Shop) -> None:
    accepted(shop, lines(*shirts(3)))
    changed = shirts(3)
    changed[1]["brand"] = "Acme"
    report = accepted(shop, lines(*changed))
    assert (report.products_updated, report.products_unchanged) == (1, 2)
    with shop.read() as tx:
        versions = [row.version for row in tx.rows(sa.select(products.c.version).order_by(products.c.title))]
        assert versions == [1, 2, 1]
        facts = [row.payload for row in tx.rows(sa.select(outbox.c.payload).order_by(outbox.c.id))]
    assert [len(fact["products"]) for fact in facts] == [3, 1]


def test_opening_stock_is_the_sum_of_its_movements(shop: Shop) -> None:
    accepted(shop, lines({"title": "T", "variants": [{"sku": "T", "price": "1", "backorder_limit": 5, "quantity": 4}]}))
    assert count(shop, "SELECT quantity FROM stock_levels") == 4
    assert count(shop, "SELECT sum(quantity) FROM stock_movements") == 4
    assert stock.receive(shop, sku="T", quantity=2).quantity == 6
    report = accepted(shop, lines({"handle": "t", "variants": [{"sku": "T", "quantity": 9}]}))
    assert (report.opening_ignored, units(shop)) == (1, 6)


def test_each_batch_is_one_unit_of_work(shop: Shop) -> None:
    import_products(shop, lines(*shirts(25)), batch=10, target="shirts.jsonl")
    with shop.read() as tx:
        entries = tx.rows(sa.select(audit_log.c.target).where(audit_log.c.action == "catalog.import"))
    assert [entry.target for entry in entries] == ["shirts.jsonl"] * 3


def test_a_batch_is_cut_where_products_have_many_variants(shop: Shop) -> None:
    many = [{"options": {"n": str(n)}, "price": "1"} for n in range(30)]
    accepted(shop, lines(*shirts(5, variants=many)), batch=5)
    assert count(shop, "SELECT count(*) FROM audit_log WHERE action = 'catalog.import'") == 3


def bad_in_the_middle() -> str:
    rows = shirts(20)
    rows[12]["variants"][0]["price"] = "free"
    rows[15]["title"] = ""
    return lines(*rows)


def test_good_rows_go_in_and_bad_ones_are_told(shop: Shop) -> None:
    streamed: list[Refusal] = []
    report = import_products(shop, bad_in_the_middle(), batch=5, on_refusal=streamed.append)
    assert (report.products_created, report.products_refused, report.rows_refused) == (18, 2, 2)
    assert [(r.line, r.column) for r in report.refusals] == [(13, "variants[0].price"), (16, "title")]
    assert streamed == report.refusals


def test_stop_means_that_nothing_went_in(shop: Shop) -> None:
    before = everything(shop)
    with pytest.raises(Refused, match=r"Line 13, variants\[0\].price 'free'.*Nothing was imported") as caught:
        import_products(shop, bad_in_the_middle(), batch=5, on_error="stop")
    assert caught.value.code == "import_refused"
    assert caught.value.details == {
        "line": 13,
        "column": "variants[0].price",
        "value": "free",
        "reason": "'free' is not a decimal amount such as 19.99",
    }
    assert everything(shop) == before


def test_stop_tells_the_first_refusal_of_a_file(shop: Shop) -> None:
    clash = shirts(6)
    clash[2]["variants"] = [{"sku": "S-0", "price": "1"}]
    clash[4]["title"] = ""
    with pytest.raises(Refused) as caught:
        import_products(shop, lines(*clash), on_error="stop")
    assert caught.value.details["line"] == 3


def test_stop_with_nothing_to_refuse(shop: Shop) -> None:
    assert accepted(shop, lines(*shirts(12)), batch=5, on_error="stop").products_created == 12
    assert len(catalogue(shop)) == 12


def test_a_dry_run_tells_the_same_and_changes_nothing(shop: Shop) -> None:
    before = everything(shop)
    file = bad_in_the_middle()
    tried = import_products(shop.but(dry_run=True), file, batch=5)
    assert everything(shop) == before
    real = import_products(shop, file, batch=5)
    assert tried.dry_run
    tried.dry_run = False
    assert tried == real


def test_progress_counts_rows_and_bytes(shop: Shop) -> None:
    seen: list[tuple[int, int]] = []
    file = lines(*shirts(12)).encode()
    import_products(shop, file, batch=5, progress=lambda rows, size: seen.append((rows, size)))
    assert [rows for rows, _ in seen] == [5, 10, 12]
    assert seen[-1] == (12, len(file))


def test_a_report_keeps_so_many_refusals_and_counts_all(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_KEPT", 3)
    report = import_products(shop, "{}\n" * 8, batch=2)
    assert (len(report.refusals), report.refusals_total, report.rows_refused) == (3, 8, 8)


def test_a_rehearsal_tells_field_by_field_what_would_change(shop: Shop) -> None:
    accepted(shop, lines(*shirts(3)))
    changed = shirts(4)
    changed[1] |= {"category": "A", "brand": "Acme"}
    changed[2]["variants"] = [{"sku": "S-2", "price": "6.5"}, {"sku": "S-2B", "options": {"Size": "M"}, "price": "7"}]
    told: list[Change] = []
    import_products(shop.but(dry_run=True), lines(*changed), batch=2, on_change=told.append)
    assert [(c.handle, c.sku, c.field, plain(c.before), plain(c.after)) for c in told] == [
        ("shirt-1", None, "brand", None, "Acme"),
        ("shirt-1", None, "category", "A > B1", "A"),
        ("shirt-2", "S-2", "price", "5.00", "6.50"),
        ("shirt-2", "S-2B", "options", None, {"Size": "M"}),
        ("shirt-2", "S-2B", "price", None, "7.00"),
        ("shirt-3", None, "title", None, "Shirt 3"),
        ("shirt-3", None, "category", None, "A > B0"),
        ("shirt-3", "S-3", "price", None, "5.00"),
        ("shirt-3", "S-3", "quantity", None, 3),
    ]


def test_nothing_changes_where_everything_is_there_already(shop: Shop) -> None:
    accepted(shop, lines(*shirts(3)))
    told: list[Change] = []
    import_products(shop.but(dry_run=True), exported(shop, "csv"), on_change=told.append)
    assert told == []


def test_what_a_reader_notes_is_in_the_report(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def noting(lines: Any, *how: Any) -> Any:
        found = open_source(lines, *how)
        found.notes["prices in DKK were kept but are not used"] = None
        return found

    monkeypatch.setattr(importing, "open_source", noting)
    assert accepted(shop, lines(*shirts(1))).notes == ["prices in DKK were kept but are not used"]
