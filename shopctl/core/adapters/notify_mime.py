"""A message as mail (RFC 5322, MIME): the same bytes for the Maildir and for a mail server."""

from __future__ import annotations

from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from shopctl.core.ports import Message, Undeliverable


def mail_of(message: Message) -> EmailMessage:
    """Text and HTML, the recipient's reader chooses. What would end a header line ends nothing: it becomes a space.

    Undeliverable for what is no address after all.
    """
    mail = EmailMessage(policy=SMTP)
    try:
        mail["Message-ID"] = f"<{message.id}>"
        mail["Date"] = message.at
        mail["From"] = Address(_one_line(message.sender_name), addr_spec=message.sender)
        mail["To"] = Address(addr_spec=message.recipient)
    except (ValueError, IndexError, HeaderParseError) as error:
        raise Undeliverable(f"no letter can be addressed so: {error}", for_good=True) from None
    mail["Subject"] = _one_line(message.subject)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    mail.set_content(message.text, cte="quoted-printable")
    mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return mail


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
