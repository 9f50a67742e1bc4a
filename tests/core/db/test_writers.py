"""Writers of one SQLite store take turns: none starves, however greedy the others are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from shopctl.core.errors import TimedOut
from tests import shops
from tests.benchmarks import frame
from tests.benchmarks.writers import FAIREST, SKU, with_unit_of_work

WRITERS = 3


def test_writers_are_served_alike_and_only_for_the_file_lock(tmp_path: Path) -> None:
    """What is judged is each writer's share; how fast the machine is does not matter."""
    shop = shops.make(tmp_path)
    for n in range(WRITERS):
        shops.product(shop, SKU.format(n=n), units=1)
    with (
        frame.Clients(WRITERS, partial(with_unit_of_work, True, tmp_path)) as taking_turns,
        frame.Clients(WRITERS, partial(with_unit_of_work, False, tmp_path)) as in_the_busy_loop,
    ):
        fair, unfair = taking_turns.run(1.5), in_the_busy_loop.run(1.5)
    assert fair.fairness >= FAIREST
    assert unfair.fairness < fair.fairness


def test_who_waits_too_long_is_told_and_the_turn_goes_on_to_the_next(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    impatient = shop.but(engine=shop.engine.execution_options(lock_wait=0.05))
    with shop.work("first"):
        with pytest.raises(TimedOut, match="seconds"), impatient.work("second"):
            pass
        with pytest.raises(TimedOut), impatient.work("third"):
            pass
    with impatient.work("fourth") as tx:  # the two that gave up have not taken the lock with them
        tx.commit()
