"""The control room: who holds what, for how long still, why a SKU is held; releasing and extending by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl.core import cart, checkout, reservations, stock, verify
from shopctl.core.db import dialects
from shopctl.core.db.types import Instant
from shopctl.core.errors import BadInput, NotFound, Refused, StillPending
from shopctl.core.queries import carts
from shopctl.core.queries import reservations as reads
from shopctl.core.queries import stock as levels
from shopctl.core.queries.reservations import Reservation
from shopctl.core.shop import Shop
from tests import shops


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC) + timedelta(minutes=1)  # later than anything that making the shop writes

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def held(tmp_path: Path, clock: Clock) -> Iterator[Shop]:
    """Ten TEE: cart c1 holds 2 (past its time), c2 3, order 1001 holds 1 pinned, order 1002 has bought 1; 1 kept back."""
    shop = shops.make(tmp_path).but(clock=clock)
    shops.product(shop, "TEE", units=10, hold_at="cart")
    shops.product(shop, "CAP", units=5, hold_at="cart")
    stock.set_level(shop, sku="TEE", safety_stock=1)
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    clock.now += timedelta(seconds=599)
    cart.add(shop, handle="c3", sku="TEE", quantity=1)
    with pytest.raises(StillPending):
        checkout.place(shop, shops.placement("c3", "k3", token="pm_card_timeout"))
    shops.buy(shop, "c4", "TEE", 1)
    clock.now += timedelta(seconds=2)
    cart.add(shop, handle="c2", sku="TEE", quantity=3)
    cart.add(shop, handle="c2", sku="CAP", quantity=1)
    yield shop
    shop.engine.dispose()


def listed(shop: Shop, *filters: str, sort: str | None = None) -> list[tuple[str, str, int]]:
    with shop.read() as tx:
        rows = reads.LIST.rows(tx, filters=filters, sort=sort, where=[reads.LIVE])
    return [(row.owner, row.sku, row.quantity) for row in rows]


def one(shop: Shop, owner: str, sku: str = "TEE") -> Reservation:
    with shop.read() as tx:
        return reads.LIST.rows(tx, filters=[f"owner:{owner}", f"sku:{sku}"])[0]


def test_lists_by_owner_sku_age_and_time_left(held: Shop) -> None:
    assert listed(held, "owner:c2") == [("c2", "CAP", 1), ("c2", "TEE", 3)]
    assert listed(held, "owner_kind:order") == [("1001", "TEE", 1)]
    assert listed(held, "owner:cart") == []
    assert listed(held, "order 1001") == [("1001", "TEE", 1)]
    assert listed(held, "sku:TEE age:>600") == [("c1", "TEE", 2)]
    assert listed(held, "sku:TEE age_seconds:<=2", sort="age") == [("c2", "TEE", 3), ("1001", "TEE", 1)]
    assert listed(held, "left:<60") == [("c1", "TEE", 2)]  # the pinned one has no time that could run out
    assert listed(held, "left:>60", "sku:TEE") == [("c2", "TEE", 3)]
    assert listed(held, "pinned:yes") == [("1001", "TEE", 1)]
    found = one(held, "c1")
    assert (found.owner_kind, found.age_seconds, found.left_seconds) == ("cart", 601, -1)
    assert one(held, "1001").left_seconds is None


def test_seconds_between_are_cut_towards_zero(held: Shop, clock: Clock) -> None:
    def between(seconds: float) -> int:
        end = sa.literal(clock.now + timedelta(seconds=seconds), Instant())
        with held.read() as tx:
            found = dialects.seconds_between(sa.literal(clock.now, Instant()), end)
            return int(tx.execute(sa.select(found)).scalar_one())

    assert [between(n) for n in (1.9, -1.9, 0.0)] == [1, -1, 0]


def test_show_has_the_movements(held: Shop) -> None:
    with held.read() as tx:
        found = reads.detail(tx, one(held, "c2").id)
    assert [(move.kind, move.reserved) for move in found.movements] == [("hold", 3)]


@pytest.mark.parametrize("name", ["nope", "", "00000000-0000-7000-8000-00000000dead", "cart c1"])
def test_an_id_of_nothing(held: Shop, name: str) -> None:
    with pytest.raises(NotFound):
        reservations.release(held, reservation_id=name)
    with pytest.raises(NotFound):
        reservations.extend(held, reservation_id=name)


def test_why_agrees_with_stock_and_with_what_a_buyer_gets(held: Shop) -> None:
    with held.read() as tx:
        why, shown = reads.why(tx, "TEE"), levels.show(tx, "TEE")
    assert list(why.levels) == shown
    for name in ("quantity", "reserved", "committed", "available", "safety_stock"):
        assert getattr(why, name) == sum(getattr(level, name) for level in shown), name
    assert sum(hold.quantity for hold in why.holds) == why.reserved == 6
    assert (why.quantity, why.committed, why.expired, why.safety_stock) == (10, 1, 2, 1)
    assert why.can_be_had == why.quantity - why.committed - why.reserved - why.safety_stock + why.expired == 4
    assert {(hold.owner, hold.why) for hold in why.holds} == {
        ("c1", "past its time: whoever needs the units gets them"),
        ("c2", "in a cart"),
        ("1001", "its payment is not resolved: it does not expire"),
    }
    cart.add(held, handle="new", sku="TEE", quantity=4)
    with pytest.raises(Refused):
        cart.add(held, handle="newer", sku="TEE", quantity=1)
    assert verify.verify(held).violations == []


def test_why_of_what_is_not_counted_and_of_nothing(held: Shop) -> None:
    shops.product(held, "GIFT", tracked=False)
    with held.read() as tx:
        assert reads.why(tx, "GIFT").can_be_had is None
        with pytest.raises(NotFound):
            reads.why(tx, "NOPE")


def test_releasing_leaves_the_cart_its_line_and_says_so(held: Shop) -> None:
    done = reservations.release(held, reservation_id=one(held, "c2").id)
    assert (done.state, done.left_seconds) == ("released", None)
    assert done.note == "cart c2 keeps the line; its units are not held any more"
    with held.read() as tx:
        assert levels.level_of(tx, "TEE", "MAIN").reserved == 3
        assert {line.sku: line.quantity for line in carts.show(tx, "c2").lines} == {"TEE": 3, "CAP": 1}
    with pytest.raises(Refused) as caught:
        reservations.release(held, reservation_id=done.id)
    assert caught.value.code == "invalid_state"


def test_a_pinned_hold_is_not_released(held: Shop) -> None:
    with pytest.raises(Refused) as caught:
        reservations.release(held, reservation_id=one(held, "1001").id)
    assert caught.value.code == "hold_pinned"


def test_extending_gives_a_term_and_never_takes_one(held: Shop, clock: Clock) -> None:
    key = one(held, "c1").id
    assert reservations.extend(held, reservation_id=key).left_seconds == 600  # past its time, and nobody took the units
    assert reservations.extend(held, reservation_id=key, term=timedelta(hours=2)).left_seconds == 7200
    assert reservations.extend(held, reservation_id=key, term=timedelta(minutes=1)).left_seconds == 7200
    until = clock.now + timedelta(days=1)
    assert reservations.extend(held, reservation_id=key, until=until).expires_at == until
    for moment in (clock.now, clock.now + timedelta(days=400)):
        with pytest.raises(BadInput):
            reservations.extend(held, reservation_id=key, until=moment)


def test_a_shoppers_next_step_does_not_shorten_what_was_extended(held: Shop) -> None:
    key = one(held, "c2").id
    reservations.extend(held, reservation_id=key, term=timedelta(hours=2))
    cart.set_quantity(held, handle="c2", sku="CAP", quantity=2)
    assert one(held, "c2").left_seconds == 7200
