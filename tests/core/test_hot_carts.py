"""Hot carts: one contract for every home of a cart, and what only a copy in memory can get wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from redis import Redis

from shopctl.core import cart, catalog, checkout, erasure, verify
from shopctl.core.adapters.cart_db import DatabaseCarts
from shopctl.core.adapters.cart_redis import RedisCarts
from shopctl.core.db.tables import audit_log, cart_lines, carts
from shopctl.core.db.types import new_id
from shopctl.core.errors import NotFound, Refused
from shopctl.core.ports import CartChange, CartStamp, HotCart, HotCarts, HotCartsAway, HotLine
from shopctl.core.queries.carts import LIST, CartView
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop
from tests import servers, shops

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = 24 * 3600
ANA = "ana@example.com"


# --- the port: what holds wherever carts live ------------------------------------------------------------------------
@pytest.fixture
def port(carts: str) -> HotCarts:
    return RedisCarts(servers.redis(), new_id(), 7 * DAY) if carts == "redis" else DatabaseCarts()


def copy(version: int = 3, **lines: int) -> HotCart:
    return HotCart(new_id(), 0, version, NOW, [HotLine(sku, n, 1999, NOW) for sku, n in lines.items()])


def more(sku: str, quantity: int, *, most: int = 100, at: datetime = NOW, **how: bool) -> CartChange:
    return CartChange(sku, quantity, most, 1999, at, more=True, **how)


def quantities(found: HotCart | None) -> dict[str, int] | None:
    return {line.sku: line.quantity for line in found.lines} if found else None


def kept(port: HotCarts, found: HotCart | None, **lines: int) -> bool:
    """A copy has these lines; or there is none, because none is ever kept."""
    return quantities(found) == (lines if port.kept else None)


def test_a_copy_is_changed_until_it_is_closed(port: HotCarts) -> None:
    mine, stamp = new_id(), CartStamp(3)
    assert (dict(port.find([mine])), port.change(mine, stamp, more("TEE", 1))) == ({}, None)
    port.load(mine, stamp, copy(TEE=2))
    assert kept(port, port.change(mine, stamp, more("TEE", 1)), TEE=3)
    assert kept(port, port.change(mine, stamp, more("CAP", 4)), TEE=3, CAP=4)
    assert port.change(mine, stamp, more("CAP", 97)) is None  # above its most
    assert port.change(mine, stamp, CartChange("MUG", 0, 100, 0, NOW, needs_line=True)) is None
    assert kept(port, port.change(mine, stamp, CartChange("TEE", 0, 100, 0, NOW, needs_line=True)), CAP=4)
    assert port.change(mine, CartStamp(4), more("CAP", 1)) is None  # the database is further
    assert kept(port, port.close(mine, stamp), CAP=4)
    assert port.change(mine, stamp, more("CAP", 1)) is None
    port.load(mine, stamp, copy(TEE=9))
    assert port.change(mine, stamp, more("CAP", 1)) is None
    assert kept(port, port.find([mine]).get(mine), CAP=4)


def test_what_the_database_has_moved_on_from_is_gone_and_does_not_come_back(port: HotCarts) -> None:
    mine = new_id()
    port.load(mine, CartStamp(3), copy(TEE=2))
    port.change(mine, CartStamp(3), more("TEE", 1))
    port.void({mine: 4})
    assert (dict(port.find([mine])), list(port.waiting(9))) == ({}, [])
    port.load(mine, CartStamp(3), copy(TEE=2))  # by somebody who read the database before
    assert port.change(mine, CartStamp(3), more("TEE", 1)) is None
    port.load(mine, CartStamp(4), copy(4, TEE=7))
    assert kept(port, port.change(mine, CartStamp(4), more("TEE", 1)), TEE=8)
    port.void({mine: 4})  # and a late one does not take the new copy away
    assert kept(port, port.find([mine]).get(mine), TEE=8)


def test_a_cart_without_a_copy_can_be_closed_to_one(port: HotCarts) -> None:
    mine = new_id()
    assert port.close(mine, CartStamp(3)) is None
    port.load(mine, CartStamp(3), copy(TEE=2))
    assert port.change(mine, CartStamp(3), more("TEE", 1)) is None


def test_what_was_changed_waits_until_it_is_persisted(port: HotCarts) -> None:
    first, second = new_id(), new_id()
    for name in (first, second):
        port.load(name, CartStamp(3), copy(TEE=1))
    assert list(port.waiting(9)) == []
    before = port.change(first, CartStamp(3), more("TEE", 1))
    port.change(second, CartStamp(3), more("TEE", 1))
    after = port.change(first, CartStamp(3), more("TEE", 1))
    assert set(port.waiting(9)) == ({first, second} if port.kept else set())
    if before and after:
        port.persisted(first, before, 4)
        assert first in port.waiting(9)  # it was changed since
        assert after.continues(CartStamp(4, before.id, before.revision))
        port.persisted(first, after, 5)
    assert list(port.waiting(9)) == ([second] if port.kept else [])
    assert set(port.all()) == ({first, second} if port.kept else set())
    port.wipe()
    assert (list(port.all()), list(port.waiting(9))) == ([], [])


def test_an_older_copy_of_the_same_does_not_go_on(port: HotCarts) -> None:
    """What a server that came back with old data has."""
    mine = new_id()
    port.load(mine, CartStamp(3), copy(TEE=1))
    old = port.change(mine, CartStamp(3), more("TEE", 1))
    further = CartStamp(4, old.id if old else new_id(), 2)  # the database has its second revision
    assert port.change(mine, further, more("TEE", 1)) is None
    assert port.close(mine, further) is None
    assert not (old and old.continues(further))


def test_a_copy_past_its_term_is_for_the_database_to_end(port: HotCarts) -> None:
    mine = new_id()
    port.load(mine, CartStamp(3), copy(TEE=1))
    assert port.change(mine, CartStamp(3), more("TEE", 1, at=NOW + timedelta(days=7))) is None


# --- carts that are hot ----------------------------------------------------------------------------------------------
@pytest.fixture
def hot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop with Redis, whose every call to it is watched: no transaction may be open then."""
    monkeypatch.setenv("SHOPCTL_TEST_CARTS", servers.redis())
    shop = shops.make(tmp_path)
    yield shop.but(carts=Watched(shop))
    shop.carts.wipe()


class Watched:
    """Hot carts that see to it that nobody calls them inside a transaction."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def __getattr__(self, name: str) -> Any:
        assert self._shop.engine.pool.checkedout() == 0, f"{name} is called while a transaction is open"  # type: ignore[attr-defined]
        return getattr(self._shop.carts, name)


def server() -> Any:
    return Redis.from_url(servers.redis(), decode_responses=True)


def raw_server() -> Any:
    return Redis.from_url(servers.redis())


def key(shop: Shop, handle: str) -> str:
    return f"shopctl:{{{shop.facts.id}}}:cart:{cart.show(shop, name=handle).id}"


def fill(shop: Shop, handle: str, **wanted: int) -> None:
    for sku, quantity in wanted.items():
        cart.add(shop, handle=handle, sku=sku, quantity=quantity)


def goods(shop: Shop, *skus: str, units: int = 100) -> None:
    for sku in skus:
        shops.product(shop, sku, units=units)


def content(shown: CartView) -> dict[str, int]:
    return {line.sku: line.quantity for line in shown.lines}


def look(shop: Shop, handle: str) -> dict[str, int]:
    return content(cart.show(shop, name=handle))


def stored(shop: Shop, handle: str) -> dict[str, int]:
    """What the database alone has of an open cart."""
    which = sa.select(cart_lines).join(carts, carts.c.id == cart_lines.c.cart_id)
    with shop.read() as tx:
        rows = tx.rows(which.where(carts.c.handle == handle, carts.c.state == "open"))
    return {row.sku: row.quantity for row in rows}


def right(shop: Shop) -> bool:
    return verify.verify(shop).violations == []


def test_a_hot_cart_is_changed_in_memory_alone_and_shown_exactly(hot: Shop) -> None:
    goods(hot, "TEE", "CAP")
    fill(hot, "c1", TEE=1)  # made in the database
    actions = sa.select(sa.func.count()).select_from(audit_log)
    with hot.read() as tx:
        before = tx.execute(actions).scalar()
    fill(hot, "c1", TEE=2, CAP=4)
    cart.set_quantity(hot, handle="c1", sku="CAP", quantity=3)
    added = cart.add(hot, handle="C1", sku="CAP", quantity=1)
    with hot.read() as tx:
        assert tx.execute(actions).scalar() == before
    assert (stored(hot, "c1"), look(hot, "c1"), content(added)) == ({"TEE": 1}, *[{"TEE": 3, "CAP": 4}] * 2)
    assert added == cart.show(hot, name="c1")
    assert cart.persist(hot, limit=9) == 1
    assert cart.persist(hot, limit=9) == 0
    assert stored(hot, "c1") == {"TEE": 3, "CAP": 4}
    assert cart.remove(hot, handle="c1", sku="CAP").lines == cart.show(hot, name="c1").lines
    assert (stored(hot, "c1"), look(hot, "c1")) == ({"TEE": 3, "CAP": 4}, {"TEE": 3})
    assert right(hot)


def test_its_term_is_seven_days_from_its_last_change(hot: Shop) -> None:
    goods(hot, "TEE")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    assert 7 * DAY - 5 <= server().ttl(key(hot, "c1")) <= 7 * DAY
    server().expire(key(hot, "c1"), 60)
    fill(hot, "c1", TEE=1)
    assert server().ttl(key(hot, "c1")) >= 7 * DAY - 5


def test_what_cannot_be_had_is_refused_as_without_redis(hot: Shop) -> None:
    goods(hot, "TEE", units=3)
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    with pytest.raises(Refused) as refused:
        fill(hot, "c1", TEE=2)
    assert refused.value.details == {"sku": "TEE", "requested": 4, "available": 3}
    with pytest.raises(NotFound):
        cart.remove(hot, handle="c1", sku="CAP")
    assert look(hot, "c1") == {"TEE": 2}
    fill(hot, "c1", TEE=1)  # whatever was closed for the refusal, the cart goes on
    fill(hot.but(dry_run=True), "c2", TEE=1)
    cart.set_quantity(hot.but(dry_run=True), handle="c1", sku="TEE", quantity=1)
    assert look(hot, "c1") == {"TEE": 3}
    assert right(hot)


def test_what_is_held_at_cart_add_is_written_through(hot: Shop) -> None:
    goods(hot, "TEE")
    shops.product(hot, "HELD", units=5, hold_at="cart")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)  # hot
    fill(hot, "c1", HELD=2)
    assert stored(hot, "c1") == {"TEE": 2, "HELD": 2}
    fill(hot, "c1", TEE=1)  # a cart that holds something gives its holds a new term, so it stays in the database
    assert stored(hot, "c1") == {"TEE": 3, "HELD": 2}
    with pytest.raises(Refused):
        fill(hot, "c2", HELD=4)
    assert right(hot)


def test_key_events_write_it_down(hot: Shop) -> None:
    goods(hot, "TEE", "CAP")
    for handle in ("phone", "laptop"):
        fill(hot, handle, TEE=1)
        fill(hot, handle, TEE=1, CAP=1)
    cart.login(hot, handle="phone", email=ANA)
    assert stored(hot, "phone") == {"TEE": 2, "CAP": 1}
    merged = cart.login(hot, handle="laptop", email=ANA)
    assert content(merged) == stored(hot, "phone") == {"TEE": 4, "CAP": 2}
    fill(hot, "laptop", TEE=1)
    fill(hot, ANA, TEE=1)
    assert (stored(hot, "phone"), look(hot, "laptop"), look(hot, ANA)) == (
        {"TEE": 4, "CAP": 2},
        *[{"TEE": 6, "CAP": 2}] * 2,
    )
    assert checkout.quote(hot, cart="laptop").lines[0].quantity == 6
    assert stored(hot, "phone") == {"TEE": 6, "CAP": 2}
    fill(hot, "phone", CAP=1)
    assert cart.logout(hot, handle="phone").customer == ANA
    assert look(hot, ANA) == {"TEE": 6, "CAP": 3}
    order = checkout.place(hot, shops.placement(ANA, "k-1", email=None))
    assert isinstance(order, Order)
    assert {line.sku: line.quantity for line in order.lines} == {"TEE": 6, "CAP": 3}
    assert look(hot, ANA) == {}
    assert right(hot)


def test_a_checkout_buys_what_is_hot_and_a_repeat_of_its_key_leaves_the_next_cart_alone(hot: Shop) -> None:
    goods(hot, "TEE")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=2)
    wanted = shops.placement("c1", "k-1")
    first = checkout.place(hot, wanted)
    assert isinstance(first, Order)
    assert first.lines[0].quantity == 3
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    assert checkout.place(hot, wanted) == first
    fill(hot, "c1", TEE=1)
    assert look(hot, "c1") == {"TEE": 3}
    declined = shops.placement("c1", "k-2", token="pm_card_chargeDeclined")
    with pytest.raises(Refused):
        checkout.place(hot, declined)
    fill(hot, "c1", TEE=1)
    assert look(hot, "c1") == {"TEE": 4}
    assert right(hot)


def test_lists_and_exports_are_brought_up_to_date(hot: Shop) -> None:
    goods(hot, "TEE")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=2)
    cart.persist_all(hot)
    with hot.read() as tx:
        assert [(row.cart, row.units) for row in LIST.rows(tx)] == [("c1", 3)]


def test_an_erased_customers_cart_leaves_no_copy(hot: Shop) -> None:
    goods(hot, "TEE")
    fill(hot, "c1", TEE=1)
    cart.login(hot, handle="c1", email=ANA)
    fill(hot, "c1", TEE=1)
    name = key(hot, "c1")
    assert "q:TEE" in server().hgetall(name)
    erasure.erase(hot, email=ANA)
    assert set(server().hgetall(name)) <= {"v"}


def test_the_sweep_does_not_end_what_is_hot(hot: Shop) -> None:
    goods(hot, "TEE")
    for handle in ("left", "hot"):
        fill(hot, handle, TEE=1)
        fill(hot, handle, TEE=1)
    cart.persist_all(hot)
    fill(hot, "hot", TEE=1)
    for handle, days in (("left", 8), ("hot", 2)):
        server().hincrby(key(hot, handle), "u", -days * DAY * 1_000_000)
        age(hot, handle, timedelta(days=8))
    assert cart.show(hot, name="hot").expires_at > datetime.now(UTC) + timedelta(days=4)
    with pytest.raises(NotFound):
        cart.show(hot, name="left")
    assert cart.sweep(hot.but(carts=Away())) == 0  # who is active cannot be known
    assert cart.sweep(hot) == 1
    assert (look(hot, "hot"), stored(hot, "hot")) == ({"TEE": 3}, {"TEE": 3})
    server().hincrby(key(hot, "hot"), "u", -6 * DAY * 1_000_000)
    age(hot, "hot", timedelta(days=6))
    fill(hot, "hot", TEE=1)  # past its term in both: this is a new one
    assert look(hot, "hot") == {"TEE": 1}
    assert right(hot)


def age(shop: Shop, handle: str, span: timedelta) -> None:
    """Let the database take a cart for older than it is."""
    with shop.engine.begin() as connection:
        which = carts.c.handle == handle
        until = connection.execute(sa.select(carts.c.expires_at).where(which)).scalar_one()
        connection.execute(sa.update(carts).where(which).values(expires_at=until - span))


class Away:
    """Hot carts that cannot be reached."""

    kept, used = True, True

    def __getattr__(self, name: str) -> Any:
        raise HotCartsAway("it is away", news=False)


def test_what_redis_loses_is_what_was_not_persisted(hot: Shop) -> None:
    goods(hot, "TEE")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    cart.persist(hot, limit=9)
    fill(hot, "c1", TEE=1)
    server().delete(key(hot, "c1"))
    assert look(hot, "c1") == {"TEE": 2}
    fill(hot, "c1", TEE=1)
    assert look(hot, "c1") == {"TEE": 3}
    cart.persist(hot, limit=9)
    assert stored(hot, "c1") == {"TEE": 3}
    assert right(hot)


def test_the_newer_database_copy_wins_over_a_restored_one(hot: Shop) -> None:
    goods(hot, "TEE", "CAP")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    raw, name = raw_server(), key(hot, "c1")
    snapshot = raw.dump(name)
    fill(hot, "c1", TEE=1)
    cart.persist(hot, limit=9)
    raw.restore(name, 0, snapshot, replace=True)  # older than what was persisted
    assert look(hot, "c1") == {"TEE": 3}
    fill(hot, "c1", CAP=1)
    assert look(hot, "c1") == {"TEE": 3, "CAP": 1}
    cart.persist(hot, limit=9)
    raw.restore(name, 0, snapshot, replace=True)
    cart.clear(hot, handle="c1")
    raw.restore(name, 0, snapshot, replace=True)
    assert look(hot, "c1") == {}
    assert cart.persist(hot, limit=9) == 0
    assert right(hot)


def test_a_copy_that_comes_back_older_while_it_is_persisted_does_not_count(
    hot: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database has the newer one already, and is about to say so: the older one must not take that for its own."""
    goods(hot, "TEE")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    raw, name = raw_server(), key(hot, "c1")
    snapshot = raw.dump(name)
    fill(hot, "c1", TEE=1)
    persisted = RedisCarts.persisted

    def late(*given: Any) -> None:
        raw.restore(name, 0, snapshot, replace=True)
        persisted(*given)

    monkeypatch.setattr(RedisCarts, "persisted", late)
    assert cart.persist(hot, limit=9) == 1
    for _ in range(2):
        fill(hot, "c1", TEE=1)
    assert look(hot, "c1") == {"TEE": 5}


def test_a_restored_copy_that_is_ahead_goes_on(hot: Shop) -> None:
    goods(hot, "TEE")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    cart.persist(hot, limit=9)
    fill(hot, "c1", TEE=1)
    raw = raw_server()
    snapshot = raw.dump(key(hot, "c1"))
    fill(hot, "c1", TEE=1)
    raw.restore(key(hot, "c1"), 0, snapshot, replace=True)
    assert look(hot, "c1") == {"TEE": 3}


def test_one_that_dies_on_the_way_leaves_nothing_to_clear_up(hot: Shop) -> None:
    """Closed and never written; written and never told."""
    goods(hot, "TEE")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    with hot.read() as tx:
        row = tx.rows(sa.select(carts))[0]
    hot.carts.close(row.id, CartStamp(row.version))
    assert look(hot, "c1") == {"TEE": 2}
    assert cart.persist(hot, limit=9) == 1  # a closed copy is persisted, too
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    assert look(hot, "c1") == {"TEE": 4}
    silent = hot.but(carts=Deaf(hot))
    assert cart.persist(silent, limit=9) == 1
    fill(hot, "c1", TEE=1)
    assert (cart.persist(hot, limit=9), stored(hot, "c1")) == (1, {"TEE": 5})
    cart.clear(silent, handle="c1")
    fill(hot, "c1", TEE=1)
    assert look(hot, "c1") == {"TEE": 1}
    assert right(hot)


class Deaf(Watched):
    """Hot carts that are not told any more what the database has done."""

    def void(self, _: object) -> None: ...

    def persisted(self, *_: object) -> None: ...


def test_many_shoppers_devices_and_workers_lose_no_update(hot: Shop) -> None:
    """Hot adds, direct writes (a held SKU; merges) and persisters on the same carts, at once."""
    goods(hot, "TEE", units=10_000)
    shops.product(hot, "HELD", units=10_000, hold_at="cart")
    plain = hot.but(carts=hot.carts._shop.carts)  # type: ignore[attr-defined]
    fill(plain, "c1", TEE=1)
    over, failures = threading.Event(), []

    def until_over(work: Callable[[], object]) -> None:
        try:
            while not over.is_set():
                work()
        except Exception as error:
            failures.append(error)

    def times(count: int, work: Callable[[], object]) -> None:
        try:
            for _ in range(count):
                work()
        except Exception as error:
            failures.append(error)

    tee = partial(cart.add, plain, handle="c1", sku="TEE", quantity=1)
    held = partial(cart.add, plain, handle="c1", sku="HELD", quantity=1)
    drop = partial(cart.set_quantity, plain, handle="c1", sku="HELD", quantity=0)
    persisters = [threading.Thread(target=until_over, args=(partial(cart.persist, plain, limit=9),)) for _ in range(2)]
    shoppers = [threading.Thread(target=times, args=(30, tee)) for _ in range(4)]
    shoppers += [threading.Thread(target=times, args=(10, lambda: (held(), drop())))]
    for thread in (*persisters, *shoppers):
        thread.start()
    for thread in shoppers:
        thread.join()
    over.set()
    for thread in persisters:
        thread.join()
    assert failures == []
    assert look(plain, "c1") == {"TEE": 121}
    cart.persist_all(plain)
    assert stored(plain, "c1") == {"TEE": 121}
    assert right(plain)


# --- verify ----------------------------------------------------------------------------------------------------------
def test_verify_finds_a_copy_that_is_not_what_was_persisted(hot: Shop) -> None:
    goods(hot, "TEE")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    assert [note.name for note in verify.verify(hot).notes if note.name.startswith("hot")] == ["hot_carts_ahead"]
    cart.persist(hot, limit=9)
    assert right(hot)
    server().hincrby(key(hot, "c1"), "q:TEE", 5)
    found = verify.verify(hot).violations
    assert [(one.check, one.name, one.subject) for one in found] == [(26, "hot_cart_differs", "cart c1")]
    server().hincrby(key(hot, "c1"), "q:TEE", -5)
    server().hset(key(hot, "c1"), mapping={"q:NONE": 1, "p:NONE": 1, "t:NONE": 1})
    assert "hot_cart_unknown_sku" in {one.name for one in verify.verify(hot).violations}
    server().rename(key(hot, "c1"), f"shopctl:{{{hot.facts.id}}}:cart:{new_id()}")
    assert {one.name for one in verify.verify(hot).violations} == {"hot_cart_unknown"}


def test_what_no_shopctl_wrote_harms_nobody(hot: Shop) -> None:
    goods(hot, "TEE")
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    cart.persist(hot, limit=9)
    name = key(hot, "c1")
    for damage in ({"q:TEE": "many"}, {"r": "x"}, {"q:TEE": "-1"}, {"u": "soon"}):
        server().hset(name, mapping=damage)
        before = look(hot, "c1")["TEE"]
        fill(hot, "c1", TEE=1)
        fill(hot, "c1", TEE=1)
        assert look(hot, "c1") == {"TEE": before + 2}
        cart.persist(hot, limit=9)
    server().delete(name)
    server().set(name, "a string")
    fill(hot, "c1", TEE=1)
    assert look(hot, "c1") == {"TEE": before + 3}
    catalog.archive(hot, handle="tee")
    assert cart.show(hot, name="c1").lines[0].changes == ["the product is archived and cannot be bought"]
