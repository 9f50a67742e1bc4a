"""What people change about an order that is under way: a note in its history, another address."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from shopctl.core import rates
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import pricing, text
from shopctl.core.domain.money import Money
from shopctl.core.domain.pricing import BasketLine, Totals
from shopctl.core.errors import BadInput, Refused
from shopctl.core.orders.record import lines_of, lock, remark, send_to
from shopctl.core.queries.orders import Order, get, row_by_number
from shopctl.core.shop import Shop, retried

LONGEST_NOTE = 2000


@retried
def note(shop: Shop, *, number: str, note: str) -> Order:
    """Keep a note in the order's history, whatever its status."""
    said = _checked(note)
    with shop.work("orders.note", number) as tx:
        order = lock(tx, row_by_number(tx, number).id)
        remark(tx, order, "note", "noted", said)
        shown = get(tx, order.id)
        tx.commit()
    return shown


@retried
def readdress(shop: Shop, *, number: str, address: Mapping[str, str], keep_totals: bool = False) -> Order:
    """Send a confirmed order elsewhere; the history keeps what was there before. `address` is validated.

    What was charged stays charged, so a place that would have cost other tax or shipping is refused
    (address_changes_total), unless `keep_totals` says that the shop bears the difference. The same address changes nothing.
    """
    with shop.work("orders.edit", number) as tx:
        order = lock(tx, row_by_number(tx, number).id)
        if order.status != "confirmed":
            raise _too_late(order)
        changes = _changes(order.shipping_address, address)
        if changes:
            if not keep_totals:
                _check_totals(tx, order, address)
            send_to(tx, order, address)
            remark(tx, order, "address", "address_changed", changes)
        shown = get(tx, order.id)
        tx.commit()
    return shown


# --- how it works --------------------------------------------------------------------------------------------------
def _checked(note: str) -> str:
    try:
        said = text.storable(note.strip())
    except ValueError as error:
        raise BadInput("bad_note", f"The note {error}") from None
    if not 1 <= len(said) <= LONGEST_NOTE:
        raise BadInput("bad_note", f"A note has 1 to {LONGEST_NOTE} characters", length=len(said))
    return text.refuse_card_number(said, "note")


def _too_late(order: Row) -> Refused:
    when = "yet" if order.status == "pending" else "any more"
    return Refused(
        "invalid_state",
        f"Order {order.number} is {order.status}: its address cannot be changed {when}",
        hint="An address can be changed from the confirmation to the shipping.",
        number=str(order.number),
        status=order.status,
    )


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The parts that differ, as `city: "Berlin" → "Hamburg"`: quoted as JSON, so that nothing is lost or mistaken."""
    told = []
    for name in {**before, **after}:
        old, new = (json.dumps(address.get(name) or "", ensure_ascii=False) for address in (before, after))
        if old != new:
            told.append(f"{name}: {old} → {new}")
    return "; ".join(told)


def _check_totals(tx: UnitOfWork, order: Row, address: Mapping[str, str]) -> None:
    """Refuse a place where the order would have cost other tax or shipping, by the rates of when it was placed."""
    place = _place(address)
    if place == _place(order.shipping_address):  # rates know no smaller place than a region
        return
    basket = [
        BasketLine(line.sku, line.quantity, line.unit_price, line.taxable, line.requires_shipping, line.weight_grams)
        for line in lines_of(tx, order.id)
    ]
    taxes, shipping = rates.rates_for(tx, *place, at=order.created_at)
    there = pricing.price(basket, taxes, shipping, method=order.shipping_method)
    taxed = _amounts([asdict(part) for part in there.taxes])
    if (there.shipping, taxed) != (order.shipping, _amounts(order.taxes)):
        raise _other_totals(order, there)


def _place(address: Mapping[str, str]) -> tuple[str, str]:
    return address.get("country") or "", (address.get("region") or "").upper()


def _amounts(taxes: Sequence[Mapping[str, Any]]) -> dict[tuple[object, ...], int]:
    """How much is taken of which tax; a tax of nothing is none."""
    return {(tax["name"], tax["parts_per_million"], tax["included"]): tax["amount"] for tax in taxes if tax["amount"]}


def _other_totals(order: Row, there: Totals) -> Refused:
    def money(amount: int) -> str:
        return str(Money(amount, order.currency))

    return Refused(
        "address_changes_total",
        f"Order {order.number} was charged {money(order.tax)} tax and {money(order.shipping)} shipping; "
        f"there it would be {money(there.tax)} and {money(there.shipping)} {order.currency}",
        hint="--keep-totals sends it there for what was charged; or cancel it and place it anew.",
        number=str(order.number),
        tax=money(order.tax),
        shipping=money(order.shipping),
        tax_there=money(there.tax),
        shipping_there=money(there.shipping),
        currency=order.currency,
    )
