"""The terms of a sale: which SKUs, how many of each, at which price, for whom, from when to when; changed also while it is open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core import outbox, stock
from shopctl.core.db.tables import MAX_QUANTITY, sale_items, sales
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import money
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries import sales as reads
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.sales import Sale
from shopctl.core.shop import Shop, retried

s, i = sales.c, sale_items.c
MOST_AT_A_TIME = 10_000
LONGEST_HOLD = 86_400


@dataclass(frozen=True, slots=True)
class Item:
    """A SKU, how many units of it, and the price of one as a decimal string (None: what it costs anyway)."""

    sku: str
    allotment: int
    price: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be said of a sale. None: as it is, or as it is by default; a rate of 0 is no limit."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    per_customer: int | None = None
    batch: int | None = None
    rate: int | None = None
    hold_seconds: int | None = None

    def said(self) -> dict[str, Any]:
        """What was said, by column."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


_DEFAULTS: Mapping[str, Any] = {"per_customer": 1, "batch": 500, "hold_seconds": 300}
_RANGES = {
    "per_customer": (1, MAX_QUANTITY, "a limit per customer"),
    "batch": (1, MOST_AT_A_TIME, "a batch"),
    "rate": (1, MAX_QUANTITY, "a rate a minute"),
    "hold_seconds": (1, LONGEST_HOLD, "a hold in seconds"),
}


@retried
def create(shop: Shop, *, name: str, items: Sequence[Item], terms: Terms | None = None) -> Sale:
    """A sale that is to be opened. Errors: bad_sale, duplicate_sale, unknown_sku, not_tracked."""
    known = _name(name)
    said = {**_DEFAULTS, **_checked(terms or Terms())}
    if not items:
        raise BadInput("bad_sale", "A sale needs at least one SKU", hint="--item SKU=UNITS[@PRICE]")
    with shop.work("sales.create", known) as tx:
        if tx.row(sa.select(s.id).where(s.name == known)):
            raise Refused("duplicate_sale", f"There is a sale {known!r} already", name=known)
        new = new_id()
        same = {"id": new, "name": known, "status": "scheduled", "created_at": tx.now, "updated_at": tx.now}
        _in_order(said.get("starts_at"), said.get("ends_at"))
        _to_come(said.get("ends_at"), tx.now)
        tx.insert(sales, [{**same, "starts_at": None, "ends_at": None, "rate": None, **said}])
        tx.insert(sale_items, [_row(tx, new, item) for item in _each_once(items)])
        outbox.add(tx, "sale.created", new, name=known)
        shown = reads.get(tx, known)
        tx.commit()
    return shown


@retried
def edit(
    shop: Shop,
    *,
    name: str,
    terms: Terms,
    more: Mapping[str, int] | None = None,
    prices: Mapping[str, str] | None = None,
) -> Sale:
    """Change a sale that has not ended, also while it is open: `more` units of its SKUs are set aside at once where it is,
    and `prices` (decimal strings) hold for the turns that come.

    Errors: bad_sale, invalid_state, nothing_to_change, insufficient_stock, not_in_sale.
    """
    said = _checked(terms)
    if not said and not more and not prices:
        raise BadInput("nothing_to_change", "Say what is to change")
    with shop.work("sales.edit", name) as tx:
        sale = locked(tx, name)
        if sale.status in ("closed", "cancelled"):
            raise Refused("invalid_state", f"Sale {sale.name} is {sale.status}", name=sale.name)
        if "starts_at" in said and sale.status != "scheduled":
            raise Refused("invalid_state", f"Sale {sale.name} has begun already", name=sale.name)
        _in_order(said.get("starts_at", sale.starts_at), said.get("ends_at", sale.ends_at))
        _to_come(said.get("ends_at"), tx.now)
        if said:
            tx.execute(sa.update(sales).where(s.id == sale.id).values(**said, problem=None, updated_at=tx.now))
        for sku, units in sorted((more or {}).items()):
            _add(tx, sale, sku, units)
        for sku, price in sorted((prices or {}).items()):
            _change(tx, sale, sku, price=_price(tx, price))
        outbox.add(tx, "sale.changed", sale.id, name=sale.name)
        shown = reads.get(tx, sale.name)
        tx.commit()
    return shown


# --- steps ---------------------------------------------------------------------------------------------------------
def locked(tx: UnitOfWork, name: str) -> Row:
    """The row of a sale, ours until the transaction ends; the time is that at which we have it, so that tickets and turns have
    times in the order of their numbers."""
    sale = reads.row_by_name(tx, name)
    tx.target = sale.name
    row = tx.rows(sa.select(sales).where(s.id == sale.id).with_for_update())[0]
    tx.look_at_the_clock()
    return row


def items_of(tx: UnitOfWork, sale_id: str) -> Sequence[Row]:
    return tx.rows(sa.select(sale_items).where(i.sale_id == sale_id).order_by(i.sku))


def reference(sale: Row) -> str:
    """What the ledger calls it."""
    return f"sale {sale.name}"


# --- how it works --------------------------------------------------------------------------------------------------
def _name(name: str) -> str:
    known = name.strip().lower()
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", known):
        raise BadInput("bad_sale", f"The name of a sale has 1 to 64 letters, digits and hyphens, unlike {name!r}")
    return known


def _checked(terms: Terms) -> dict[str, Any]:
    said = terms.said()
    if said.get("rate") == 0:
        return {**_checked(replace(terms, rate=None)), "rate": None}
    for field, (least, most, what) in _RANGES.items():
        if field in said and not least <= said[field] <= most:
            raise BadInput("bad_sale", f"{what[0].upper()}{what[1:]} is {least} to {most}, not {said[field]}")
    return said


def _in_order(starts: datetime | None, ends: datetime | None) -> None:
    if starts and ends and starts >= ends:
        raise BadInput("bad_sale", "A sale starts before it ends")


def _to_come(ends: datetime | None, now: datetime) -> None:
    if ends is not None and ends <= now:
        raise BadInput("bad_sale", "A sale ends at a time that is to come", hint="`sales close` ends one now.")


def _each_once(items: Sequence[Item]) -> Sequence[Item]:
    skus = [item.sku for item in items]
    if twice := next((sku for sku in skus if skus.count(sku) > 1), None):
        raise BadInput("bad_sale", f"{twice} is named twice", sku=twice)
    return items


def _row(tx: UnitOfWork, sale_id: str, item: Item) -> dict[str, Any]:
    variant = find_variant(tx, item.sku)
    if not variant.tracked:
        raise Refused("not_tracked", f"The stock of {variant.sku} is not tracked: there is nothing to set aside")
    if not 1 <= item.allotment <= MAX_QUANTITY:
        raise BadInput("bad_sale", f"An allotment is 1 to {MAX_QUANTITY} units, not {item.allotment}")
    price = variant.price if item.price is None else _price(tx, item.price)
    same = {"sale_id": sale_id, "sku": variant.sku, "allotment": item.allotment, "tail": 0, "head": 0}
    return {**same, "price": price}


def _price(tx: UnitOfWork, said: str) -> int:
    price = money.parse_amount(said, tx.facts.currency)
    if price < 0:
        raise BadInput("bad_amount", f"{said!r} is negative", value=said)
    return price


def _add(tx: UnitOfWork, sale: Row, sku: str, units: int) -> None:
    if not 1 <= units <= MAX_QUANTITY:
        raise BadInput("bad_sale", f"More units are 1 to {MAX_QUANTITY}, not {units}")
    _change(tx, sale, sku, allotment=i.allotment + units)
    if sale.status in ("open", "paused"):
        stock.set_aside(tx, sku, units, reference=reference(sale))


def _change(tx: UnitOfWork, sale: Row, sku: str, **values: Any) -> None:
    changed = sa.update(sale_items).where(i.sale_id == sale.id, i.sku == sku)
    if tx.execute(changed.values(**values)).rowcount != 1:
        raise Refused("not_in_sale", f"{sku} is not in sale {sale.name}", sku=sku)
