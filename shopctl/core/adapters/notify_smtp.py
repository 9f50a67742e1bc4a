"""Notifications through a mail server (SMTP), with TLS wherever a password or another machine is concerned.

Three answers are told apart: this letter never (5xx about the recipient or the content), this letter later (4xx), and
nothing now (no connection, no login, a sender that is not taken): Unavailable.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from typing import Literal

from shopctl.core.adapters.notify_mime import mail_of
from shopctl.core.errors import Unavailable
from shopctl.core.ports import Send, Undeliverable

CONNECT_SECONDS = 10.0
REPLY_SECONDS = 30.0
"""Mail servers look at what they take before they say so."""
CLOSING = 421
"""The server ends the connection: it goes down, or has taken enough letters over this one."""
Security = Literal["tls", "starttls", "none"]


@dataclass(frozen=True, slots=True)
class SmtpNotifier:
    """A mail server. `security`: TLS from the first byte, or begun in plain text (STARTTLS), or none at all."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)

    @contextmanager
    def session(self) -> Iterator[Send]:
        line = _Line(self)
        try:
            yield lambda message: line.send(mail_of(replace(message, recipient=_ascii_domain(message.recipient))))
        finally:
            line.hang_up()

    def check(self) -> str:
        line = _Line(self)
        try:
            code, _ = line.up().noop()
        except (OSError, smtplib.SMTPException) as error:
            raise self.away(error) from None
        finally:
            line.hang_up()
        if code != 250:
            raise Unavailable("smtp_unavailable", f"The mail server {self} answers {code}")
        login = f", logged in as {self.user}" if self.user else ""
        return f"{self} answers{login}; {'no TLS' if self.security == 'none' else 'TLS'}"

    def connected(self) -> smtplib.SMTP:
        """A connection that is ready for letters."""
        context = ssl.create_default_context()
        if self.security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=CONNECT_SECONDS, context=context)
        else:
            client = smtplib.SMTP(self.host, self.port, timeout=CONNECT_SECONDS)
        try:
            if self.security == "starttls":
                client.starttls(context=context)
            if self.user:
                client.login(self.user, self.password)
        except BaseException:
            client.close()
            raise
        if client.sock is not None:
            client.sock.settimeout(REPLY_SECONDS)
        return client

    def away(self, error: Exception) -> Unavailable:
        """Why no letter can be handed over now. What a server says to a login is not repeated."""
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return Unavailable(
                "smtp_login",
                f"The mail server {self} refuses the login of {self.user} ({error.smtp_code})",
                hint="Look at SHOPCTL_SMTP and SHOPCTL_SMTP_PASSWORD.",
            )
        if isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code != CLOSING:
            return Unavailable(
                "smtp_sender",
                f"The mail server {self} does not take letters from {error.sender} ({_said(error)})",
                hint="shopctl store set email_sender changes the address.",
            )
        return Unavailable("smtp_unavailable", f"The mail server {self} {_why(error)}")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class _Line:
    """A connection that is made when it is needed, and anew when the server has ended it between two letters."""

    def __init__(self, server: SmtpNotifier) -> None:
        self._server = server
        self._client: smtplib.SMTP | None = None

    def up(self) -> smtplib.SMTP:
        self._client = self._client or self._server.connected()
        return self._client

    def send(self, mail: EmailMessage) -> None:
        used = self._client is not None
        try:
            try:
                self._hand_over(mail)
            except (smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException) as error:
                if not used or getattr(error, "smtp_code", CLOSING) != CLOSING or _is_late(error):
                    raise
                self.hang_up()
                self._hand_over(mail)
        except (OSError, smtplib.SMTPException) as error:
            self.hang_up()
            raise self._server.away(error) from None

    def _hand_over(self, mail: EmailMessage) -> None:
        """(smtplib resets the connection after a refusal, for the next letter.)"""
        client = self.up()
        try:
            client.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, said),) = error.recipients.values()
            raise _refusal(code, said) from None
        except smtplib.SMTPDataError as error:
            raise _refusal(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError:  # an address in letters of its own, and a server that knows only ASCII
            raise Undeliverable("the mail server takes no such address (SMTPUTF8)", for_good=True) from None

    def hang_up(self) -> None:
        if self._client is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._client.quit()
            self._client.close()
            self._client = None


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"cannot do it: {error}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"refuses ({_said(error)})"
    if isinstance(error, ssl.SSLError):
        return f"cannot be trusted: {getattr(error, 'verify_message', None) or error.reason or error}"
    if _is_late(error):
        return "does not answer"
    return f"cannot be reached: {getattr(error, 'strerror', None) or error}"


def _is_late(error: Exception) -> bool:
    """(Of a reply that does not come, smtplib makes a connection that was closed.)"""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _refusal(code: int, said: bytes | str) -> Exception:
    """Of this letter, unless the server says that it closes: then it is of no letter in particular."""
    if code == CLOSING:
        return smtplib.SMTPResponseException(code, said)
    return Undeliverable(f"{code} {_text(said)}", for_good=500 <= code < 600)


def _ascii_domain(address: str) -> str:
    """A domain in letters of its own as every server takes it (IDNA); what cannot be one is left as it is."""
    local, _, domain = address.rpartition("@")
    with suppress(UnicodeError):
        return f"{local}@{domain.encode('idna').decode()}"
    return address


def _said(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}"


def _text(said: bytes | str) -> str:
    return (said.decode(errors="replace") if isinstance(said, bytes) else said)[:300]
