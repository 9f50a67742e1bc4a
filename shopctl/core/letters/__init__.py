"""Letters to customers: composed from facts of the outbox, and handed to the notifier at least once.

compose.py   a fact → a message, pure     templates.py   the wording, built in or the shop's own     post.py   sending
"""

from shopctl.core.letters.post import again, send
from shopctl.core.letters.templates import problems

__all__ = ["again", "problems", "send"]
