"""Carts across devices: logging in merges and attaches, logging out lets go, and the stock follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, catalog, checkout, customers, verify
from shopctl.core.db.tables import audit_log, carts
from shopctl.core.errors import BadInput, NotFound, Refused, StillPending
from shopctl.core.queries import carts as reads
from shopctl.core.queries.carts import CartView
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop
from tests import forks, races, shops

pytestmark = pytest.mark.usefixtures("carts")  # the contract of both: the same, wherever carts live while they change
ANA, BEN = "ana@example.com", "ben@example.com"


def lines(shop: Shop, name: str) -> dict[str, int]:
    return content(look(shop, name))


def content(shown: CartView) -> dict[str, int]:
    return {line.sku: line.quantity for line in shown.lines}


def look(shop: Shop, name: str) -> CartView:
    return cart.show(shop, name=name)


def states(shop: Shop) -> dict[str, str]:
    cart.persist_all(shop)
    with shop.read() as tx:
        return {row.cart: row.state for row in reads.LIST.rows(tx)}


def fill(shop: Shop, handle: str, **wanted: int) -> None:
    for sku, quantity in wanted.items():
        cart.add(shop, handle=handle, sku=sku, quantity=quantity)


def test_the_first_device_gives_its_cart_and_the_others_join_it(shop: Shop) -> None:
    for sku in ("TEE", "CAP"):
        shops.product(shop, sku, units=10)
    fill(shop, "phone", TEE=2)
    assert cart.login(shop, handle="phone", email=ANA).customer == ANA
    fill(shop, "laptop", TEE=1, CAP=1)
    merged = cart.login(shop, handle="laptop", email="  Ana@Example.com ")
    assert (merged.cart, content(merged), merged.changes) == ("phone", {"TEE": 3, "CAP": 1}, [])
    assert states(shop) == {"phone": "open", "laptop": "merged"}
    for name in ("phone", "laptop", "LAPTOP", ANA, ANA.upper()):
        assert lines(shop, name) == {"TEE": 3, "CAP": 1}
    assert content(cart.login(shop, handle="laptop", email=ANA)) == {"TEE": 3, "CAP": 1}
    fill(shop, "laptop", CAP=1)  # a device that is logged in fills its customer's cart, and so does the address
    cart.set_quantity(shop, handle=ANA, sku="TEE", quantity=1)
    assert lines(shop, "phone") == {"TEE": 1, "CAP": 2}
    with shop.read() as tx:
        targets = {row.target for row in tx.rows(sa.select(audit_log.c.target))}
    assert not any("@" in (target or "") for target in targets)


def test_logging_in_without_a_cart_finds_or_makes_the_customers(shop: Shop) -> None:
    shops.product(shop, "TEE", units=10)
    assert cart.login(shop, handle="new", email=ANA).lines == []
    assert cart.login(shop, handle="new", email=ANA).cart == "new"
    fill(shop, "new", TEE=1)
    assert content(cart.login(shop, handle="other", email=ANA)) == {"TEE": 1}
    fill(shop, "other", TEE=1)
    assert lines(shop, ANA) == {"TEE": 2}


def test_an_address_makes_a_known_customers_cart_and_no_strangers(shop: Shop) -> None:
    shops.product(shop, "TEE", units=10)
    with pytest.raises(NotFound, match="no customer"):
        fill(shop, ANA, TEE=1)
    customers.add(shop, email=ANA)
    fill(shop, ANA, TEE=1)
    found = look(shop, ANA)
    assert (found.customer, "@" in found.cart) == (ANA, False)
    assert lines(shop, found.cart) == {"TEE": 1}


def test_what_cannot_be_merged_is_said(shop: Shop) -> None:
    told: list[str] = []
    for sku in ("SHORT", "GONE", "DEAR"):
        shops.product(shop, sku, units=4)
    fill(shop, "mine", SHORT=3)
    cart.login(shop, handle="mine", email=ANA)
    fill(shop, "guest", SHORT=3, GONE=1, DEAR=1)
    catalog.archive(shop, handle="gone")
    catalog.edit(shop, name="DEAR", said={"price": 2500})
    merged = cart.login(shop.but(narrate=told.append), handle="guest", email=ANA)
    assert content(merged) == {"SHORT": 4, "DEAR": 1}
    assert merged.changes == told
    assert sorted(told) == [
        "GONE is archived and was left out.",
        "Only 4 of SHORT are in the cart; 6 were wanted.",
        "The price of DEAR was 19.99 and is 25.00.",
    ]


def test_holds_follow_the_lines(shop: Shop) -> None:
    shops.product(shop, "HELD", units=5, hold_at="cart")
    fill(shop, "mine", HELD=2)
    cart.login(shop, handle="mine", email=ANA)
    fill(shop, "guest", HELD=3)
    assert content(cart.login(shop, handle="guest", email=ANA)) == {"HELD": 5}
    assert races.counters(shop) == (5, 5, 0)
    cart.clear(shop, handle="guest")
    assert races.counters(shop) == (5, 0, 0)
    assert not verify.verify(shop).violations


def test_another_customers_cart_is_not_taken(shop: Shop) -> None:
    cart.login(shop, handle="phone", email=ANA)
    with pytest.raises(Refused) as refused:
        cart.login(shop, handle="phone", email=BEN)
    assert refused.value.code == "cart_of_another"
    assert ANA not in refused.value.message
    assert look(shop, "phone").customer == ANA
    with pytest.raises(NotFound):  # nothing of it was done, the account neither
        look(shop, BEN)
    with pytest.raises(BadInput):
        cart.login(shop, handle=ANA, email=ANA)


def test_logging_out_frees_the_handle_and_keeps_the_cart(shop: Shop) -> None:
    shops.product(shop, "TEE", units=10)
    for handle in ("phone", "laptop", "tablet"):
        fill(shop, handle, TEE=1)
        cart.login(shop, handle=handle, email=ANA)
    assert cart.logout(shop, handle="laptop").customer_cart == "phone"
    fill(shop, "laptop", TEE=5)
    assert (look(shop, "laptop").customer, lines(shop, "tablet")) == (None, {"TEE": 3})
    kept = cart.logout(shop, handle="phone").customer_cart
    assert lines(shop, kept) == lines(shop, "tablet") == lines(shop, ANA) == {"TEE": 3}
    with pytest.raises(NotFound):
        look(shop, "phone")
    with pytest.raises(Refused) as refused:
        cart.logout(shop, handle="laptop")
    assert refused.value.code == "not_logged_in"
    cart.logout(shop, handle=ANA)  # by the address: wherever they are
    with pytest.raises(NotFound):
        look(shop, "tablet")
    assert lines(shop, ANA) == {"TEE": 3}


def test_a_handle_leads_to_its_last_customer_only(shop: Shop) -> None:
    shops.product(shop, "TEE", units=10)
    cart.login(shop, handle="home", email=ANA)
    cart.login(shop, handle="office", email=BEN)
    cart.login(shop, handle="kiosk", email=ANA)
    cart.logout(shop, handle="kiosk")
    cart.login(shop, handle="kiosk", email=BEN)
    with shop.work("test") as tx:  # Ben's cart ends; what the kiosk led to before must not come back
        tx.execute(sa.update(carts).where(carts.c.handle == "office").values(state="expired"))
        tx.commit()
    with pytest.raises(NotFound):
        look(shop, "kiosk")


def test_a_cart_past_its_term_is_nobodys(shop: Shop) -> None:
    shops.product(shop, "TEE", units=10)
    fill(shop, "phone", TEE=1)
    cart.login(shop, handle="phone", email=ANA)
    late = shop.but(clock=lambda: datetime.now(UTC) + timedelta(days=8))
    fill(late, "laptop", TEE=2)
    assert content(cart.login(late, handle="laptop", email=ANA)) == {"TEE": 2}
    assert states(shop) == {"laptop": "open", "phone": "expired"}
    fill(late, "phone", TEE=1)
    assert look(late, "phone").customer is None


def test_a_cart_in_checkout_waits(shop: Shop) -> None:
    shops.product(shop, "TEE", units=10)
    cart.login(shop, handle="phone", email=ANA)
    fill(shop, "phone", TEE=1)
    fill(shop, "laptop", TEE=1)
    with pytest.raises(StillPending):
        checkout.place(shop, shops.placement("phone", "k1", token="pm_card_timeout"))
    for attempt in (
        lambda: cart.login(shop, handle="laptop", email=ANA),
        lambda: cart.login(shop, handle="phone", email=ANA),
        lambda: cart.logout(shop, handle="phone"),
        lambda: fill(shop, ANA, TEE=1),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.code == "cart_in_checkout"
    assert lines(shop, "laptop") == {"TEE": 1}


def test_a_customers_cart_is_bought_with_their_address(shop: Shop) -> None:
    shops.product(shop, "TEE", units=10)
    cart.login(shop, handle="phone", email=ANA)
    fill(shop, "phone", TEE=1)
    wanted = shops.placement(ANA, "k1", email=None)
    placed = checkout.place(shop, wanted)
    assert isinstance(placed, Order)
    assert placed.email == ANA
    cart.logout(shop, handle="phone")
    customers.edit(shop, email=ANA, new_email="anna@example.com")
    assert checkout.place(shop, wanted) == placed  # the key knows the answer, whatever became of cart and address
    fill(shop, "anna@example.com", TEE=1)
    gift = checkout.place(shop, shops.placement("anna@example.com", "k2", email=BEN))
    assert isinstance(gift, Order)
    assert (gift.email, gift.customer) == (BEN, placed.customer)
    fill(shop, "guest", TEE=1)
    with pytest.raises(BadInput) as refused:
        checkout.place(shop, shops.placement("guest", "k3", email=None))
    assert refused.value.code == "email_missing"


def _log_in(directory: Path, handle: str, barrier: Any, answers: Any) -> None:
    shop = shops.reopen(directory)
    with shop.read() as tx:
        reads.show(tx, handle)
    barrier.wait()
    answers.put(cart.login(shop, handle=handle, email=ANA).cart)
    shop.engine.dispose()


def test_of_devices_that_log_in_at_once_one_gives_the_cart_and_the_others_merge(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=20)
    handles = [f"device-{n}" for n in range(6)]
    for handle in handles:
        fill(shop, handle, TEE=1)
    mp = forks.processes()
    barrier, answers = mp.Barrier(len(handles)), mp.Queue()
    devices = [mp.Process(target=_log_in, args=(tmp_path, handle, barrier, answers)) for handle in handles]
    for device in devices:
        device.start()
    told = {answers.get(timeout=60) for _ in devices}
    for device in devices:
        device.join()
    assert len(told) == 1
    assert lines(shop, ANA) == {"TEE": 6}
    assert sorted(states(shop).values()) == ["merged"] * 5 + ["open"]
    assert not verify.verify(shop).violations
