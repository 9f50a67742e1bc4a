"""Asking without waiting: questions go to a worker thread, answers come back as messages.

Only a screen's last question counts: `Answer` and `Failure` carry the ticket of theirs, and an older one is worthless.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from textual import work
from textual.message import Message
from textual.screen import Screen
from textual.worker import get_current_worker

from shopctl.core.errors import ShopError
from shopctl.tui.bridge import Bridge, Reads

Question = Callable[[Reads], object]


class Answer(Message):
    """What a question found, and how long that took."""

    bubble = False

    def __init__(self, ticket: int, value: object, seconds: float) -> None:
        super().__init__()
        self.ticket, self.value, self.seconds = ticket, value, seconds


class Failure(Message):
    """Why a question has no answer."""

    bubble = False

    def __init__(self, ticket: int, error: ShopError, seconds: float) -> None:
        super().__init__()
        self.ticket, self.error, self.seconds = ticket, error, seconds


class Asker(Screen[None]):
    """A screen that asks questions; only its last one counts, and only while the screen is shown."""

    ticket = 0

    @property
    def bridge(self) -> Bridge:
        raise NotImplementedError

    def ask(self, question: Question) -> None:
        self.ticket += 1
        self._read(self.ticket, question)

    def is_wanted(self, message: Answer | Failure) -> bool:
        return message.ticket == self.ticket and self.is_current

    @work(thread=True, exclusive=True, exit_on_error=False, group="read")
    def _read(self, ticket: int, question: Question) -> None:
        worker = get_current_worker()
        started = monotonic()
        try:
            value = question(self.bridge.reads(lambda: worker.is_cancelled))
        except Exception as error:
            self.post_message(Failure(ticket, as_shop_error(error), monotonic() - started))
        else:
            self.post_message(Answer(ticket, value, monotonic() - started))


def as_shop_error(error: Exception) -> ShopError:
    """The error itself, or one sentence about a defect of ours; a screen shows either and lives on."""
    if isinstance(error, ShopError):
        return error
    return ShopError("unexpected", f"Unexpected {type(error).__name__}", hint="Nothing else was harmed; try again.")
