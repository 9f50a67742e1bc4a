"""Small races of real processes; `python -m tests.races` runs the large ones."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shopctl.core import cart, checkout, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.domain.wire import plain
from tests import forks, races, shops
from tests.races import Race

SMALL: dict[str, Any] = {"buyers": 10, "units": 4, "rounds": 3}


def test_exactly_as_many_buyers_as_units(tmp_path: Path) -> None:
    race = Race(tmp_path, **SMALL)
    shop = races.prepare(race)
    assert races.run(race) == [Counter(confirmed=4, insufficient_stock=6)] * 3
    assert races.counters(shop) == (12, 0, 12)
    assert not verify.verify(shop).violations


def test_without_the_guard_the_check_alone_never_oversells_and_answers_cleanly(tmp_path: Path) -> None:
    race = Race(tmp_path, guard=False, **SMALL)
    shop = races.prepare(race)
    assert races.run(race) == [Counter(confirmed=4, insufficient_stock=6)] * 3
    assert not verify.verify(shop).violations


def test_without_guard_and_check_the_race_oversells_and_verify_says_so(tmp_path: Path) -> None:
    race = Race(tmp_path, guard=False, check=False, **SMALL)
    shop = races.prepare(race)
    assert all(told["confirmed"] > 4 for told in races.run(race))
    assert 3 in {found.check for found in verify.verify(shop).violations}


def test_safety_stock_is_kept_back_in_a_race_and_not_without_the_guard(tmp_path: Path) -> None:
    kept = Race(tmp_path / "kept", **SMALL, safety=3)
    shop = races.prepare(kept)
    assert races.run(kept) == [Counter(confirmed=4, insufficient_stock=6)] * 3
    assert races.counters(shop) == (21, 0, 12)
    taken = Race(tmp_path / "taken", guard=False, **SMALL, safety=3)
    races.prepare(taken)
    assert all(told["confirmed"] > 4 for told in races.run(taken))


def test_held_at_cart_add_and_after_expiry_others_get_them_without_a_sweeper(tmp_path: Path) -> None:
    first = Race(tmp_path, what="add", buyers=10, units=4, rounds=1)
    shop = races.prepare(first)
    shops.rule(shop, tmp_path, hold_at="cart", hold_seconds="6").engine.dispose()
    assert races.run(first) == [Counter(added=4, insufficient_stock=6)]
    time.sleep(6.1)
    second = Race(tmp_path, what="add", buyers=10, units=4, rounds=1, start=100)
    assert races.run(second) == [Counter(added=4, insufficient_stock=6)]
    assert not verify.verify(shops.reopen(tmp_path)).violations


def test_a_sku_in_buckets_sells_exactly_its_units_and_leaves_none_unsold(tmp_path: Path) -> None:
    """Buyers who find the units of their bucket gone fall through to the others."""
    race = Race(tmp_path, **SMALL, buckets=4, safety=1)
    shop = races.prepare(race)
    assert races.run(race) == [Counter(confirmed=4, insufficient_stock=6)] * 3
    assert races.counters(shop) == (15, 0, 12)
    assert not verify.verify(shop).violations


def test_buckets_without_the_guard_are_kept_by_the_check_and_oversold_without_it(tmp_path: Path) -> None:
    checked = Race(tmp_path / "checked", guard=False, **SMALL, buckets=4)
    shop = races.prepare(checked)
    assert all(told["confirmed"] <= 4 and sum(told.values()) == 10 for told in races.run(checked))
    assert not verify.verify(shop).violations
    neither = Race(tmp_path / "neither", guard=False, check=False, **SMALL, buckets=4)
    races.prepare(neither)
    assert any(told["confirmed"] > 4 for told in races.run(neither))


def test_carts_in_opposite_order_never_stand_in_each_others_way(tmp_path: Path) -> None:
    race = Race(tmp_path, what="cross", buyers=8, units=5, rounds=3, buckets=3)
    shop = races.prepare(race)
    assert races.run(race) == [Counter(confirmed=5, insufficient_stock=3)] * 3  # and nobody had to try again
    assert not verify.verify(shop).violations


@pytest.mark.parametrize("buckets", [1, 4])
def test_an_operator_who_lowers_the_stock_of_a_sale_never_takes_what_is_held(tmp_path: Path, buckets: int) -> None:
    race = Race(tmp_path, what="lower", buyers=6, units=8, rounds=2, buckets=buckets)
    shop = races.prepare(race)
    rounds = races.run(race)
    sold = sum(told["confirmed"] for told in rounds)
    assert all(told["operator: insufficient_stock"] == 1 for told in rounds)
    assert all(told["confirmed"] + told["insufficient_stock"] == 5 for told in rounds)
    assert races.counters(shop) == (sold, 0, sold)  # every unit was sold or found missing
    assert not verify.verify(shop).violations


def _place(directory: Path, barrier: Any, answers: Any) -> None:
    shop = shops.reopen(directory)
    barrier.wait()
    answers.put(json.dumps(plain(checkout.place(shop, shops.placement("c1", "the-key")))))
    shop.engine.dispose()


def test_one_key_from_many_processes_is_one_order_one_charge_and_the_same_answer(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    mp = forks.processes()
    barrier, answers = mp.Barrier(8), mp.Queue()
    processes = [mp.Process(target=_place, args=(tmp_path, barrier, answers)) for _ in range(8)]
    for process in processes:
        process.start()
    told = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert len(set(told)) == 1
    assert isinstance(shop.gateway, SandboxGateway)
    assert len(list(shop.gateway.entries())) == 1
    assert races.counters(shop) == (5, 0, 1)
