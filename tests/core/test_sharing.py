"""Commits that threads share: one transaction for what is asked at the same time, and for each what it would have heard alone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import sales, stock
from shopctl.core import shop as shops_module
from shopctl.core.db.failures import Conflict
from shopctl.core.db.tables import audit_log
from shopctl.core.errors import NotFound, Refused, Unavailable
from shopctl.core.faults import Faults, Injected
from shopctl.core.log import Effort
from shopctl.core.queries.orders import Order
from shopctl.core.queries.tickets import Ticket
from shopctl.core.sales import Crowd, Item, Joining, Terms
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
    sharing, gate = Sharing(shop, lock="a test"), threading.Event()
    with ThreadPoolExecutor(len(asked) + 1) as threads:
        first = threads.submit(wait_for, sharing.among(shop), gate)
        try:
            until(lambda: sharing._gathering._busy and not sharing._gathering._waiting)
            found = [threads.submit(one, sharing.among(shop)) for one in asked]
            until(lambda: len(sharing._gathering._waiting) == len(asked))
        finally:
            gate.set()
        first.result(10)
    sharing.close()
    return found


def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it does not come to that")


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


def test_what_the_store_breaks_off_is_done_again_by_each_alone(shop: Shop) -> None:
    tries: list[int] = []

    @retried
    def broken_off_at_first(shop: Shop) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise Conflict("conflict", "Two transactions stood in each other's way")
        return "done"

    mine = Effort()
    first, second, third = at_once(
        shop, receive(1), lambda shared: broken_off_at_first(shared.but(effort=mine)), receive(2)
    )
    assert (second.result(), len(tries), mine.retries) == ("done", 2, 1)
    assert [one.result() for one in (first, third)] == [1, 2]
    assert level(shop, "general") == (13, 0, 0)


def test_who_is_broken_off_again_and_again_keeps_nobody_else_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shops_module, "RETRY_SECONDS", 0.3)

    @retried
    def always(_: Shop) -> None:
        raise Conflict("conflict", "Two transactions stood in each other's way")

    first, never, third = at_once(shop, receive(1), always, receive(2))
    assert (first.result(), third.result()) == (1, 2)
    with pytest.raises(Conflict):
        never.result()


@retried
def fails_for_all(shop: Shop) -> None:
    """A full disk: SQLite ends the whole transaction then, and not only its own part."""
    with shop.work("stock.receive", "too much") as tx:
        if tx.connection.dialect.name == "postgresql":
            raise Unavailable("disk_full", "The disk is full")
        pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        try:
            tx.execute(sa.update(audit_log).values(target="x" * 900_000))
        finally:
            tx.connection.exec_driver_sql("PRAGMA max_page_count=1000000")


def test_a_failure_that_ends_the_transaction_takes_nothing_from_others(shop: Shop) -> None:
    first, failed, third = at_once(shop, receive(1), fails_for_all, receive(4))
    with pytest.raises(Unavailable) as caught:
        failed.result()
    assert caught.value.code == "disk_full"
    assert (first.result(), third.result()) == (1, 4)
    assert level(shop, "general") == (15, 0, 0)
    assert clean(shop)


def test_a_group_that_the_server_has_ended_is_never_told_as_done(shop: Shop) -> None:
    @retried
    def looks_wrongly(shop: Shop) -> None:
        # A read has no savepoint: on a server its failure is that of the whole transaction.
        with shop.read() as tx, suppress(sa.exc.DBAPIError):
            tx.connection.exec_driver_sql("SELECT 1/0")
        raise Refused("refused", "No")

    first, second, last = at_once(shop, receive(1), receive(2), looks_wrongly)
    assert (first.result(), second.result()) == (1, 2)
    with pytest.raises(Refused):
        last.result()
    assert level(shop, "general") == (13, 0, 0)


def test_who_asks_when_it_is_closed_goes_on_alone(shop: Shop) -> None:
    sharing = Sharing(shop, lock="a test")
    mine = sharing.among(shop)
    assert receive(1)(mine) == 1
    sharing.close()
    with ThreadPoolExecutor(3) as threads:
        found = [threads.submit(receive(n), mine) for n in (1, 2, 3)]
        assert [one.result(10) for one in found] == [1, 2, 3]
    assert level(shop, "general") == (17, 0, 0)


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
    with commits(shop) as made, ThreadPoolExecutor(16) as threads:
        asked = [*zip(tickets, tokens, strict=True), *zip(tickets[2:], tokens[2:], strict=True)]  # some of them twice
        found = [threads.submit(bought, door.buying(shop), *one) for one in asked]
    door.close()
    assert Counter(map(word, found)) == {"confirmed": 12, "payment_declined": 2}
    assert len({one.result().number for one in found[2:]}) == 6
    assert len(made) < 20  # of 8 checkouts that were begun, each two, and of what was asked of them again
    assert level(shop, "sale") == (8, 2, 6)
    assert clean(shop)


def test_turns_of_several_skus_are_bought_while_others_are_let_in(shop: Shop) -> None:
    """Groups lock levels in the order of their units, a round in the order of SKUs: nobody may wait for the other in a circle."""
    skus = ("CAP", "MUG", "TEE")
    for sku in skus[:2]:
        shops.product(shop, sku, units=20)
    stock.receive(shop, sku="TEE", quantity=10)
    items = [Item(sku, 20, "9.99") for sku in skus]
    sales.create(shop, name="friday", items=items, terms=Terms(batch=6))
    sales.open_(shop, name="friday")
    wanted = [
        Joining(f"s{n}@example.com", sku=skus[n % 3], address=shops.HOME, token="pm_card_visa") for n in range(60)
    ]
    tickets = [one.ticket for one in sales.join_all(shop, sale="friday", wanted=wanted) if isinstance(one, Ticket)]
    buyers, admitter, over = shop.but(effort=Effort()), shop.but(effort=Effort()), threading.Event()
    door = Crowd(buyers)

    def admits() -> None:
        while not over.is_set():
            sales.admit(admitter, name="friday")

    def buys(ticket: str) -> str:
        while True:
            try:
                return bought(door.buying(buyers), ticket).status
            except Refused as refused:
                if refused.code != "not_your_turn":
                    return refused.code
                time.sleep(0.02)

    with ThreadPoolExecutor(13) as threads:
        admitting = threads.submit(admits)
        try:
            assert Counter(threads.map(buys, tickets)) == {"confirmed": 60}
        finally:
            over.set()
        admitting.result(10)
    door.close()
    assert (buyers.effort.retries, admitter.effort.retries) == (0, 0)
    assert clean(shop)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2])  # of the orders, or of what the gateway answered
def test_a_shared_commit_that_is_lost_is_one_order_for_who_asks_again(shop: Shop, when: str, number: int) -> None:
    opened(shop, 4)
    tickets = crowd(shop, 4)
    sales.admit(shop, name="friday")
    struck = shop.but(faults=Faults(f"together.{when}_commit", number, "raise"))
    found = at_once(struck, *(partial(bought, ticket=ticket) for ticket in tickets))
    assert any(isinstance(one.exception(), Injected) for one in found)
    orders = [bought(shop, ticket) for ticket in tickets]
    assert [order.status for order in orders] == ["confirmed"] * 4
    assert len({order.number for order in orders}) == 4
    assert level(shop, "sale") == (4, 0, 4)
    assert clean(shop)
