"""Rate limits: one contract, whoever counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopctl.core import limits
from shopctl.core.adapters import redis_link
from shopctl.core.adapters.limits_db import DatabaseLimits
from shopctl.core.adapters.limits_redis import RedisLimits
from shopctl.core.errors import Refused
from shopctl.core.limits import Limit
from shopctl.core.shop import Shop
from tests import shops
from tests.servers import Redis


@pytest.fixture
def counted(carts: str, tmp_path: Path) -> Shop:
    """A shop whose limits are counted in the database, and then in Redis."""
    shop = shops.make(tmp_path)
    assert isinstance(shop.limiter, RedisLimits if carts == "redis" else DatabaseLimits)
    return shop


@pytest.fixture
def server() -> Iterator[Redis]:
    started = Redis()
    yield started
    started.kill()


def taken(shop: Shop, subject: str = "ana", *, times: int, rate: float = 0.001, burst: int = 5, units: int = 1) -> int:
    """How many of so many requests were let through."""
    return sum(_let(shop, subject, rate, burst, units) for _ in range(times))


def _let(shop: Shop, subject: str, rate: float, burst: int, units: int) -> bool:
    try:
        limits.take(shop, Limit("test", subject, rate, burst, units))
    except Refused:
        return False
    return True


def test_a_burst_and_no_more(counted: Shop) -> None:
    assert taken(counted, times=8) == 5
    with pytest.raises(Refused) as refused:
        limits.take(counted, Limit("test", "ana", 0.001, 5))
    assert refused.value.code == "rate_limited"
    assert 900 < refused.value.details["retry_after"] <= 1000  # type: ignore[operator]


def test_subjects_and_names_have_buckets_of_their_own(counted: Shop) -> None:
    assert taken(counted, times=6) == 5
    assert taken(counted, "bob", times=6) == 5
    limits.take(counted, Limit("other", "ana", 0.001, 1))


def test_case_and_spaces_make_nobody_another(counted: Shop) -> None:
    assert taken(counted, "ana@example.com", times=3) == 3
    assert taken(counted, "  ANA@Example.com ", times=3) == 2


def test_units_flow_back(counted: Shop) -> None:
    assert taken(counted, times=3, rate=20, burst=2) == 2
    time.sleep(0.12)
    assert taken(counted, times=5, rate=20, burst=2) == 2


def test_several_units_at_once_all_or_nothing(counted: Shop) -> None:
    assert taken(counted, times=2, units=3) == 1
    assert taken(counted, times=5) == 2


def test_a_request_draws_from_all_of_its_buckets_or_from_none(counted: Shop) -> None:
    wide, narrow = Limit("wide", "ana", 0.001, 5), Limit("narrow", "ana", 0.001, 1)
    first, second = limits.take_all(counted, [[wide, narrow], [wide, narrow]])
    assert first is None
    assert second is not None
    assert (second.details["limit"], second.details["retry_after"]) == ("narrow", 1000)
    assert [one is None for one in limits.take_all(counted, [[wide]] * 5)] == [True] * 4 + [False]


def test_many_requests_at_once_are_answered_in_their_order(counted: Shop) -> None:
    ana, bob = Limit("test", "ana", 0.001, 2), Limit("test", "bob", 0.001, 1)
    refused = limits.take_all(counted, [[ana], [bob], [], [ana], [bob], [ana]])
    assert [one is None for one in refused] == [True, True, True, True, False, False]
    assert limits.take_all(counted, []) == []


def test_what_is_refused_costs_nothing(counted: Shop) -> None:
    taken(counted, times=5, rate=10, burst=5)
    taken(counted, times=50, rate=10, burst=5)
    time.sleep(0.15)
    assert taken(counted, times=1, rate=10, burst=5) == 1


def test_all_at_once(counted: Shop) -> None:
    """The guard is in the statement: of 40 at once exactly the burst."""
    start, let = threading.Barrier(8), list[int]()

    def ask() -> None:
        start.wait()
        let.append(taken(counted, times=5, burst=11))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let) == 11


def test_a_smaller_limit_from_now_on_shuts_nobody_out_for_long(counted: Shop) -> None:
    taken(counted, times=5, rate=0.001, burst=5)
    assert taken(counted, times=3, rate=100, burst=2) == 2


def test_read_only_counts_nothing(counted: Shop) -> None:
    assert taken(counted.but(read_only=True), times=9) == 9


def test_full_buckets_are_forgotten(counted: Shop, carts: str) -> None:
    taken(counted, times=1, rate=1000, burst=5)
    taken(counted, "bob", times=1)
    time.sleep(0.05)
    assert limits.sweep(counted) == (0 if carts == "redis" else 1)  # Redis forgets by itself
    assert taken(counted, "bob", times=5) == 4


def test_without_redis_the_database_counts(server: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPCTL_TEST_CARTS", server.url)
    monkeypatch.setattr(redis_link, "PAUSE_SECONDS", 0.2)
    shop = shops.make(tmp_path)
    assert taken(shop, times=6) == 5
    server.kill()
    assert taken(shop, times=6) == 5
    server.start()
    time.sleep(0.3)
    assert taken(shop, times=6) == 5
    assert taken(shop, times=6) == 0


def test_what_cannot_be_is_a_defect(counted: Shop) -> None:
    with pytest.raises(ValueError, match="fit into"):
        limits.take(counted, Limit("test", "ana", 1, 2, 3))
