"""Notifications into a Maildir: any mail reader opens it, and a test can count what was sent."""

from __future__ import annotations

import mailbox
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import SMTP
from pathlib import Path

from shopctl.core.adapters.notify_mime import mail_of
from shopctl.core.domain.text import fold
from shopctl.core.errors import Unavailable
from shopctl.core.ports import Message, Send


@dataclass(frozen=True, slots=True)
class MaildirNotifier:
    path: Path

    @contextmanager
    def session(self) -> Iterator[Send]:
        yield self._send

    def check(self) -> str:
        nearest = next(place for place in (self.path, *self.path.parents) if place.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise Unavailable("maildir_unavailable", f"The Maildir cannot be used: {nearest} cannot be written")
        return f"letters go to the Maildir {self.path}"

    def _send(self, message: Message) -> None:
        mail = mail_of(message)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            mailbox.Maildir(self.path, create=True).add(mail.as_bytes())
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
