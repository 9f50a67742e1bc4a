"""An open loop of HTTP requests: each is made when it is due, whether those before it have been answered or not.

What a request took is counted from the moment at which it was due, so that waiting for a busy server counts. The loop is a
process of its own, bounded in connections and in time.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import re
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

CONNECTIONS = 64
PATIENCE = 15.0
"""Seconds after the last request was due; what has no answer by then never gets one."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, and when it is due: seconds after the beginning."""

    kind: str
    due: float
    request: bytes


@dataclass(slots=True)
class Answer:
    """What came of a request; status 0: nothing, or a connection that ended."""

    kind: str
    status: int = 0
    seconds: float = 0.0
    at: float = 0.0


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: shop"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def offer(place: tuple[str, int], plan: Sequence[Ask]) -> list[Answer]:
    """Make the requests of a plan, from a process of its own; their answers in the same order."""
    with ProcessPoolExecutor(1, mp.get_context("spawn")) as pool:
        return pool.submit(_offer, place, plan).result()


def _offer(place: tuple[str, int], plan: Sequence[Ask]) -> list[Answer]:
    return asyncio.run(_Loop(place, plan).run())


class _Loop:
    def __init__(self, place: tuple[str, int], plan: Sequence[Ask]) -> None:
        self._place, self._plan = place, plan
        self._answers = [Answer(ask.kind) for ask in plan]
        self._waiting: asyncio.Queue[int] = asyncio.Queue()

    async def run(self) -> list[Answer]:
        ends = [await asyncio.open_connection(*self._place) for _ in range(CONNECTIONS)]
        self._began = time.monotonic()
        connections = [asyncio.create_task(self._connection(*end)) for end in ends]
        for number, ask in enumerate(self._plan):
            await asyncio.sleep(self._began + ask.due - time.monotonic())
            self._waiting.put_nowait(number)
        with suppress(TimeoutError):  # they stay without an answer
            await asyncio.wait_for(self._waiting.join(), PATIENCE)
        for connection in connections:
            connection.cancel()
        await asyncio.wait(connections)
        return self._answers

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Make one request after the other."""
        try:
            while True:
                number = await self._waiting.get()
                try:
                    await self._exchange(number, reader, writer)
                except (OSError, asyncio.IncompleteReadError):
                    writer.close()
                    reader, writer = await asyncio.open_connection(*self._place)
                finally:
                    self._waiting.task_done()
        finally:
            writer.close()

    async def _exchange(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ask, answer = self._plan[number], self._answers[number]
        writer.write(ask.request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        await reader.readexactly(int(length[1]) if length else 0)
        answer.at = time.monotonic() - self._began
        answer.status, answer.seconds = int(head[9:12]), answer.at - ask.due
