"""Reads of the rate tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db.tables import shipping_rates, tax_rates
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import Money


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


def taxes(tx: UnitOfWork) -> list[TaxRateRow]:
    return [
        TaxRateRow(
            row.id,
            row.name,
            row.country,
            row.region,
            f"{row.parts_per_million / 10_000:.4f}".rstrip("0").rstrip("."),
            row.included,
            row.on_shipping,
            row.valid_from,
            row.valid_to,
        )
        for row in _all(tx, tax_rates)
    ]


def shipping(tx: UnitOfWork) -> list[ShippingRateRow]:
    def money(row: Row, name: str) -> Money | None:
        amount = row._mapping[name]
        return None if amount is None else Money(amount, row.currency)

    return [
        ShippingRateRow(
            row.id,
            row.name,
            row.country,
            row.region,
            Money(row.amount, row.currency),
            row.currency,
            row.min_weight_grams,
            row.max_weight_grams,
            Money(row.min_total, row.currency),
            money(row, "max_total"),
            money(row, "free_above"),
            row.valid_from,
            row.valid_to,
        )
        for row in _all(tx, shipping_rates)
    ]


def _all(tx: UnitOfWork, table: sa.Table) -> list[Row]:
    c = table.c
    return list(tx.rows(sa.select(table).order_by(c.country, c.region, c.name, c.valid_from, c.id)))
