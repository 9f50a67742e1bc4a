"""The lines of an import file: decoded, counted, and with one look ahead."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, TypeAlias

from shopctl.core.errors import BadInput
from shopctl.core.imports.refused import Kept

MAX_LINE = 16 * 1024 * 1024
"""Bytes in one line: far beyond any product, so that a file without line ends cannot fill the memory."""
_BEGINNING = 64 * 1024

Readable: TypeAlias = BinaryIO | str | bytes
"""An open file (of bytes: a text layer could have translated line ends inside quoted cells), or text at hand."""


class Lines:
    """The lines of a file with their ends, as text. `number`, `size` and `digest` say how far reading has come.

    `kept`: where the readers of formats put the text of each row, for a file of refused rows. Raises BadInput: not_utf8
    or line_too_long, naming the line.
    """

    def __init__(self, source: BinaryIO, kept: Kept | None = None) -> None:
        self.number = 0
        self.size = 0
        self.kept = kept
        self._source = source
        self._beginning = source.read(_BEGINNING)
        self._hash = hashlib.sha256()
        self._lines = self._read()

    @property
    def fingerprint(self) -> str:
        """What tells this file from others before it has been read: its size, where it has one, and its beginning."""
        return f"{_size(self._source) or '-'}:{hashlib.sha256(self._beginning).hexdigest()}"

    @property
    def digest(self) -> str:
        """Stands for all that has been read so far."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        return line

    def peek(self) -> str:
        """The first line that is not blank, left in place; "" when there is none. Blank lines before it are passed."""
        for line in self:
            if line.strip():
                self.number -= 1
                self._lines = chain([line], self._lines)
                return line
        return ""

    def _read(self) -> Iterator[str]:
        for piece in self._pieces():
            self.size += len(piece)
            self._hash.update(piece)
            if len(piece) >= MAX_LINE:
                raise BadInput(
                    "line_too_long", f"Line {self.number + 1} is longer than {MAX_LINE} bytes", line=self.number + 1
                )
            line = self._decoded(piece)
            if self.size == len(piece) and line.startswith("\ufeff"):
                line = line[1:]
                if self.kept:
                    self.kept.start = "\ufeff"
            yield line

    def _pieces(self) -> Iterator[bytes]:
        for piece in io.BytesIO(self._beginning):
            yield piece if piece.endswith(b"\n") else piece + self._source.readline(MAX_LINE)
        while piece := self._source.readline(MAX_LINE):
            yield piece

    def _decoded(self, piece: bytes) -> str:
        try:
            return piece.decode()
        except UnicodeDecodeError as error:
            line = self.number + 1
            raise BadInput(
                "not_utf8",
                f"Line {line} is not UTF-8 text (byte 0x{piece[error.start]:02X} after {error.start} bytes)",
                hint="Save the file as UTF-8 and import it again; what went in already is left alone.",
                line=line,
            ) from None


def lines_of(source: Readable, kept: Kept | None = None) -> Lines:
    """Lines of an open file, or of text at hand."""
    return Lines(opened(source), kept)


def opened(source: Readable) -> BinaryIO:
    """The bytes of a source."""
    if isinstance(source, str):
        source = source.encode(errors="surrogatepass")
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _size(source: BinaryIO) -> int | None:
    """The size of a file on disk; None for a pipe and for text at hand."""
    try:
        return os.fstat(source.fileno()).st_size or None
    except OSError:
        return None
