"""Repair: put right what is derived from something else and disagrees with it. Never money, never what the ledger says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shopctl.core import stock
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.shop import Shop, retried
from shopctl.core.stock import Derived
from shopctl.core.verify.findings import stream
from shopctl.core.verify.stock import KEY, RULES

MENDED = ("reserved_is_held", "level_is_its_ledger")
"""What can be mended: counters that are not what they are derived from."""


@dataclass(frozen=True, slots=True)
class Mend:
    """One level and its counters before and after. `problem` says why it cannot be mended; then nothing was done."""

    subject: str
    before: Mapping[str, int] | None
    after: Mapping[str, int]
    reason: str
    applied: bool
    problem: str | None = None


def repair(shop: Shop, *, apply: bool, reason: str | None = None) -> list[Mend]:
    """Levels that are not what they are derived from (MENDED), made so; without `apply` only listed.

    Each is looked at again and mended in a unit of work of its own, with a movement in the ledger that says who and why: a
    shop at work can be mended, and a second repair goes on where the first was interrupted. Errors: bad_reason.
    """
    said = None if reason is None else text.reason(reason)
    with shop.read() as tx:
        wrong = [(dict(zip(KEY, key, strict=True)), said or why) for key, why in sorted(_wrong(tx).items())]
        if not apply:
            return [_told(place, stock.derived(tx, place), why, applied=False) for place, why in wrong]
    return [mend for place, why in wrong if (mend := _mend(shop, place, why))]


def _wrong(tx: UnitOfWork) -> dict[tuple[Any, ...], str]:
    """The keys of levels that are wrong, and the reason to mend each: which promise they break."""
    found: dict[tuple[Any, ...], str] = {}
    for rule in RULES:
        if rule.name in MENDED:
            for row in stream(tx, rule.breaks):
                key = tuple(getattr(row, name) for name in KEY)
                found.setdefault(key, f"repair of {rule.name} (check {rule.check})")
    return found


@retried
def _mend(shop: Shop, place: Mapping[str, Any], reason: str) -> Mend | None:
    """None when somebody else has mended it meanwhile."""
    with shop.work("store.repair", _subject(place)) as tx:
        found = stock.mend_level(tx, place, reason=reason)
        if found is None:
            return None
        if found.possible:
            tx.commit()
        return _told(place, found, reason, applied=found.possible and not shop.dry_run)


def _told(place: Mapping[str, Any], found: Derived, reason: str, *, applied: bool) -> Mend:
    problem = None if found.possible else "what it is derived from does not sum to a level that can be"
    return Mend(_subject(place), found.before, found.after, reason, applied, problem)


def _subject(place: Mapping[str, Any]) -> str:
    return f"{place['sku']} in {place['warehouse']}"
