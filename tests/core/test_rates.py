"""Rates: dated, by place, edited without touching what was charged, imported without doubles."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shopctl.core import cart, checkout, rates
from shopctl.core.errors import BadInput, NotFound, Refused, ShopError
from shopctl.core.imports.rates import RatesReport, import_rates
from shopctl.core.queries import rates as rates_read
from shopctl.core.shop import Shop
from tests import shops

VAT: dict[str, Any] = {"name": "VAT", "country": "DE", "percent": "19", "valid_from": "2021-01-01"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return shops.make(tmp_path, country="DE", timezone="Europe/Berlin")


def taxes(shop: Shop) -> list[rates_read.TaxRateRow]:
    with shop.read() as tx:
        return rates_read.TAXES.rows(tx)


def refused(kind: type[ShopError], shop: Shop, said: dict[str, Any], which: rates.Kind = rates.TAX) -> str:
    with pytest.raises(kind) as error:
        rates.add(shop, which, said)
    return error.value.code


def test_a_day_begins_in_the_shops_own_zone(shop: Shop) -> None:
    rates.add(shop, rates.TAX, VAT)
    assert taxes(shop)[0].valid_from == datetime(2020, 12, 31, 23, tzinfo=UTC)


def test_an_edit_changes_what_is_charged_from_now_on(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5, price=10000)
    rate = rates.add(shop, rates.TAX, VAT)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    assert str(checkout.quote(shop, cart="c1", address=shops.HOME).tax) == "19.00"
    edited = rates.edit(shop, rates.TAX, rate_id=rate.id, said={"percent": "7.5", "included": "true"})
    assert isinstance(edited, rates_read.TaxRateRow)
    assert (edited.percent, edited.included, edited.valid_from) == ("7.5", True, rate.valid_from)
    assert str(checkout.quote(shop, cart="c1", address=shops.HOME).tax) == "6.98"
    rates.edit(shop, rates.TAX, rate_id=rate.id, said={"valid_to": "2022-01-01"})
    assert str(checkout.quote(shop, cart="c1", address=shops.HOME).tax) == "0.00"
    rates.edit(shop, rates.TAX, rate_id=rate.id, said={"valid_to": ""})
    assert str(checkout.quote(shop, cart="c1", address=shops.HOME).tax) == "6.98"
    rates.remove(shop, rates.TAX, rate_id=rate.id)
    assert taxes(shop) == []
    with pytest.raises(NotFound):
        rates.remove(shop, rates.TAX, rate_id=rate.id)


def test_what_cannot_be_a_rate_is_refused(shop: Shop) -> None:
    rate = rates.add(shop, rates.TAX, VAT)
    assert refused(Refused, shop, {**VAT, "valid_from": "2025-01-01"}) == "rate_exists"
    for field, value, code in (
        ("percent", "101", "bad_rate"),
        ("percent", "1.00001", "bad_rate"),
        ("percent", "NaN", "bad_rate"),
        ("percent", None, "bad_rate"),
        ("name", " ", "bad_rate"),
        ("country", "Germany", "bad_country"),
        ("included", "maybe", "bad_rate"),
        ("valid_from", "yesterday", "bad_time"),
        ("valid_to", "2020-01-01", "bad_dates"),
        ("colour", "red", "unknown_field"),
    ):
        assert refused(BadInput, shop, {**VAT, "name": "GST", field: value}) == code, (field, value)
    assert refused(BadInput, shop, {**VAT, "name": "GST", "country": "", "region": "BY"}) == "bad_rate"
    flat = {"name": "Post", "amount": "4.99"}
    assert refused(BadInput, shop, {**flat, "amount": "-1"}, rates.SHIPPING) == "bad_amount"
    assert refused(BadInput, shop, {**flat, "max_weight_grams": "0"}, rates.SHIPPING) == "bad_bounds"
    assert refused(BadInput, shop, {**flat, "min_weight_grams": "-5"}, rates.SHIPPING) == "bad_number"
    other = rates.add(shop, rates.TAX, {**VAT, "country": "FR"})
    with pytest.raises(Refused):
        rates.edit(shop, rates.TAX, rate_id=other.id, said={"country": "DE"})
    with pytest.raises(BadInput):
        rates.edit(shop, rates.TAX, rate_id=rate.id, said={})
    assert [row.country for row in taxes(shop)] == ["DE", "FR"]


def counts(report: RatesReport) -> tuple[int, int, int]:
    return report.added, report.unchanged, report.refused


OWN = "name,country,percent,valid_from,valid_to\nVAT,DE,16,2020-07-01,2021-01-01\nVAT,DE,19,2021-01-01,\n"


def test_the_same_file_again_changes_nothing(shop: Shop) -> None:
    assert counts(import_rates(shop, rates.TAX, OWN)) == (2, 0, 0)
    assert counts(import_rates(shop, rates.TAX, OWN.replace(",", ";"))) == (0, 2, 0)
    rows = '{"name": "Post", "amount": "4.99", "country": "DE", "free_above": "50.00", "valid_from": "2020-01-01"}\n'
    assert counts(import_rates(shop, rates.SHIPPING, rows + "\n" + rows)) == (1, 1, 0)


def test_a_dry_run_of_a_file_tells_what_the_run_does(shop: Shop) -> None:
    """A rate that stands twice is added once, and one overlaps another of the same file."""
    file = OWN + OWN.split("\n", 1)[1] + "VAT,DE,20,2022-01-01,\n"
    dry = import_rates(shop.but(dry_run=True), rates.TAX, file)
    assert taxes(shop) == []
    assert counts(dry) == counts(import_rates(shop, rates.TAX, file)) == (2, 2, 1)


def test_what_is_wrong_with_a_row_is_told_and_the_others_go_in(shop: Shop) -> None:
    bad = OWN + "VAT,DE,20,2022-01-01,\nVAT,FR,x,2022-01-01,\nVAT,FR,20\nVAT,FR,20,2022-01-01,\n"
    report = import_rates(shop, rates.TAX, bad)
    assert counts(report) == (3, 0, 3)
    assert [refusal.line for refusal in report.refusals] == [4, 5, 6]
    worse = '{"name": "A", "percent": 1}\n{"name": "\\ud800", "percent": 1}\n' + '{"a":' * 100_000 + "\n[]\n{\n"
    assert counts(import_rates(shop.but(dry_run=True), rates.TAX, worse)) == (1, 0, 4)
    with pytest.raises(Refused):
        import_rates(shop, rates.TAX, "name,percent\nA,1\nB,x\nC,1\n", on_error="stop")
    assert len(taxes(shop)) == 3
    for text, code in (
        ("", "empty_file"),
        ("a,b\n1,2\n", "unknown_format"),
        ('{"items": {"A": [1]}}', "unknown_format"),
    ):
        with pytest.raises(BadInput) as error:
            import_rates(shop, rates.TAX, text)
        assert error.value.code == code


def test_published_tables_of_vat_go_in(shop: Shop) -> None:
    table = (
        "start_date,stop_date,territory_codes,currency_code,rate,rate_type,description\n"
        "2011-01-01,,UK,GBP,0.2,standard,\n"
        '1999-01-01,2005-04-01,"GR\nEL",EUR,0.18,standard,\n'
        '2020-01-01,,"PT-30\nDE-27498",EUR,0.125,standard,\n'
        "2020-01-01,,SE,SEK,0.12,reduced,\n"
    )
    report = import_rates(shop, rates.TAX, table, defaults={"on_shipping": True})
    assert counts(report) == (3, 1, 2)
    assert [(row.country, row.region, row.percent, row.on_shipping) for row in taxes(shop)] == [
        ("GB", "", "20", True),
        ("GR", "", "18", True),
        ("PT", "30", "12.5", True),
    ]
    periods = (
        '{"items": {"EE": [{"effective_from": "2025-07-01", "rates": {"standard": 24}},\n'
        '{"effective_from": "0000-01-01", "rates": {"standard": 22}, "exceptions": [{"name": "Somewhere"}]}]}}'
    )
    assert counts(import_rates(shop, rates.TAX, periods)) == (2, 0, 1)
    assert counts(import_rates(shop, rates.TAX, periods)) == (0, 2, 1)
    estonian = [row for row in taxes(shop) if row.country == "EE"]
    assert [row.percent for row in estonian] == ["22", "24"]
    assert estonian[0].valid_to == estonian[1].valid_from
