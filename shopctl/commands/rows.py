"""Rows from `-`: JSON lines of stdin, each run through a use case in this one process, a result a line.

What has arrived is committed together, so that ten thousand edits cost a hundred commits and not ten thousand. A result
is printed when its row is durable, and nobody waits for the next row with the store locked.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shopctl.commands.output import flush
from shopctl.core.domain import text
from shopctl.core.domain.wire import error_record, plain
from shopctl.core.errors import BadInput, NotFound, NotPermitted, Refused, ShopError, Unavailable
from shopctl.core.shop import retried

if TYPE_CHECKING:
    from shopctl.core.shop import Shop

TOGETHER = 100
"""Rows that are committed together, at most,"""
LONGEST = 0.1
"""and the seconds for which they may keep other writers waiting."""

UseCase = Callable[["Shop", Mapping[str, Any]], object]
Result = dict[str, Any]

_OF_THE_ROW = (BadInput, NotFound, Refused, NotPermitted)
"""Failures of one row. Any other (the disk, a lock) ends the transaction that it shares with its neighbours."""


class Incoming:
    """The lines of stdin, with their numbers from 1; blank ones are passed over."""

    def __init__(self) -> None:
        self._file = sys.stdin.fileno()
        self._waiting = b""
        self._lines: list[bytes] = []
        self._ended = False
        self._number = 0

    def next(self, *, wait: bool) -> tuple[int, bytes] | None:
        """The next line; None at the end, and without `wait` also when it has not arrived yet."""
        while True:
            while self._lines:
                line = self._lines.pop()
                self._number += 1
                if line.strip():
                    return self._number, line
            if self._ended or not (wait or select.select([self._file], [], [], 0)[0]):
                return None
            self._read()

    def _read(self) -> None:
        piece = os.read(self._file, 1 << 20)
        self._ended = not piece
        whole, newline, rest = (self._waiting + piece).rpartition(b"\n")
        if self._ended:
            whole, rest = (rest, b"") if not newline else (whole + newline + rest, b"")
        self._waiting = rest
        self._lines = whole.split(b"\n")[::-1] if whole or newline else []


def column(name: str) -> list[str]:
    """One field of every row of stdin; BadInput for the first row that has none."""
    incoming, found = Incoming(), []
    while row := incoming.next(wait=True):
        number, line = row
        try:
            found.append(str(parsed(line, (name,))[name]))
        except BadInput as error:
            raise BadInput(error.code, f"Line {number}: {error.message}", line=number) from None
    return found


@dataclass(frozen=True, slots=True)
class Rows:
    """What is done with each row. `needed` fields must be there. `alone`: the use case calls somebody outside between
    its transactions, so a row cannot share one; then each is a request of its own, of this command.
    """

    needed: Sequence[str]
    use_case: UseCase
    alone: bool = False
    command: str = ""

    def results(self, shop: Shop, failed: list[int]) -> Iterator[Result]:
        """A result for each line of stdin; the numbers of the lines that failed are added to `failed`.

        Each of them waits a while for a store that is away. When it still is for the next ones, nobody waits for the rest.
        """
        incoming, away = Incoming(), 0
        while row := incoming.next(wait=True):
            for result in [self._alone(shop, *row)] if self.alone else self._together(shop, row, incoming):
                if not result["ok"]:
                    failed.append(result["line"])
                yield result
            flush()
            away = away + 1 if _is_away(result) else 0
            if away == _AWAY:
                raise Unavailable(
                    "store_unavailable",
                    f"The store cannot be reached; what comes behind line {result['line']} was not tried",
                    hint="Send it again, with the rows that failed, when the store is back.",
                    line=result["line"],
                )

    def _alone(self, shop: Shop, number: int, line: bytes) -> Result:
        try:
            with shop.request(self.command) as mine:
                return self._done(mine, number, line)
        except ShopError as error:
            return _failed(number, error)

    def _together(self, shop: Shop, first: tuple[int, bytes], incoming: Incoming) -> list[Result]:
        """Run the rows that are there in one transaction; when the store breaks it off, the same rows once more."""
        rows = [first]
        try:
            return retried(self._group)(shop, rows, incoming)
        except ShopError as error:  # nothing of the whole transaction is true
            return [_failed(number, error) for number, _ in rows]

    def _group(self, shop: Shop, rows: list[tuple[int, bytes]], incoming: Incoming) -> list[Result]:
        """Run `rows` and what has arrived behind them, which is added to them, each in a savepoint of its own."""
        results: list[Result] = []
        until = time.monotonic() + LONGEST
        with shop.together() as group:
            for number, line in rows:
                try:
                    results.append(self._done(group.shop, number, line))
                except _OF_THE_ROW as error:
                    results.append(_failed(number, error))
                if len(results) == len(rows) < TOGETHER and time.monotonic() < until:
                    rows += filter(None, [incoming.next(wait=False)])
            group.commit()
        return results

    def _done(self, shop: Shop, number: int, line: bytes) -> Result:
        result = self.use_case(shop, parsed(line, self.needed))
        return {"line": number, "ok": True, "result": plain(result), "error": None}


_AWAY = 2


def _is_away(result: Result) -> bool:
    return not result["ok"] and result["error"]["code"] == "store_unavailable"


def _failed(number: int, error: ShopError) -> Result:
    return {"line": number, "ok": False, "result": None, "error": error_record(error)}


def parsed(line: bytes, needed: Sequence[str]) -> Mapping[str, Any]:
    """The object of one line, with the needed fields and those that are text as text; BadInput for anything else."""
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadInput("bad_row", "The row is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        reason = "it nests too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadInput("bad_row", f"The row is not JSON: {reason}") from None
    if not isinstance(row, dict):
        raise BadInput("bad_row", "A row is a JSON object")
    if b"\\u" in line and not text.is_text(row):
        raise BadInput("bad_row", "The row is not valid Unicode text")
    if b"\\u0000" in line and text.has_nul(row):
        raise BadInput("bad_text", "A text cannot contain the character NUL")
    for name in needed:
        if row.get(name) is None:
            raise BadInput("bad_row", f"The row has no {name!r}", field=name)
    return {name: _plain_value(name, value) if name in (*needed, *_TEXTS) else value for name, value in row.items()}


_TEXTS = (
    *(
        "name",
        "handle",
        "sku",
        "reason",
        "warehouse",
        "from",
        "to",
        "tracking",
        "payment",
        "shipping",
        "expect_total",
        "note",
    ),
    *("email", "new_email", "country", "region", "valid_from", "valid_to", "min_total", "max_total", "free_above"),
)
"""Fields of rows that use cases take as text, needed or not."""


def _plain_value(name: str, value: object) -> object:
    """Text as it is, a whole number as text (1001 is an order's number, too), an address as an object."""
    if value is None or isinstance(value, str) or (name == "ship_to" and isinstance(value, dict)):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BadInput("bad_row", f"{name!r} is text or a whole number, not {json.dumps(value)[:60]}", field=name)
