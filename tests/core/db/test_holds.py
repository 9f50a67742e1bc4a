"""Holds on Postgres, where others buy between a plan and its guarded statement: the second look."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from shopctl.core import reservations, stock, verify
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.sourcing import Level
from shopctl.core.errors import Refused
from shopctl.core.queries import stock as levels
from shopctl.core.reservations import Owner, holding
from shopctl.core.shop import Shop
from tests import shops


@pytest.fixture(autouse=True)
def on_postgres() -> Iterator[None]:
    with shops.on("postgres"):
        yield


def hold(shop: Shop, units: int) -> None:
    with shop.work("test") as tx:
        reservations.hold(tx, Owner("order", new_id(), "order 1"), {"TEE": units}, origin="checkout")
        tx.commit()


def books_of_stock(shop: Shop) -> list[verify.Violation]:
    """What is wrong with levels, movements and reservations; the owners of these holds are made up."""
    return [found for found in verify.verify(shop).violations if found.check in range(1, 6)]


def others_take(shop: Shop, monkeypatch: pytest.MonkeyPatch, units: int) -> None:
    """Between the first look of the next hold and its statement, somebody else takes this many."""
    look, waiting = levels.free_levels, [units]

    def overtaken(tx: UnitOfWork, skus: Sequence[str]) -> list[Level]:
        seen = look(tx, skus)
        if waiting:
            waiting.clear()
            hold(shop, units)
        return seen

    monkeypatch.setattr(holding, "free_levels", overtaken)


@pytest.mark.parametrize("buckets", [1, 3])
def test_a_hold_that_was_overtaken_gets_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buckets: int
) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=9)
    stock.receive(shop, sku="TEE", quantity=1)
    stock.spread(shop, sku="TEE", buckets=buckets)
    others_take(shop, monkeypatch, 6)
    hold(shop, 4)
    with shop.read() as tx:
        assert levels.show(tx, "TEE")[0].available == 0
    assert not books_of_stock(shop)


@pytest.mark.parametrize("buckets", [1, 3])
def test_a_hold_that_was_overtaken_is_refused_when_too_few_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buckets: int
) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=9)
    stock.spread(shop, sku="TEE", buckets=buckets)
    others_take(shop, monkeypatch, 6)
    with pytest.raises(Refused, match="Only 3 of TEE can be had, 4 asked for"):
        hold(shop, 4)
    with shop.read() as tx:
        assert levels.show(tx, "TEE")[0].reserved == 6


def test_units_that_somebody_has_only_locked_are_waited_for(tmp_path: Path) -> None:
    """Another buyer has all units and has not committed; when they give up, the one who waits gets them."""
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=4)
    stock.spread(shop, sku="TEE", buckets=2)
    told: list[str] = []

    def buy() -> None:
        hold(shops.reopen(tmp_path), 3)
        told.append("held")

    waiting = threading.Thread(target=buy)
    with shop.work("test") as tx:
        reservations.hold(tx, Owner("order", new_id(), "order 2"), {"TEE": 4}, origin="checkout")
        waiting.start()
        waiting.join(0.5)
        assert not told
    waiting.join(30)
    assert told == ["held"]


def test_two_who_make_a_level_at_once_are_both_counted(tmp_path: Path) -> None:
    """A level that another writer makes between the look for it and the making is not counted from nothing."""
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE")
    counted: list[int] = []

    def count() -> None:
        counted.append(stock.set_level(shops.reopen(tmp_path), sku="TEE", quantity=5).difference)

    other = threading.Thread(target=count)
    with shop.work("test") as tx:
        stock.ensure_levels(tx, [("TEE", "MAIN")])
        assert stock.move(tx, "receive", [stock.Move("TEE", "MAIN", quantity=2)])
        other.start()
        other.join(0.5)
        assert not counted
        tx.commit()
    other.join(30)
    assert counted == [3]
    assert not books_of_stock(shop)
