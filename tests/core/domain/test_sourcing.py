from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shopctl.core.domain.sourcing import Level, Pick, plan


def level(sku: str, warehouse: str, available: int) -> Level:
    return Level(sku, warehouse, "general", 0, available)


def pick(sku: str, warehouse: str, quantity: int) -> Pick:
    return Pick(sku, warehouse, "general", 0, quantity)


def test_one_warehouse_that_has_everything_beats_the_first_priority() -> None:
    levels = [level("A", "ONE", 5), level("A", "TWO", 5), level("B", "TWO", 5)]
    assert plan({"A": 2, "B": 2}, levels).picks == (pick("A", "TWO", 2), pick("B", "TWO", 2))


def test_without_one_for_all_each_sku_prefers_one_warehouse() -> None:
    levels = [level("A", "ONE", 1), level("A", "TWO", 3), level("B", "ONE", 1)]
    assert plan({"A": 2, "B": 1}, levels).picks == (pick("A", "TWO", 2), pick("B", "ONE", 1))


def test_a_sku_is_split_when_nobody_has_enough() -> None:
    assert plan({"A": 4}, [level("A", "ONE", 3), level("A", "TWO", 3)]).picks == (
        pick("A", "ONE", 3),
        pick("A", "TWO", 1),
    )


def test_what_is_short_is_named_with_what_there_is() -> None:
    decided = plan({"A": 4, "B": 1}, [level("A", "ONE", 3)])
    assert not decided.picks
    assert decided.short == {"A": 3, "B": 0}


@given(
    st.dictionaries(st.sampled_from("ABC"), st.integers(1, 9), min_size=1),
    st.lists(
        st.builds(level, st.sampled_from("ABC"), st.sampled_from(["1", "2", "3"]), st.integers(-2, 9)),
        max_size=9,
        unique_by=lambda x: (x.sku, x.warehouse),
    ),
)
def test_a_plan_takes_exactly_what_is_wanted_and_never_more_than_there_is(
    wanted: dict[str, int], levels: list[Level]
) -> None:
    levels = [found for found in levels if found.sku in wanted]
    decided = plan(wanted, levels)
    if decided.short:
        return
    for sku, quantity in wanted.items():
        assert sum(p.quantity for p in decided.picks if p.sku == sku) == quantity
    have = {(found.sku, found.warehouse): found.available for found in levels}
    assert all(0 < p.quantity <= have[p.sku, p.warehouse] for p in decided.picks)
