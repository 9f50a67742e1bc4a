"""A wire to Postgres that can be cut where it hurts: a relay between us and the server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa

Cut = Literal["before", "after"]
"""Before the server has heard of the COMMIT, or after it has done it and before we have heard so."""


@dataclass
class Wire:
    """Relays connections to the server. `cut` is armed by a test, and cuts one COMMIT."""

    server: sa.URL
    cut: Cut | None = None
    cuts: int = 0
    for_good: bool = False  # nobody answers any more after the cut
    _ends: list[socket.socket] = field(default_factory=list)
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def url(self) -> sa.URL:
        return self.server.set(host="127.0.0.1", port=self._listener.getsockname()[1], query={})

    def serve(self) -> None:
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.socket(socket.AF_UNIX)
                self._ends += [ours, theirs]
                theirs.connect(f"{self.server.query['host']}/.s.PGSQL.5432")
                for job in (self._ask, self._answer):
                    threading.Thread(target=job, args=(ours, theirs), daemon=True).start()

    def close(self) -> None:
        """Cut everything; nobody answers any more."""
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _ask(self, ours: socket.socket, theirs: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := ours.recv(65536):
                if self.cut == "before" and b"COMMIT" in data:
                    return self._break(ours, theirs)
                theirs.sendall(data)  # cut "after": `_answer` sees the server's word on it, and keeps it
        return self._break(ours, theirs, counts=False)

    def _answer(self, ours: socket.socket, theirs: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := theirs.recv(65536):
                if self.cut == "after" and b"COMMIT\0" in data:
                    return self._break(ours, theirs)
                ours.sendall(data)
        return self._break(ours, theirs, counts=False)

    def _break(self, ours: socket.socket, theirs: socket.socket, *, counts: bool = True) -> None:
        if counts:
            self.cut, self.cuts = None, self.cuts + 1
            if self.for_good:
                self._listener.shutdown(socket.SHUT_RDWR)
        for end in (ours, theirs):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wire(server: sa.URL) -> Iterator[Wire]:
    made = Wire(server)
    threading.Thread(target=made.serve, daemon=True).start()
    try:
        yield made
    finally:
        made.close()
