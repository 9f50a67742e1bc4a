"""Two ways to a shop: calls in this process, and HTTP to its gateway. Both ask again what was not answered, which is safe: a customer
has one ticket, and a ticket is bought once."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from shopctl.core import sales
from shopctl.core.domain import text
from shopctl.core.errors import ShopError, TimedOut, Unavailable
from shopctl.core.queries import sales as reads
from shopctl.core.queries.orders import Order
from shopctl.core.rehearsal.crowd import GOOD
from shopctl.core.rehearsal.scratch import NAME
from shopctl.core.rehearsal.shoppers import Far, Said
from shopctl.core.sales import Crowd, Joining
from shopctl.core.shop import Shop

T = TypeVar("T")
LOOK, PAUSE = 0.05, 0.2
"""Seconds from one look at the sale to the next, and before what was not answered is asked again."""
PATIENCE = 120.0
"""So long it is asked again."""
BUYERS, CONNECTIONS, CALLS = 250, 48, 8000
"""Of a process: purchases at the same time, connections to the gateway, calls that wait for their commit."""


class Direct:
    """Calls, which are gathered into one commit with those that come at the same time."""

    at_once = CALLS

    def __init__(self, shop: Shop, address: Mapping[str, str]) -> None:
        self._shop, self._address = shop, address
        self._crowd = Crowd(shop)
        self._threads = ThreadPoolExecutor(BUYERS)

    async def join(self, email: str) -> Said:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                wanted = Joining(email, address=self._address, token=GOOD)
                answer = self._crowd.join(NAME, wanted)
                ticket = answer.result() if answer.done() else await asyncio.wrap_future(answer)
            except (Unavailable, TimedOut) as error:
                if time.monotonic() > until:
                    return Said(error.code)
                await asyncio.sleep(PAUSE)
            except ShopError as error:
                return Said(error.code)
            else:
                return Said(
                    ticket.state, ticket.ticket if ticket.state in ("waiting", "admitted") else "", ticket.number
                )

    async def buy(self, ticket: str) -> Said:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._bought, ticket)

    def _bought(self, ticket: str) -> Said:
        def once() -> Said:
            try:
                made = sales.buy(self._crowd.buying(self._shop), ticket=ticket)
            except (Unavailable, TimedOut):
                raise
            except ShopError as error:
                return Said(error.code)
            return Said("bought" if isinstance(made, Order) and made.status == "confirmed" else "pending")

        return _again(once, (Unavailable, TimedOut))

    async def follow(self, tell: Callable[[Far], None]) -> None:
        def look() -> Far:
            with self._shop.read() as tx:
                board = reads.board(tx, NAME)
            return Far(board.queues[0].head, board.sold_out or board.status in ("closed", "cancelled"))

        while True:
            with suppress(Unavailable, TimedOut):
                tell(await asyncio.to_thread(look))
            await asyncio.sleep(LOOK)

    async def close(self) -> None:
        await asyncio.to_thread(self._crowd.close)
        self._threads.shutdown()


class Wire:
    """HTTP: connections that stay open, a thread each."""

    at_once = CONNECTIONS

    def __init__(self, url: str, key: str, address: Mapping[str, str]) -> None:
        self._place, self._address = urlsplit(url).netloc, address
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._threads = ThreadPoolExecutor(CONNECTIONS + 1)
        self._mine = threading.local()
        self._ending = threading.Event()

    async def join(self, email: str) -> Said:
        wish = {"email": email, "ship_to": self._address, "payment": GOOD}
        # Shoppers keep a key of their own; a bot's is the same however it spells its address.
        status, told = await self._asked("POST", f"/v1/sales/{NAME}/tickets", wish, key=text.fold(email))
        if status != 201:
            return Said(told["error"]["code"])
        return Said(told["state"], told["ticket"] if told["state"] in ("waiting", "admitted") else "", told["number"])

    async def buy(self, ticket: str) -> Said:
        status, told = await self._asked("POST", f"/v1/tickets/{ticket}/purchase", {})
        return Said("bought" if status == 201 else told["error"]["code"])

    async def _asked(self, method: str, path: str, body: object, *, key: str = "") -> tuple[int, Any]:
        raw = json.dumps(body).encode()
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._answered, method, path, raw, headers)

    def _answered(self, method: str, path: str, raw: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
        def once() -> tuple[int, Any]:
            connection = self._connection()
            try:
                connection.request(method, path, raw, headers)
                said = connection.getresponse()
                status, told = said.status, json.loads(said.read())
            except (OSError, http.client.HTTPException):
                connection.close()
                raise
            if status in (503, 504):
                raise OSError(f"status {status}")
            return status, told

        return _again(once, (OSError, http.client.HTTPException))

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._mine, "connection"):
            self._mine.connection = http.client.HTTPConnection(self._place, timeout=60)
        connection: http.client.HTTPConnection = self._mine.connection
        return connection

    async def follow(self, tell: Callable[[Far], None]) -> None:
        loop = asyncio.get_running_loop()

        def listen() -> None:
            while not self._ending.is_set():
                with suppress(OSError, http.client.HTTPException, KeyError):
                    for far in self._heard():
                        loop.call_soon_threadsafe(tell, far)
                        if self._ending.is_set():
                            return
                time.sleep(PAUSE)

        await loop.run_in_executor(None, listen)

    def _heard(self) -> Any:
        """What a stream says of the sale, until it ends."""
        connection = http.client.HTTPConnection(self._place, timeout=20)
        try:
            connection.request("GET", f"/v1/sales/{NAME}/events", headers=self._headers)
            for line in connection.getresponse():
                if line.startswith(b"data: "):
                    told = json.loads(line[6:])
                    over = told["sold_out"] or told["status"] in ("closed", "cancelled")
                    yield Far(told["queues"][0]["head"], over)
                if self._ending.is_set():
                    return
        finally:
            connection.close()

    async def close(self) -> None:
        self._ending.set()
        self._threads.shutdown()


def _again(once: Callable[[], T], kinds: tuple[type[Exception], ...]) -> T:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return once()
        except kinds:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE)
