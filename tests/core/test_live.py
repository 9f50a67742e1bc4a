"""Shoppers of a live rehearsal, in this process: what they wait for, and that all of them end."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path

from shopctl.core import sales
from shopctl.core.rehearsal.scratch import NAME
from shopctl.core.rehearsal.shoppers import Heard, Share, Throng
from shopctl.core.rehearsal.ways import Direct
from tests import shops
from tests.flash import opened


def test_bots_end_with_the_others_though_units_are_left_and_the_sale_goes_on(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=10)
    opened(shop, 10, name=NAME)
    over = threading.Event()

    def admits() -> None:
        while not over.wait(0.2):
            sales.run_all(shop)

    async def come() -> list[Heard]:
        throng = Throng(Direct(shops.reopen(tmp_path), shops.HOME), Share(4, 0, 1, seed=7, bots=1))
        return await asyncio.wait_for(throng.run(), 30)

    admitter = threading.Thread(target=admits)
    admitter.start()
    try:
        heard = asyncio.run(come())
    finally:
        over.set()
        admitter.join()
    assert Counter(one.word for one in heard) == {"bought": 4}
    assert heard[0].asked > 2
