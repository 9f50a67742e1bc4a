"""Which warehouse serves what: by priority, one warehouse preferred, split when needed. Pure.

A plan is advice from a snapshot; the guarded update that follows decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """What one bucket of one place may promise of one SKU, less than nothing when it keeps more back than it has.

    Levels come in warehouse priority order.
    """

    sku: str
    warehouse: str
    pool: str
    bucket: int
    available: int


@dataclass(frozen=True, slots=True)
class Pick:
    sku: str
    warehouse: str
    pool: str
    bucket: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The picks, in (sku, warehouse) order; `short` maps each SKU that there is too little of to what there is."""

    picks: tuple[Pick, ...]
    short: Mapping[str, int]


def plan(wanted: Mapping[str, int], levels: Iterable[Level], start: int = 0) -> Plan:
    """Where to take `wanted` (units by SKU) from. Whoever begins at another bucket (`start`) stands in nobody's way."""
    by_sku: dict[str, dict[str, list[Level]]] = {sku: {} for sku in wanted}
    for level in levels:
        by_sku[level.sku].setdefault(level.warehouse, []).append(level)
    has = {
        sku: {place: units for place, found in by.items() if (units := _units(found)) > 0} for sku, by in by_sku.items()
    }
    totals = {sku: sum(places.values()) for sku, places in has.items()}
    short = {sku: totals[sku] for sku, quantity in wanted.items() if totals[sku] < quantity}
    if short:
        return Plan((), short)
    whole = _one_warehouse(wanted, has)
    picks = [
        pick
        for sku, quantity in wanted.items()
        for warehouse, units in _shares(quantity, has[sku], whole)
        for pick in _picks(units, by_sku[sku][warehouse], start)
    ]
    return Plan(tuple(sorted(picks, key=lambda pick: (pick.sku, pick.warehouse, pick.pool, pick.bucket))), {})


def _units(buckets: Iterable[Level]) -> int:
    """What the buckets of one place have together: what one lacks of its safety stock, the others keep for it."""
    return sum(level.available for level in buckets)


def _one_warehouse(wanted: Mapping[str, int], has: Mapping[str, Mapping[str, int]]) -> str | None:
    """The first warehouse, by priority, that has everything."""
    for warehouse in dict.fromkeys(place for places in has.values() for place in places):
        if all(has[sku].get(warehouse, 0) >= quantity for sku, quantity in wanted.items()):
            return warehouse
    return None


def _shares(quantity: int, has: Mapping[str, int], whole: str | None) -> Iterable[tuple[str, int]]:
    """Take from `whole`; without it from the first warehouse that has enough; else split by priority."""
    enough = whole or next((warehouse for warehouse, units in has.items() if units >= quantity), None)
    for warehouse, units in has.items():
        if quantity and enough in (None, warehouse):
            taken = min(quantity, units)
            quantity -= taken
            yield warehouse, taken


def _picks(quantity: int, buckets: Sequence[Level], start: int) -> Iterable[Pick]:
    """From the first bucket that has enough, beginning at `start`; else from one after the other."""
    first = start % len(buckets)
    ready = [level for level in (*buckets[first:], *buckets[:first]) if level.available > 0]
    for level in [level for level in ready if level.available >= quantity][:1] or ready:
        if quantity:
            taken = min(quantity, level.available)
            quantity -= taken
            yield Pick(level.sku, level.warehouse, level.pool, level.bucket, taken)


# --- why -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Place:
    """One warehouse, chosen or not, and what it has of one SKU: `held` for this owner already, `kept` as safety stock."""

    sku: str
    warehouse: str
    active: bool
    stocked: bool
    available: int
    held: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one warehouse gives of one line, and why, or why nothing."""

    sku: str
    quantity: int
    warehouse: str
    take: int
    available: int
    verdict: str


def explain(wanted: Mapping[str, int], places: Iterable[Place], decided: Plan) -> list[Verdict]:
    """The plan for `wanted` (what is not held already) told place by place, in their order."""
    found = list(places)
    taken: dict[tuple[str, str], int] = {}
    for pick in decided.picks:
        taken[pick.sku, pick.warehouse] = taken.get((pick.sku, pick.warehouse), 0) + pick.quantity
    told = []
    for place in found:
        take = taken.get((place.sku, place.warehouse), 0)
        missing = wanted.get(place.sku, 0)
        held = sum(other.held for other in found if other.sku == place.sku)
        why = (
            _given(place, take, taken, wanted) if take or place.held else _spared(place, missing, taken, found, decided)
        )
        if place.held:
            why = f"holds {place.held} already" + (f"; {why}" if take else "")
        told.append(
            Verdict(place.sku, missing + held, place.warehouse, place.held + take, max(0, place.available), why)
        )
    return told


_Taken = Mapping[tuple[str, str], int]


def _given(place: Place, take: int, taken: _Taken, wanted: Mapping[str, int]) -> str:
    if take < wanted.get(place.sku, 0):
        return "gives a part: no warehouse has enough"
    if len(wanted) == 1:
        return "the first that has enough"
    one_for_all = len({warehouse for _, warehouse in taken}) == 1
    return (
        "the first that has the whole order" if one_for_all else "the first that has enough; none has the whole order"
    )


def _spared(place: Place, missing: int, taken: _Taken, found: Iterable[Place], decided: Plan) -> str:
    if not place.active:
        return "inactive"
    if not missing:
        return "not needed: held already"
    if not place.stocked:
        return "not stocked there"
    givers = [warehouse for sku, warehouse in taken if sku == place.sku]
    if place.available < missing and not (place.available > 0 and len(givers) > 1):
        kept = f", {place.kept} kept as safety stock" if place.kept else ""
        return f"has {max(0, place.available)} of {missing}{kept}"
    if decided.short:
        return f"would do, but there is too little of {next(iter(decided.short))}"
    lacking = _lacking(place.warehouse, taken, found)
    if len(givers) == 1 and lacking and len({warehouse for _, warehouse in taken}) == 1:
        return f"would split the order: too few of {lacking}"
    return f"comes after {givers[-1]}"


def _lacking(warehouse: str, taken: _Taken, found: Iterable[Place]) -> str | None:
    """The first SKU of the order that this warehouse has too few of."""
    has = {place.sku: place.available for place in found if place.warehouse == warehouse and place.active}
    return next((sku for (sku, _), units in taken.items() if has.get(sku, 0) < units), None)
