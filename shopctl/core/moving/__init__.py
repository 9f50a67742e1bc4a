"""Whole stores: copied to another one, kept in a file, made from it again. What is made is there whole, or not at all.

All of it reads one snapshot of a shop at work, and takes no lock there. A copy is the same shop, with the same id: what lies
beside a store (index, gateway ledger, Maildir) lies under that id, and a copy finds it there.
"""

from shopctl.core.moving.backup import backup, backup_lines
from shopctl.core.moving.copy import Moved, copy, plan
from shopctl.core.moving.restore import rehearse, restore

__all__ = ["Moved", "backup", "backup_lines", "copy", "plan", "rehearse", "restore"]
