"""Files that a command reads: a path or `-`, with a clear word when it cannot be read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, BinaryIO, Literal

import typer

from shopctl.commands.output import unknown
from shopctl.core.errors import BadInput

File = Annotated[str, typer.Argument(metavar="FILE|-")]
OnError = Annotated[str, typer.Option(metavar="continue|stop", help="Good rows go in, or nothing.")]


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """The bytes of a file, or of stdin for `-`; BadInput(unreadable_file)."""
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with open(file, "rb") as source:
            yield source
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise BadInput("unreadable_file", f"{file} cannot be read: {error.strerror}", file=file) from None


def rule(on_error: str) -> Literal["continue", "stop"]:
    """What --on-error says."""
    if on_error not in ("continue", "stop"):
        raise unknown("policy", on_error, ("continue", "stop"))
    return "stop" if on_error == "stop" else "continue"
