"""Sockets, processes, signals: the application as a server that ends when it is asked to, and finishes what is under way."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import reduction
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from shopctl.core.errors import Unavailable
from shopctl.core.shop import Shop
from shopctl.gateway.app import Rules, build
from shopctl.gateway.callers import Rates
from shopctl.gateway.guard import App

__all__ = ["Application", "Rates", "Rules", "listen", "serve"]

HEADERS = 16 * 1024
"""Bytes of a request's line and headers at most."""
HEAR_SECONDS = 10.0
"""How long a client may take for the headers of a request, or for the rest of a body that nobody waits for any more."""
TELL_SECONDS = 30.0
"""How long it may take to read an answer."""
IDLE_SECONDS = 15
HUNG_SECONDS = 30
"""How long a worker may be deaf until it is killed and replaced: one that has much to do is not to be killed for it."""
BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Application:
    """How a process makes the application; it travels to the processes that are started."""

    open_shop: Callable[[], Shop]
    rules: Rules

    def __call__(self) -> App:
        if parent := multiprocessing.parent_process():
            threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
        return build(self.open_shop(), self.rules)


def _end_after(parent: Any) -> None:
    """A worker whose parent was killed ends as if it were asked to: nobody would replace it, or could end it."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


class Connection(H11Protocol):
    """One that does not wait for ever: for somebody who says nothing, or one letter a minute, or does not read."""

    _hears: asyncio.TimerHandle | None = None
    _tells: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # asyncio does this only for sockets that name their protocol. Without it the body of an answer waits for the
        # client to acknowledge its headers: 40 ms, on any connection that is not new.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        transport.set_write_buffer_limits(0)  # so that anything unread is noticed
        self._listen()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._listen()

    def _listen(self) -> None:
        """Wait so long for a head that is not whole, or for the rest of a body that is answered already; the guard for others."""
        in_head = self.conn.their_state is h11.IDLE
        unheard = self.conn.their_state is h11.SEND_BODY and self.conn.our_state is not h11.SEND_RESPONSE
        if not in_head and not unheard:
            self._heard()
        elif self._hears is None:
            self._hears = self.loop.call_later(HEAR_SECONDS, self.transport.abort)

    def on_response_complete(self) -> None:
        self._heard()  # for the next head uvicorn waits
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._tells = self.loop.call_later(TELL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._told()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        self._told()
        super().connection_lost(exc)

    def _heard(self) -> None:
        if self._hears:
            self._hears.cancel()
            self._hears = None

    def _told(self) -> None:
        if self._tells:
            self._tells.cancel()
            self._tells = None


class Entrance(socket.socket):
    """A socket at which all processes listen, with room for many who wait. asyncio accepts as many at once as it says may wait:
    told that it is one, no process takes them all before the others have looked."""

    def listen(self, _: int = 0, /) -> None:
        super().listen(BACKLOG)

    def __reduce__(self) -> tuple[Callable[..., Entrance], tuple[object]]:
        return _entrance, (reduction.DupFd(self.fileno()),)


def _entrance(found: Any) -> Entrance:
    return Entrance(fileno=found.detach())


def listen(host: str, port: int) -> Entrance:
    """A socket that is ours, before anything is started; port 0 is any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        found = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise Unavailable("cannot_listen", f"Nobody can listen on {host} port {port}: {error}") from None
    found.set_inheritable(True)
    return Entrance(fileno=found.detach())


def serve(application: Application, door: Entrance, *, workers: int, grace: float) -> None:
    """Answer until SIGTERM or Ctrl-C; then accept nothing more, and finish what is under way, in `grace` seconds."""
    how = config(application, workers=workers, grace=grace)
    if workers > 1:
        Multiprocess(how, [door]).run()
        return
    # uvicorn sends itself the signal once more when it has ended: it has been obeyed.
    before = {which: signal.signal(which, lambda *_: None) for which in (signal.SIGTERM, signal.SIGINT)}
    try:
        uvicorn.Server(how).run([door])
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def config(application: Callable[[], App], *, workers: int, grace: float) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        factory=True,
        workers=workers,
        backlog=1,  # see Entrance
        loop="asyncio",  # another one would listen by itself, with this backlog
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=HEADERS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_worker_healthcheck=HUNG_SECONDS,
        timeout_graceful_shutdown=int(grace),
    )
