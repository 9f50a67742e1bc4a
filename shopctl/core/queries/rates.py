"""Reads of the rate tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import shipping_rates, tax_rates
from shopctl.core.domain.money import Money
from shopctl.core.queries.listing import Listing


@dataclass(frozen=True, slots=True)
class TaxRateRow:
    """`percent` as a decimal string; an empty country or region means everywhere there."""

    id: str
    name: str
    country: str
    region: str
    percent: str
    included: bool
    on_shipping: bool
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class ShippingRateRow:
    id: str
    name: str
    country: str
    region: str
    amount: Money
    currency: str
    min_weight_grams: int
    max_weight_grams: int | None
    min_total: Money
    max_total: Money | None
    free_above: Money | None
    valid_from: datetime
    valid_to: datetime | None


def holding(table: sa.Table, moment: datetime | sa.ColumnElement[datetime]) -> list[sa.ColumnElement[bool]]:
    """Conditions for the rates that hold at a moment."""
    c = table.c
    return [c.valid_from <= moment, sa.or_(c.valid_to.is_(None), c.valid_to > moment)]


def tax(row: Mapping[str, Any]) -> TaxRateRow:
    """A row of the table as people read it."""
    shown = {name: row[name] for name in TaxRateRow.__slots__ if name != "percent"}
    return TaxRateRow(**shown, percent=percent(row["parts_per_million"]))


def shipment(row: Mapping[str, Any]) -> ShippingRateRow:
    """A row of the table as people read it."""
    amounts = ("amount", "min_total", "max_total", "free_above")
    shown = {name: row[name] for name in ShippingRateRow.__slots__ if name not in amounts}
    for name in amounts:
        shown[name] = None if row[name] is None else Money(row[name], row["currency"])
    return ShippingRateRow(**shown)


def percent(parts_per_million: int) -> str:
    """A rate as people write it: 88750 → "8.875"."""
    return f"{parts_per_million / 10_000:.4f}".rstrip("0").rstrip(".")


_PLACE = ("country", "region", "name", "valid_from", "id")


def _order(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    return [table.c[name] for name in _PLACE]


TAXES: Listing[TaxRateRow] = Listing(
    sa.select(tax_rates),
    {name: tax_rates.c[name] for name in TaxRateRow.__slots__ if name != "percent"},
    ("name", "country"),
    _order(tax_rates),
    lambda _, rows: [tax(row._asdict()) for row in rows],
)
SHIPPING: Listing[ShippingRateRow] = Listing(
    sa.select(shipping_rates),
    {name: shipping_rates.c[name] for name in ShippingRateRow.__slots__},
    ("name", "country"),
    _order(shipping_rates),
    lambda _, rows: [shipment(row._asdict()) for row in rows],
)
