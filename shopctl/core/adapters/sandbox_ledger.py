"""The sandbox gateway's ledger: a file of JSON lines, appended under a lock and fsynced before any answer.

No rollback of ours can touch it: after a crash it is the judge of what was charged.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from shopctl.core.db import upkeep
from shopctl.core.db.types import new_id
from shopctl.core.errors import Unavailable

try:
    import fcntl
except ImportError:  # no flock on this platform: one process at a time
    fcntl = None  # type: ignore[assignment]

Line = dict[str, Any]
Append = Callable[..., Line]
"""Writes one more line, durably; the line, with its time and its own `reference`."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every line has `at`, `reference`, `verb` and `key`; those about a charge have its reference as `charge`."""

    path: Path

    def lines(self) -> Iterator[Line]:
        """All of them, in order."""
        return map(json.loads, self._texts())

    def _texts(self) -> Iterator[str]:
        if self.path.exists():
            with self.path.open(encoding="utf-8") as file:
                yield from (line for line in file if line.endswith("\n"))

    def stories(self) -> Iterator[list[Line]]:
        """Each charge with what happened to it, in order. The ledger is read once, and sorted on disk: to look for the lines
        of each charge would be to read it as often as there are charges.
        """
        with upkeep.scratch() as disk:
            disk.exec_driver_sql(
                "CREATE TABLE line (charge TEXT, seq INTEGER, text TEXT, PRIMARY KEY (charge, seq)) WITHOUT ROWID"
            )
            lines = ((_charge(text), seq, text) for seq, text in enumerate(self._texts()))
            while some := list(islice(lines, _CHUNK)):
                disk.exec_driver_sql("INSERT INTO line VALUES (?, ?, ?)", some)
            found = disk.exec_driver_sql("SELECT charge, text FROM line ORDER BY charge, seq")
            for _, story in groupby(found.yield_per(_CHUNK), key=itemgetter(0)):
                yield [json.loads(text) for _, text in story]

    def under(self, key: str) -> Line | None:
        """The first line that was written under a key."""
        return next(self._found("key", key), None)

    def all_under(self, key: str) -> Iterator[Line]:
        return self._found("key", key)

    def named(self, reference: str) -> Line | None:
        return next(self._found("reference", reference), None)

    def about(self, charge: str) -> Iterator[Line]:
        """What happened to a charge after it was made, in order."""
        return self._found("charge", charge)

    def _found(self, field: str, value: str) -> Iterator[Line]:
        """The lines with a value. A scan of the mapped file: a gigabyte a second, and no index that could disagree."""
        sought = json.dumps({field: value})[1:-1].encode()
        try:
            with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                found = text.find(sought)
                while found >= 0:
                    start, end = text.rfind(b"\n", 0, found) + 1, text.find(b"\n", found)
                    if end < 0:
                        return
                    yield json.loads(text[start:end])
                    found = text.find(sought, end)
        except (FileNotFoundError, ValueError):  # no ledger yet, or an empty one
            return
        except OSError as error:
            raise _away(error) from None

    @contextmanager
    def appending(self) -> Iterator[Append]:
        """The ledger, locked; a line that a crash left unfinished is cut off first."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)
                _cut_torn_line(file)
                yield lambda **facts: _append(file, facts)
        except OSError as error:
            raise _away(error) from None


def _charge(text: str) -> str:
    """The reference of the charge that a line is about."""
    line = json.loads(text)
    return str(line["charge"] if "charge" in line else line["reference"])


_CHUNK = 500


def _away(error: OSError) -> Unavailable:
    return Unavailable("gateway_unavailable", f"The sandbox gateway's ledger cannot be used: {error.strerror}")


def _append(file: Any, facts: Line) -> Line:
    line = {"at": datetime.now(UTC).isoformat(), "reference": f"sb_{new_id()}", **facts}
    file.write(json.dumps(line).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
    return line


def _cut_torn_line(file: Any) -> None:
    size = file.seek(0, os.SEEK_END)
    while size:
        file.seek(max(0, size - 4096))
        block = file.read(min(4096, size))
        newline = block.rfind(b"\n")
        if newline >= 0:
            file.truncate(size - len(block) + newline + 1)
            break
        size -= len(block)
    else:
        file.truncate(0)
    file.seek(0, os.SEEK_END)
