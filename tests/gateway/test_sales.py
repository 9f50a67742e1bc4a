"""A flash sale over HTTP: tickets, places in the queue asked for and told, buying, limits; and who does it when no worker lives."""

from __future__ import annotations

import http.client
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from shopctl.core import sales, settings
from shopctl.core.db.tables import tickets
from shopctl.core.shop import Shop
from tests import flash, shops
from tests.flash import clean
from tests.gateway.served import Client, Process, key
from tests.shops import HOME

WISH = {"ship_to": HOME, "payment": "pm_card_visa"}


def join(web: Client, sale: str, email: str, **wish: object) -> dict[str, Any]:
    mine = email.strip().lower()
    said = web("POST", f"/v1/sales/{sale}/tickets", {"email": email, **WISH, **wish}, Idempotency_Key=mine)
    assert said.status == 201, said.json
    return dict(said.json)


def until(state: str, web: Client, ticket: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = web("GET", f"/v1/tickets/{ticket}").json
        if found["state"] == state:
            return dict(found)
        time.sleep(0.1)
    raise AssertionError(found)


def soon(is_so: Callable[[], bool]) -> None:
    """Streams look now and then."""
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def told(web: Client, path: str) -> Iterator[dict[str, Any]]:
    """What a stream says, until it ends."""
    connection = http.client.HTTPConnection(urlsplit(web.url).netloc, timeout=30)
    connection.request("GET", f"/v1/{path}/events", headers={"Authorization": f"Bearer {web.secret}"})
    said = connection.getresponse()
    assert (said.status, said.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    for line in said:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])
    connection.close()


def test_from_a_ticket_to_an_order_without_a_worker(shop: Shop, web: Client) -> None:
    flash.make(shop, 1, name="http", sku="MUG")
    first, second = join(web, "http", "one@example.com"), join(web, "HTTP", "two@example.com")
    assert [(one["state"], one["ahead"], one["chance"]) for one in (first, second)] == [
        ("waiting", 0, "good"),
        ("waiting", 1, "unlikely"),
    ]
    assert join(web, "http", " ONE@Example.com ")["ticket"] == first["ticket"]
    early = web("POST", f"/v1/tickets/{first['ticket']}/purchase")
    assert (early.status, early.code) == (409, "not_your_turn")
    streams: list[list[dict[str, Any]]] = [[], []]

    boards: list[dict[str, Any]] = []

    def listen(heard: list[dict[str, Any]], path: str) -> None:
        for one in told(web, path):
            heard.append(one)  # noqa: PERF402 — as it comes

    heard = [
        *zip(streams, (f"tickets/{one['ticket']}" for one in (first, second)), strict=True),
        (boards, "sales/http"),
    ]
    threads = [threading.Thread(target=listen, args=told_of) for told_of in heard]
    for thread in threads:
        thread.start()
    soon(lambda: all((*streams, boards)))
    assert web("POST", "/v1/operate/sales/http/open").json["status"] == "open"
    until("admitted", web, first["ticket"])
    bought = web("POST", f"/v1/tickets/{first['ticket']}/purchase", {})
    assert (bought.status, bought.json["total"]) == (201, "9.99")
    again = web("POST", f"/v1/tickets/{first['ticket']}/purchase")
    assert again.json["number"] == bought.json["number"]
    assert until("sold_out", web, second["ticket"])["chance"] == "none"
    for thread in threads[:2]:
        thread.join(timeout=30)
    assert streams[0][0]["state"] == "waiting"
    assert streams[0][-1]["state"] == "bought"
    assert streams[1][-1]["state"] == "sold_out"
    late = web("POST", "/v1/sales/http/tickets", {"email": "late@example.com"})
    assert (late.status, late.code) == (409, "sold_out")
    shown = web("GET", "/v1/sales/http").json
    assert (shown["sold"], shown["left"], shown["waiting"]) == (1, 0, 0)
    soon(lambda: any(one["sold_out"] for one in boards))
    assert web("POST", "/v1/operate/sales/http/close").json["status"] == "closed"
    threads[2].join(timeout=30)
    assert boards[0] == {
        "sale": "http",
        "status": "scheduled",
        "sold_out": False,
        "queues": [{"sku": "MUG", "head": 0, "tail": 2, "left": 0, "held": 0}],
    }
    assert [one["sold_out"] for one in boards if one["status"] == "open"][-1]
    assert (boards[-1]["status"], boards[-1]["queues"][0]["head"]) == ("closed", 1)
    assert clean(shop)


def test_many_at_once_are_served_in_one_order_each_once(shop: Shop, web: Client) -> None:
    flash.make(shop, 5, name="many", sku="TEE")
    found: list[dict[str, Any]] = []

    def shopper(n: int) -> None:
        found.append(join(web, "many", f"m{n % 30}@example.com"))

    threads = [threading.Thread(target=shopper, args=(n,)) for n in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 60
    assert {one["ahead"] for one in found} == set(range(30))
    assert len({one["ticket"] for one in found}) == 30
    assert [row["name"] for row in web("GET", "/v1/sales?limit=1").json["items"]] == ["many"]
    assert web("POST", "/v1/operate/sales/many/cancel").json["status"] == "cancelled"
    assert web("GET", f"/v1/tickets/{found[0]['ticket']}").json["state"] == "ended"


def test_an_address_is_no_way_to_the_ticket_of_another(shop: Shop, web: Client) -> None:
    flash.make(shop, 1, name="mine", sku="TEE")
    ticket = join(web, "mine", "victim@example.com")["ticket"]
    wish = {"email": " VICTIM@example.com", "payment": "pm_card_chargeDeclined"}
    for said in (
        web("POST", "/v1/sales/mine/tickets", wish),
        web("POST", "/v1/sales/mine/tickets", wish, Idempotency_Key="a guess"),
    ):
        assert (said.status, said.code) == (409, "has_ticket")
        assert ticket not in said.body.decode()
    assert join(web, "mine", "victim@example.com")["ticket"] == ticket
    with shop.read() as tx:
        assert list(tx.execute(sa.select(tickets.c.token).where(tickets.c.id == ticket)).scalars()) == ["pm_card_visa"]


def test_a_turn_is_given_back_and_what_is_not_there(shop: Shop, web: Client) -> None:
    flash.make(shop, 1, name="back", sku="TEE")
    ticket = join(web, "back", "gone@example.com")["ticket"]
    assert web("DELETE", f"/v1/tickets/{ticket}").json["state"] == "left"
    again = web("DELETE", f"/v1/tickets/{ticket}")
    assert (again.status, again.code) == (409, "invalid_state")
    for method, path in (("GET", "/v1/tickets/x"), ("DELETE", "/v1/tickets/x"), ("GET", "/v1/tickets/x/events")):
        assert (web(method, path).status, web(method, path).code) == (404, "unknown_ticket")
    assert web("POST", "/v1/sales/none/tickets", {"email": "a@example.com"}).code == "unknown_sale"
    assert web("POST", "/v1/operate/sales/back/burn").status == 404
    assert web("POST", "/v1/sales/back/tickets", {"email": "nobody"}).code == "bad_email"


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5)
    flash.make(shop, 5)
    settings.set_value(shop, key="sale_customer_rate", value="12")
    settings.set_value(shop, key="sale_source_rate", value="30")
    with Process(tmp_path, ("--rate", "0")) as served:
        web = served.client(key(shop))
        spellings = ["bot@example.com", "BOT@example.com", " bot@Example.com"]
        said = [web("POST", "/v1/sales/friday/tickets", {"email": one}, Idempotency_Key="k") for one in spellings]
        assert [one.status for one in said] == [201, 201, 429]
        assert 1 <= int(said[2].headers["retry-after"]) <= 5
        assert said[2].json["error"]["details"]["limit"] == "tickets of a customer"
        from_one = [
            web("POST", "/v1/sales/friday/tickets", {"email": f"b{n}@example.com", "source": "192.0.2.7"})
            for n in range(7)
        ]
        assert [one.status for one in from_one] == [201] * 5 + [429] * 2
        assert from_one[6].json["error"]["details"]["limit"] == "tickets of a source"
        assert join(web, "friday", "honest@example.com", source="192.0.2.8")["ahead"] == 6


def test_it_ends_at_once_though_streams_are_open(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5)
    flash.make(shop, 5)
    with Process(tmp_path) as served:
        web = served.client(key(shop))
        ticket = join(web, "friday", "ana@example.com")["ticket"]
        heard = told(web, f"tickets/{ticket}")
        assert next(heard)["state"] == "waiting"
        began = time.monotonic()
        assert served.end(signal.SIGTERM) == 0
        assert list(heard) == []
        assert time.monotonic() - began < 10
    with pytest.raises(OSError, match=r"refused|reset"):
        web("GET", "/healthz")
    assert sales.open_(shop, name="friday").status == "open"
