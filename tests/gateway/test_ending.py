"""Processes: asked to end, killed in the middle, several of them."""

from __future__ import annotations

import http.client
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopctl.core import verify
from shopctl.core.db.tables import orders
from shopctl.core.shop import Shop
from tests import shops
from tests.cli import Cli
from tests.gateway.served import Answer, Client, Process, key


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    with shops.on(request.param):
        made = shops.make(tmp_path)
        shops.product(made, "MUG", units=50)
        yield made


def placed(shop: Shop) -> int:
    with shop.read() as tx:
        return len(tx.rows(orders.select()))


def test_what_is_under_way_is_finished(shop: Shop, tmp_path: Path) -> None:
    with Process(tmp_path) as process:
        web = process.client(key(shop))
        cart, answers = web.cart(MUG=1), list[Answer]()
        slow = threading.Thread(target=lambda: answers.append(web.place(cart, "k-slow", payment="pm_card_slow")))
        slow.start()
        while not placed(shop):
            time.sleep(0.02)
        assert process.end() == 0
        slow.join()
    assert [(said.status, said.json["status"]) for said in answers] == [(201, "confirmed")]


def test_ctrl_c_ends_it_too(shop: Shop, tmp_path: Path) -> None:
    with Process(tmp_path) as process:
        assert process.end(signal.SIGINT) == 0


@pytest.mark.parametrize("point", ["checkout.reserve.after_commit", "gateway.authorize.after"])
def test_killed_in_a_checkout_the_same_key_is_the_one_order(shop: Shop, tmp_path: Path, point: str) -> None:
    secret = key(shop)
    with Process(tmp_path, environment={"SHOPCTL_FAILPOINT": point}) as process:
        web = process.client(secret)
        cart = web.cart(MUG=2)
        with pytest.raises(OSError):  # noqa: PT011 — the connection is gone, in one of several ways
            web.place(cart, "k-killed")
        assert process.died() == -signal.SIGKILL
    with Process(tmp_path) as process:
        web = process.client(secret)
        said = web.place(cart, "k-killed")
        assert (said.status, said.json["status"]) == (201, "confirmed")
        assert web.place(cart, "k-killed").body == said.body
    assert placed(shop) == 1
    assert not verify.verify(shop).violations


def test_two_workers_sell_the_last_units_once(shop: Shop, tmp_path: Path) -> None:
    shops.product(shop, "RARE", units=5)
    log = tmp_path / "log.jsonl"
    with Process(tmp_path, ("--workers", "2", "--rate", "0"), {"SHOPCTL_LOG": str(log)}) as process:
        web = process.client(key(shop))
        carts = [web.cart(RARE=1) for _ in range(12)]
        said = list[Answer]()

        def buy(number: int) -> None:
            said.append(web.place(carts[number], f"k-{number}", email=f"s{number}@example.com"))

        buyers = [threading.Thread(target=buy, args=(number,)) for number in range(len(carts))]
        for buyer in buyers:
            buyer.start()
        for buyer in buyers:
            buyer.join()
        assert Counter(one.status for one in said) == {201: 5, 409: 7}
        assert {one.code for one in said if one.status == 409} == {"insufficient_stock"}
        assert process.end() == 0
    assert placed(shop) == 5
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert Counter(line["http"] for line in lines if line["command"] == "gateway POST /v1/orders") == {201: 5, 409: 7}
    assert {line["error"] for line in lines if line.get("http") == 409} == {"insufficient_stock"}
    assert not verify.verify(shop).violations


def test_a_worker_that_dies_is_replaced_and_the_same_key_is_the_one_order(shop: Shop, tmp_path: Path) -> None:
    point = {"SHOPCTL_FAILPOINT": "checkout.reserve.after_commit"}
    with Process(tmp_path, ("--workers", "2"), point) as process:
        web = process.client(key(shop))
        carts = [web.cart(MUG=1) for _ in range(3)]  # more than there are workers at first
        for cart in carts:
            with pytest.raises(OSError):  # noqa: PT011
                answered(web, cart, tries=1)
        said = [answered(web, cart, tries=100) for cart in carts]
    assert [one.status for one in said] == [201] * 3
    assert placed(shop) == 3
    assert not verify.verify(shop).violations


def answered(web: Client, cart: str, tries: int) -> Answer:
    """The answer of a gateway whose workers die."""
    while True:
        try:
            return web.place(cart, f"k-{cart}")
        except (OSError, http.client.HTTPException):
            tries -= 1
            if not tries:
                raise
            time.sleep(0.1)


def test_workers_end_with_a_parent_that_is_killed(shop: Shop, tmp_path: Path) -> None:
    with Process(tmp_path, ("--workers", "2")) as process:
        process.kill()
        deadline = time.monotonic() + 20
        while reachable(process.client()):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def reachable(web: Client) -> bool:
    try:
        web("GET", "/healthz")
    except ConnectionRefusedError:
        return False
    except (OSError, http.client.HTTPException):
        pass  # it was cut while it asked
    return True


def test_a_port_that_is_taken(shop: Shop, tmp_path: Path) -> None:
    with Process(tmp_path) as process:
        port = process.url.rpartition(":")[2]
        said = Cli(tmp_path)("gateway", "serve", "--port", port, "-o", "json")
        assert (said.status, said.error["code"]) == (3, "cannot_listen")
