"""Every error that shopctl raises on purpose, and the exit status that each becomes.

    ShopError                       exit
    ├── BadInput                    2    the command or a value in it cannot be used
    ├── StoreUnusable               2    unreadable, read-only, not a database, newer schema, not initialised
    ├── Unavailable                 3    store, gateway or disk is away; a retry is safe
    ├── TimedOut                    4    a lock or a reply took too long
    ├── NotFound                    5    no such thing
    ├── Refused                     6    a business rule says no (insufficient_stock, price_changed …)
    ├── NotPermitted                7    the actor or the mode does not allow it
    ├── StillPending                8    the outcome is not known yet
    └── BatchFailed                 9    some rows of a batch failed, each reported in its own result

The core carries facts (`details`); faces choose the layout. `message` is one sentence for people, `code` is one
stable word for programs, `hint` says what to do next.
"""

from __future__ import annotations

import errno


class ShopError(Exception):
    """A failure with a code, one sentence, an optional hint, and facts for programs."""

    exit_status = 1

    def __init__(self, code: str, message: str, *, hint: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details


class BadInput(ShopError):
    exit_status = 2


class StoreUnusable(ShopError):
    exit_status = 2


class Unavailable(ShopError):
    exit_status = 3


class TimedOut(ShopError):
    exit_status = 4


class NotFound(ShopError):
    exit_status = 5


class Refused(ShopError):
    exit_status = 6


class NotPermitted(ShopError):
    exit_status = 7


class StillPending(ShopError):
    exit_status = 8


class BatchFailed(ShopError):
    exit_status = 9


def meaning_of(error: Exception) -> ShopError | None:
    """What an exception says that nobody raised on purpose; None when it is a defect of ours."""
    if isinstance(error, UnicodeEncodeError):
        return BadInput("bad_text", "A value is not valid Unicode text")
    if isinstance(error, OverflowError):
        return BadInput("out_of_range", "A number or a time is out of range")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Unavailable("disk_full", "The disk is full")
    return None


EXIT_STATUSES: dict[int, str] = {
    0: "done",
    1: "unexpected error",
    2: "usage, configuration, or a store that cannot be used",
    3: "store, gateway or disk unavailable; a retry is safe",
    4: "timeout or lock wait",
    5: "not found",
    6: "refused by a business rule",
    7: "not permitted",
    8: "still pending",
    9: "part of a batch failed; a result per row is on stdout",
    130: "interrupted",
    141: "broken pipe",
    143: "terminated",
}
