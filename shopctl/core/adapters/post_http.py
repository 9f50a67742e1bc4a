"""POST over HTTP with the standard library: no redirect followed, no body read, an end to all waiting."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shopctl.core.ports import NoReply

if TYPE_CHECKING:
    from http.client import HTTPConnection

SECONDS = 10.0
"""From the connection to the status, however slowly it trickles in."""


@dataclass(frozen=True, slots=True)
class HttpPoster:
    seconds: float = SECONDS

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        from http.client import HTTPException  # 30 ms, which only those pay who post

        connection = self._connection(url)
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        late = threading.Event()
        watch = threading.Timer(self.seconds, _cut, (connection, late))
        watch.daemon = True
        watch.start()
        try:
            connection.request("POST", target, body, {**headers, "Connection": "close"})
            return connection.getresponse().status
        except (OSError, HTTPException, ValueError) as error:
            raise NoReply(_why(error, late.is_set(), self.seconds)) from None
        finally:
            watch.cancel()
            connection.close()

    def _connection(self, url: str) -> HTTPConnection:
        import ssl
        from http.client import HTTPConnection, HTTPSConnection

        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(host, parts.port, timeout=self.seconds, context=context)
        return HTTPConnection(host, parts.port, timeout=self.seconds)


def _cut(connection: HTTPConnection, late: threading.Event) -> None:
    """The time is up: whoever reads or writes is told that the line is dead."""
    late.set()
    if (line := connection.sock) is not None:
        try:
            line.shutdown(socket.SHUT_RDWR)
        except OSError:
            line.close()


def _why(error: Exception, late: bool, seconds: float) -> str:
    import ssl

    if late or isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, OSError):
        return f"no connection: {error.strerror or type(error).__name__}"
    return "no answer in HTTP"
