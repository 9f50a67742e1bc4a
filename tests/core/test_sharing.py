"""Commits that threads share: one transaction for what is asked at the same time, and for each what it would have heard alone."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import sales, stock
from shopctl.core.db.failures import Conflict
from shopctl.core.db.tables import audit_log
from shopctl.core.errors import NotFound, Refused
from shopctl.core.faults import Faults, Injected
from shopctl.core.queries.orders import Order
from shopctl.core.sales import Crowd
from shopctl.core.sharing import Sharing
from shopctl.core.shop import Shop, retried
from tests import shops
from tests.flash import clean, crowd, level, opened


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = shops.make(tmp_path)
    shops.product(made, "TEE", units=10)
    return made


@retried
def wait_for(_: Shop, gate: threading.Event) -> None:
    gate.wait(10)


@contextmanager
def commits(shop: Shop) -> Iterator[list[object]]:
    """Those of the store while it lasts."""
    seen: list[object] = []
    note = seen.append
    sa.event.listen(shop.engine, "commit", note)
    try:
        yield seen
    finally:
        sa.event.remove(shop.engine, "commit", note)


def at_once(shop: Shop, *asked: Callable[[Shop], Any]) -> list[Future[Any]]:
    """What becomes of units of work that wait for the same commit."""
    sharing, gate = Sharing(shop), threading.Event()
    with ThreadPoolExecutor(len(asked) + 1) as threads:
        first = threads.submit(wait_for, sharing.among(shop), gate)
        while sharing._gathering._waiting or not sharing._gathering._busy:
            threading.Event().wait(0.01)
        found = [threads.submit(one, sharing.among(shop)) for one in asked]
        while len(sharing._gathering._waiting) < len(asked):
            threading.Event().wait(0.01)
        gate.set()
        first.result(10)
    sharing.close()
    return found


def receive(quantity: int, sku: str = "TEE") -> Callable[[Shop], int]:
    return lambda shop: stock.receive_all(shop, rows=[(sku, "MAIN", quantity)], reason="a test")


def receipts(shop: Shop) -> int:
    with shop.read() as tx:
        some = sa.select(sa.func.count()).where(audit_log.c.action == "stock.receive")
        return int(tx.execute(some).scalar_one())


def test_what_is_asked_at_once_is_one_commit_and_a_refusal_takes_back_its_own_part(shop: Shop) -> None:
    before = receipts(shop)
    with commits(shop) as made:
        found = at_once(shop, receive(1), receive(2), receive(5, "NONE"), receive(4))
    assert len(made) == 1
    assert [one.result() for one in (found[0], found[1], found[3])] == [1, 2, 4]
    with pytest.raises(NotFound):
        found[2].result()
    assert level(shop, "general") == (17, 0, 0)
    assert receipts(shop) == before + 3


def test_what_the_store_breaks_off_is_all_done_again_once(shop: Shop) -> None:
    tries: list[int] = []

    @retried
    def broken_off_at_first(shop: Shop) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise Conflict("conflict", "Two transactions stood in each other's way")
        return "done"

    first, second, third = at_once(shop, receive(1), broken_off_at_first, receive(2))
    assert (second.result(), len(tries)) == ("done", 2)
    assert [one.result() for one in (first, third)] == [1, 2]
    assert level(shop, "general") == (13, 0, 0)


def bought(shop: Shop, ticket: str, token: str | None = None) -> Order:
    made = sales.buy(shop, ticket=ticket, token=token)
    assert isinstance(made, Order)
    return made


def word(found: Future[Order]) -> str:
    try:
        return found.result().status
    except Refused as refused:
        return refused.code


def test_a_crowd_buys_each_turn_once_and_a_declined_card_is_nobody_elses(shop: Shop) -> None:
    opened(shop, 8)
    tickets = crowd(shop, 8)
    sales.admit(shop, name="friday")
    door = Crowd(shop)
    tokens = ["pm_card_chargeDeclined" if n < 2 else None for n in range(8)]
    with ThreadPoolExecutor(16) as threads:
        asked = [*zip(tickets, tokens, strict=True), *zip(tickets[2:], tokens[2:], strict=True)]  # some of them twice
        found = [threads.submit(bought, door.buying(shop), *one) for one in asked]
    door.close()
    assert Counter(map(word, found)) == {"confirmed": 12, "payment_declined": 2}
    assert len({one.result().number for one in found[2:]}) == 6
    assert level(shop, "sale") == (8, 2, 6)
    assert clean(shop)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_shared_commit_that_is_lost_is_one_order_for_who_asks_again(shop: Shop, when: str) -> None:
    opened(shop, 4)
    tickets = crowd(shop, 4)
    sales.admit(shop, name="friday")
    struck = shop.but(faults=Faults(f"together.{when}_commit", 1, "raise"))
    found = at_once(struck, *(partial(bought, ticket=ticket) for ticket in tickets))
    for one in found:
        with pytest.raises(Injected):
            one.result()
    orders = [bought(shop, ticket) for ticket in tickets]
    assert [order.status for order in orders] == ["confirmed"] * 4
    assert len({order.number for order in orders}) == 4
    assert level(shop, "sale") == (4, 0, 4)
    assert clean(shop)
