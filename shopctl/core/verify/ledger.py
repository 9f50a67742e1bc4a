"""The payments against the gateway's own ledger (check 25), to the cent and both ways.

They share no transaction, so the order of looking is what makes the comparison fair: a payment's row is committed before
the gateway is asked, and its answer is recorded after. So a line of the ledger is compared in a snapshot opened *after* the
line was read (its row must be there), and a captured payment of verify's own snapshot is sought in a ledger read *after* that
(its line must be there). What is unresolved in between is left alone.

A charge changes after it was made (captured in parts, let go), and the line may be older than the row. So one that differs is
asked about again, between two looks at its row: if the row has not changed meanwhile, nothing was asked of the charge but what
the row says is pending, because every question is written before it is asked.

Memory: the ledger is read CHUNK lines at a time; the keys seen go to a temporary file, where payments are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import sqlalchemy as sa

from shopctl.core.db import dialects, upkeep
from shopctl.core.db.tables import orders, payment_actions, payments, refunds
from shopctl.core.db.types import Instant
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import UNASKED, UNRESOLVED_PAYMENTS
from shopctl.core.errors import ShopError
from shopctl.core.ports import Entry, Gateway, Ledgered, NoAnswer
from shopctl.core.shop import Shop
from shopctl.core.verify.findings import CHUNK, Finding, Note, Violation, stream

LEDGER = 25
LOOKS = 3
CLOCKS_APART = timedelta(minutes=10)
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""How far the gateway's clock may be from the store's."""

Problem = tuple[str, str]
"""Its name, and what it says of a line."""
p, r, a = payments.c, refunds.c, payment_actions.c


def _pending(verb: str) -> sa.ScalarSelect[int]:
    """What the gateway is asked at this moment, of a payment."""
    asked = sa.and_(a.payment_id == p.id, a.verb == verb, a.state == "pending")
    return sa.select(sa.func.coalesce(sa.func.sum(a.amount), 0)).where(asked).scalar_subquery()


_BOOKED = (
    sa.select(
        *(
            p.gateway_key,
            p.state,
            p.captured,
            p.open,
            p.currency,
            p.reference,
        ),
        # Times stay as they are stored: one that is none is another check's business, and must not end this one.
        (p.expires_at < sa.bindparam("now", type_=Instant())).label("late"),
        sa.type_coerce(p.updated_at, sa.types.NULLTYPE).label("changed"),
        orders.c.number,
        _pending("capture").label("capturing"),
        _pending("void").label("voiding"),
    )
    .join_from(payments, orders, orders.c.id == p.order_id)
    .where(p.gateway_key.in_(sa.bindparam("keys", expanding=True)))
)
_GIVEN = (
    sa.select(r.gateway_key, r.state, r.amount, r.reference, p.reference.label("charge"), orders.c.number)
    .join_from(refunds, payments, p.id == r.payment_id)
    .join(orders, orders.c.id == r.order_id)
    .where(r.gateway_key.in_(sa.bindparam("keys", expanding=True)))
)
_WITH = sa.select(p.gateway, sa.func.count().label("payments")).group_by(p.gateway).where(p.gateway.not_in(UNASKED))


def gateways(shop: Shop, tx: UnitOfWork, *, since: datetime | None = None) -> Iterator[Finding]:
    """Each gateway that payments were made with; with `since`, what was made from then on."""
    counts = {row.gateway: row.payments for row in tx.rows(_WITH)}
    for gateway in (shop.gateway, *(one for one in shop.other_gateways if one.name in counts)):
        counts.pop(gateway.name, None)
        yield from _one(shop, tx, gateway, since)
    for name, count in sorted(counts.items()):
        yield _unread(name, f"{count} payments were made with it, and it is not set up")


def _one(shop: Shop, tx: UnitOfWork, gateway: Gateway, since: datetime | None) -> Iterator[Finding]:
    if not isinstance(gateway, Ledgered):
        yield _unread(gateway.name, "it has no ledger to read")
        return
    with upkeep.scratch() as scratch, closing(_Seen(scratch)) as seen:
        lines = gateway.entries(since and since - CLOCKS_APART)
        try:
            while chunk := list(islice(lines, CHUNK)):
                seen.add(chunk)
                yield from _compare(shop, gateway, chunk)
        except (NoAnswer, ShopError) as error:
            yield _unread(gateway.name, error.message if isinstance(error, ShopError) else "it does not answer")
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            yield _violation("ledger_unreadable", "the ledger", f"The ledger cannot be read further: {error!r}")
            return
        yield from _unknown_to_the_ledger(tx, gateway, seen, since)


class _Seen:
    """The keys of a ledger, on disk."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._table = sa.Table("seen", sa.MetaData(), sa.Column("key", sa.Text, primary_key=True))
        self._table.create(connection)
        self._insert = dialects.insert_new(connection, self._table).on_conflict_do_nothing()
        self._find = sa.select(self._table.c.key).where(self._table.c.key.in_(sa.bindparam("keys", expanding=True)))

    def add(self, lines: Sequence[Entry]) -> None:
        rows = [{"key": f"{line.verb} {line.key}"} for line in lines if line.amount > 0]
        if rows:
            self._connection.execute(self._insert, rows)

    def lacks(self, keys: Sequence[str]) -> set[str]:
        return set(keys) - set(self._connection.execute(self._find, {"keys": keys}).scalars())

    def close(self) -> None:
        self._connection.rollback()


def _compare(shop: Shop, gateway: Gateway, lines: Sequence[Entry]) -> Iterator[Finding]:
    """Each line against its row, in a snapshot younger than the lines."""
    keys = {verb: [line.key for line in lines if line.verb == verb] for verb in ("charge", "refund")}
    with shop.read() as tx:
        booked = {row.gateway_key: row for row in tx.rows(_BOOKED, {"keys": keys["charge"], "now": tx.now})}
        given = {row.gateway_key: row for row in tx.rows(_GIVEN, {"keys": keys["refund"]})}
    for line in lines:
        row = (booked if line.verb == "charge" else given).get(line.key)
        if line.verb == "refund":
            problem = _refund_problem(line, row)
        elif (problem := _charge_problem(line, row)) and row and line.reference == row.reference:
            problem = _asked_again(shop, gateway, line)
        if problem:
            about = {**asdict(line), "gateway": gateway.name, "number": row and str(row.number)}
            what = f"The gateway's {line.verb} under {line.key} {problem[1]}"
            yield _violation(problem[0], f"{line.verb} {line.key}", what, **about)
        elif line.verb == "charge" and row and _has_lapsed(line, row):
            yield _lapsed(gateway, row)


def _asked_again(shop: Shop, gateway: Gateway, line: Entry) -> Problem | None:
    """What is wrong with a charge, when it and its row are looked at together."""
    for _ in range(LOOKS):
        before = _row(shop, line)
        found = gateway.find(line.key, since=line.at or _EVER) if before and line.key else None
        after = _row(shop, line)
        if before == after:
            now = replace(line, amount=found.captured, status=found.status, currency=found.currency) if found else line
            return _charge_problem(now, after)
    return None  # somebody is at work on it


def _row(shop: Shop, line: Entry) -> Row | None:
    with shop.read() as tx:
        return tx.row(_BOOKED, {"keys": [line.key], "now": tx.now})


def _charge_problem(line: Entry, payment: Row | None) -> Problem | None:
    taken, held = line.amount > 0, line.status == "authorized"
    if payment is None:
        return ("charge_without_payment", "has no payment") if taken or held else None
    if payment.state in UNRESOLVED_PAYMENTS:
        return None
    if (taken or held) and payment.reference not in (None, line.reference):
        return "charged_twice", f"is {line.reference}, but the payment is {payment.reference}"
    if payment.state in ("failed", "voided"):
        if taken:
            return "charge_not_recorded", f"took money, but the payment is {payment.state}"
        return ("authorization_left", f"is authorized, but the payment is {payment.state}") if held else None
    if not taken and payment.captured:
        return "charge_was_declined", f"is {line.status} and took nothing, but the payment is captured"
    if line.amount not in (payment.captured, payment.captured + int(payment.capturing)):
        return "amounts_differ", f"is of {line.amount} {line.currency}, the payment of {payment.captured}"
    if line.currency != payment.currency:
        return "amounts_differ", f"is in {line.currency}, the payment in {payment.currency}"
    return None


def _has_lapsed(line: Entry, payment: Row) -> bool:
    """Whether what the shop means to capture is not there any more: by itself, in time, or at the gateway."""
    gone = line.status in ("voided", "declined") or bool(payment.late)
    return gone and payment.open > 0 and not payment.voiding and line.reference == payment.reference


def _lapsed(gateway: Gateway, payment: Row) -> Note:
    return Note(
        "authorization_lapsed",
        f"The authorization of order {payment.number} has lapsed: {payment.open} {payment.currency} of it cannot be captured",
        {
            "gateway": gateway.name,
            "key": payment.gateway_key,
            "reference": payment.reference,
            "number": str(payment.number),
            "amount": payment.open,
            "currency": payment.currency,
        },
    )


def _refund_problem(line: Entry, refund: Row | None) -> Problem | None:
    if line.status == "failed":
        if refund is not None and refund.state == "succeeded":
            return "refund_came_back", "failed after all, but the refund is succeeded"
        return None
    if refund is None:
        return "refund_unknown", "has no refund in the store"
    if line.amount != refund.amount:
        return "amounts_differ", f"is of {line.amount}, the refund of {refund.amount}"
    if refund.state == "failed":
        return "refund_not_recorded", "gave money back, but the refund is failed"
    if line.charge != refund.charge:
        return "refund_of_another", f"is of {line.charge}, not of {refund.charge}"
    if refund.state == "succeeded" and line.reference != refund.reference:
        return "refunded_twice", f"is {line.reference}, but the refund is {refund.reference}"
    return None


def _unknown_to_the_ledger(tx: UnitOfWork, gateway: Gateway, seen: _Seen, since: datetime | None) -> Iterator[Finding]:
    """Captured payments and succeeded refunds that the ledger does not have."""
    captured = (
        sa.select(p.gateway_key, p.reference, p.captured.label("amount"), p.currency, orders.c.number)
        .join_from(payments, orders, orders.c.id == p.order_id)
        .where(p.state == "captured", p.gateway == gateway.name, *([p.created_at >= since] if since else []))
    )
    succeeded = (
        sa.select(r.gateway_key, r.reference, r.amount, r.currency, orders.c.number)
        .join_from(refunds, payments, p.id == r.payment_id)
        .join(orders, orders.c.id == r.order_id)
        .where(r.state == "succeeded", p.gateway == gateway.name, *([r.created_at >= since] if since else []))
    )
    for verb, name, statement in (
        ("charge", "payment_without_charge", captured),
        ("refund", "refund_without_entry", succeeded),
    ):
        rows = stream(tx, statement)
        while chunk := {f"{verb} {row.gateway_key}": row for row in islice(rows, CHUNK)}:
            for key in sorted(seen.lacks(list(chunk))):
                row = chunk[key]
                about = {"key": row.gateway_key, "reference": row.reference, "number": str(row.number)}
                about |= {"amount": row.amount, "currency": row.currency, "gateway": gateway.name}
                yield _violation(name, key, f"The store has a {key}, and the gateway's ledger has not", **about)


def _unread(gateway: str, why: str) -> Note:
    return Note("gateway_unread", f"Payments were not compared with the gateway {gateway}: {why}", {"gateway": gateway})


def _violation(name: str, subject: str, message: str, **details: object) -> Violation:
    return Violation(LEDGER, name, subject, message, details)
