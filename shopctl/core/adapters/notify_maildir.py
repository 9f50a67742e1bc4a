"""Notifications into a Maildir: any mail reader opens it, and a test can count what was sent."""

from __future__ import annotations

import mailbox
from collections.abc import Collection
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP
from pathlib import Path

from shopctl.core.domain.text import fold
from shopctl.core.errors import Unavailable
from shopctl.core.ports import Message


@dataclass(frozen=True, slots=True)
class MaildirNotifier:
    path: Path

    def send(self, message: Message) -> None:
        mail = EmailMessage(policy=SMTP)
        mail["Message-ID"] = f"<{message.id}@shopctl>"
        mail["From"] = message.sender
        mail["To"] = message.recipient
        mail["Subject"] = message.subject
        mail.set_content(message.text)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            mailbox.Maildir(self.path, create=True).add(mailbox.MaildirMessage(mail))
        except OSError as error:
            raise _unavailable(error) from None

    def forget(self, recipients: Collection[str]) -> int:
        """Remove the letters to these addresses; how many."""
        wanted, parser = {fold(recipient) for recipient in recipients}, BytesHeaderParser(policy=SMTP)
        gone = 0
        try:
            for letter in sorted(self.path.glob("*/*")):
                with letter.open("rb") as file:
                    meant = fold(str(parser.parse(file)["To"])) in wanted
                if meant:
                    letter.unlink()
                    gone += 1
        except OSError as error:
            raise _unavailable(error) from None
        return gone


def _unavailable(error: OSError) -> Unavailable:
    return Unavailable("maildir_unavailable", f"The Maildir cannot be used: {error.strerror}")
