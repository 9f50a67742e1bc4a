"""Group commit: what many ask for at once is done together, and each hears what became of their own part.

While one batch is being done, whoever comes waits in the next. Nobody waits for company: alone, one is a batch.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Closed(Exception):
    """Nothing is done any more."""


class Gathering(Generic[Q, A]):
    """Does what is asked, up to `most` at a time, in the order of asking. `done` answers a batch in its order; an answer that is an
    exception, or one that `done` raises, is raised to who asked. Any number of threads may ask."""

    def __init__(self, done: Callable[[Sequence[Q]], Sequence[A | Exception]], *, most: int = 1000) -> None:
        self._done, self._most = done, most
        self._waiting: deque[tuple[Q, Future[A]]] = deque()
        self._lock = threading.Lock()
        self._busy = self._closed = False
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gathering")

    def ask(self, wanted: Q) -> Future[A]:
        """What becomes of it; Closed when that is nothing."""
        answer: Future[A] = Future()
        with self._lock:
            if self._closed:
                raise Closed
            self._waiting.append((wanted, answer))
            if not self._busy:
                self._busy = True
                self._worker.submit(self._work)
        return answer

    def close(self) -> None:
        """Do what is still waiting, and no more."""
        with self._lock:
            self._closed = True
        self._worker.shutdown()

    def _work(self) -> None:
        while batch := self._next():
            self._answer(batch)

    def _next(self) -> list[tuple[Q, Future[A]]]:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            self._busy = bool(batch)
        return batch

    def _answer(self, batch: Sequence[tuple[Q, Future[A]]]) -> None:
        found: Sequence[A | Exception]
        try:
            found = self._done([wanted for wanted, _ in batch])
        except Exception as error:
            found = [error] * len(batch)
        for (_, answer), one in zip(batch, found, strict=True):
            if not answer.set_running_or_notify_cancel():
                continue  # whoever asked has gone
            if isinstance(one, Exception):
                answer.set_exception(one)
            else:
                answer.set_result(one)
