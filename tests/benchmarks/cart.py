"""Cart adds on Redis beside HINCRBY over a bare socket, as redis-benchmark does it.

    python -m tests.benchmarks.cart [--clients 1 --clients 32]

Two sides of ours: the change alone, which is what Redis is asked for (quantity, price, time, revision, EXPIRE and the list of
what waits, in one script and one round trip), and the whole of `cart add`, with what the store is asked before and after.
Beside them one process keeps as many connections as there are clients, one request under way on each.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

from shopctl.core import cart
from shopctl.core.db.types import new_id
from shopctl.core.ports import CartChange, CartStamp, HotCart
from tests import servers, shops
from tests.benchmarks import frame

GOAL = 0.35
SKU = "SKU"
MOST = 10**6


def changing(directory: Path, n: int) -> Callable[[], None]:
    """The port alone: a hot copy, and one more of a SKU in it."""
    carts, cart_id, now = shops.reopen(directory).carts, new_id(), datetime.now(UTC)
    copy = HotCart(new_id(), 0, 1, now, [])
    stamp = CartStamp(1)
    carts.load(cart_id, stamp, copy)

    def step() -> None:
        change = CartChange(SKU, 1, MOST, 1999, datetime.now(UTC), more=True)
        assert carts.change(cart_id, stamp, change) is not None

    return step


def adding(directory: Path, n: int) -> Callable[[], None]:
    """The use case, as a command has it."""
    shop, handle = shops.reopen(directory), f"cart-{n}"
    cart.add(shop, handle=handle, sku=SKU, quantity=1)  # makes the cart, in the store

    def step() -> None:
        cart.add(shop, handle=handle, sku=SKU, quantity=1)

    return step


def hincrby(url: str, clients: int, seconds: float) -> float:
    """HINCRBY a second, one at a time on each connection."""
    address = urlsplit(url)
    with ExitStack() as opened:
        connections = []
        for n in range(clients):
            connection = opened.enter_context(socket.create_connection((address.hostname, address.port)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            words = ("HINCRBY", f"benchmark-{n}", "q:" + SKU, "1")
            parts = [f"*{len(words)}\r\n", *(f"${len(word)}\r\n{word}\r\n" for word in words)]
            connections.append((connection, "".join(parts).encode()))
        done, began = 0, time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            for connection, request in connections:
                connection.sendall(request)
            for connection, _ in connections:
                assert connection.recv(64).startswith(b":")
            done += clients
        return done / (now - began)


@contextmanager
def redis_shop() -> Iterator[tuple[Path, str]]:
    """A shop on SQLite whose carts are hot in Redis; its directory and the URL."""
    url = servers.redis()
    with frame.store("sqlite") as directory, mock.patch.dict("os.environ", SHOPCTL_TEST_CARTS=url):
        shops.product(shops.make(directory), SKU, units=MOST)
        yield directory, url


def main() -> None:
    parser = frame.parser(__doc__, rounds=3, seconds=2, stores=False)
    parser.add_argument("--clients", type=int, action="append", help="1 and 32 unless named")
    asked = parser.parse_args()
    lines = []
    with redis_shop() as (directory, url):
        for count in asked.clients or (1, 32):
            for what, prepare, goal in (("change", changing, GOAL), ("cart add", adding, None)):
                with frame.Clients(count, partial(prepare, directory)) as clients:
                    line = frame.compare(
                        f"{what}, {count} client{'s' * (count > 1)}",
                        partial(_rate, clients, asked.seconds),
                        partial(hincrby, url, count, asked.seconds),
                        goal=goal,
                        rounds=asked.rounds,
                    )
                lines.append(line)
    frame.report(lines, as_json=asked.json)


def _rate(clients: frame.Clients, seconds: float) -> float:
    return clients.run(seconds).rate


if __name__ == "__main__":
    main()
