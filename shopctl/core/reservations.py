"""Reservations: stock held for a while for a cart or an order, and resolved exactly once.

hold → commit (sold), release (given back) or expire (time ran out). A hold whose payment is unresolved is pinned: it
does not expire. Expired holds do not count: `hold` reclaims them, in the same transaction, when it finds too little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from shopctl.core import settings, stock
from shopctl.core.db.tables import reservations
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.sourcing import Plan, plan
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries.reservations import Reservation, find, show
from shopctl.core.queries.stock import free_levels
from shopctl.core.shop import Shop, retried
from shopctl.core.stock import Move

r = reservations.c


LONGEST_TERM = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Released(Reservation):
    """A hold that was given back; `note` says what stays of it."""

    note: str | None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a hold is for; `reference` is what people call it: "cart c1", "order 1001"."""

    kind: Literal["cart", "order"]
    id: str
    reference: str


# --- steps ---------------------------------------------------------------------------------------------------------
def hold(tx: UnitOfWork, owner: Owner, wanted: Mapping[str, int], *, origin: str, pinned: bool = False) -> None:
    """Reserve `wanted` (units by SKU), all or nothing. Refused(insufficient_stock) names the first SKU that is short."""
    if not wanted:
        return
    decided = _plan(tx, wanted)
    ids = [new_id() for _ in decided.picks]
    moves = [
        Move(
            p.sku,
            p.warehouse,
            p.pool,
            p.bucket,
            reserved=p.quantity,
            reference=owner.reference,
            reservation_id=i,
        )
        for p, i in zip(decided.picks, ids, strict=True)
    ]
    if not stock.move(tx, "hold", moves):  # the plan was stale: somebody else took units in between
        raise short(wanted, {next(iter(wanted)): 0})
    tx.insert(
        reservations,
        [
            {
                "id": i,
                "owner_kind": owner.kind,
                "owner_id": owner.id,
                "origin": origin,
                "reference": owner.reference,
                "sku": p.sku,
                "warehouse": p.warehouse,
                "pool": p.pool,
                "bucket": p.bucket,
                "quantity": p.quantity,
                "state": "held",
                "pinned": pinned,
                "expires_at": tx.now + tx.facts.hold_ttl,
                "created_at": tx.now,
            }
            for p, i in zip(decided.picks, ids, strict=True)
        ],
    )


def held_by_cart(tx: UnitOfWork, cart_id: str) -> dict[str, int]:
    """Units by SKU that a cart holds."""
    held = sa.select(r.sku, sa.func.sum(r.quantity).label("units")).where(
        r.owner_id == cart_id, r.owner_kind == "cart", r.state == "held"
    )
    return {row.sku: int(row.units) for row in tx.rows(held.group_by(r.sku))}


def take_over(tx: UnitOfWork, cart_id: str, order: Owner) -> dict[str, int]:
    """Turn a cart's own holds into an order's, pinned; units by SKU. Even expired ones, as long as nobody reclaimed them."""
    taken = tx.rows(
        sa.update(reservations)
        .where(r.owner_id == cart_id, r.owner_kind == "cart", r.state == "held")
        .values(
            owner_kind="order",
            owner_id=order.id,
            reference=order.reference,
            pinned=True,
            expires_at=tx.now + tx.facts.hold_ttl,
        )
        .returning(r.sku, r.quantity)
    )
    units: dict[str, int] = {}
    for row in taken:
        units[row.sku] = units.get(row.sku, 0) + row.quantity
    return units


def give_back(tx: UnitOfWork, order_id: str, cart: Owner) -> None:
    """An order came to nothing: holds made at cart add return to the cart, with a new term; the others are released."""
    mine = (r.owner_id == order_id, r.owner_kind == "order", r.state == "held")
    tx.execute(
        sa.update(reservations)
        .where(*mine, r.origin == "cart")
        .values(
            owner_kind="cart",
            owner_id=cart.id,
            reference=cart.reference,
            pinned=False,
            expires_at=tx.now + tx.facts.hold_ttl,
        )
    )
    _resolve(tx, "release", *mine)


def commit(tx: UnitOfWork, order_id: str) -> Sequence[Row]:
    """The order is paid: its holds become committed stock; the reservation rows."""
    return _resolve(tx, "commit", r.owner_id == order_id, r.owner_kind == "order", r.state == "held")


def release_cart(tx: UnitOfWork, cart_id: str, sku: str | None = None) -> None:
    """Give back what a cart holds, of one SKU or of all."""
    which = [r.owner_id == cart_id, r.owner_kind == "cart", r.state == "held"]
    _resolve(tx, "release", *which, *([r.sku == sku] if sku is not None else []))


def extend_cart(tx: UnitOfWork, cart_id: str) -> None:
    """Activity in a cart gives its holds a new term."""
    tx.execute(
        sa.update(reservations)
        .where(r.owner_id == cart_id, r.owner_kind == "cart", r.state == "held")
        .values(expires_at=_no_sooner(tx.now + tx.facts.hold_ttl))
    )


def expire(tx: UnitOfWork, skus: Sequence[str] | None = None, limit: int | None = None) -> int:
    """Resolve holds past their time (of these SKUs, or all up to a limit); how many."""
    overdue = [r.state == "held", sa.not_(r.pinned), r.expires_at <= tx.now]
    if skus is not None:
        overdue.append(r.sku.in_(sorted(skus)))
    if limit is not None:
        overdue = [
            r.id.in_(sa.select(r.id).where(*overdue).order_by(r.expires_at).limit(limit)),
            r.state == "held",
        ]
    return len(_resolve(tx, "expire", *overdue))


# --- use cases -----------------------------------------------------------------------------------------------------
@retried
def release(shop: Shop, *, reservation_id: str) -> Released:
    """Give a hold back by hand. A pinned one waits for its payment and cannot be released."""
    with shop.work("reservations.release", reservation_id) as tx:
        row = _live(tx, reservation_id)
        if row.pinned:
            raise Refused(
                "hold_pinned",
                f"{row.reference} is being paid; its hold cannot be released now",
                hint="Resolve the payment first: shopctl store recover.",
            )
        _resolve(tx, "release", r.id == row.id, r.state == "held")
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
        wanted = until or tx.now + (term or tx.facts.hold_ttl)
        if not tx.now < wanted <= tx.now + LONGEST_TERM:
            raise BadInput("bad_term", "A hold can be extended until a moment from now to a year ahead", until=until)
        tx.execute(
            sa.update(reservations).where(r.id == row.id, r.state == "held").values(expires_at=_no_sooner(wanted))
        )
        extended = show(tx, row.id)
        tx.commit()
    return extended


def sweep(shop: Shop, *, batch: int = 500) -> int:
    """Resolve every hold past its time, in batches; how many. An optimisation: `hold` reclaims what it needs anyway."""
    total = 0
    while True:
        with shop.work("reservations.sweep") as tx:
            count = expire(tx, limit=batch)
            total += count
            if count < batch:
                settings.mark(tx, "last_sweep_at")
            tx.commit()
        if count < batch or shop.dry_run:
            return total


# --- how it works --------------------------------------------------------------------------------------------------
def _plan(tx: UnitOfWork, wanted: Mapping[str, int]) -> Plan:
    decided = plan(wanted, free_levels(tx, list(wanted)))
    if decided.short and expire(tx, list(decided.short)):
        decided = plan(wanted, free_levels(tx, list(wanted)))
    if decided.short:
        raise short(wanted, decided.short)
    return decided


def _resolve(tx: UnitOfWork, verb: Literal["commit", "release", "expire"], *which: Any) -> Sequence[Row]:
    """Resolve the holds that `which` selects and move their units."""
    state = {"commit": "committed", "release": "released", "expire": "expired"}[verb]
    rows = tx.rows(
        sa.update(reservations)
        .where(*which)
        .values(state=state, resolved_at=tx.now, pinned=False)
        .returning(r.id, r.sku, r.warehouse, r.pool, r.bucket, r.quantity, r.reference)
    )
    moves = [
        Move(
            row.sku,
            row.warehouse,
            row.pool,
            row.bucket,
            reserved=-row.quantity,
            committed=row.quantity if verb == "commit" else 0,
            reference=row.reference,
            reservation_id=row.id,
        )
        for row in rows
    ]
    if not stock.move(tx, verb, moves):
        raise stock.books_disagree(rows[0].reference)
    return rows


def _live(tx: UnitOfWork, reservation_id: str) -> Row:
    row = find(tx, reservation_id)
    if row.state != "held":
        raise Refused("invalid_state", f"This reservation is {row.state} already", status=row.state)
    return row


def _no_sooner(moment: datetime) -> sa.ColumnElement[datetime]:
    """This end of a hold, or the one it has where that is later: what an operator has extended stays so."""
    return sa.case((r.expires_at > moment, r.expires_at), else_=sa.literal(moment, r.expires_at.type))


def short(wanted: Mapping[str, int], short: Mapping[str, int]) -> Refused:
    sku, available = next(iter(short.items()))
    return Refused(
        "insufficient_stock",
        f"Only {available} of {sku} can be had, {wanted[sku]} asked for",
        hint="Take fewer, or receive stock first.",
        sku=sku,
        requested=wanted[sku],
        available=available,
    )
