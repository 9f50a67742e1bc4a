"""Notifications into a Maildir: any mail reader opens it, and a test can count what was sent."""

from __future__ import annotations

import mailbox
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

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
            raise Unavailable("maildir_unavailable", f"The Maildir cannot be written: {error.strerror}") from None
