"""Clients that are slow, huge, malformed, silent or gone: each gets its answer, or nothing, and the next one is served."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request

from shopctl.core import keys
from shopctl.core.db.tables import orders
from shopctl.core.queries import keys as reads
from shopctl.core.shop import Shop
from shopctl.gateway import callers, serving
from shopctl.gateway.app import Rules
from shopctl.gateway.callers import Rates
from shopctl.gateway.guard import App, Limits
from tests import shops
from tests.gateway.served import Client, inside, key

FAST = Rates(0, 0, 0)
HURRIED = Rules(rates=FAST, limits=Limits(body_seconds=0.3, answer_seconds=0.5, at_once=4))


@pytest.fixture
def hurried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shop, Client]]:
    """A gateway with little patience."""
    monkeypatch.setattr(serving, "HEAR_SECONDS", 0.3)
    monkeypatch.setattr(serving, "TELL_SECONDS", 0.3)
    with served_in(tmp_path, HURRIED) as found:
        yield found


@contextmanager
def served_in(directory: Path, rules: Rules) -> Iterator[tuple[Shop, Client]]:
    shop = shops.make(directory)
    shops.product(shop, "MUG", units=5)
    secret = key(shop)
    with inside(shops.reopen(directory), rules) as url:
        yield shop, Client(url, secret)


def raw(client: Client, *parts: bytes, pause: float = 0, patience: float = 5) -> bytes:
    """What comes back on a connection on which these bytes are said."""
    place = urlsplit(client.url)
    with socket.create_connection((place.hostname, place.port), timeout=patience) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        said = b""
        try:
            while chunk := connection.recv(65536):
                said += chunk
                if b"\r\n\r\n" in said and b"content-length" in said.lower() and said.endswith(b"}"):
                    break
        except ConnectionResetError:
            pass
        return said


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        (b"\xff\xfe", 400, "bad_json"),
        (b"[" * 5000, 400, "bad_json"),
        (b"[" * 20 + b"]" * 20, 400, "bad_json"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, 400, "bad_json"),
        (b'{"cart": "\\ud800"}', 400, "bad_json"),
        (b'{"cart": "a\\u0000b"}', 400, "bad_json"),
        (b'{"cart": ' + b"9" * 5000 + b"}", 400, "bad_json"),
        (b'{"cart": NaN}', 422, "bad_value"),
        (b"[]", 422, "bad_value"),
        (b'{"cart": "x", "color": "red"}', 422, "bad_value"),
        (b" " * 70_000, 413, "body_too_large"),
    ],
)
def test_bodies_that_cannot_be_used(hurried: tuple[Shop, Client], body: bytes, status: int, code: str) -> None:
    said = hurried[1]("POST", "/v1/quotes", raw=body)
    assert (said.status, said.code) == (status, code)
    assert said.headers["x-request-id"]


def test_a_body_that_is_larger_than_it_says(hurried: tuple[Shop, Client]) -> None:
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    head = (
        b"POST /v1/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert b"413" in raw(hurried[1], head, *[chunk] * 6).splitlines()[0]


def test_a_body_that_does_not_come(hurried: tuple[Shop, Client]) -> None:
    head = b"POST /v1/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    said = raw(hurried[1], head)
    assert b"408" in said.splitlines()[0]
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["code"] == "body_too_slow"


def test_a_client_that_goes_away(hurried: tuple[Shop, Client]) -> None:
    place = urlsplit(hurried[1].url)
    for _ in range(10):
        with socket.create_connection((place.hostname, place.port)) as connection:
            connection.sendall(b"POST /v1/quotes HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    time.sleep(0.1)  # they are soon forgotten: four at once are too many here
    assert hurried[1]("GET", "/healthz").status == 200


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET /healthz HTTP/1.1\r\nX-A: b\r\n"])
def test_a_connection_that_says_nothing_more_is_closed(hurried: tuple[Shop, Client], said: bytes) -> None:
    since = time.monotonic()
    assert raw(hurried[1], said) == b""
    assert time.monotonic() - since < 3


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
QUOTE = b"POST /v1/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "said",
    [
        HEALTH + b"GET /hea",
        QUOTE + b"Content-Length: 70000\r\n\r\n{",  # 413 before it has come
    ],
)
def test_a_client_that_never_comes_to_the_end_is_let_go(hurried: tuple[Shop, Client], said: bytes) -> None:
    place = urlsplit(hurried[1].url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(said)
        since = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - since < 5:
                time.sleep(0.1)
                connection.sendall(b"a")
        assert time.monotonic() - since < 4


def test_a_client_that_does_not_read_is_let_go(hurried: tuple[Shop, Client]) -> None:
    place = urlsplit(hurried[1].url)
    with ExitStack() as open_ones:
        for _ in range(4):  # as many as are served at once
            connection = open_ones.enter_context(socket.create_connection((place.hostname, place.port)))
            connection.sendall(HEALTH.replace(b"/healthz", b"/openapi.json") * 200)
        time.sleep(2)
        assert hurried[1]("GET", "/healthz").status == 200


def test_a_body_of_two_lengths_is_no_way_to_bring_in_a_request(hurried: tuple[Shop, Client]) -> None:
    both = QUOTE + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    said = raw(hurried[1], both + HEALTH)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"body_ambiguous" in said
    assert b"200 OK" not in said


@pytest.mark.parametrize("kinds", [["APPLICATION/JSON"], ["application/json", "text/plain"]])
def test_json_by_any_name_is_looked_at(hurried: tuple[Shop, Client], kinds: list[str]) -> None:
    body = b'{"cart": "a\\u0000b"}'
    head = ["POST /v1/quotes HTTP/1.1", "Host: x", f"Authorization: Bearer {hurried[1].secret}"]
    head += [f"Content-Type: {kind}" for kind in kinds] + [f"Content-Length: {len(body)}", "", ""]
    assert b'"bad_json"' in raw(hurried[1], "\r\n".join(head).encode() + body)


def test_an_answer_on_a_kept_connection_does_not_wait(hurried: tuple[Shop, Client]) -> None:
    place, taken = urlsplit(hurried[1].url), list[float]()
    with socket.create_connection((place.hostname, place.port)) as connection:
        for _ in range(60):
            since, said = time.perf_counter(), b""
            connection.sendall(HEALTH)
            while not said.endswith(b"}"):
                said += connection.recv(4096)
            taken.append(time.perf_counter() - since)
    assert sorted(taken)[30] < 0.03, "40 ms is how long an acknowledgement may be put off"


def test_headers_have_a_limit(hurried: tuple[Shop, Client]) -> None:
    said = hurried[1]("GET", "/healthz", X_Large="a" * 17_000)
    assert (said.status, said.code) == (431, "head_too_large")
    assert hurried[1]("GET", "/v1/products/" + "a" * 17_000).status == 431


def test_what_takes_too_long_is_answered_and_goes_on_to_its_end(hurried: tuple[Shop, Client]) -> None:
    shop, web = hurried
    cart = web.cart(MUG=1)
    said = web.place(cart, "k-slow", payment="pm_card_slow")
    assert (said.status, said.code) == (504, "too_slow")
    deadline = time.monotonic() + 20
    while (said := web.place(cart, "k-slow", payment="pm_card_slow")).status == 504:
        assert time.monotonic() < deadline
    assert (said.status, said.json["number"]) == (201, "1001")
    with shop.read() as tx:
        assert len(tx.rows(orders.select())) == 1


def test_a_shopper_who_goes_away_in_a_checkout_has_the_one_order_by_their_key(hurried: tuple[Shop, Client]) -> None:
    shop, web = hurried
    cart, place = web.cart(MUG=1), urlsplit(web.url)
    body = json.dumps(
        {"cart": cart, "email": "ana@example.com", "ship_to": shops.HOME, "payment": "pm_card_slow"}
    ).encode()
    head = ["POST /v1/orders HTTP/1.1", "Host: x", f"Authorization: Bearer {web.secret}", "Idempotency-Key: k-gone"]
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall("\r\n".join(head).encode() + body)
        time.sleep(0.1)
    deadline = time.monotonic() + 20
    while (said := web.place(cart, "k-gone", payment="pm_card_slow")).status != 201:
        assert said.status == 504, said.body
        assert time.monotonic() < deadline
    with shop.read() as tx:
        assert [row.number for row in tx.rows(orders.select())] == [1001]


def test_too_many_at_once_are_told_to_come_back(hurried: tuple[Shop, Client]) -> None:
    place = urlsplit(hurried[1].url)
    waiting = [socket.create_connection((place.hostname, place.port)) for _ in range(4)]
    for connection in waiting:
        connection.sendall(b"POST /v1/quotes HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    time.sleep(0.1)
    said = hurried[1]("GET", "/healthz")
    assert (said.status, said.code, said.headers["retry-after"]) == (503, "overloaded", "1")
    for connection in waiting:
        connection.close()
    time.sleep(0.1)
    assert hurried[1]("GET", "/healthz").status == 200


def test_a_key_that_asks_too_often(tmp_path: Path) -> None:
    with served_in(tmp_path, Rules(rates=Rates(key=0.01, shopper=0, stranger=0))) as (_, web):
        assert web("GET", "/v1/products").status == 200
        said = web("GET", "/v1/products")
        assert (said.status, said.code) == (429, "rate_limited")
        assert int(said.headers["retry-after"]) > 50


def test_a_stranger_who_guesses_keys(tmp_path: Path) -> None:
    with served_in(tmp_path, Rules(rates=Rates(key=0, shopper=0, stranger=1))) as (_, web):
        said = [Client(web.url, f"shopctl_{number}")("GET", "/v1/products").status for number in range(5)]
        assert said[:2] == [401, 401]
        assert 429 in said
        assert web("GET", "/v1/products").status == 200, "whoever has a key is no stranger"


def test_a_key_is_revoked_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "KNOWN_SECONDS", 0.2)
    with served_in(tmp_path, Rules(rates=FAST)) as (shop, web):
        assert web("GET", "/v1/products").status == 200
        with shop.read() as tx:
            assert reads.named(tx, "web").last_used_at is not None
        keys.revoke(shop, name="web")
        time.sleep(0.3)
        assert web("GET", "/v1/products").code == "bad_api_key"


def test_read_only_serves_and_changes_nothing(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "MUG", units=5)
    secret = key(shop)
    with inside(shops.reopen(tmp_path, read_only=True), Rules()) as url:
        web = Client(url, secret)
        assert web("GET", "/v1/products").status == 200
        assert (web("POST", "/v1/carts").status, web("POST", "/v1/carts").code) == (403, "read_only")


def test_a_store_that_is_gone(tmp_path: Path) -> None:
    with served_in(tmp_path, Rules(rates=FAST)) as (_, web):
        assert web("GET", "/readyz").status == 200
        (tmp_path / "shop.db").rename(tmp_path / "elsewhere.db")
        said = web("GET", "/readyz")
        assert (said.status, said.code) == (503, "store_gone")
        assert web("GET", "/healthz").status == 200


def test_many_can_wait_at_the_door_though_one_at_a_time_is_let_in() -> None:
    how = serving.config(_nobody, workers=2, grace=1)
    assert how.loop == "asyncio"  # which asks the socket to listen; another one asks the kernel
    with serving.listen("127.0.0.1", 0) as door, ExitStack() as waiting:
        door.listen(how.backlog)
        for _ in range(50):
            waiting.enter_context(socket.create_connection(door.getsockname(), timeout=0.5))


def test_a_key_that_is_known_is_let_in_without_a_question_as_often_as_was_counted(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    secret, asking = keys.create(shop, name="web", scopes=["sell"]).secret, _asking(shop)
    door = callers.Door(shop, Rates(key=10, shopper=0, stranger=0))
    assert door.admit_known(asking, secret, None, "sell") is None
    door.admit(asking, secret, None, "sell")
    assert door.admit_known(asking, secret, None, "sell") is None  # of a burst of 20 it takes one at a time
    door = callers.Door(shop, Rates(key=1000, shopper=0, stranger=0))
    let_in = door.admit(asking, secret, None, "sell")
    found = door.admit_known(asking, secret, None, "sell")
    assert found is not None
    assert (found.key, found.shop.actor) == (let_in.key, let_in.shop.actor)
    assert door.admit_known(asking, secret, "a shopper's token", "sell") is None
    assert door.admit_known(asking, secret, None, "operate") is None
    assert door.admit_known(asking, secret + "x", None, "sell") is None
    assert door.admit_known(asking, None, None, "sell") is None
    more = 0
    while door.admit_known(asking, secret, None, "sell"):
        more += 1
    assert more == 98  # a twentieth of a burst of 2000, and two were let in before


def _nobody() -> App:
    raise AssertionError("nobody asks for it")


def _asking(shop: Shop) -> Request:
    state = {"request_id": shop.request_id, "effort": shop.effort}
    return Request({"type": "http", "state": state, "client": ("192.0.2.1", 4711), "headers": []})
