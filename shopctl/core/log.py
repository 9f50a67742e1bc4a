"""The log: a JSON line for each request when it ends, with what it touched and what it took. Nothing personal is in it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shopctl.core.domain import wire
from shopctl.core.errors import ShopError

Sink = Callable[[str], None]
_ABOUT = {"cart": "cart", "orders": "order", "checkout.reserve": "cart", "checkout.settle": "order"}
_ABOUT |= {"checkout.resume": "order"}
"""What the target of an action is, by the action or its noun. (Those of customers have none in the audit log, either.)"""


@dataclass(slots=True)
class Effort:
    """What a request touched, and how many times a unit of work was tried again."""

    retries: int = 0
    cart: str | None = None
    order: str | None = None

    def note(self, action: str, target: str) -> None:
        about = _ABOUT.get(action) or _ABOUT.get(action.partition(".")[0])
        if about:
            setattr(self, about, target)


@dataclass(frozen=True, slots=True)
class Failure:
    """How a request failed."""

    status: int
    code: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        if isinstance(error, ShopError):
            return cls(error.exit_status, error.code)
        if isinstance(error, SystemExit) and isinstance(error.code, int):
            return cls(error.code, "ended")
        return cls(130, "interrupted") if isinstance(error, KeyboardInterrupt) else cls(1, "unexpected")


@dataclass(slots=True)
class Log:
    """Where lines go; without a sink nowhere. One that cannot be written is told once, and fails nothing."""

    sink: Sink | None = None
    complain: Sink = field(default=lambda _: None)

    def write(self, **fields: object) -> None:
        if self.sink is None:
            return
        line = wire.encoded(wire.plain({"at": datetime.now(UTC), **fields}))
        try:
            self.sink(line + "\n")
        except OSError as error:
            self.sink = None
            self.complain(f"The log cannot be written: {error.strerror}.")

    def ended(
        self,
        command: str,
        request_id: str | None,
        effort: Effort,
        since: float,
        failure: Failure | None,
        **more: object,
    ) -> None:
        """The line of a request that began at `since` (of time.perf_counter)."""
        self.write(
            command=command,
            request_id=request_id,
            cart=effort.cart,
            order=effort.order,
            ms=round(1000 * (time.perf_counter() - since), 1),
            retries=effort.retries,
            status=failure.status if failure else 0,
            error=failure.code if failure else None,
            **more,
        )

    @contextmanager
    def request(self, command: str, request_id: str, effort: Effort) -> Iterator[None]:
        """What happens inside is a request; its line is written however it ends."""
        since = time.perf_counter()
        try:
            yield
        except BaseException as error:
            self.ended(command, request_id, effort, since, Failure.of(error))
            raise
        self.ended(command, request_id, effort, since, None)


def to_file(path: str) -> Sink:
    """Append to a file of its owner's alone, a whole line at a time; it may be moved away meanwhile."""

    def append(line: str) -> None:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    return append
