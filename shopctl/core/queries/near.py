"""What somebody may have meant by a name that is not there, among any number of names.

Only names that an index finds are looked at: those that are one slip away (a letter too many, missing, wrong, or two
changed about), and the neighbours in the alphabet, which begin alike.
"""

from __future__ import annotations

import sqlalchemy as sa

from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.near import misspellings, nearest

NEIGHBOURS = 20
LONGEST = 40
"""Characters of a name whose slips are tried: each is about eighty look-ups."""


def hint(
    tx: UnitOfWork,
    column: sa.ColumnElement[str],
    name: str,
    *where: sa.ColumnElement[bool],
    otherwise: str | None = None,
) -> str | None:
    """A hint that names the nearest name in an indexed column, or what to say otherwise."""
    found = set[str]()
    for spelling in {name, name.upper()}:
        for condition, order in ((column >= spelling, column.asc()), (column < spelling, column.desc())):
            statement = sa.select(column).where(condition, *where).order_by(order).limit(NEIGHBOURS)
            found.update(tx.execute(statement).scalars())
    if len(name) <= LONGEST:
        statement = sa.select(column).where(column.in_(set(misspellings(name))), *where).limit(NEIGHBOURS)
        found.update(tx.execute(statement).scalars())
    close = nearest(name, sorted(found))
    return f"Did you mean {close!r}?" if close else otherwise
