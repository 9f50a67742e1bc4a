"""Refunds: part of what was paid goes back, by amount, by line, or the shipping. Each is a credit first."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.domain.money import parse_amount
from shopctl.core.domain.worth import Worth
from shopctl.core.errors import BadInput, Refused
from shopctl.core.orders import credits, returns
from shopctl.core.orders.record import lock
from shopctl.core.orders.repaying import finish, money_back
from shopctl.core.orders.units import Units, in_lines
from shopctl.core.queries.orders import Order, get, row_by_number
from shopctl.core.shop import Shop, retried


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be given back of an order: an amount, or units and the shipping."""

    amount: str | None
    lines: Units
    shipping: bool
    restock: bool

    def key(self, order: Row, key: str) -> credits.Key:
        amount = None if self.amount is None else parse_amount(self.amount, order.currency)
        meant = [order.id, amount, dict(self.lines), self.shipping, self.restock]
        return credits.Key(key, hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest())


# --- use cases -----------------------------------------------------------------------------------------------------
def refund(
    shop: Shop,
    *,
    number: str,
    reason: str,
    amount: str | None = None,
    lines: Units | None = None,
    shipping: bool = False,
    restock: bool = False,
    key: str | None = None,
) -> Order:
    """Give back an amount (a decimal string), or what shipped units cost, or the shipping, or both of these.

    `restock` books the units back into the stock: they have come back. Units that were not shipped are cancelled instead.
    Repeated with the same `key` it is the same refund, which is finished if it is not. Errors: refund_too_large,
    nothing_to_refund, not_owed, invalid_state, key_reused; StillPending when the gateway does not answer.
    """
    why = text.reason(reason)
    if (amount is None) == (lines is None and not shipping):
        raise BadInput(
            "usage", "Refund an amount, or units and shipping", hint="--amount A, or --line SKU=QTY, --shipping"
        )
    if restock and not lines:
        raise BadInput("usage", "Only units can be restocked", hint="--line SKU=QTY --restock")
    asked = _Asked(amount, lines or {}, shipping, restock)
    finish(shop, number)
    shown = _credited(shop, number, why, asked, None if key is None else text.key(key))
    return shown if shop.dry_run else money_back(shop, shown.id)


# --- how it works --------------------------------------------------------------------------------------------------
@retried
def _credited(shop: Shop, number: str, why: str, asked: _Asked, given: str | None) -> Order:
    """The order with the credit, which is written unless it has been under this key."""
    with shop.work("orders.refund", number) as tx:
        order = lock(tx, row_by_number(tx, number).id)
        key = None if given is None else asked.key(order, given)
        if key is None or not credits.is_made(tx, key):
            _credit(tx, order, why, asked, key)
            shown = get(tx, order.id)
            tx.commit()
            return shown
        return get(tx, order.id)


def _credit(tx: UnitOfWork, order: Row, why: str, asked: _Asked, key: credits.Key | None) -> None:
    if order.status not in PAID_ORDERS:
        raise Refused(
            "invalid_state",
            f"Order {order.number} is {order.status}: there is nothing to refund",
            number=str(order.number),
            status=order.status,
        )
    books = credits.account(tx, order)
    units = _units(tx, order, books, asked.lines) if asked.lines else {}
    if asked.amount is not None:
        amount = parse_amount(asked.amount, order.currency)
        if amount <= 0:
            raise BadInput("bad_amount", f"{asked.amount!r} is not more than nothing", value=asked.amount)
        credits.check_refundable(tx, books, amount)
        worth = books.left.of_amount(amount)
    else:
        worth = books.units(units) + (books.carriage() if asked.shipping else Worth())
        worth = worth.within(books.left)
        credits.check_refundable(tx, books, worth.total)
    returned = returns.take_back(tx, order, books.lines, units, reason=why) if asked.restock else None
    kind = "return" if returned else "refund"
    credits.credit(tx, books, kind, worth, reason=why, units=units, return_id=returned, key=key)


def _units(tx: UnitOfWork, order: Row, books: credits.Account, lines: Units) -> dict[str, int]:
    """Of the units that were shipped, and neither returned nor refunded yet; those on their way back have a return for that."""
    coming = returns.coming(tx, order.id)

    def there(line: Row) -> int:
        gone = max(line.returned + coming.get(line.id, 0), books.credited.get(line.id, 0) - line.cancelled)
        return int(line.shipped - gone)

    return in_lines(order, books.lines, lines, there, "that were shipped and are not returned or refunded")
