"""Commits that threads share: units of work that are asked for at the same time are savepoints of one transaction.

Each thread waits until its own part is durable, and hears what it would have heard alone. For many small changes that wait for
the same rows: on SQLite each would wait for its turn to write, on a server for the lock that all of them need. A group that is
broken off, or spoiled by one of them, is nobody's: each does its part alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shopctl.core.db import engine as stores
from shopctl.core.db.failures import BrokenOff
from shopctl.core.db.unit_of_work import Group
from shopctl.core.errors import BadInput, NotFound, NotPermitted, Refused
from shopctl.core.gathering import Gathering
from shopctl.core.shop import Apart, Shop, Unit

MOST_AT_ONCE = 50
"""So many are done in one commit: some tenths of a second, for which everybody else waits."""
LOCK_SECONDS = 2.0
"""So long one of them may wait for a lock of somebody else's; then it waits alone."""
_OF_ONE = (BadInput, NotFound, Refused, NotPermitted)
"""Answers to one of them. Any other failure (the disk, a lock) may have ended the transaction that it shares with the others."""


class Sharing:
    """The commits that threads of this process share. Groups of the same `lock`, of all processes, come one after another: they lock
    rows in the order of their units, which is any."""

    def __init__(self, shop: Shop, *, lock: str) -> None:
        self._shop, self._lock = shop, lock
        self._gathering: Gathering[Unit, Any] = Gathering(self._done, most=MOST_AT_ONCE)

    def among(self, shop: Shop) -> Shop:
        """This shop; what of it is `retried` is done with what others ask for."""
        return shop.but(shared=self._gathering)

    def close(self) -> None:
        self._gathering.close()

    def _done(self, units: Sequence[Unit]) -> Sequence[Any]:
        try:
            return [units[0](None)] if len(units) == 1 else self._together(units)
        except (BrokenOff, _Spoiled):
            return [Apart() for _ in units]

    def _together(self, units: Sequence[Unit]) -> Sequence[Any]:
        with Group(self._shop.engine, self._shop.faults) as group:
            stores.one_at_a_time(group.connection, self._lock)
            stores.wait_at_most(group.connection, LOCK_SECONDS)
            outcomes = [_outcome(unit, group) for unit in units]
            group.commit()
        return outcomes


class _Spoiled(Exception):
    """What one of a group met is not only its own."""


def _outcome(unit: Unit, group: Group) -> Any:
    """What it gives, or the refusal that it raises, which takes back nothing but its own part."""
    try:
        return unit(group)
    except _OF_ONE as refusal:
        return refusal
    except BrokenOff:
        raise
    except Exception as error:
        raise _Spoiled from error
