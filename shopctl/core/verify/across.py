"""The store against what lies outside it: the gateway's ledger (check 25) and the search index (check 27).

Neither shares a transaction with the store, so the order of looking is what makes the comparison fair: a payment's row is
committed before the gateway is asked, and its answer is recorded after. So a line of the ledger is compared in a snapshot
opened *after* the line was read (its row must be there), and a captured payment of verify's own snapshot is sought in a
ledger read *after* that (its line must be there). What is unresolved in between is left alone.

Memory: the ledger is read CHUNK lines at a time; the keys seen go to a temporary file, where payments are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import islice

import sqlalchemy as sa

from shopctl.core import outbox as facts
from shopctl.core.db import dialects, upkeep
from shopctl.core.db.tables import outbox, payments, products, refunds
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.lifecycle import UNRESOLVED_PAYMENTS
from shopctl.core.payments import EXTERNAL
from shopctl.core.ports import Entry, IndexUnusable, Ledgered
from shopctl.core.shop import Shop
from shopctl.core.verify.findings import CHUNK, Finding, Note, Violation, stream

LEDGER, INDEX = 25, 27

p, r = payments.c, refunds.c
_BOOKED = sa.select(p.gateway_key, p.state, p.captured, p.currency, p.reference).where(
    p.gateway_key.in_(sa.bindparam("keys", expanding=True))
)
_GIVEN = (
    sa.select(r.gateway_key, r.state, r.amount, r.reference, p.reference.label("charge"))
    .join_from(refunds, payments, p.id == r.payment_id)
    .where(r.gateway_key.in_(sa.bindparam("keys", expanding=True)))
)


# --- the gateway's ledger ------------------------------------------------------------------------------------------
def gateway(shop: Shop, tx: UnitOfWork) -> Iterator[Finding]:
    """The ledger and the payments, to the cent and both ways."""
    if not isinstance(shop.gateway, Ledgered):
        yield Note(
            "gateway_unread", f"The gateway {shop.gateway.name} has no ledger to read; payments were not compared"
        )
        return
    with upkeep.scratch() as scratch, closing(_Seen(scratch)) as seen:
        lines = shop.gateway.entries()
        try:
            while chunk := list(islice(lines, CHUNK)):
                seen.add(chunk)
                yield from _compare(shop, chunk)
        except (OSError, ValueError, KeyError, TypeError) as error:
            yield _violation("ledger_unreadable", "the ledger", f"The ledger cannot be read further: {error!r}")
            return
        yield from _unknown_to_the_ledger(shop, tx, seen)


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


def _compare(shop: Shop, lines: Sequence[Entry]) -> Iterator[Violation]:
    """Each line against its row, in a snapshot younger than the lines."""
    keys = {verb: [line.key for line in lines if line.verb == verb] for verb in ("charge", "refund")}
    with shop.read() as tx:
        booked = {row.gateway_key: row for row in tx.rows(_BOOKED, {"keys": keys["charge"]})}
        given = {row.gateway_key: row for row in tx.rows(_GIVEN, {"keys": keys["refund"]})}
    for line in lines:
        if line.verb == "charge":
            problem = _charge_problem(line, booked.get(line.key))
        else:
            problem = _refund_problem(line, given.get(line.key))
        if problem:
            verb, key = line.verb, line.key
            yield _violation(
                problem[0], f"{verb} {key}", f"The gateway's {verb} under {key} {problem[1]}", **asdict(line)
            )


def _charge_problem(line: Entry, payment: Row | None) -> tuple[str, str] | None:
    taken = line.amount > 0
    if payment is None:
        return ("charge_without_payment", "has no payment") if taken else None
    if payment.state in UNRESOLVED_PAYMENTS:
        return None
    if taken and payment.state in ("failed", "voided"):
        return "charge_not_recorded", f"took money, but the payment is {payment.state}"
    if not taken:
        captured = payment.state == "captured"
        return ("charge_was_declined", "was declined, but the payment is captured") if captured else None
    if (line.amount, line.currency) != (payment.captured, payment.currency):
        return "amounts_differ", f"is of {line.amount} {line.currency}, the payment of {payment.captured}"
    if line.reference != payment.reference:
        return "charged_twice", f"is {line.reference}, but the payment is {payment.reference}"
    return None


def _refund_problem(line: Entry, refund: Row | None) -> tuple[str, str] | None:
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


def _unknown_to_the_ledger(shop: Shop, tx: UnitOfWork, seen: _Seen) -> Iterator[Finding]:
    """Captured payments and succeeded refunds that the ledger does not have."""
    mine = payments.c.gateway == shop.gateway.name
    captured = sa.select(payments.c.gateway_key).where(payments.c.state == "captured", mine)
    succeeded = (
        sa.select(refunds.c.gateway_key)
        .join(payments, payments.c.id == refunds.c.payment_id)
        .where(refunds.c.state == "succeeded", mine)
    )
    for verb, name, statement in (
        ("charge", "payment_without_charge", captured),
        ("refund", "refund_without_entry", succeeded),
    ):
        rows = stream(tx, statement)
        while keys := [f"{verb} {row.gateway_key}" for row in islice(rows, CHUNK)]:
            for key in sorted(seen.lacks(keys)):
                yield _violation(name, key, f"The store has a {key}, and the gateway's ledger has not")
    others = tx.execute(sa.select(sa.func.count()).where(sa.not_(mine), payments.c.gateway != EXTERNAL)).scalar_one()
    if others:
        yield Note("gateway_unread", f"{others} payments of another gateway were not compared", {"payments": others})


def _violation(name: str, subject: str, message: str, **details: object) -> Violation:
    return Violation(LEDGER, name, subject, message, details)


# --- the search index ----------------------------------------------------------------------------------------------
def index(shop: Shop, tx: UnitOfWork) -> Iterator[Finding]:
    """The index has every active product at its version, and no other; products with a waiting change may lag.

    Memory grows with the catalogue, as `versions()` does, and not with orders.
    """
    try:
        indexed = shop.index.versions()
    except IndexUnusable as error:
        yield Note(
            "index_unusable", f"The search index cannot be used: {error}; `shopctl store reindex` makes a new one"
        )
        return
    lagging = _waiting(tx)
    if lagging:
        yield Note("index_lag", f"{len(lagging)} products wait to be indexed", {"products": len(lagging)})
    missing: dict[str, int] = {}
    for row in stream(tx, _ACTIVE):
        version = indexed.pop(row.id, None)
        if version != row.version and row.id not in lagging:
            if version is not None and version > row.version:
                indexed[row.id] = version  # newer than this snapshot: seen to below
            elif version is None:
                missing[row.id] = row.version
            else:
                yield _stale(row.handle, f"is indexed at version {version}, and is at {row.version}")
    yield from _absent(shop, missing)
    yield from _beyond(shop, indexed, lagging)


_ACTIVE = sa.select(products.c.id, products.c.handle, products.c.version).where(products.c.status == "active")


def _absent(shop: Shop, missing: Mapping[str, int]) -> Iterator[Violation]:
    """What the snapshot had and the index has not: an archived product may have left the index since the snapshot."""
    with shop.read() as tx:
        lagging = _waiting(tx)
        suspects = iter(missing)
        while chunk := list(islice(suspects, CHUNK)):
            for row in tx.rows(_ACTIVE.where(products.c.id.in_(chunk))):
                if row.id not in lagging and row.version == missing[row.id]:
                    yield _stale(row.handle, f"is at version {row.version}, and is not indexed")


def _beyond(shop: Shop, indexed: Mapping[str, int], lagging: set[str]) -> Iterator[Violation]:
    """What the index has and the snapshot had not: judged by a younger one, for the index may have been the faster."""
    with shop.read() as tx:
        lagging = lagging | _waiting(tx)
        suspects = iter(sorted(indexed.items()))
        while chunk := dict(islice(suspects, CHUNK)):
            versions = {row.id: row.version for row in tx.rows(_ACTIVE.where(products.c.id.in_(chunk)))}
            for product, version in chunk.items():
                if product not in lagging and versions.get(product, 0) < version:
                    yield _stale(product, f"is indexed at version {version}, and is at {versions.get(product)}")


def _waiting(tx: UnitOfWork) -> set[str]:
    """The products whose change is written and not indexed yet."""
    waits = sa.select(outbox.c.payload).where(
        outbox.c.topic == facts.CATALOG_CHANGED, outbox.c.state.in_(("pending", "taken"))
    )
    return {product for row in stream(tx, waits) for product in row.payload["products"]}


def _stale(product: str, what: str) -> Violation:
    return Violation(INDEX, "index_stale", f"product {product}", f"Product {product} {what}")
