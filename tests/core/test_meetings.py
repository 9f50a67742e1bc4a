"""Two transactions that meet at the worst moment: both have read what decides, and neither has written. One of them is right."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, checkout, payments, reservations, settlement, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import payments as payment_table
from shopctl.core.db.types import new_id
from shopctl.core.errors import ShopError, StillPending
from shopctl.core.payments import Outcome
from shopctl.core.queries.orders import detail
from shopctl.core.reservations import Owner
from shopctl.core.shop import Shop
from tests import races, shops

PATIENCE = 0.5
"""How long the first waits for the second, whom a lock may keep away (on SQLite, always)."""


def told(directory: Path, behind: str, *deeds: Callable[[Shop], object]) -> list[str]:
    """What became of deeds that all go on only when each is behind the first of its statements with these words."""
    barrier = threading.Barrier(len(deeds))
    words: list[str] = []

    def do(deed: Callable[[Shop], object]) -> None:
        shop, met = shops.reopen(directory), threading.Event()

        def meet(_connection: object, _cursor: object, statement: str, *_: Any) -> None:
            if behind in statement and not met.is_set():
                met.set()
                with suppress(threading.BrokenBarrierError):
                    barrier.wait(PATIENCE)

        sa.event.listen(shop.engine, "after_cursor_execute", meet)
        try:
            deed(shop)
            words.append("done")
        except ShopError as error:
            words.append(error.code)

    threads = [threading.Thread(target=do, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return sorted(words)


def filled(shop: Shop, *handles: str) -> None:
    """Five TEE, of which each of these carts has one."""
    shops.product(shop, "TEE", units=5)
    for handle in handles:
        cart.add(shop, handle=handle, sku="TEE", quantity=1)


def placing(handle: str, key: str) -> Callable[[Shop], object]:
    """Buys a cart at a gateway that takes its time: the order stays in flight while the other comes."""
    return lambda shop: checkout.place(shop, shops.placement(handle, key, token="pm_card_slow"))


def one_charge_and_clean_books(shop: Shop) -> bool:
    assert isinstance(shop.gateway, SandboxGateway)
    one = len(list(shop.gateway.entries())) == 1 and races.counters(shop) == (5, 0, 1)
    return one and not verify.verify(shop).violations


def test_one_key_for_two_carts_is_one_order(shop: Shop, tmp_path: Path) -> None:
    filled(shop, "c1", "c2")
    both = placing("c1", "key"), placing("c2", "key")
    assert told(tmp_path, "FROM idempotency_keys", *both) == ["done", "key_reused"]
    assert one_charge_and_clean_books(shop)


def test_one_cart_with_two_keys_is_one_order(shop: Shop, tmp_path: Path) -> None:
    filled(shop, "c1")
    both = placing("c1", "a key"), placing("c1", "another")
    assert told(tmp_path, "FROM carts", *both) == ["cart_in_checkout", "done"]
    assert one_charge_and_clean_books(shop)


def test_an_answer_that_two_record_is_recorded_once(shop: Shop, tmp_path: Path) -> None:
    """A shopper's own process, and somebody's `recover`."""
    filled(shop, "c1")
    with pytest.raises(StillPending):
        checkout.place(shop, shops.placement("c1", "key", token="pm_card_timeout"))
    with shop.read() as tx:
        payment = tx.rows(sa.select(payment_table))[0]
    paid = Outcome(shop.gateway.authorize(replace(payments.request_for(payment), token="pm_card_visa")))

    def settle(shop: Shop) -> object:
        return settlement.settle(shop, order_id=payment.order_id, outcome=paid)

    assert told(tmp_path, "FROM orders", settle, settle) == ["done", "done"]
    assert one_charge_and_clean_books(shop)
    with shop.read() as tx:
        assert [event.verb for event in detail(tx, "1001").timeline].count("confirm") == 1


def test_a_hold_is_resolved_once(shop: Shop, tmp_path: Path) -> None:
    """Its order is paid, and given up while that is not committed yet; somebody else holds units of the same level."""
    shops.product(shop, "TEE", units=4)
    mine, others = (Owner("order", new_id(), f"order {n}") for n in range(2))
    with shop.work("test") as tx:
        for owner in (mine, others):
            reservations.hold(tx, owner, {"TEE": 2}, origin="checkout")
        tx.commit()

    def give_up() -> None:
        with shops.reopen(tmp_path).work("test") as tx:
            reservations.release_order(tx, mine.id)
            tx.commit()

    late = threading.Thread(target=give_up)
    with shop.work("test") as tx:
        assert len(reservations.commit(tx, mine.id)) == 1
        assert not reservations.commit(tx, mine.id)
        late.start()
        late.join(PATIENCE)
        assert late.is_alive()
        tx.commit()
    late.join(60)
    assert races.counters(shop) == (4, 2, 2)
