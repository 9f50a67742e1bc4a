"""Reservations: stock held for a while for a cart or an order, and resolved exactly once. The only writer of reservations.

hold → commit (sold), release (given back) or expire (time ran out). A hold whose payment is unresolved is pinned: it
does not expire. Expired holds do not count: `hold` reclaims them, in the same transaction, when it finds too little.

holding.py   hold: a look without locks, and a second one with them    owners.py   whose a hold is: taken over, given back, extended
ending.py    how holds end: commit, release, expire                    work.py     an operator's work: release, extend, sweep
turns.py     holds of a sale's pool, for many turns at once

Levels are locked before reservations, and levels in the order of their key: then nobody waits for each other. Who takes
over or extends a hold locks its row first, which is why `expire` passes over rows that are locked: those holds stay.
"""

from shopctl.core.reservations.ending import commit, expire, release_cart, release_order
from shopctl.core.reservations.holding import hold, short
from shopctl.core.reservations.owners import Owner, extend_cart, give_back, held_by_cart, take_over
from shopctl.core.reservations.turns import end_turns, hold_turns
from shopctl.core.reservations.work import LONGEST_TERM, Released, extend, release, sweep

__all__ = [
    "LONGEST_TERM",
    "Owner",
    "Released",
    "commit",
    "end_turns",
    "expire",
    "extend",
    "extend_cart",
    "give_back",
    "held_by_cart",
    "hold",
    "hold_turns",
    "release",
    "release_cart",
    "release_order",
    "short",
    "sweep",
    "take_over",
]
