"""What verify says: violations and notes; and Rule, an invariant written as the query for what breaks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

import sqlalchemy as sa

from shopctl.core.db import types
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import Money

LIMIT = 1000
"""Violations that one check reports before it only says that there are more."""
CHUNK = 500
"""Rows that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise. `check` is its number in the list of the books; `subject` names the one thing that broke it."""

    check: int
    name: str
    subject: str
    message: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """Worth knowing and not wrong: work that waits, or something that could not be looked at."""

    name: str
    message: str
    details: Mapping[str, object] = field(default_factory=dict)


Finding: TypeAlias = Violation | Note


@dataclass(frozen=True, slots=True)
class Rule:
    """An invariant: `breaks` selects the rows that break it, `subject` and `message` are templates over its columns.

    The query does the work in the database; here its rows are only read, CHUNK at a time, and put into words.
    """

    check: int
    name: str
    breaks: sa.Select[Any]
    subject: str
    message: str

    def find(self, tx: UnitOfWork, given: Mapping[str, object]) -> Iterator[Violation]:
        """The violations in the snapshot of `tx`; `given` are values that the queries may name (now, swept_at …)."""
        amounts = {c.key for c in self.breaks.selected_columns if isinstance(c.type, types.Money)}
        for row in stream(tx, self.breaks, given):
            facts = {key: _told(value, key in amounts, tx) for key, value in row._mapping.items()}
            yield Violation(
                self.check, self.name, self.subject.format_map(facts), self.message.format_map(facts), facts
            )


def stream(tx: UnitOfWork, statement: sa.Select[Any], given: Mapping[str, object] | None = None) -> Iterator[Row]:
    """The rows of a query, never more than CHUNK of them in memory."""
    with tx.execute(statement.execution_options(yield_per=CHUNK), given) as rows:
        yield from rows


def capped(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The notes and the first LIMIT violations of one check, in one order on every store, and one more that says so when
    there are others.
    """
    violations: list[Violation] = []
    more = False
    for finding in findings:
        if isinstance(finding, Note):
            yield finding
        elif more := len(violations) == LIMIT:
            break
        else:
            violations.append(finding)
    yield from sorted(violations, key=lambda one: (one.name, one.subject, one.message))
    if more:
        check = violations[0].check
        yield Violation(check, "more", "more", f"Check {check} has more than {LIMIT} violations")


def _told(value: Any, is_amount: bool, tx: UnitOfWork) -> object:
    if isinstance(value, Decimal):  # what Postgres makes of the sum of integers
        value = int(value)
    return Money(value, tx.facts.currency) if is_amount and isinstance(value, int) else value
