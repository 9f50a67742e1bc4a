"""Repair: put right what is derived from something else and disagrees with it. Never money, never the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shopctl.core import stock
from shopctl.core.shop import Shop
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
    """Levels that are not the sums of their movements (check 2), made so; without `apply` tried and rolled back.

    Each is summed again and rewritten in a unit of work of its own, with its audit row: a shop at work can be mended, and
    a second repair goes on where the first was interrupted. What the movements themselves have wrong stays wrong.
    """
    with shop.read() as tx:
        wrong = [{name: row._mapping[name] for name in KEY} for row in tx.rows(OFF_THE_LEDGER)]
    mends = [_mend(shop if apply else shop.but(dry_run=True), level) for level in wrong]
    return [mend for mend in mends if mend.before != mend.after]


def _mend(shop: Shop, level: Mapping[str, Any]) -> Mend:
    subject = f"{level['sku']} in {level['warehouse']}"
    with shop.work("store.repair", subject) as tx:
        done = stock.rewrite_level(tx, **level)
        if done.possible:
            tx.commit()
    problem = None if done.possible else "its movements do not sum to a level that can be"
    return Mend(subject, done.before, done.after, done.possible and not shop.dry_run, problem)
