"""Reads of reservations: what is held, for whom, for how long still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db.tables import reservations
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.queries.listing import Listing

r = reservations.c


@dataclass(frozen=True, slots=True)
class Reservation:
    """`seconds_left` is negative for a hold past its time, None for a resolved or pinned one."""

    id: str
    owner: str
    sku: str
    warehouse: str
    quantity: int
    state: str
    pinned: bool
    seconds_left: int | None
    created_at: datetime
    expires_at: datetime
    resolved_at: datetime | None


def _build(tx: UnitOfWork, rows: Sequence[Row]) -> list[Reservation]:
    return [
        Reservation(
            id=row.id,
            owner=row.reference,
            sku=row.sku,
            warehouse=row.warehouse,
            quantity=row.quantity,
            state=row.state,
            pinned=row.pinned,
            seconds_left=None if row.pinned or row.state != "held" else int((row.expires_at - tx.now).total_seconds()),
            created_at=row.created_at,
            expires_at=row.expires_at,
            resolved_at=row.resolved_at,
        )
        for row in rows
    ]


LIST: Listing[Reservation] = Listing(
    sa.select(reservations),
    {
        "id": r.id,
        "owner": r.reference,
        "sku": r.sku,
        "warehouse": r.warehouse,
        "quantity": r.quantity,
        "state": r.state,
        "pinned": r.pinned,
        "created_at": r.created_at,
        "expires_at": r.expires_at,
    },
    ("owner", "sku"),
    (r.id.desc(),),  # a UUIDv7: by time of creation
    _build,
)
LIVE = r.state == "held"
