"""Credits: what an order is not owed any more. The only writer of credits and credit_lines.

The rule of money is in `settle_up`: an order is owed its total less its credits; what is kept above that goes back, in the
transaction of the credit. So a refund is always a credit first, and never of more than was captured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core import payments
from shopctl.core.db.tables import credit_lines, credits
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import worth
from shopctl.core.domain.money import Money
from shopctl.core.domain.worth import Worth
from shopctl.core.errors import Refused, StillPending
from shopctl.core.orders.record import lines_of, remark

c, cl = credits.c, credit_lines.c


@dataclass(frozen=True, slots=True)
class Account:
    """What an order is worth, and what of it is left: its total less its credits."""

    order: Row
    lines: Sequence[Row]
    shares: Mapping[str, Worth]
    shipping: Worth
    left: Worth
    taxes_left: Sequence[Mapping[str, Any]]
    credited: Mapping[str, int]

    def units(self, wanted: Mapping[str, int]) -> Worth:
        """What these units, by the line's id, are worth as long as so much is left."""
        found = Worth()
        for line in self.lines:
            if count := self.creditable(line, wanted.get(line.id, 0)):
                found += self.shares[line.id].of_units(line.quantity, self.credited.get(line.id, 0), count)
        return found.within(self.left)

    def carriage(self) -> Worth:
        """What is left of the shipping, with its share of the tax."""
        return self.shipping.of_shipping(self.left.shipping).within(self.left)

    def creditable(self, line: Row, wanted: int) -> int:
        """So many of the line's units as have not been credited yet."""
        return min(wanted, int(line.quantity) - self.credited.get(line.id, 0))

    def due(self, payment: Row) -> int:
        """What the shop may keep by now: all that is owed, or, captured with the shipments, what has left."""
        unshipped = {line.id: line.quantity - line.cancelled - line.shipped for line in self.lines}
        if payment.capture == "order" or not any(unshipped.values()):
            return self.left.total
        if not any(line.shipped for line in self.lines):
            return 0
        return max(0, self.left.total - self.units(unshipped).total)


@dataclass(frozen=True, slots=True)
class Key:
    """A caller's key for a credit, and what it stands for: repeating it with anything else is a mistake, not a retry."""

    key: str
    fingerprint: str


# --- steps ---------------------------------------------------------------------------------------------------------
def is_made(tx: UnitOfWork, key: Key) -> bool:
    """Whether the credit of this key has been written before. Refused(key_reused) when that was another one."""
    seen = tx.row(sa.select(c.fingerprint).where(c.key == key.key))
    if seen is not None and seen.fingerprint != key.fingerprint:
        raise Refused(
            "key_reused",
            f"The key {key.key!r} was used for another refund",
            hint="Make a new key for a new refund.",
            key=key.key,
        )
    return seen is not None


def take_in(tx: UnitOfWork, rows: Sequence[Mapping[str, Any]], lines: Sequence[Mapping[str, Any]]) -> None:
    """Write credits that were made elsewhere, before their order was imported."""
    tx.insert(credits, rows)
    tx.insert(credit_lines, lines)


def account(tx: UnitOfWork, order: Row) -> Account:
    lines = lines_of(tx, order.id)
    of_lines, of_shipping = worth.shares(order, lines)
    given = tx.rows(sa.select(credits).where(c.order_id == order.id))
    units = (
        sa.select(cl.order_line_id, sa.func.sum(cl.quantity).label("units"))
        .join(credits, c.id == cl.credit_id)
        .where(c.order_id == order.id)
        .group_by(cl.order_line_id)
    )
    left = worth.whole(order)
    for row in given:
        inside = sum(part["amount"] for part in row.taxes if part["included"])
        left -= Worth(row.items, row.shipping, row.tax, inside)
    return Account(
        order,
        lines,
        {line.id: share for line, share in zip(lines, of_lines, strict=True)},
        of_shipping,
        left,
        [
            {**part, "amount": part["amount"] - sum(row.taxes[i]["amount"] for row in given)}
            for i, part in enumerate(order.taxes)
        ],
        {row.order_line_id: int(row.units) for row in tx.rows(units)},
    )


def credit(
    tx: UnitOfWork,
    books: Account,
    kind: str,
    amount: Worth,
    *,
    reason: str,
    units: Mapping[str, int] | None = None,
    return_id: str | None = None,
    key: Key | None = None,
) -> int:
    """Write that so much of the order is not owed any more, for these units (by the line's id) if any, and settle up.

    How much it is; nothing is written for nothing.
    """
    _must_be_known(tx, books.order)
    if amount.total:
        row = {"id": new_id(), "order_id": books.order.id, "kind": kind, "return_id": return_id, "reason": reason}
        row |= {"items": amount.items, "shipping": amount.shipping, "tax": amount.tax, "total": amount.total}
        row |= {"taxes": worth.by_tax(amount, books.taxes_left), "currency": books.order.currency}
        row |= {"key": key and key.key, "fingerprint": key and key.fingerprint}
        tx.insert(credits, [{**row, "actor": tx.actor, "at": tx.now}])
        tx.insert(credit_lines, _lines(str(row["id"]), books, units or {}))
        note = f"{Money(amount.total, books.order.currency)} {books.order.currency}: {reason}"
        remark(tx, books.order, "credit", "credited", note)
    settle_up(tx, books.order, reason=reason, credited=amount.total)
    return amount.total


def settle_up(tx: UnitOfWork, order: Row, *, reason: str, credited: int = 0) -> None:
    """Give back what the shop keeps of an order's payment and is not owed any more.

    Captured with the shipments, a payment may be ahead of them (somebody was killed before the parcel left): of that no more
    goes back than was `credited`, the rest is for the next parcel.
    """
    payment = payments.of_order(tx, order.id)
    if payment is None:
        return
    payment = payments.locked(tx, payment.id)
    books, kept = account(tx, order), payments.kept(tx, payment)
    back = max(kept - books.left.total, min(credited, kept - books.due(payment)))
    if back > 0:
        payments.open_refund(tx, payment.id, reason=reason, amount=back)


def above(tx: UnitOfWork, order: Row) -> int:
    """What the shop keeps above what it is owed: 0, unless the gateway has refused a refund."""
    payment = payments.of_order(tx, order.id)
    return max(0, payments.kept(tx, payment) - account(tx, order).left.total) if payment else 0


def check_refundable(tx: UnitOfWork, books: Account, amount: int) -> None:
    """Refuse to give back more than was captured, or than the order is still worth."""
    payment = payments.of_order(tx, books.order.id)
    kept = payments.kept(tx, payments.locked(tx, payment.id)) if payment else 0
    left, currency = min(kept, books.left.total), books.order.currency
    if amount <= 0 or left == 0:
        raise Refused(
            "nothing_to_refund",
            f"There is nothing to refund of order {books.order.number}",
            hint="What has not been captured yet is not taken when units are cancelled: see `orders cancel --line`.",
            number=str(books.order.number),
        )
    if amount > left:
        raise Refused(
            "refund_too_large",
            f"Only {Money(left, currency)} {currency} of order {books.order.number} can be refunded, "
            f"not {Money(amount, currency)}",
            number=str(books.order.number),
            left=str(Money(left, currency)),
            requested=str(Money(amount, currency)),
        )


def forget(tx: UnitOfWork, order_ids: Sequence[str]) -> None:
    """A reason leads to a person, too."""
    tx.execute(sa.update(credits).where(c.order_id.in_(order_ids)).values(reason=""))


# --- how it works --------------------------------------------------------------------------------------------------
def _must_be_known(tx: UnitOfWork, order: Row) -> None:
    """What is captured is known: nobody waits for the gateway's answer about that."""
    if any(action.verb == "capture" for action in payments.pending_actions(tx, order.id)):
        raise StillPending(
            "capture_unresolved",
            f"The gateway does not answer about the payment of order {order.number}",
            hint="Repeat the command.",
            order=str(order.number),
        )


def _lines(credit_id: str, books: Account, units: Mapping[str, int]) -> list[dict[str, Any]]:
    """A credit's lines: what each is of the worth of its units, as long as it lasts."""
    rows, left = [], books.left
    for line in books.lines:
        count = books.creditable(line, units.get(line.id, 0))
        if count:
            part = books.shares[line.id].of_units(line.quantity, books.credited.get(line.id, 0), count).within(left)
            left -= part
            row = {"credit_id": credit_id, "order_line_id": line.id, "quantity": count}
            rows.append({**row, "amount": part.items, "tax": part.tax})
    return rows
