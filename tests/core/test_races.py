"""Small races of real processes; `python -m tests.races` runs the large ones."""

from __future__ import annotations

import json
import multiprocessing as mp
import time
from collections import Counter
from pathlib import Path
from typing import Any

from shopctl.core import cart, checkout, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.domain.wire import plain
from tests import races, shops
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


def _place(directory: Path, barrier: Any, answers: Any) -> None:
    shop = shops.reopen(directory)
    barrier.wait()
    answers.put(json.dumps(plain(checkout.place(shop, shops.placement("c1", "the-key")))))
    shop.engine.dispose()


def test_one_key_from_many_processes_is_one_order_one_charge_and_the_same_answer(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    spawn = mp.get_context("spawn")
    barrier, answers = spawn.Barrier(8), spawn.Queue()
    processes = [spawn.Process(target=_place, args=(tmp_path, barrier, answers)) for _ in range(8)]
    for process in processes:
        process.start()
    told = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert len(set(told)) == 1
    assert isinstance(shop.gateway, SandboxGateway)
    assert len(list(shop.gateway.entries())) == 1
    assert races.counters(shop) == (5, 0, 1)
