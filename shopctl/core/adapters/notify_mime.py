"""A message as mail (RFC 5322, MIME): the same bytes for the Maildir and for a mail server."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from shopctl.core.domain.text import EMAIL
from shopctl.core.ports import Message, Undeliverable


def mail_of(message: Message) -> EmailMessage:
    """Text and HTML, the recipient's reader chooses. What would end a header line ends nothing: it becomes a space.

    Undeliverable for what is no address after all.
    """
    for address in (message.sender, message.recipient):
        if not EMAIL.fullmatch(address):
            raise Undeliverable("no letter can be addressed so", for_good=True)
    mail = EmailMessage(policy=SMTP if (message.sender + message.recipient).isascii() else SMTPUTF8)
    mail["Message-ID"] = f"<{message.id}>"
    mail["Date"] = message.at
    mail["From"] = f"{_quoted(message.sender_name)} <{message.sender}>"
    mail["To"] = message.recipient
    mail["Subject"] = _one_line(message.subject)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    mail.set_content(message.text, cte="quoted-printable")
    mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return mail


def _quoted(name: str) -> str:
    escaped = _one_line(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
