"""Commits that threads share: units of work that are asked for at the same time are savepoints of one transaction.

Each thread waits until its own part is durable, and hears what it would have heard alone. For many small changes that wait for
the same rows: on SQLite each would wait for its turn to write, on a server for the lock that all of them need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shopctl.core.db.failures import BrokenOff
from shopctl.core.db.unit_of_work import Group
from shopctl.core.gathering import Gathering
from shopctl.core.shop import Shop, Unit, persistently

MOST_AT_ONCE = 50
"""So many are done in one commit: some tenths of a second, for which everybody else waits."""


class Sharing:
    """The commits that threads of this process share."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._gathering: Gathering[Unit, Any] = Gathering(self._done, most=MOST_AT_ONCE)

    def among(self, shop: Shop) -> Shop:
        """This shop; what of it is `retried` is done with what others ask for."""
        return shop.but(shared=self._gathering)

    def close(self) -> None:
        self._gathering.close()

    def _done(self, units: Sequence[Unit]) -> Sequence[Any]:
        return persistently(lambda: self._together(units), self._shop.effort)

    def _together(self, units: Sequence[Unit]) -> Sequence[Any]:
        if len(units) == 1:
            return [_outcome(units[0], None)]
        with Group(self._shop.engine, self._shop.faults) as group:
            outcomes = [_outcome(unit, group) for unit in units]
            group.commit()
        return outcomes


def _outcome(unit: Unit, group: Group | None) -> Any:
    """What it gives, or the exception that it raises, which takes back nothing but its own part."""
    try:
        return unit(group)
    except BrokenOff:
        raise  # all of them are done again
    except Exception as error:
        return error
