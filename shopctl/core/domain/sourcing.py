"""Which warehouse serves what: by priority, one warehouse preferred, split when needed. Pure.

A plan is advice from a snapshot; the guarded update that follows decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """What one place has of one SKU; levels come in warehouse priority order."""

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


def plan(wanted: Mapping[str, int], levels: Iterable[Level]) -> Plan:
    """Where to take `wanted` (units by SKU) from."""
    by_sku: dict[str, list[Level]] = {sku: [] for sku in wanted}
    for level in levels:
        if level.available > 0:
            by_sku[level.sku].append(level)
    totals = {sku: sum(level.available for level in found) for sku, found in by_sku.items()}
    short = {sku: totals[sku] for sku, quantity in wanted.items() if totals[sku] < quantity}
    if short:
        return Plan((), short)
    whole = _one_warehouse(wanted, by_sku)
    picks = [pick for sku, quantity in wanted.items() for pick in _picks(quantity, by_sku[sku], whole)]
    return Plan(tuple(sorted(picks, key=lambda pick: (pick.sku, pick.warehouse, pick.pool, pick.bucket))), {})


def _one_warehouse(wanted: Mapping[str, int], by_sku: Mapping[str, list[Level]]) -> str | None:
    """The first warehouse, by priority, that has everything."""
    for warehouse in dict.fromkeys(level.warehouse for found in by_sku.values() for level in found):
        if all(_held_by(warehouse, by_sku[sku]) >= quantity for sku, quantity in wanted.items()):
            return warehouse
    return None


def _held_by(warehouse: str, found: Iterable[Level]) -> int:
    return sum(level.available for level in found if level.warehouse == warehouse)


def _picks(quantity: int, found: list[Level], whole: str | None) -> Iterable[Pick]:
    """Take from `whole`; without it from the first warehouse that has enough; else split by priority."""
    enough = whole or next((level.warehouse for level in found if _held_by(level.warehouse, found) >= quantity), None)
    for level in found:
        if quantity and enough in (None, level.warehouse):
            taken = min(quantity, level.available)
            quantity -= taken
            yield Pick(level.sku, level.warehouse, level.pool, level.bucket, taken)
