"""Verify: are the books right? Repair: put right what is derived and wrong. The list of checks is in docs (reliability).

Verify reads one snapshot, so it is valid while the shop is at work, and it takes no lock; on SQLite the write-ahead log
cannot be folded back until it ends. Checks 20 (coupons), 21 (audit chain) and 26 (hot carts) come with what they check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, groupby
from operator import attrgetter

import sqlalchemy as sa

from shopctl.core import settings
from shopctl.core.db import engine as stores
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.errors import TimedOut, Unavailable
from shopctl.core.shop import Shop
from shopctl.core.verify import across, money, orders, schema, stock, waiting
from shopctl.core.verify.findings import LIMIT, Finding, Note, Rule, Violation, capped
from shopctl.core.verify.repair import Mend, repair

__all__ = ["LIMIT", "Finding", "Mend", "Note", "Violation", "repair", "verify", "violations"]

RULES: tuple[Rule, ...] = tuple(
    sorted((*stock.RULES, *money.RULES, *orders.RULES, *schema.RULES), key=attrgetter("check"))
)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def verify(shop: Shop) -> Iterator[Finding]:
    """Every violation, at most LIMIT of a check and then one named "more"; and notes, which are no violations.

    In bounded memory at any number of orders; the store is read in one snapshot while the caller iterates.
    """
    with shop.read() as tx:
        yield from waiting.notes(tx)
        yield from _in_the_store(tx)
        yield from capped(across.gateway(shop, tx))
        yield from capped(across.index(shop, tx))


def violations(shop: Shop) -> list[Violation]:
    """What `verify` finds wrong, without the notes."""
    return [found for found in verify(shop) if isinstance(found, Violation)]


def _in_the_store(tx: UnitOfWork) -> Iterator[Finding]:
    swept_at = settings.marked(tx, "last_sweep_at") or _NEVER
    given = {"swept_at": swept_at, "patience": tx.now - orders.PATIENCE}
    rules = RULES + (schema.SQLITE_RULES if tx.connection.dialect.name == "sqlite" else ())
    for _, same in groupby(rules, attrgetter("check")):
        yield from capped(chain.from_iterable(_judged(rule, tx, given) for rule in same))
    yield from capped(schema.damage(tx))


def _judged(rule: Rule, tx: UnitOfWork, given: Mapping[str, object]) -> Iterator[Violation]:
    """What breaks a rule; a damaged store in which it cannot be judged is a violation, too."""
    try:
        yield from rule.find(tx, given)
    except sa.exc.DBAPIError as error:
        if isinstance(stores.translate(error), Unavailable | TimedOut):
            raise
        yield Violation(rule.check, "not_judged", "the store", f"{rule.name} could not be judged: {error.orig}")
