from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shopctl.core.domain.sourcing import Level, Pick, Place, explain, plan


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


def verdicts(wanted: dict[str, int], *places: Place) -> list[tuple[str, int, str]]:
    levels = [level(p.sku, p.warehouse, p.available) for p in places if p.active and p.stocked]
    return [(v.warehouse, v.take, v.verdict) for v in explain(wanted, places, plan(wanted, levels))]


def test_a_split_is_explained() -> None:
    places = [Place("A", name, True, True, units) for name, units in (("ONE", 3), ("TWO", 2), ("SIX", 1))]
    assert verdicts({"A": 4}, *places) == [
        ("ONE", 3, "gives a part: no warehouse has enough"),
        ("TWO", 1, "gives a part: no warehouse has enough"),
        ("SIX", 0, "comes after TWO"),
    ]


def test_why_not_is_explained() -> None:
    assert verdicts(
        {"A": 2},
        Place("A", "ONE", True, True, 1, kept=4),
        Place("A", "TWO", True, True, 2),
        Place("A", "OLD", False, True, 9),
        Place("A", "NEW", True, False, 0),
        Place("A", "SIX", True, True, -3),
        Place("A", "TEN", True, True, 9),
    ) == [
        ("ONE", 0, "has 1 of 2, 4 kept as safety stock"),
        ("TWO", 2, "the first that has enough"),
        ("OLD", 0, "inactive"),
        ("NEW", 0, "not stocked there"),
        ("SIX", 0, "has 0 of 2"),
        ("TEN", 0, "comes after TWO"),
    ]


def test_what_is_short_keeps_the_rest_from_being_taken() -> None:
    assert verdicts({"A": 2, "B": 1}, Place("A", "ONE", True, True, 1), Place("B", "ONE", True, True, 5)) == [
        ("ONE", 0, "has 1 of 2"),
        ("ONE", 0, "would do, but there is too little of A"),
    ]


def test_what_is_held_already_is_told_with_the_rest() -> None:
    places = [Place("A", "ONE", True, True, 0, held=2), Place("A", "TWO", True, True, 3)]
    told = explain({"A": 1}, places, plan({"A": 1}, [level("A", "TWO", 3)]))
    assert [(v.quantity, v.take, v.verdict) for v in told] == [
        (3, 2, "holds 2 already"),
        (3, 1, "the first that has enough"),
    ]


@given(
    st.dictionaries(st.sampled_from("AB"), st.integers(1, 5), min_size=1),
    st.lists(
        st.tuples(st.sampled_from(["ONE", "TWO", "SIX"]), st.booleans(), st.integers(-2, 6)), unique_by=lambda w: w[0]
    ),
)
def test_every_place_has_a_verdict_and_takes_what_the_plan_takes(
    wanted: dict[str, int], warehouses: list[tuple[str, bool, int]]
) -> None:
    places = [Place(sku, name, active, True, units) for sku in wanted for name, active, units in warehouses]
    decided = plan(wanted, [level(p.sku, p.warehouse, p.available) for p in places if p.active])
    told = explain(wanted, places, decided)
    assert len(told) == len(places)
    assert all(verdict.verdict for verdict in told)
    takes = {(v.sku, v.warehouse): v.take for v in told if v.take}
    assert takes == {(p.sku, p.warehouse): p.quantity for p in decided.picks}
