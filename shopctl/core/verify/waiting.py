"""Work that waits, as notes: holds past their time, facts not delivered. None of it is wrong, only late."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from shopctl.core.db.tables import outbox, payments, refunds, reservations
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.lifecycle import UNASKED
from shopctl.core.queries import sales
from shopctl.core.verify.findings import Note

held = reservations.c


def notes(tx: UnitOfWork) -> Iterator[Note]:
    """How far the sweeper and the delivery of the outbox are behind."""
    overdue = sa.and_(held.state == "held", sa.not_(held.pinned), held.expires_at <= tx.now)
    holds, oldest = tx.rows(sa.select(sa.func.count(), sa.func.min(held.expires_at)).where(overdue))[0]
    if holds:
        late = (tx.now - oldest).total_seconds()
        facts = {"holds": holds, "oldest_seconds": late}
        yield Note("sweep_lag", f"{holds} holds are past their time, the oldest by {late:.0f} seconds", facts)
    yield from _refunds(tx)
    yield from _in_pools(tx)
    by_topic = (
        sa.select(outbox.c.topic, outbox.c.state, sa.func.count().label("facts"))
        .where(outbox.c.state != "done")
        .group_by(outbox.c.topic, outbox.c.state)
        .order_by(outbox.c.topic, outbox.c.state)
    )
    for row in tx.rows(by_topic):
        yield Note("outbox_lag", f"{row.facts} facts {row.topic} are {row.state} in the outbox", row._asdict())


def _in_pools(tx: UnitOfWork) -> Iterator[Note]:
    """Units that came back to the pool of a sale that is over: the next round of an admitter puts them back."""
    for name in sales.strays(tx):
        words = (
            f"Units that nobody has are still set aside for sale {name}; `shopctl sales admit {name}` puts them back"
        )
        yield Note("pool_lag", words, {"sale": name})


def _refunds(tx: UnitOfWork) -> Iterator[Note]:
    """Money on its way back: what the gateway has not confirmed, and what people must give back where it was taken."""
    pending = sa.select(sa.func.count()).join_from(refunds, payments, payments.c.id == refunds.c.payment_id)
    pending = pending.where(refunds.c.state == "pending")
    owed = tx.execute(pending.where(payments.c.gateway.not_in(UNASKED))).scalar_one()
    if owed:
        words = f"{owed} refunds are not confirmed by the gateway; `shopctl store recover` asks for them again"
        yield Note("refunds_pending", words, {"refunds": owed})
    elsewhere = tx.execute(pending.where(payments.c.gateway.in_(UNASKED))).scalar_one()
    if elsewhere:
        words = f"{elsewhere} refunds are to be made where the money was taken, elsewhere or by hand"
        words += "; `shopctl payments refunded N` notes that it was done"
        yield Note("refunds_elsewhere", words, {"refunds": elsewhere})
