"""Reads for the warehouse: what orders still owe, what to fetch for them, and what lies in each parcel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa

from shopctl.core.db.tables import order_allocations, order_lines, orders, shipment_lines, shipments
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import Refused
from shopctl.core.queries.orders import LINES, row_by_number
from shopctl.core.queries.warehouses import known_warehouse

CHUNK = 500
a, line = order_allocations.c, order_lines.c
_OF_ORDERS: sa.BindParameter[Sequence[str]] = sa.bindparam("ids", expanding=True)
_UNITS = (
    sa.select(a.order_line_id, a.warehouse, sa.func.sum(a.quantity - a.shipped - a.cancelled).label("units"))
    .where(a.order_id.in_(_OF_ORDERS), a.quantity > a.shipped + a.cancelled)
    .group_by(a.order_line_id, a.warehouse)
)
_LINES = LINES.where(line.order_id.in_(_OF_ORDERS)).order_by(line.order_id, line.position)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the units to fetch are for which order."""

    number: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Pick:
    """What to fetch from one warehouse, for all orders together."""

    warehouse: str | None
    sku: str
    product_name: str
    options: Mapping[str, str]
    quantity: int
    orders: Sequence[Share]


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a packing slip; without a price, for the parcel may be a present."""

    sku: str
    product_name: str
    options: Mapping[str, str]
    quantity: int


@dataclass(frozen=True, slots=True)
class Slip:
    """The packing slip of one parcel of an order: sent already (`shipped_at`), or to be packed."""

    number: str
    parcel: int
    parcels: int
    warehouse: str | None
    tracking: str | None
    shipping_method: str | None
    shipping_address: Mapping[str, str]
    placed_at: datetime
    shipped_at: datetime | None
    lines: Sequence[Item]


def owed(
    tx: UnitOfWork, order_ids: Sequence[str], *, warehouse: str | None = None
) -> dict[str, dict[str | None, list[tuple[Row, int]]]]:
    """What orders that wait to be shipped owe: by order and warehouse, lines with their units.

    Lines whose stock is not counted have no warehouse; they travel with the order's first parcel, or that of `warehouse`.
    """
    parcels: dict[str, dict[str | None, list[tuple[Row, int]]]] = {}
    for i in range(0, len(order_ids), CHUNK):
        chosen = {"ids": order_ids[i : i + CHUNK]}
        units: dict[str, dict[str | None, int]] = {}
        for row in tx.rows(_UNITS, chosen):
            units.setdefault(row.order_line_id, {})[row.warehouse] = int(row.units)
        for order_id, lines in groupby(tx.rows(_LINES, chosen), key=lambda row: str(row.order_id)):
            mine = list(lines)
            places = {warehouse for row in mine for warehouse in units.get(row.id, ())}
            first = warehouse or min((place for place in places if place is not None), default=None)
            of_order = parcels.setdefault(order_id, {})
            for row in mine:
                uncounted = row.quantity - row.cancelled - row.shipped
                shares = units.get(row.id, {}) if row.tracked else {first: uncounted} if uncounted else {}
                for place, count in shares.items():
                    of_order.setdefault(place, []).append((row, count))
    return parcels


def picklist(tx: UnitOfWork, *, numbers: Sequence[str] | None = None, warehouse: str | None = None) -> list[Pick]:
    """What to fetch for these confirmed orders (None: all of them), by warehouse and SKU; of one warehouse or of all.

    Errors: unknown_order, unknown_warehouse; invalid_state when a named order has nothing to be fetched.
    """
    if warehouse is not None:
        known_warehouse(tx, warehouse)
    names = {row.id: str(row.number) for row in _waiting(tx, numbers)}
    found: dict[tuple[str, str], tuple[Row, dict[str, int]]] = {}
    for order_id, parcels in owed(tx, list(names)).items():
        for place, contents in parcels.items():
            for row, count in contents:
                if row.requires_shipping and warehouse in (None, place):
                    _, units = found.setdefault((place or "", row.sku), (row, {}))
                    units[names[order_id]] = units.get(names[order_id], 0) + count
    return [
        Pick(
            place or None,
            sku,
            row.product_name,
            row.options,
            sum(units.values()),
            [Share(number, units[number]) for number in sorted(units, key=int)],
        )
        for (place, sku), (row, units) in sorted(found.items(), key=lambda item: item[0])
    ]


def slips(tx: UnitOfWork, number: str) -> list[Slip]:
    """The packing slips of an order, one a parcel: as it was sent, or as it is to be packed."""
    order = row_by_number(tx, number)
    if order.status in ("pending", "cancelled"):
        raise _nothing_to_pack(order)
    parcels = [*_sent(tx, order), *(_to_pack(tx, order) if order.status == "confirmed" else ())]
    return [
        Slip(
            number=str(order.number),
            parcel=i,
            parcels=len(parcels),
            warehouse=sent.warehouse if sent else warehouse,
            tracking=sent.tracking if sent else None,
            shipping_method=order.shipping_method,
            shipping_address=order.shipping_address,
            placed_at=order.created_at,
            shipped_at=sent.shipped_at if sent else None,
            lines=items,
        )
        for i, (warehouse, sent, items) in enumerate(parcels, 1)
    ]


# --- how it works --------------------------------------------------------------------------------------------------
def _waiting(tx: UnitOfWork, numbers: Sequence[str] | None) -> list[Row]:
    """Confirmed orders; those named must be."""
    if numbers is None:
        columns = (orders.c.id, orders.c.number, orders.c.status)
        return list(tx.rows(sa.select(*columns).where(orders.c.status == "confirmed").order_by(orders.c.number)))
    rows = [row_by_number(tx, number) for number in numbers]
    for row in rows:
        if row.status != "confirmed":
            raise _nothing_to_pack(row)
    return rows


def _nothing_to_pack(order: Row) -> Refused:
    return Refused(
        "invalid_state",
        f"Order {order.number} is {order.status}: there is nothing to pack",
        number=str(order.number),
        status=order.status,
    )


_Parcel = tuple[str | None, Row | None, list[Item]]


def _to_pack(tx: UnitOfWork, order: Row) -> Iterator[_Parcel]:
    for warehouse, contents in sorted(owed(tx, [order.id])[order.id].items(), key=lambda parcel: parcel[0] or ""):
        if items := [_item(row, count) for row, count in contents if row.requires_shipping]:
            yield warehouse, None, items


def _sent(tx: UnitOfWork, order: Row) -> Iterator[_Parcel]:
    contents = (
        sa.select(shipment_lines.c.shipment_id, shipment_lines.c.quantity.label("units"), order_lines)
        .join(order_lines, line.id == shipment_lines.c.order_line_id)
        .where(line.order_id == order.id, line.requires_shipping)
        .order_by(line.position)
    )
    lines = tx.rows(contents)
    for sent in tx.rows(sa.select(shipments).where(shipments.c.order_id == order.id).order_by(shipments.c.id)):
        if items := [_item(row, row.units) for row in lines if row.shipment_id == sent.id]:
            yield sent.warehouse, sent, items


def _item(row: Row, quantity: int) -> Item:
    return Item(row.sku, row.product_name, row.options, quantity)
