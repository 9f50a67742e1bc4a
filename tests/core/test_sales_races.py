"""Small rushes of real processes; `python -m tests.sales_races` runs the large ones."""

from __future__ import annotations

from pathlib import Path

from tests import sales_races
from tests.sales_races import Rush


def test_first_come_first_served_and_exactly_the_allotment_whoever_joins_admits_and_buys_at_once(
    tmp_path: Path,
) -> None:
    rush = Rush(tmp_path)
    shop = sales_races.prepare(rush)
    sales_races.run(rush)
    assert sales_races.wrong(rush, shop) == []


def test_admitters_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    rush = Rush(tmp_path, joiners=1, buyers=1, kills=3)
    shop = sales_races.prepare(rush)
    assert sales_races.run(rush) > 0
    assert sales_races.wrong(rush, shop) == []
