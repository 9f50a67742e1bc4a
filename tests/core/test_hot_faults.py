"""Redis dies, forgets, is full, slow, or comes back with old data: no cart command and no purchase fails, and it is said once.

Each test has a server of its own to maltreat.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shopctl.core import cart, checkout, verify
from shopctl.core.adapters import redis_link
from shopctl.core.adapters.cart_redis import RedisCarts
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop
from tests import shops
from tests.core.test_hot_carts import ANA, fill, look, right, stored
from tests.servers import Redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    started = Redis(tmp_path / "redis")
    yield started
    started.kill()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def hot(tmp_path: Path, server: Redis, told: list[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("SHOPCTL_TEST_CARTS", server.url)
    monkeypatch.setattr(redis_link, "PAUSE_SECONDS", 0.3)
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5000)
    shops.product(shop, "CAP", units=5000)
    return shop.but(narrate=told.append)


def place(shop: Shop, handle: str, **wanted: Any) -> dict[str, int]:
    order = checkout.place(shop, shops.placement(handle, f"key-{handle}", **wanted))
    assert isinstance(order, Order)
    return {line.sku: line.quantity for line in order.lines}


def said(told: list[str]) -> list[str]:
    return [sentence for sentence in told if "Redis" in sentence]


def test_killed_and_back_without_anything(hot: Shop, server: Redis, told: list[str]) -> None:
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    cart.persist(hot, limit=9)
    fill(hot, "c1", CAP=1)
    server.kill()
    assert look(hot, "c1") == {"TEE": 2}
    fill(hot, "c1", TEE=1)
    fill(hot, "c2", TEE=1)
    cart.login(hot, handle="c1", email=ANA)
    assert cart.sweep(hot) == 0
    assert cart.persist(hot, limit=9) == 0
    assert place(hot, "c1") == {"TEE": 3}
    assert "hot_carts_unread" in {note.name for note in verify.verify(hot).notes}
    assert len(said(told)) == 1
    server.start()
    time.sleep(0.3)
    fill(hot, "c2", TEE=1)
    fill(hot, "c2", TEE=1)
    assert (look(hot, "c2"), stored(hot, "c2")) == ({"TEE": 3}, {"TEE": 1})  # hot again
    assert place(hot, "c2") == {"TEE": 3}
    assert len(said(told)) == 1
    assert right(hot)


def test_back_with_old_data_the_newer_database_copy_wins(hot: Shop, server: Redis) -> None:
    for handle in ("behind", "ahead"):
        fill(hot, handle, TEE=1)
        fill(hot, handle, TEE=1)
    fill(hot, "behind", CAP=5)
    server.client.save()
    fill(hot, "behind", CAP=1)
    cart.persist_one(hot, name="behind")
    fill(hot, "ahead", TEE=1)
    server.kill()
    server.start()
    assert look(hot, "behind") == {"TEE": 2, "CAP": 6}
    assert look(hot, "ahead") == {"TEE": 2}  # what Redis lost; but what it kept is ahead of the database, and goes on
    assert stored(hot, "ahead") == {"TEE": 1}
    fill(hot, "behind", TEE=1)
    assert place(hot, "behind") == {"TEE": 3, "CAP": 6}
    assert right(hot)


def test_flushed_at_any_moment(hot: Shop, server: Redis) -> None:
    client = server.client
    for n in range(40):
        fill(hot, "c1", TEE=1)
        if n % 4 == 0:
            cart.persist(hot, limit=9)
            kept = look(hot, "c1")["TEE"]
        if n % 3 == 0:
            client.flushall()
        assert look(hot, "c1")["TEE"] >= kept
    held = look(hot, "c1")
    assert place(hot, "c1") == held
    client.flushall()
    assert look(hot, "c1") == {}
    assert right(hot)


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru", "volatile-ttl"])
def test_full(hot: Shop, server: Redis, told: list[str], policy: str) -> None:
    """With 1 MB there is no room for a single cart, and what there was is evicted, or stays and cannot be changed."""
    fill(hot, "before", TEE=1)
    fill(hot, "before", TEE=1)
    client = server.client
    client.config_set("maxmemory-policy", policy)
    client.config_set("maxmemory", "1mb")
    for n in range(30):
        fill(hot, f"c{n}", TEE=1)
        fill(hot, f"c{n}", TEE=1, CAP=1)
    cart.persist(hot, limit=99)
    assert [look(hot, f"c{n}") for n in range(30)] == [{"TEE": 2, "CAP": 1}] * 30
    for n in range(10):
        assert place(hot, f"c{n}") == {"TEE": 2, "CAP": 1}
    if policy == "noeviction":  # what is hot can still be read, closed and written down: nothing is lost
        assert look(hot, "before") == {"TEE": 2}
        fill(hot, "before", TEE=1)
        assert stored(hot, "before") == {"TEE": 3}
    assert len(said(told)) <= 1
    client.config_set("maxmemory", "0")
    fill(hot, "c20", TEE=1)
    fill(hot, "c20", TEE=1)
    assert look(hot, "c20") == {"TEE": 4, "CAP": 1}
    assert right(hot)


def test_stopped_it_is_waited_for_once(hot: Shop, server: Redis, told: list[str]) -> None:
    hot = hot.but(carts=RedisCarts(server.url, hot.facts.id, 600))
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    cart.persist(hot, limit=9)
    redis_link.PAUSE_SECONDS = 60  # the fixture puts it back
    process = server.process
    os.kill(process, signal.SIGSTOP)
    started = time.monotonic()
    fill(hot, "c1", TEE=1)
    first = time.monotonic() - started
    for _ in range(5):
        fill(hot, "c1", TEE=1)
    assert place(hot, "c1") == {"TEE": 8}
    assert first < 2
    assert time.monotonic() - started - first < 3  # each would cost half a second more
    assert len(said(told)) == 1
    os.kill(process, signal.SIGCONT)
    other = hot.but(carts=RedisCarts(server.url, hot.facts.id, 600))
    assert look(other, "c1") == {}  # what was asked while it slept changes nothing when it wakes up
    assert right(other)


def test_a_slow_answer_is_not_a_second_change(hot: Shop, server: Redis) -> None:
    """The change is made, its answer comes too late: the database makes it, and the copy is void."""
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    cart.persist(hot, limit=9)
    server.client.client_pause(700, all=True)
    fill(hot, "c1", TEE=1)
    assert stored(hot, "c1") == {"TEE": 3}
    time.sleep(0.9)
    assert look(hot, "c1") == {"TEE": 3}
    fill(hot, "c1", TEE=1)
    assert look(hot, "c1") == {"TEE": 4}
    assert right(hot)


def test_doctor_hears_how_it_is(hot: Shop, server: Redis) -> None:
    fill(hot, "c1", TEE=1)
    fill(hot, "c1", TEE=1)
    health = hot.carts.health()
    assert health
    assert (health.reachable, health.eviction, health.append_only, health.waiting) == (True, "noeviction", False, 1)
    assert health.version
    assert health.version.startswith("valkey ")
    server.kill()
    health = hot.carts.health()
    assert health
    assert (health.reachable, bool(health.problem)) == (False, True)
