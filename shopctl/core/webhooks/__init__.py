"""Webhooks: other systems are told of facts, signed, at least once. The only writer of webhooks and their deliveries.

hooks.py   who is told of what     telling.py   facts → deliveries → POST, and what became of it
"""

from shopctl.core.webhooks.hooks import Secret, Wanted, add, edit, ping, remove
from shopctl.core.webhooks.telling import prune, redeliver, tell

__all__ = ["Secret", "Wanted", "add", "edit", "ping", "prune", "redeliver", "remove", "tell"]
