from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopctl.core.domain import money
from shopctl.core.errors import BadInput


@given(st.integers(-(10**15), 10**15), st.sampled_from(["USD", "JPY", "KWD"]))
def test_an_amount_survives_being_written_and_read(amount: int, currency: str) -> None:
    assert money.parse_amount(money.format_amount(amount, currency), currency) == amount


@pytest.mark.parametrize("text", ["", "1e3", "1,50", "NaN", "inf", "0x10", "19.999", "--1", "1_000", "١٢", "1" * 30])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        money.parse_amount(text, "USD")


def test_decimals_follow_the_currency() -> None:
    assert money.format_amount(5997, "USD") == "59.97"
    assert money.format_amount(-5, "USD") == "-0.05"
    assert money.format_amount(5997, "JPY") == "5997"
    assert money.format_amount(5997, "KWD") == "5.997"
    with pytest.raises(BadInput):
        money.parse_amount("1.5", "JPY")


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_allocated_parts_sum_to_the_whole_and_stay_near_their_share(total: int, weights: list[int]) -> None:
    parts = money.allocate(total, weights)
    assert sum(parts) == total
    if sum(weights):
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - total * weight / sum(weights)) < 1.001
