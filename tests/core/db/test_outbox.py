"""What many take from the outbox at once, where many can write at once: on a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shopctl.core import outbox
from tests import shops


@pytest.fixture(autouse=True)
def on_postgres() -> Iterator[None]:
    with shops.on("postgres"):
        yield


def test_taking_passes_over_what_another_takes(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=9)
    for i in range(4):
        shops.buy(shop, f"c{i}", "TEE")
    with shop.work("one") as one, shop.work("other") as other:
        mine = outbox.take(one, [outbox.ORDER_CONFIRMED], 3)
        theirs = outbox.take(other, [outbox.ORDER_CONFIRMED], 3)
    assert (len(mine), len(theirs)) == (3, 1)
    assert not {fact.id for fact in mine} & {fact.id for fact in theirs}
