"""Group commit: whoever comes meanwhile is in the next batch, and each hears of their own part."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from shopctl.core.gathering import Gathering


def test_who_comes_while_a_batch_is_done_is_in_the_next_in_the_order_of_coming() -> None:
    batches: list[list[int]] = []
    gate = threading.Event()

    def done(wanted: Sequence[int]) -> list[int]:
        gate.wait(10)
        batches.append([*wanted])
        return [-one for one in wanted]

    gathering = Gathering(done, most=3)
    answers = [gathering.ask(0)]
    while gathering._waiting:  # the first is being done
        threading.Event().wait(0.01)
    answers += [gathering.ask(n) for n in range(1, 6)]
    gate.set()
    assert [answer.result(10) for answer in answers] == [0, -1, -2, -3, -4, -5]
    assert batches == [[0], [1, 2, 3], [4, 5]]
    gathering.close()


def test_an_error_is_whose_it_is_or_everybodys() -> None:
    def done(wanted: Sequence[int]) -> list[int | Exception]:
        if 13 in wanted:
            raise LookupError("all")
        return [ValueError(str(one)) if one % 2 else one for one in wanted]

    gathering: Gathering[int, int] = Gathering(done)
    assert gathering.ask(2).result(10) == 2
    with pytest.raises(ValueError, match="3"):
        gathering.ask(3).result(10)
    with pytest.raises(LookupError):
        gathering.ask(13).result(10)
    assert gathering.ask(4).result(10) == 4
    gathering.close()


def test_what_waits_when_it_is_closed_is_done() -> None:
    gathering: Gathering[int, int] = Gathering(lambda wanted: list(wanted), most=1)
    answers = [gathering.ask(n) for n in range(50)]
    gathering.close()
    assert [answer.result(0) for answer in answers] == [*range(50)]
