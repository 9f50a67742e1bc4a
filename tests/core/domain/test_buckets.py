from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shopctl.core.domain.buckets import Bucket, arrange
from shopctl.core.domain.sourcing import Level, plan


def free(bucket: Bucket) -> int:
    return bucket.quantity + bucket.backorder_limit - bucket.safety_stock - bucket.promised


def test_what_is_free_is_dealt_evenly_and_what_is_promised_stays() -> None:
    before = [Bucket(0, 10, 3, 0, 0), Bucket(1, 0, 0, 0, 0), Bucket(2, 0, 0, 0, 0)]
    after = arrange(before, 3, quantity=10, backorder_limit=0, safety_stock=0)
    assert after == [Bucket(0, 6, 3, 0, 0), Bucket(1, 2, 0, 0, 0), Bucket(2, 2, 0, 0, 0)]
    whole = arrange(after, 1, quantity=10, backorder_limit=0, safety_stock=0)
    assert whole == before


def test_a_bucket_that_owes_gets_what_others_have_free() -> None:
    before = [Bucket(0, 0, 2, 5, 0), Bucket(1, 3, 1, 0, 0)]
    after = arrange(before, 2, quantity=3, backorder_limit=5, safety_stock=0)
    assert after
    assert [bucket.quantity for bucket in after] == [2, 1]
    assert sum(bucket.backorder_limit for bucket in after) == 5


def test_units_that_are_due_lie_where_they_are_due_even_if_another_owes_them_then() -> None:
    before = [Bucket(0, 1, 1, 0, 0), Bucket(1, 0, 1, 1, 0)]
    after = arrange(before, 2, quantity=1, backorder_limit=1, safety_stock=0, due={1: 1})
    assert after == [Bucket(0, 0, 1, 1, 0), Bucket(1, 1, 1, 0, 0)]
    assert arrange(before, 2, quantity=1, backorder_limit=1, safety_stock=0, due={0: 1, 1: 1}) is None


@st.composite
def levels(draw: st.DrawFn) -> list[Bucket]:
    """Buckets, each of them possible."""
    found = []
    for number in range(draw(st.integers(1, 5))):
        promised, limit = draw(st.integers(0, 5)), draw(st.integers(0, 4))
        quantity = draw(st.integers(max(0, promised - limit), promised + 4))
        found.append(Bucket(number, quantity, promised, limit, draw(st.integers(0, 3))))
    return found


@given(levels(), st.integers(1, 5), st.integers(-6, 6), st.integers(0, 9), st.integers(0, 9))
def test_the_buckets_can_promise_what_the_level_could(
    before: list[Bucket], spread: int, change: int, limit: int, safety: int
) -> None:
    spread = min(spread, len(before))
    quantity, promised = sum(b.quantity for b in before) + change, sum(b.promised for b in before)
    after = arrange(before, spread, quantity=quantity, backorder_limit=limit, safety_stock=safety)
    if quantity < 0 or promised > quantity + limit:
        assert after is None
        return
    assert after is not None
    assert [b.promised for b in after] == [b.promised for b in before]
    assert (quantity, limit, safety) == tuple(
        sum(getattr(b, name) for b in after) for name in ("quantity", "backorder_limit", "safety_stock")
    )
    assert all(min(b.quantity, b.backorder_limit, b.safety_stock) >= 0 for b in after)
    assert all(b.promised <= b.quantity + b.backorder_limit for b in after)
    together = quantity + limit - safety - promised
    assert sum(max(0, free(b)) for b in after) == max(0, together)  # no bucket has what another one lacks
    shares = [free(b) for b in after[:spread]]
    assert max(shares) - min(shares) <= 1


@given(st.lists(st.integers(-3, 5), min_size=1, max_size=6), st.integers(1, 12), st.integers(0, 99))
def test_a_plan_over_buckets_takes_what_they_have_together_wherever_it_begins(
    units: list[int], wanted: int, start: int
) -> None:
    buckets = [Level("A", "MAIN", "general", n, has) for n, has in enumerate(units)]
    decided = plan({"A": wanted}, buckets, start)
    if sum(units) < wanted:
        assert decided.short == {"A": max(0, sum(units))}
        return
    assert sum(pick.quantity for pick in decided.picks) == wanted
    assert all(pick.quantity <= units[pick.bucket] for pick in decided.picks)
    if max(units) >= wanted:
        assert len(decided.picks) == 1


def test_each_start_is_another_bucket_and_falls_through_empty_ones() -> None:
    buckets = [Level("A", "MAIN", "general", n, has) for n, has in enumerate([2, 0, 2])]
    found = [plan({"A": 1}, buckets, start).picks[0].bucket for start in range(4)]
    assert found == [0, 2, 2, 0]
