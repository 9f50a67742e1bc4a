"""The lines of an import file: decoded, counted, and with one look ahead."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, TextIO

from shopctl.core.errors import BadInput

MAX_LINE = 16 * 1024 * 1024
"""Bytes in one line: far beyond any product, so that a file without line ends cannot fill the memory."""


class Lines:
    """The lines of a file with their ends, as text. `number` and `size` say how far reading has come.

    Raises BadInput: not_utf8 or line_too_long, naming the line.
    """

    def __init__(self, source: BinaryIO | TextIO) -> None:
        self.number = 0
        self.size = 0
        self._lines = self._read(source)

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

    def _read(self, source: BinaryIO | TextIO) -> Iterator[str]:
        # Bytes where there are any: a text layer could already have translated the line ends inside quoted cells.
        raw = getattr(source, "buffer", source)
        first = True
        while piece := raw.readline(MAX_LINE):
            self.size += len(piece)
            if len(piece) == MAX_LINE:
                raise BadInput(
                    "line_too_long", f"Line {self.number + 1} is longer than {MAX_LINE} bytes", line=self.number + 1
                )
            line = piece if isinstance(piece, str) else self._decoded(piece)
            yield line.removeprefix("\ufeff") if first else line
            first = False

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


def lines_of(source: BinaryIO | TextIO | str | bytes) -> Lines:
    """Lines of an open file, or of text at hand."""
    if isinstance(source, str):
        return Lines(io.StringIO(source, newline="\n"))
    return Lines(io.BytesIO(source) if isinstance(source, bytes) else source)
