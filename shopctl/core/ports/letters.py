"""What the core asks of whoever delivers letters."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Message:
    """One e-mail. `id` and `at` are stable, so that a second delivery can be recognised: "left@right" of its Message-ID."""

    id: str
    at: datetime
    sender_name: str
    sender: str
    recipient: str
    subject: str
    text: str
    html: str


class Undeliverable(Exception):
    """This one letter was not taken, and others may be; `for_good`: nor will it ever be."""

    def __init__(self, why: str, *, for_good: bool) -> None:
        super().__init__(why)
        self.for_good = for_good


Send = Callable[[Message], None]
"""Hand one message over. Raises Undeliverable, or Unavailable when nothing can be handed over now."""


class Notifier(Protocol):
    def session(self) -> AbstractContextManager[Send]:
        """For any number of messages, one after the other. Nobody is called before the first."""
        ...

    def check(self) -> str:
        """Whether messages could be handed over now: where to, in words. Raises Unavailable."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A notifier that keeps copies of what it sent. Not every notifier does."""

    def forget(self, recipients: Collection[str]) -> int:
        """Destroy the copies of what was sent to these addresses; how many. Raises Unavailable."""
        ...
