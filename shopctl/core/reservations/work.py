"""An operator's work on holds: release, extend, sweep."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shopctl.core import settings
from shopctl.core.db.tables import reservations
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries.reservations import LIVE, Reservation, find, show
from shopctl.core.reservations.ending import expire_first, release_one
from shopctl.core.reservations.owners import no_sooner
from shopctl.core.shop import Shop, retried

r = reservations.c
LONGEST_TERM = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Released(Reservation):
    """A hold that was given back; `note` says what stays of it."""

    note: str | None


@retried
def release(shop: Shop, *, reservation_id: str) -> Released:
    """Give a hold back by hand. A pinned one waits for its payment and cannot be released."""
    with shop.work("reservations.release", reservation_id) as tx:
        row = _live(tx, reservation_id)
        _must_not_be_a_turn(row)
        if row.pinned:
            raise Refused(
                "hold_pinned",
                f"{row.reference} is being paid; its hold cannot be released now",
                hint="Resolve the payment first: shopctl store recover.",
            )
        release_one(tx, row.id)
        released = show(tx, row.id)
        tx.commit()
    note = f"{row.reference} keeps the line; its units are not held any more" if row.owner_kind == "cart" else None
    return Released(**asdict(released), note=note)


@retried
def extend(
    shop: Shop, *, reservation_id: str, term: timedelta | None = None, until: datetime | None = None
) -> Reservation:
    """Give a hold a new term from now (the shop's own without one), or one until a moment; never a shorter one."""
    with shop.work("reservations.extend", reservation_id) as tx:
        row = _live(tx, reservation_id)
        _must_not_be_a_turn(row)
        wanted = until or tx.now + (term or tx.facts.hold_ttl)
        if not tx.now < wanted <= tx.now + LONGEST_TERM:
            raise BadInput("bad_term", "A hold can be extended until a moment from now to a year ahead", until=until)
        tx.execute(
            sa.update(reservations)
            .where(r.id == row.id, LIVE)
            .values(expires_at=no_sooner(sa.literal(wanted, r.expires_at.type)))
        )
        extended = show(tx, row.id)
        tx.commit()
    return extended


def sweep(shop: Shop, *, batch: int = 500) -> int:
    """Resolve every hold past its time, in batches; how many. An optimisation: `hold` reclaims what it needs anyway."""
    total = 0
    while True:
        with shop.work("reservations.sweep") as tx:
            count = expire_first(tx, batch)
            total += count
            if count < batch:
                settings.mark(tx, "last_sweep_at")
            tx.commit()
        if count < batch or shop.dry_run:
            return total


# --- how it works --------------------------------------------------------------------------------------------------
def _live(tx: UnitOfWork, reservation_id: str) -> Row:
    row = find(tx, reservation_id)
    if row.state != "held":
        raise Refused("invalid_state", f"This reservation is {row.state} already", status=row.state)
    return row


def _must_not_be_a_turn(row: Row) -> None:
    """A turn at a sale has a time of its own, which the queue behind it counts on."""
    if row.pool == "sale" and row.owner_kind == "cart":
        hint = "shopctl sales leave TICKET gives it to the next."
        raise Refused("turn_at_sale", f"{row.reference} is a turn at a sale, which ends by itself", hint=hint)
