"""From one store to another, of either kind; and the judgement of what has been made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core import settings, verify
from shopctl.core.db import engine as stores
from shopctl.core.db import making
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Group, UnitOfWork
from shopctl.core.domain.facts import Facts
from shopctl.core.errors import Refused, StoreUnusable
from shopctl.core.moving import rows
from shopctl.core.moving.lines import Digest
from shopctl.core.shop import Shop

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """What has been made: where, of which shop, of how many rows; the checks that it stood (None: it was not verified)."""

    store: str
    shop: str
    name: str
    rows: int
    checks: int | None
    tables: Mapping[str, int]


def plan(shop: Shop, target: str) -> Moved:
    """What a copy would be; errors as of `copy`, as far as they show without making it."""
    url = stores.parse_url(target)
    making.must_be_possible(url)
    with shop.read() as tx:
        return moved(url, tx.facts, rows.counts(tx.connection), None)


def copy(shop: Shop, target: str, *, progress: Progress, unverified: bool = False) -> Moved:
    """Make a store at `target` that is this one, to the last value. Errors: store_exists, books_violated."""
    url = stores.parse_url(target)
    making.must_be_possible(url)
    if not unverified:
        _judge(verify.verify(shop), "The store")
    with making.new_store(url) as group:
        with shop.read() as tx:
            stores.take_time(tx.connection)
            counts = rows.counts(tx.connection)
            transfer(tx.connection, group.connection, sum(counts.values()), progress)
        return moved(url, shop.facts, counts, None if unverified else checked(group))


def transfer(source: sa.Connection, target: sa.Connection, total: int, progress: Progress) -> None:
    """Write every row of one store into another, and read it back: it is the same, or this fails."""
    sent = Digest()
    with rows.read(source) as found:
        rows.write(target, told(sent.of(found), 2 * total, progress))
    must_have_arrived(sent, rows.read(target), progress)


def must_have_arrived(sent: Digest, read: AbstractContextManager[rows.Rows], progress: Progress) -> None:
    """Read back what was written."""
    arrived = Digest()
    with read as found:
        for _ in told(arrived.of(found), 2 * sent.rows, progress, sent.rows):
            pass
    if str(sent) != str(arrived):
        raise StoreUnusable("copy_differs", "What was read back is not what was written; nothing was made")


def told(found: rows.Rows, total: int, progress: Progress, before: int = 0) -> Iterator[tuple[sa.Table, rows.Values]]:
    """Rows, with word now and then of how far they have come."""
    for count, row in enumerate(found, before + 1):
        if count % rows.CHUNK == 0:
            progress(count, total)
        yield row


def checked(group: Group) -> int:
    """Verify a store in the making; how many checks it stood."""
    with _unit(group) as tx:
        report = verify.verify_store(tx)
    _judge(report, "What was made")
    return report.checks


def _unit(group: Group) -> UnitOfWork:
    """A read of a store in the making, in its one transaction."""
    return UnitOfWork(
        engine=group.connection.engine,
        facts=settings.facts_of(group.connection),
        actor="",
        request_id=new_id(),
        clock=stores.system_clock,
        action=None,
        group=group,
    )


def _judge(report: verify.Report, what: str) -> None:
    if report.violations:
        count, first = len(report.violations), report.violations[0]
        raise Refused(
            "books_violated",
            f"{what} is not clean: verify found {count} violations, the first: {first.message}",
            hint="Nothing was made. `shopctl verify` lists them; --unverified goes on in spite of them.",
            violations=count,
        )


def moved(target: sa.URL, facts: Facts, counts: Mapping[str, int], checks: int | None) -> Moved:
    shown = target.render_as_string(hide_password=True)
    return Moved(shown, facts.id, facts.name, sum(counts.values()), checks, counts)
