"""A real mail server on this machine (aiosmtpd), and a real certificate authority (trustme) for it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

Answer = Callable[[str], str | None]
"""What the server says to a recipient, or to all content ("DATA"); None: it takes it."""


@dataclass
class Inbox:
    """What a server has taken. `before_reply` is called when it has a letter and has not said so."""

    answer: Answer = lambda _: None
    before_reply: Callable[[], None] = lambda: None
    letters: list[EmailMessage] = field(default_factory=list)
    peers: set[Any] = field(default_factory=set)
    was_tls: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        self.peers.add(session.peer)
        said = self.answer(address)
        if said is None:
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if said := self.answer("DATA"):
            return said
        self.letters.append(message_from_bytes(envelope.content, policy=policy.SMTP))
        self.was_tls.append(server.transport.get_extra_info("sslcontext") is not None)
        self.before_reply()
        return "250 OK"

    @property
    def recipients(self) -> list[str]:
        return [str(letter["To"]) for letter in self.letters]


@dataclass(frozen=True)
class Server:
    """A server that runs, and what it has taken."""

    port: int
    inbox: Inbox

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


@contextmanager
def serving(
    inbox: Inbox | None = None,
    *,
    login: tuple[str, str] | None = None,
    starttls: bool = False,
    tls: bool = False,
    utf8: bool = True,
) -> Iterator[Server]:
    """A mail server. With `login` nothing is taken without it."""
    inbox = inbox or Inbox()

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == login
        return AuthResult(success=known, handled=False)

    how: dict[str, Any] = {"authenticator": authenticate, "auth_required": True} if login else {}
    if login and not starttls:  # TLS from the first byte is not told to its AUTH
        how["auth_require_tls"] = False
    if starttls:
        how |= {"tls_context": _context(), "require_starttls": True}
    port = _free_port()
    controller = Controller(
        inbox, hostname="127.0.0.1", port=port, enable_SMTPUTF8=utf8, ssl_context=_context() if tls else None, **how
    )
    controller.start()
    try:
        yield Server(port, inbox)
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def trust(directory: Path) -> Path:
    """The file with the authority that signs for the server; SSL_CERT_FILE names it."""
    place = directory / "authority.pem"
    _authority().cert_pem.write_to_path(str(place))
    return place


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _authority().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context
