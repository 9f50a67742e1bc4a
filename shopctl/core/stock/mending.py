"""Mending a level that is not what its counters are derived from.

What is on hand and committed is what the ledger says. What is reserved is what live holds say, each of which has an owner;
where the ledger says otherwise, the movement of the mend brings it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import reservations, stock_levels, stock_movements
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.stock import low
from shopctl.core.stock.ledger import COUNTERS, GENERAL, Move, record
from shopctl.core.stock.levels import ensure_levels

Place = Mapping[str, Any]
"""The key of a level: sku, warehouse, pool, bucket."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A level's counters, and what they should be. `missing` is what its ledger lacks of that, `before` None for a level that
    there is not; `possible` says whether a level can be what this one should be."""

    before: Mapping[str, int] | None
    after: Mapping[str, int]
    missing: Mapping[str, int]
    possible: bool


def derived(tx: UnitOfWork, place: Place) -> Derived:
    """What a level should be. To go on with it, lock the level first: nobody changes a hold without its own."""
    level = tx.row(sa.select(stock_levels).where(*_of(stock_levels, place)))
    row = tx.rows(sa.select(*_sums(place)))[0]
    found = {name: int(value) for name, value in row._mapping.items()}
    after = {"quantity": found["quantity"], "reserved": found["held"], "committed": found["committed"]}
    room = after["quantity"] + (level.backorder_limit if level else 0)
    return Derived(
        {name: getattr(level, name) for name in COUNTERS} if level else None,
        after,
        {name: after[name] - found[name] for name in COUNTERS},
        (level is not None or _can_be_made(place))
        and min(after.values()) >= 0
        and after["reserved"] + after["committed"] <= room,
    )


def mend_level(tx: UnitOfWork, place: Place, *, reason: str) -> Derived | None:
    """Make a level what it should be, if it can be that, with a movement of its own in the ledger: of what that lacks, or,
    where only the counters were wrong, of nothing. None when nothing is wrong with it."""
    made = _can_be_made(place) and ensure_levels(tx, [(place["sku"], place["warehouse"])])
    mine = _of(stock_levels, place)
    tx.row(sa.select(stock_levels.c.sku).where(*mine).with_for_update())
    found = derived(tx, place)
    if not made and found.before == found.after and not any(found.missing.values()):
        return None
    if found.possible:
        before = found.before or {}
        was = "level was " + ("missing" if made else ", ".join(map(str, before.values())))
        tx.execute(sa.update(stock_levels).where(*mine).values(**found.after, updated_at=tx.now))
        record(tx, "repair", [Move(**{**place, **found.missing}, reference=was)], reason=reason)
        gained = {name: found.after[name] - before.get(name, 0) for name in COUNTERS}
        low.tell(tx, [(place["sku"], place["warehouse"], gained["quantity"] - gained["committed"])])
    return replace(found, before=None) if made else found


def _can_be_made(place: Place) -> bool:
    """Levels of other buckets have a limit of their own, which nobody knows any more."""
    return bool(place["pool"] == GENERAL and place["bucket"] == 0)


def _of(table: sa.Table, place: Place) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in place.items()]


def _sums(place: Place) -> list[sa.ColumnElement[Any]]:
    """What the ledger says of each counter, and what is `held`."""
    held = reservations.c

    def total(table: sa.Table, units: sa.ColumnElement[int], *which: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
        return sa.select(sa.func.coalesce(sa.func.sum(units), 0)).where(*_of(table, place), *which).scalar_subquery()

    return [
        *(total(stock_movements, stock_movements.c[name]).label(name) for name in COUNTERS),
        total(reservations, held.quantity, held.state == "held").label("held"),
    ]
