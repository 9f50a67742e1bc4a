"""The doctor: what is not as it should be is found, and what is well is not complained of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl.core import doctor, pause, workers
from shopctl.core.db import health
from shopctl.core.db.health import Check
from shopctl.core.db.tables import outbox as facts
from shopctl.core.doctor import Limits
from shopctl.core.ports import HotHealth
from shopctl.core.shop import Shop
from shopctl.core.workers import life
from tests import shops

WELL = HotHealth(
    reachable=True, version="valkey 9.1", max_memory=0, eviction="noeviction", append_only=True, snapshots=""
)

ALONE = Limits(workers=0)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5)
    return shop


class Carts:
    """Hot carts whose server is as it is said to be."""

    def __init__(self, said: HotHealth) -> None:
        self.health = lambda: said


def found(shop: Shop, limits: Limits = ALONE) -> dict[str, Check]:
    return {check.check: check for check in doctor.examine(shop, limits)}


def statuses(shop: Shop, limits: Limits = ALONE) -> dict[str, str]:
    return {name: check.status for name, check in found(shop, limits).items()}


def test_a_shop_that_is_well(shop: Shop, store: str) -> None:
    life.beat(shop, workers.Rounds(shop, lambda: False, lambda _: None).id, "idle")
    workers.Rounds(shop, lambda: False, lambda _: None).once()
    said = statuses(shop, Limits())
    if store == "postgres":  # the tests' server trades durability for speed, and the doctor says so
        assert said.pop("durability") == "fail"
        assert found(shop)["durability"].detail.startswith("fsync off, full_page_writes off, synchronous_commit off: ")
    assert {name for name, status in said.items() if status != "ok"} == set()
    assert {"schema", "clock", "workers", "outbox", "index", "search", "checkouts", "dead letters"} <= set(said)


def test_no_worker(shop: Shop) -> None:
    assert found(shop, Limits())["workers"].status == "fail"
    assert statuses(shop)["workers"] == "ok"
    life.beat(shop, "01a20801-71f6-7573-92cd-75cdcd0356ff", "idle")
    assert found(shop, Limits())["workers"].detail.startswith("1 alive: ")
    assert found(shop, Limits(workers=2))["workers"].status == "fail"
    with shop.work("test") as tx:
        tx.execute(
            sa.text("UPDATE workers SET beat_at = :then").bindparams(
                sa.bindparam("then", tx.now - timedelta(minutes=3), facts.c.due_at.type)
            )
        )
        tx.commit()
    assert "was last heard of 3 min ago" in found(shop, Limits())["workers"].detail


def test_what_waits_too_long(shop: Shop) -> None:
    shops.buy(shop, "c1", "TEE")
    assert (statuses(shop)["outbox"], statuses(shop)["index"]) == ("ok", "ok")
    _grow_old(shop, minutes=6)
    said = found(shop)
    assert (said["outbox"].status, said["index"].status) == ("fail", "fail")
    assert said["outbox"].detail == "1 letters are not sent, the oldest for 6 min"
    patient = Limits(workers=0, lag=timedelta(hours=1))
    assert (statuses(shop, patient)["outbox"], statuses(shop, patient)["index"]) == ("ok", "ok")


def _grow_old(shop: Shop, minutes: int) -> None:
    with shop.work("test") as tx:
        tx.execute(sa.update(facts).values(created_at=tx.now - timedelta(minutes=minutes)))
        tx.commit()


def test_letters_that_were_put_aside(shop: Shop) -> None:
    shops.buy(shop, "c1", "TEE")
    with shop.work("test") as tx:
        tx.execute(sa.update(facts).where(facts.c.topic == "order.confirmed").values(state="dead"))
        tx.commit()
    said = found(shop)
    assert (said["dead letters"].status, said["outbox"].status) == ("fail", "ok")
    assert said["dead letters"].detail.startswith("1 were put aside")


def test_a_pause_and_an_index_that_is_not_there(shop: Shop) -> None:
    pause.pause(shop.but(actor="ana"), reason="stocktaking")
    said = found(shop)
    assert said["checkouts"].status == "warn"
    assert said["checkouts"].detail.endswith("UTC by ana: stocktaking")
    assert said["search"].status == "warn"


def test_a_clock_that_went_back(shop: Shop, store: str) -> None:
    said = found(shop.but(clock=lambda: shop.clock() - timedelta(hours=3, minutes=30)))["clock"]
    if store == "postgres":
        assert (said.status, said.detail) == ("warn", "the server's clock is 3 h ahead of this machine's")
    else:
        assert said.status == "fail"
        assert said.detail.startswith("the latest time written is 3 h ahead of this clock")
    behind = doctor.clock(-timedelta(minutes=2), on_server=True)
    assert (behind.status, behind.detail) == ("warn", "the server's clock is 2 min behind this machine's")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {"redis": "ok", "redis eviction": "ok", "redis persistence": "ok", "carts": "ok"}),
        ({"reachable": False, "problem": "Redis is away"}, {"redis": "fail"}),
        ({"eviction": "allkeys-lru", "max_memory": 1_000_000}, {"redis eviction": "warn"}),
        ({"eviction": "allkeys-lru"}, {"redis eviction": "ok"}),
        ({"waiting": 3, "waiting_seconds": 301}, {"carts": "fail"}),
        ({"waiting": 3, "waiting_seconds": 300}, {"carts": "ok"}),
    ],
)
def test_redis(shop: Shop, said: dict[str, object], expected: dict[str, str]) -> None:
    carts = Carts(replace(WELL, **said))  # type: ignore[arg-type]
    assert statuses(shop.but(carts=carts)).items() >= expected.items()
    assert not {"redis", "carts"} & set(statuses(shop))


@pytest.mark.parametrize(
    ("version", "has_it"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_which_sqlite_has_the_bug(version: tuple[int, ...], has_it: bool) -> None:
    assert health.wal_reset_bug(version) is has_it
