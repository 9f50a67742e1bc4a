"""A small rehearsal of a sale: what it reports is in its store, the same seed gives the same report, and it can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa

from shopctl import bootstrap, config
from shopctl.core import catalog, rates, rehearsal, sales, stock
from shopctl.core.db.tables import metadata, order_lines, orders, stock_movements, tickets
from shopctl.core.db.unit_of_work import Row
from shopctl.core.errors import Refused, ShopError
from shopctl.core.rehearsal import Clock, Plan, Report, Scratch, crowd
from shopctl.core.rehearsal.report import FINAL
from shopctl.core.sales import Terms, admission
from shopctl.core.shop import Shop
from tests import shops

PLAN = Plan(shoppers=300, stock=10, seed=7)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with rates and two places, and less of everything than will be rehearsed."""
    made = shops.make(tmp_path)
    shops.product(made, "TEE", units=3)
    shops.product(made, "CAP", units=5)
    stock.add_warehouse(made, code="EAST", name="East")
    stock.transfer(made, sku="CAP", quantity=2, source="MAIN", target="EAST")
    rates.add(made, rates.TAX, {"country": "US", "percent": "8.5", "name": "Tax"})
    return made


def rehearsed(
    shop: Shop, place: Path, plan: Plan = PLAN, first: Callable[[Shop], None] = lambda _: None
) -> tuple[Shop, Scratch, Report]:
    place.mkdir()
    scratch = rehearsal.make(shop, units=plan.stock, place=place)
    clock = Clock(scratch.since)
    there = opened(scratch, place, clock=clock)
    first(there)
    return there, scratch, rehearsal.run(there, clock, scratch, plan, progress=lambda _done, _total: None)


def opened(scratch: Scratch, place: Path, **how: Any) -> Shop:
    settings = shops.settings_for(place)
    own = {"store": config.Value(scratch.url, "test"), "redis": config.Value("", "test")}
    return bootstrap.open_shop(replace(settings, **own), **how)


class _Plenty(admission._Free):
    """An admitter who does not look."""

    def __init__(self, levels: Iterable[Row]) -> None:
        self._levels = {(level.warehouse, level.bucket): 1000 for level in levels}


def unguarded(shop: Shop) -> None:
    """Neither the guard nor the CHECK of a pool's level holds anything back."""
    with shop.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER unguarded AFTER INSERT ON stock_levels WHEN new.pool = 'sale' "
            "BEGIN UPDATE stock_levels SET backorder_limit = 1000 WHERE pool = 'sale'; END"
        )


def _empty(directory: Path) -> Path:
    place = directory / "scratch"
    place.mkdir()
    return place


def count(shop: Shop, what: Any) -> int:
    with shop.read() as tx:
        return int(tx.execute(what).scalar_one())


def everything(shop: Shop) -> dict[str, int]:
    return {name: count(shop, sa.select(sa.func.count()).select_from(t)) for name, t in metadata.tables.items()}


def test_what_it_reports_is_what_the_store_says(shop: Shop, tmp_path: Path) -> None:
    before = everything(shop)
    there, scratch, found = rehearsed(shop, tmp_path / "scratch")
    assert everything(shop) == before
    assert (scratch.sku, dict(scratch.units)) == ("CAP", {"MAIN": 6, "EAST": 4})
    assert (found.shoppers, found.stock, found.seed) == (300, 10, 7)
    assert (found.sold, found.oversold, found.left, found.answered) == (10, 0, 0, 300)
    assert found.first_come_first_served
    assert count(there, sa.select(sa.func.count()).where(orders.c.status == "confirmed")) == found.sold == found.bought
    sold = sa.func.coalesce(sa.func.sum(stock_movements.c.committed), 0)
    assert count(there, sa.select(sold).where(stock_movements.c.pool == "sale")) == 10
    assert count(there, sa.select(sa.func.count()).where(tickets.c.state.in_(FINAL))) + found.refused == 300
    assert count(there, sa.select(sa.func.min(order_lines.c.unit_price))) == 1999
    assert count(there, sa.select(sa.func.min(orders.c.tax))) > 0
    rehearsal.must_stand(rehearsal.judged(there, found))


def test_what_can_go_wrong_does(shop: Shop, tmp_path: Path) -> None:
    _, _, found = rehearsed(shop, tmp_path / "scratch", Plan(600, 60, seed=3, terms=Terms(hold_seconds=60, batch=10)))
    assert found.killed == 3
    assert (found.bots, found.limited > 0) == (2, True)
    assert min(found.expired, found.went, found.declined) > 0
    assert found.sold == 60
    assert 0 < found.wait_p50_s <= found.wait_p95_s <= found.wait_p99_s <= found.last_answer_s


def test_waits_are_compared_with_what_was_told(shop: Shop, tmp_path: Path) -> None:
    terms = Terms(hold_seconds=60, rate=60)
    _, _, found = rehearsed(shop, tmp_path / "scratch", Plan(600, 100, seed=3, terms=terms))
    middle = next(one for one in found.wait_errors if one.at == 50)
    assert middle.told > 5
    assert middle.error_p50_s is not None
    assert middle.error_p95_s is not None
    assert 0 < middle.error_p50_s <= middle.error_p95_s < found.last_answer_s


def test_who_comes_when_it_is_sold_out_hears_at_once(shop: Shop, tmp_path: Path) -> None:
    there, _, found = rehearsed(shop, tmp_path / "scratch", Plan(300, 1, seed=5))
    assert (found.sold, found.answered) == (1, 300)
    assert found.refused > 0
    assert count(there, sa.select(sa.func.count()).select_from(tickets)) == 300 - found.refused


def test_more_units_than_shoppers(shop: Shop, tmp_path: Path) -> None:
    there, _, found = rehearsed(shop, tmp_path / "scratch", Plan(50, 200, seed=7))
    assert (found.answered, found.oversold, found.told) == (50, 0, 0)
    assert found.left == 200 - found.sold > 150
    rehearsal.must_stand(rehearsal.judged(there, found))


def test_the_course_ends_where_the_report_does(shop: Shop, tmp_path: Path) -> None:
    there, _, found = rehearsed(shop, tmp_path / "scratch")
    course = rehearsal.course(there)
    assert course[0].at_s < 0 < course[-1].at_s
    assert all(one.held + one.sold + one.left == 10 for one in course)
    assert [one.sold for one in course] == sorted(one.sold for one in course)
    assert (course[-1].queue, course[-1].held, course[-1].sold) == (0, 0, found.sold)


def test_the_same_seed_is_the_same_report(shop: Shop, tmp_path: Path) -> None:
    first = rehearsed(shop, tmp_path / "first")
    second = rehearsed(shop, tmp_path / "second")
    assert (first[2], rehearsal.course(first[0])) == (second[2], rehearsal.course(second[0]))
    assert rehearsed(shop, tmp_path / "third", replace(PLAN, seed=8))[2] != first[2]


def test_the_same_crowd_in_every_process() -> None:
    """Whatever the order of sets and of hashes is there."""
    code = "from shopctl.core.rehearsal import crowd; print(crowd.drawn(7, 2000))"

    def drawn(hashes: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": hashes}, check=True, capture_output=True
        ).stdout

    assert drawn("1") == drawn("2") == f"{crowd.drawn(7, 2000)}\n".encode()


def test_without_the_guard_of_the_pool_it_oversells(shop: Shop, tmp_path: Path) -> None:
    """The twin: the same rehearsal where a turn is given without a unit for it. It must fail, or it could not tell."""
    with mock.patch.object(admission, "_Free", _Plenty):
        there, _, found = rehearsed(shop, tmp_path / "scratch", first=unguarded)
    assert found.oversold > 0
    assert found.sold == 10 + found.oversold
    with pytest.raises(Refused) as caught:
        rehearsal.must_stand(rehearsal.judged(there, found))
    assert caught.value.code == "rehearsal_failed"


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"sku": "NONE"}, "unknown_sku"),
        ({"sku": "DRAFT"}, "not_for_sale"),
        ({"sku": "BOOK"}, "not_tracked"),
    ],
)
def test_what_cannot_be_sold(shop: Shop, tmp_path: Path, how: dict[str, str], code: str) -> None:
    shops.product(shop, "DRAFT")
    catalog.edit(shop, name="draft", said={"status": "draft"})
    shops.product(shop, "BOOK", tracked=False)
    with pytest.raises(ShopError) as caught:
        rehearsal.make(shop, units=1, place=_empty(tmp_path), **how)
    assert caught.value.code == code


def test_a_shop_with_nothing_to_sell(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        rehearsal.make(shops.make(tmp_path), units=1, place=_empty(tmp_path))
    assert caught.value.code == "no_products"


def test_advice_is_measured_and_names_the_sale(shop: Shop, tmp_path: Path) -> None:
    there, _, found = rehearsed(shop, tmp_path / "scratch")
    assert rehearsal.sale_of(shop, "CAP") is None
    sales.create(shop, name="tonight", items=[sales.Item("CAP", 1)])
    assert rehearsal.sale_of(shop, "CAP") == "tonight"
    (tmp_path / "measured").mkdir()
    other = rehearsal.make(shop, units=rehearsal.CROWD, place=tmp_path / "measured", sku="CAP")
    advice = rehearsal.measure(opened(other, tmp_path / "measured"), other, there, found, seconds=0.2)
    assert min(advice.joined_per_second, advice.admitted_per_second, advice.bought_per_second) > 0
    assert advice.rate >= advice.bought_per_second * 60 * 0.75
    assert (advice.limit, advice.hold_seconds % 30) == (1, 0)
    sales.edit(
        shop, name="tonight", terms=Terms(None, None, advice.limit, advice.batch, advice.rate, advice.hold_seconds)
    )
