"""Tax and shipping rates: dated tables, by country and region. The only writer of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa

from shopctl.core import outbox
from shopctl.core.db.tables import shipping_rates, tax_rates
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import money
from shopctl.core.domain.pricing import MILLION, ShippingRate, TaxRate
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries import rates as rates_read
from shopctl.core.queries.rates import ShippingRateRow, TaxRateRow
from shopctl.core.settings import country_code
from shopctl.core.shop import Shop


@dataclass(frozen=True, slots=True)
class Dates:
    """When a rate holds: from (inclusive) to (exclusive; None: until further notice)."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which baskets a shipping rate fits, as decimal strings and grams; None: no bound."""

    min_weight_grams: int | None = None
    max_weight_grams: int | None = None
    min_total: str | None = None
    max_total: str | None = None
    free_above: str | None = None


# --- steps ---------------------------------------------------------------------------------------------------------
def tax_rates_for(tx: UnitOfWork, country: str, region: str, *, at: datetime | None = None) -> list[TaxRate]:
    """The tax rates that hold in a place now, or held there at another time."""
    c = tax_rates.c
    columns = (c.name, c.country, c.region, c.parts_per_million, c.included, c.on_shipping)
    return [TaxRate(*row) for row in tx.rows(sa.select(*columns).where(*_in_force(c, country, region, at or tx.now)))]


def shipping_rates_for(
    tx: UnitOfWork, country: str, region: str, *, at: datetime | None = None
) -> list[ShippingRate] | None:
    """The shipping rates that hold in a place now, or held there at another time; None when the shop has no shipping
    rates at all (then it is free).
    """
    c = shipping_rates.c
    columns = (c.name, c.country, c.region, c.amount, c.min_weight_grams, c.max_weight_grams)
    rows = tx.rows(
        sa.select(*columns, c.min_total, c.max_total, c.free_above).where(*_in_force(c, country, region, at or tx.now))
    )
    if rows:
        return [ShippingRate(*row) for row in rows]
    return [] if tx.row(sa.select(c.id).limit(1)) else None


def _in_force(c: Any, country: str, region: str, at: datetime) -> tuple[Any, ...]:
    return (
        c.country.in_(("", country)),
        c.region.in_(("", region.upper())),
        c.valid_from <= at,
        sa.or_(c.valid_to.is_(None), c.valid_to > at),
    )


# --- use cases -----------------------------------------------------------------------------------------------------
def add_tax(
    shop: Shop,
    *,
    name: str,
    country: str,
    region: str,
    percent: str,
    included: bool,
    on_shipping: bool,
    dates: Dates,
) -> TaxRateRow:
    """Add a tax rate, in percent as a decimal string with up to four decimals ("8.875")."""
    rate = {**_place(name, country, region), "parts_per_million": _parts(percent)}
    rate |= {"included": included, "on_shipping": on_shipping}
    return rates_read.tax(_add(shop, "store.tax.add", tax_rates, rate, dates))


def add_shipping(
    shop: Shop, *, name: str, country: str, region: str, amount: str, bounds: Bounds, dates: Dates
) -> ShippingRateRow:
    """Add a shipping rate; amounts are decimal strings in the shop's currency."""
    currency = shop.facts.currency

    def optional(value: str | None) -> int | None:
        return None if value is None else _not_negative(value, currency)

    rate: dict[str, Any] = {
        **_place(name, country, region),
        "amount": _not_negative(amount, currency),
        "currency": currency,
        "min_weight_grams": bounds.min_weight_grams or 0,
        "max_weight_grams": bounds.max_weight_grams,
        "min_total": optional(bounds.min_total) or 0,
        "max_total": optional(bounds.max_total),
        "free_above": optional(bounds.free_above),
    }
    for low, high in (("min_weight_grams", "max_weight_grams"), ("min_total", "max_total")):
        if rate[low] < 0 or (rate[high] is not None and rate[high] <= rate[low]):
            raise BadInput("bad_bounds", f"{high} must be greater than {low}, and neither below 0")
    return rates_read.shipment(_add(shop, "store.shipping.add", shipping_rates, rate, dates))


def _add(shop: Shop, action: str, table: sa.Table, rate: Mapping[str, Any], dates: Dates) -> dict[str, Any]:
    with shop.work(action, rate["name"]) as tx:
        start = dates.start or tx.now
        if dates.end is not None and dates.end <= start:
            raise BadInput("bad_dates", "A rate must end after it starts")
        _refuse_twin(tx, table, rate, start, dates.end)
        row = {**rate, "id": new_id(), "valid_from": start, "valid_to": dates.end, "created_at": tx.now}
        tx.insert(table, [row])
        place = {field: rate[field] for field in ("name", "country", "region")}
        outbox.add(tx, "rates.changed", row["id"], table=table.name, **place)
        tx.commit()
    return row


def _refuse_twin(
    tx: UnitOfWork, table: sa.Table, rate: Mapping[str, Any], start: datetime, end: datetime | None
) -> None:
    """Two rates of one name for one place at one time would leave it to chance which of them holds."""
    c = table.c
    bounds = ("name", "country", "region", "min_weight_grams", "max_weight_grams", "min_total", "max_total")
    same = [c[field].is_not_distinct_from(rate[field]) for field in bounds if field in c]
    before_its_end = sa.or_(c.valid_to.is_(None), c.valid_to > start)
    twin = tx.row(sa.select(c.valid_from).where(*same, before_its_end, *([] if end is None else [c.valid_from < end])))
    if twin:
        raise Refused(
            "rate_exists",
            f"There is a rate {rate['name']!r} for that place from {twin.valid_from:%Y-%m-%d} already",
            hint="Let one end (--to) before the other begins (--from).",
        )


def _place(name: str, country: str, region: str) -> dict[str, str]:
    if not name.strip():
        raise BadInput("bad_rate", "A rate needs a name")
    if region and not country:
        raise BadInput("bad_rate", "A region needs its country")
    return {
        "name": name.strip(),
        "country": country_code(country) if country else "",
        "region": region.strip().upper(),
    }


def _parts(percent: str) -> int:
    try:
        parts = Decimal(percent.strip()) * (MILLION // 100)
    except InvalidOperation:
        parts = Decimal("NaN")
    if not parts.is_finite() or parts != parts.to_integral_value() or not 0 <= parts <= MILLION:
        raise BadInput(
            "bad_rate",
            f"{percent!r} is not a percentage from 0 to 100 with up to four decimals",
            value=percent,
        )
    return int(parts)


def _not_negative(value: str, currency: str) -> int:
    amount = money.parse_amount(value, currency)
    if amount < 0:
        raise BadInput("bad_amount", f"{value!r} is negative", value=value)
    return amount
