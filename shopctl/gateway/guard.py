"""What every request must keep to, before anybody looks at it: its size, its time, its number; and its line in the log.

A body is small here, so it is read whole, at once: neither a slow client nor a large body reaches anything behind.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shopctl.core.db.types import new_id
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, ShopError, TimedOut, Unavailable
from shopctl.core.log import Effort, Failure, Log
from shopctl.gateway import answers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_ID = b"x-request-id"
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, levels, seconds, requests."""

    head: int = 16 * 1024
    body: int = 64 * 1024
    depth: int = 16
    body_seconds: float = 10
    answer_seconds: float = 30
    at_once: int = 1024


@dataclass(slots=True)
class Guard:
    """The outermost part of the application."""

    app: App
    log: Log
    limits: Limits
    _waiting: set[_Exchange] = field(default_factory=set, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._waiting)
        try:
            await self._answered(exchange)
        finally:
            self._waiting.discard(exchange)

    async def _answered(self, exchange: _Exchange) -> None:
        since = time.perf_counter()
        too_late = asyncio.get_running_loop().call_later(self.limits.answer_seconds, exchange.give_up)
        try:
            if len(self._waiting) > self.limits.at_once:
                raise Unavailable("overloaded", "Too many requests are under way", hint="Try again in a moment.")
            self._look_at_head(exchange.scope)
            body = await self._body(exchange)
            await self.app(exchange.scope, _replay(body, exchange.receive), exchange.send)
        except ShopError as error:
            await exchange.tell(error)
        except Exception as error:
            # The application has answered already; nothing that it raises may end the connection without an answer.
            await exchange.refuse(await answers.of_defect(Request(exchange.scope), error))
        finally:
            too_late.cancel()
            self._note(exchange, since)

    def _look_at_head(self, scope: Scope) -> None:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in scope["headers"])
        if size > self.limits.head:
            raise BadInput("head_too_large", f"A path and headers have {self.limits.head} bytes at most")
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
            # A proxy that believes the other one takes a part of this body for a request, or the other way round.
            raise BadInput("body_ambiguous", "A body has a length or is chunked, not both")

    async def _body(self, exchange: _Exchange) -> bytes:
        """The whole body, if it is one that can be used."""
        headers = exchange.scope["headers"]
        said = dict(headers).get(b"content-length", b"0")
        if said.isdigit() and int(said[:12]) > self.limits.body:
            raise self._too_large()
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                body = await self._read(exchange.receive)
        except TimeoutError:
            raise TimedOut("body_too_slow", "The body did not come in time") from None
        if body and any(name == b"content-type" and b"json" in value.lower() for name, value in headers):
            _look_at(body, self.limits.depth)
        return body

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise TimedOut("body_too_slow", "The client went away before the end of the body")
            body += message.get("body", b"")
            if len(body) > self.limits.body:
                raise self._too_large()
            if not message.get("more_body"):
                return bytes(body)

    def _too_large(self) -> BadInput:
        return BadInput("body_too_large", f"A body has {self.limits.body} bytes at most", most=self.limits.body)

    def _note(self, exchange: _Exchange, since: float) -> None:
        route = exchange.scope.get("route")
        command = f"gateway {exchange.scope['method']} {getattr(route, 'path', '(none)')}"
        error = exchange.state.get("failure")
        failure = Failure.of(error) if error else None
        self.log.ended(command, exchange.request_id, exchange.state["effort"], since, failure, http=exchange.status)


class _Exchange:
    """One request and its answer, whoever gives it: the application, or the guard because it took too long. It is one of those
    that wait until its answer begins."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, waiting: set[_Exchange]) -> None:
        given = dict(scope["headers"]).get(REQUEST_ID, b"").decode("latin-1").lower()
        self.request_id = given if _UUID.fullmatch(given) else new_id()
        self.state = scope.setdefault("state", {})
        self.state |= {"request_id": self.request_id, "effort": Effort()}
        self.scope, self.receive = scope, receive
        self.status: int | None = None
        self._send = send
        self._waiting = waiting
        waiting.add(self)
        self._over = False
        self._giving_up: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        """What the application answers, unless it was answered for it."""
        if not self._over:
            await self._pass(message)

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._waiting.discard(self)
            message["headers"] = [*message.get("headers", ()), (REQUEST_ID, self.request_id.encode())]
        await self._send(message)

    async def tell(self, error: ShopError) -> None:
        self.state["failure"] = error
        await self.refuse(answers.told(error))

    async def refuse(self, response: Response) -> None:
        """Answer in the application's place, unless it has begun to."""
        if self.status is None and not self._over:
            self._over = True
            await response(self.scope, self.receive, self._pass)

    def give_up(self) -> None:
        """It takes too long. What is being done goes on to its end, unheard."""
        if self.status is None:
            error = TimedOut("too_slow", "It took too long", hint="Try again; an order is repeated with its key.")
            self._giving_up = asyncio.create_task(self.tell(error))


def _replay(body: bytes, receive: Receive) -> Receive:
    """What has been read, as if it came now; then what else there is to hear (that the client went away)."""
    rest = [body]

    async def again() -> Message:
        if rest:
            return {"type": "http.request", "body": rest.pop(), "more_body": False}
        return await receive()

    return again


def _look_at(body: bytes, depth: int) -> None:
    """Refuse JSON that is none, or that nests too deep, or whose text is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise answers.bad_json("is no JSON") from None
    if _deeper(found, depth):
        raise answers.bad_json(f"nests deeper than {depth} levels")
    if not text.is_text(found) or text.has_nul(found):
        raise answers.bad_json("holds characters that no text can have")


def _deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return levels == 0 or any(_deeper(one, levels - 1) for one in inside)
    return False
