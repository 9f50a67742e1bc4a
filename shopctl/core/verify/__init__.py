"""Verify: are the books right? Repair: put right what is derived and wrong. The list of checks is in docs (reliability).

Verify reads one snapshot, so it is valid while the shop is at work, and it takes no lock; on SQLite the write-ahead log
cannot be folded back until it ends. Checks 20 (coupons) and 21 (audit chain) come with what they check.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, groupby
from operator import attrgetter

import sqlalchemy as sa

from shopctl.core import settings
from shopctl.core.db import engine as stores
from shopctl.core.db import failures
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.errors import StoreUnusable, TimedOut, Unavailable
from shopctl.core.shop import Shop
from shopctl.core.verify import carts, credits, index, invoices, ledger, money, orders, sales, schema, stock, waiting
from shopctl.core.verify.findings import LIMIT, Finding, Note, Rule, Violation, capped
from shopctl.core.verify.mends import Mend, repair

__all__ = ["LIMIT", "Finding", "Mend", "Note", "Report", "Violation", "find", "repair", "verify", "verify_store"]

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (*stock.RULES, *money.RULES, *credits.RULES, *orders.RULES, *sales.RULES, *schema.RULES),
        key=attrgetter("check"),
    )
)
STORE_CHECKS = len({rule.check for rule in RULES} | {schema.TYPES, schema.DAMAGE, invoices.CHECK})
CHECKS = STORE_CHECKS + len({ledger.LEDGER, carts.HOT, index.INDEX})
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Report:
    """What verify found; the books are right when there are no violations. `checks` is how many were made."""

    checks: int
    violations: Sequence[Violation]
    notes: Sequence[Note]


def verify(shop: Shop) -> Report:
    """Make every check; at most LIMIT violations of each, and one named "more" when there are others."""
    return _reported(find(shop), CHECKS)


def verify_store(tx: UnitOfWork) -> Report:
    """Make every check of the store itself, and none of what lies beside it (the gateway's ledger, the index)."""
    found = (one for check, some in _checks(tx) for one in capped(_judged(tx, check, some)))
    return _reported(found, STORE_CHECKS)


def _reported(findings: Iterator[Finding], checks: int) -> Report:
    found = list(findings)
    return Report(
        checks=checks,
        violations=[finding for finding in found if isinstance(finding, Violation)],
        notes=[finding for finding in found if isinstance(finding, Note)],
    )


def find(shop: Shop) -> Iterator[Finding]:
    """What verify finds, as it is found: in bounded memory at any number of orders, one snapshot open meanwhile."""
    with shop.read() as tx:
        stores.take_time(tx.connection)
        yield from waiting.notes(tx)
        beside = ((ledger.LEDGER, ledger.gateways(shop, tx)), (index.INDEX, index.index(shop, tx)))
        for check, found in chain(_checks(tx), beside):
            yield from capped(_judged(tx, check, found))
    yield from capped(carts.hot(shop))


def _checks(tx: UnitOfWork) -> Iterator[tuple[int, Iterator[Finding]]]:
    swept_at = settings.marked(tx, "last_sweep_at") or _NEVER
    kept_since = settings.marked(tx, "events_kept_since") or _NEVER
    given = {"swept_at": swept_at, "patience": tx.now - orders.PATIENCE, "events_kept_since": kept_since}
    for check, same in groupby(RULES, attrgetter("check")):
        yield check, (violation for rule in same for violation in rule.find(tx, given))
    yield invoices.CHECK, invoices.found(tx)
    yield schema.TYPES, schema.typed(tx)
    yield schema.DAMAGE, schema.damage(tx)


def _judged(tx: UnitOfWork, check: int, found: Iterator[Finding]) -> Iterator[Finding]:
    """What is found; a store so damaged that the check cannot be made is a violation, too."""
    try:
        with tx.connection.begin_nested():  # a server gives a failed transaction up, but for its savepoint
            yield from found
    except (sa.exc.DBAPIError, StoreUnusable) as error:
        if isinstance(error, sa.exc.DBAPIError) and isinstance(failures.translate(error), Unavailable | TimedOut):
            raise
        why = str(error.orig if isinstance(error, sa.exc.DBAPIError) else error)
        why = why.partition("\n")[0]  # a server goes on with the statement
        yield Violation(check, "not_judged", "the store", f"Check {check} could not be made: {why}")
