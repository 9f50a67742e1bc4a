"""Refused rows as a file of their own, to mend and to import again: the header, and each row as it was read.

Which of the rows are refused is known a batch later than they are read, so `Kept` holds them until then.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from shopctl.core.errors import BadInput


class Kept:
    """The text of rows, by their first line, until it is known what becomes of them. Use as a context.

    On disk where it is much: a format may read a whole file before its first product. `start` is what goes before the
    rows in a file of their own: a byte order mark, the header.
    """

    start = ""

    def __enter__(self) -> Self:
        self._rows = sqlite3.connect("")  # a private temporary database, gone when it is closed
        self._rows.isolation_level = None
        self._rows.execute("PRAGMA journal_mode=OFF")
        self._rows.execute("CREATE TABLE kept (line INTEGER PRIMARY KEY, text TEXT)")
        self._rows.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close()

    def add(self, line: int, text: str) -> None:
        self._rows.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (line, text))

    def texts(self, lines: Iterable[int]) -> list[str]:
        """These rows, in the order of the file."""
        found = [
            self._rows.execute("SELECT text FROM kept WHERE line = ?", (line,)).fetchone() for line in sorted(lines)
        ]
        return [row[0] for row in found if row]

    def drop(self, lines: Iterable[int]) -> None:
        self._rows.executemany("DELETE FROM kept WHERE line = ?", ((line,) for line in lines))


class RefusedFile:
    """The file that refused rows go to. It is made with the first of them, and never takes the place of another.

    `mark` says how much of it there is, `settle` that this much is recorded beside the import: what an error finds behind
    that is taken back, because those rows come again. `resume` does the same after a kill.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._file: BinaryIO | None = None
        self._size = self._settled = 0
        self._hash = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        if error is not None:
            self._file.truncate(self._settled)
        self._file.close()
        if error is not None and not self._settled:
            self.path.unlink()

    @property
    def mark(self) -> dict[str, Any]:
        return {"size": self._size, "digest": self._hash.hexdigest()}

    def settle(self) -> None:
        self._settled = self._size

    def must_be_free(self) -> None:
        """BadInput when it could not be written without losing what is there."""
        if str(self.path) == "-":
            raise BadInput("usage", "Refused rows go to a file: stdout has the report")
        folder = self.path.parent
        if self.path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
            raise BadInput("unwritable_file", f"{self.path} cannot be written", file=str(self.path))
        if self.path.exists() and (not self.path.is_file() or self.path.stat().st_size):
            raise BadInput(
                "file_exists",
                f"{self.path} exists already and is not empty",
                hint="Refused rows go to a file of their own: name another one.",
                file=str(self.path),
            )

    def resume(self, mark: Mapping[str, Any] | None) -> bool:
        """Go on behind a mark; False when the file is not there, or is not the one that was marked."""
        if not mark or not mark["size"] or not self.path.is_file():
            return False
        known, size = hashlib.sha256(), 0
        with self.path.open("r+b") as file:
            while size < mark["size"] and (piece := file.read(min(1 << 20, mark["size"] - size))):
                known.update(piece)
                size += len(piece)
            if (size, known.hexdigest()) != (mark["size"], mark["digest"]):
                return False
            file.truncate(size)  # rows of the batch that was cut: they come again
        self._size, self._settled, self._hash = size, size, known
        return True

    def write(self, start: str, rows: Sequence[str]) -> None:
        """Add rows; `start` goes before the first there is."""
        if not rows:
            return
        if self._file is None:
            self._file = self.path.open("ab")
        end = "\r\n" if start.endswith("\r\n") else "\n"
        whole = "".join(text if text.endswith("\n") else text + end for text in rows)
        written = ((start if self._size == 0 else "") + whole).encode()
        self._file.write(written)
        self._file.flush()
        os.fsync(self._file.fileno())  # before the store says that these rows are done with
        self._size += len(written)
        self._hash.update(written)


def mending(
    stack: ExitStack, path: str | None, on_error: str, *, dry_run: bool
) -> tuple[RefusedFile | None, Kept | None]:
    """The file for the rows to mend, where one is asked for, and what keeps rows for it; a dry run writes none."""
    if path is None:
        return None, None
    if on_error == "stop":
        raise BadInput("usage", "With --on-error stop nothing goes in, so no rows are left to mend")
    file = RefusedFile(path)
    if dry_run:
        return file, None
    return stack.enter_context(file), stack.enter_context(Kept())
