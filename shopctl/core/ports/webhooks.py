"""What the core asks of whoever posts over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class NoReply(Exception):
    """Whoever was posted to has not answered in time, or not in HTTP: whether it was received is unknown."""


class Poster(Protocol):
    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """POST to a http or https address; the status of the answer, whatever it is. No redirect is followed and no body read.
        Raises NoReply, after a bounded time.
        """
        ...
