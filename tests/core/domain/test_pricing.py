from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopctl.core.domain.pricing import BasketLine, ShippingRate, TaxRate, price
from shopctl.core.errors import Refused

LINE = BasketLine("A", 2, 1999, weight_grams=300)


def tax(percent: float, **how: object) -> TaxRate:
    fields = {"name": "VAT", "country": "DE", "region": ""} | how
    return TaxRate(parts_per_million=round(percent * 10_000), **fields)  # type: ignore[arg-type]


def rate(amount: int, **how: object) -> ShippingRate:
    fields = {"name": "Standard", "country": "DE", "region": ""} | how
    return ShippingRate(amount=amount, **fields)  # type: ignore[arg-type]


def test_without_rates_there_is_no_tax_and_shipping_is_free() -> None:
    totals = price([LINE], [], None)
    assert (totals.subtotal, totals.tax, totals.shipping, totals.total) == (3998, 0, 0, 3998)


def test_an_exclusive_rate_is_added_half_up_per_line() -> None:
    totals = price([BasketLine("A", 1, 1050), BasketLine("B", 1, 1050)], [tax(5)], None)
    assert totals.line_taxes == (53, 53)  # 52.5 each
    assert totals.total == 2100 + 106


def test_an_included_rate_is_told_and_not_added() -> None:
    totals = price([BasketLine("A", 1, 11900)], [tax(19, included=True)], None)
    assert (totals.tax, totals.tax_included, totals.total) == (1900, 1900, 11900)


def test_rates_of_different_names_add_up_and_a_region_beats_its_country() -> None:
    rates = [tax(5, name="GST"), tax(7, name="PST", region="BC"), tax(99, name="PST")]
    totals = price([BasketLine("A", 1, 10001)], rates, None)
    assert (totals.tax, [(part.name, part.amount) for part in totals.taxes]) == (1200, [("GST", 500), ("PST", 700)])


def test_shipping_is_taxed_only_where_the_rate_says_so() -> None:
    lines, shipping = [BasketLine("A", 1, 1000)], [rate(500)]
    assert price(lines, [tax(10)], shipping).tax == 100
    assert price(lines, [tax(10, on_shipping=True)], shipping).tax == 150


def test_untaxable_lines_are_not_taxed() -> None:
    assert price([BasketLine("A", 1, 1000, taxable=False)], [tax(19)], None).tax == 0


def test_the_cheapest_fitting_method_is_taken_and_bands_are_half_open() -> None:
    rates = [
        rate(500, max_weight_grams=600),
        rate(900, min_weight_grams=600),
        rate(2000, name="Express"),
    ]
    chosen = price([LINE], [], rates)
    assert (chosen.shipping_method, chosen.shipping) == ("Standard", 900)
    assert price([LINE], [], rates, method="Express").shipping == 2000


def test_free_above_counts_the_subtotal() -> None:
    assert price([LINE], [], [rate(500, free_above=3998)]).shipping == 0
    assert price([LINE], [], [rate(500, free_above=3999)]).shipping == 500


def test_a_basket_that_no_rate_fits_is_refused_and_one_without_parcels_is_not() -> None:
    with pytest.raises(Refused, match="No shipping rate"):
        price([LINE], [], [])
    with pytest.raises(Refused, match="no shipping method 'Drone'"):
        price([LINE], [], [rate(500)], method="Drone")
    assert price([BasketLine("A", 1, 1000, requires_shipping=False)], [], []).shipping == 0


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10**6)), min_size=1, max_size=8),
    st.integers(0, 1_000_000),
    st.integers(0, 1_000_000),
)
def test_the_total_always_adds_up(lines: list[tuple[int, int]], inside: int, on_top: int) -> None:
    rates = [TaxRate("A", "", "", inside, included=True), TaxRate("B", "", "", on_top)]
    basket = [BasketLine(str(i), quantity, unit) for i, (quantity, unit) in enumerate(lines)]
    totals = price(basket, rates, None)
    assert totals.total == totals.subtotal + totals.tax - totals.tax_included
    assert 0 <= totals.tax_included <= totals.tax
    assert sum(totals.line_taxes) == totals.tax
    assert sum(part.amount for part in totals.taxes) == totals.tax
    assert sum(part.amount for part in totals.taxes if part.included) == totals.tax_included
