"""Repair: put right what is derived from something else and disagrees with it. Never money, never the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shopctl.core import stock
from shopctl.core.shop import Shop
from shopctl.core.stock import COUNTERS
from shopctl.core.verify.stock import KEY, OFF_THE_LEDGER


@dataclass(frozen=True, slots=True)
class Mend:
    """One level and its counters before and after. `problem` says why it cannot be mended; then nothing was done."""

    subject: str
    before: Mapping[str, int] | None
    after: Mapping[str, int]
    applied: bool
    problem: str | None = None


def repair(shop: Shop, *, apply: bool) -> list[Mend]:
    """Levels that are not the sums of their movements (check 2), made so; without `apply` only listed.

    Each is summed again and rewritten in a unit of work of its own, with its audit row: a shop at work can be mended, and
    a second repair goes on where the first was interrupted. What the movements themselves have wrong stays wrong.
    """
    with shop.read() as tx:
        found = [row._asdict() for row in tx.rows(OFF_THE_LEDGER)]
    wrong = sorted(found, key=lambda row: [row[name] for name in KEY])
    return [_mend(shop, row) for row in wrong] if apply else [_listed(row) for row in wrong]


def _listed(row: Mapping[str, Any]) -> Mend:
    before = {name: int(row[name]) for name in COUNTERS} if row["levels"] else None
    return Mend(_subject(row), before, {name: int(row[f"moved_{name}"]) for name in COUNTERS}, applied=False)


def _mend(shop: Shop, row: Mapping[str, Any]) -> Mend:
    with shop.work("store.repair", _subject(row)) as tx:
        level = stock.rewrite_level(tx, **{name: row[name] for name in KEY})
        if not level.possible:
            problem = "its movements do not sum to a level that can be"
            return Mend(_subject(row), level.before, level.after, applied=False, problem=problem)
        tx.commit()
    return Mend(_subject(row), level.before, level.after, applied=not shop.dry_run)


def _subject(row: Mapping[str, Any]) -> str:
    return f"{row['sku']} in {row['warehouse']}"
