"""Tax and shipping rates: dated tables, by country and region. The only writer of both.

A rate is said in the words that lists print it in, as text or JSON values; what is not said keeps its value, or takes its
default when the rate is new. Orders keep what they were charged, so a rate may change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa

from shopctl.core import outbox
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import MAX_QUANTITY, shipping_rates, tax_rates
from shopctl.core.db.types import Flag, new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import money
from shopctl.core.domain.facts import Facts
from shopctl.core.domain.pricing import MILLION, ShippingRate, TaxRate
from shopctl.core.domain.times import moment
from shopctl.core.errors import BadInput, NotFound, Refused
from shopctl.core.queries import rates as rates_read
from shopctl.core.queries.rates import ShippingRateRow, TaxRateRow
from shopctl.core.settings import country_code
from shopctl.core.shop import Shop, retried

Said: TypeAlias = Mapping[str, Any]
Parser: TypeAlias = Callable[[Any, Facts], Any]
Rate = TypeVar("Rate", TaxRate, ShippingRate)


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two tables. `parsers` take what was said of a field, `columns` are fields that the table calls otherwise."""

    name: str
    table: sa.Table
    parsers: Mapping[str, Parser]
    needed: str
    columns: Mapping[str, str]
    shown: Callable[[Mapping[str, Any]], TaxRateRow | ShippingRateRow]


# --- steps ---------------------------------------------------------------------------------------------------------
def rates_for(
    tx: UnitOfWork, country: str, region: str, *, at: datetime | None = None
) -> tuple[list[TaxRate], list[ShippingRate] | None]:
    """The tax and the shipping rates that hold in a place now, or held there at another time. None instead of shipping
    rates when the shop has none at all (then it is free).
    """
    place = {"country": country, "region": region.upper(), "at": at or tx.now}
    taxes, shipping = [], []
    for kind, name, where, part, *rest in tx.rows(_IN_FORCE, place):
        if kind == TAX.name:
            amount, included, on_shipping, *_ = rest
            taxes.append(TaxRate(name, where, part, amount, included, on_shipping))
        else:
            amount, _, _, *bounds = rest
            shipping.append(ShippingRate(name, where, part, amount, *bounds))
    if not shipping and tx.row(_ANY_SHIPPING) is None:
        return _ordered(taxes), None
    return _ordered(taxes), _ordered(shipping)


def _ordered(rates: list[Rate]) -> list[Rate]:
    """The wider place first, as the rates stand on an order; a store gives them in no order."""
    return sorted(rates, key=lambda rate: (rate.country, rate.region, rate.name, repr(rate)))


def _in_force() -> sa.CompoundSelect[Any]:
    """Both tables at once: a checkout asks for both, and each question is a round trip."""
    t, s, no, none = tax_rates.c, shipping_rates.c, sa.literal(False, Flag()), sa.null()
    at = sa.bindparam("at", type_=t.valid_from.type)

    def here(table: sa.Table) -> tuple[Any, ...]:
        c = table.c
        of_place = (c.country.in_(("", sa.bindparam("country"))), c.region.in_(("", sa.bindparam("region"))))
        return (*of_place, *rates_read.holding(table, at))

    taxes = (sa.literal("tax"), t.name, t.country, t.region, t.parts_per_million, t.included, t.on_shipping)
    shipping = (sa.literal("shipping"), s.name, s.country, s.region, s.amount, no, no)
    bounds = (s.min_weight_grams, s.max_weight_grams, s.min_total, s.max_total, s.free_above)
    return sa.union_all(
        sa.select(*taxes, *(none for _ in bounds)).where(*here(tax_rates)),
        sa.select(*shipping, *bounds).where(*here(shipping_rates)),
    )


_IN_FORCE = _in_force()
_ANY_SHIPPING = sa.select(shipping_rates.c.id).limit(1)


# --- use cases -----------------------------------------------------------------------------------------------------
@retried
def add(shop: Shop, kind: Kind, said: Said) -> TaxRateRow | ShippingRateRow:
    """Add a rate; Refused(rate_exists) when one of its name holds there at the same time."""
    with shop.work(f"store.{kind.name}.add", str(said.get("name"))) as tx:
        row = _new(tx, kind, said)
        _refuse_twin(tx, kind, row)
        tx.insert(kind.table, [row])
        _changed(tx, kind, row)
        tx.commit()
    return kind.shown(row)


@retried
def edit(shop: Shop, kind: Kind, *, rate_id: str, said: Said) -> TaxRateRow | ShippingRateRow:
    """Change fields of a rate."""
    if not said:
        raise BadInput("nothing_to_change", "Name at least one field to change")
    with shop.work(f"store.{kind.name}.edit", rate_id) as tx:
        changed = _checked({**_by_id(tx, kind, rate_id)._asdict(), **_parsed(kind, said, tx.facts)})
        _refuse_twin(tx, kind, changed)
        tx.execute(sa.update(kind.table).where(kind.table.c.id == rate_id).values(**changed))
        _changed(tx, kind, changed)
        tx.commit()
    return kind.shown(changed)


@retried
def remove(shop: Shop, kind: Kind, *, rate_id: str) -> TaxRateRow | ShippingRateRow:
    """Take a rate away, its past too; the rate that it was. To end one, edit its `valid_to`."""
    with shop.work(f"store.{kind.name}.remove", rate_id) as tx:
        row = _by_id(tx, kind, rate_id)
        tx.execute(sa.delete(kind.table).where(kind.table.c.id == rate_id))
        _changed(tx, kind, row._asdict())
        tx.commit()
    return kind.shown(row._asdict())


def _changed(tx: UnitOfWork, kind: Kind, row: Mapping[str, Any]) -> None:
    place = {field: row[field] for field in ("name", "country", "region")}
    outbox.add(tx, "rates.changed", row["id"], table=kind.table.name, **place)


def is_there(shop: Shop, kind: Kind, said: Said) -> bool:
    """Whether just this rate exists: an import of it would change nothing."""
    with shop.read() as tx:
        row = _new(tx, kind, said)
        c = kind.table.c
        same = [c[name].is_not_distinct_from(value) for name, value in row.items() if name not in _OWN]
        return "valid_from" in said and tx.row(sa.select(c.id).where(*same)) is not None


_OWN = ("id", "created_at")


# --- what is said of a rate ------------------------------------------------------------------------------------------
def _new(tx: UnitOfWork, kind: Kind, said: Said) -> dict[str, Any]:
    blank = {name: None for name in kind.parsers if name not in ("name", kind.needed)}
    row = _parsed(kind, {"name": "", kind.needed: "", **blank, **said}, tx.facts)
    row["valid_from"] = row["valid_from"] or tx.now
    if "currency" in kind.table.c:
        row["currency"] = tx.facts.currency
    return _checked({**row, "id": new_id(), "created_at": tx.now})


def _parsed(kind: Kind, said: Said, facts: Facts) -> dict[str, Any]:
    row = {}
    for name, value in said.items():
        if name not in kind.parsers:
            raise BadInput(
                "unknown_field", f"A {kind.name} rate has no {name!r}", hint=f"Fields: {', '.join(kind.parsers)}."
            )
        row[kind.columns.get(name, name)] = kind.parsers[name](value, facts)
    return row


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    """The row as a whole, once each field is right."""
    if row["region"] and not row["country"]:
        raise BadInput("bad_rate", "A region needs its country")
    if row["valid_to"] is not None and row["valid_to"] <= row["valid_from"]:
        raise BadInput("bad_dates", "A rate must end after it starts")
    for low, high in (("min_weight_grams", "max_weight_grams"), ("min_total", "max_total")):
        if row.get(high) is not None and row[high] <= row[low]:
            raise BadInput("bad_bounds", f"{high} must be greater than {low}, and neither below 0")
    return row


def _refuse_twin(tx: UnitOfWork, kind: Kind, row: Mapping[str, Any]) -> None:
    """Two rates of one name for one place at one time would leave it to chance which of them holds."""
    stores.one_at_a_time(tx.connection, kind.table.name)
    c = kind.table.c
    bounds = ("name", "country", "region", "min_weight_grams", "max_weight_grams", "min_total", "max_total")
    same = [c[field].is_not_distinct_from(row[field]) for field in bounds if field in c]
    overlaps = [sa.or_(c.valid_to.is_(None), c.valid_to > row["valid_from"]), c.id != row["id"]]
    if row["valid_to"] is not None:
        overlaps.append(c.valid_from < row["valid_to"])
    twin = tx.row(sa.select(c.valid_from).where(*same, *overlaps))
    if twin:
        raise Refused(
            "rate_exists",
            f"There is a rate {row['name']!r} for that place from {twin.valid_from:%Y-%m-%d} already",
            hint="Let one end (--to) before the other begins (--from).",
        )


def _by_id(tx: UnitOfWork, kind: Kind, rate_id: str) -> Row:
    row = tx.row(sa.select(kind.table).where(kind.table.c.id == rate_id))
    if row is None:
        raise NotFound(
            "unknown_rate",
            f"There is no {kind.name} rate {rate_id!r}",
            hint=f"See shopctl store {kind.name} list --fields id,name,country.",
            id=rate_id,
        )
    return row


# --- one field -------------------------------------------------------------------------------------------------------
def _name(value: object, _: Facts) -> str:
    name = str(value or "").strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise BadInput("bad_rate", "A rate needs a name of at most 200 visible characters")
    return name


def _country(value: object, _: Facts) -> str:
    return country_code(str(value)) if value else ""


def _region(value: object, _: Facts) -> str:
    return str(value or "").strip().upper()


def _parts(value: object, _: Facts) -> int:
    """A percentage in parts per million."""
    try:
        parts = Decimal(str(value).strip()) * (MILLION // 100)
    except InvalidOperation:
        parts = Decimal("NaN")
    if not parts.is_finite() or parts != parts.to_integral_value() or not 0 <= parts <= MILLION:
        raise BadInput("bad_rate", f"{value!r} is not a percentage from 0 to 100 with up to four decimals", value=value)
    return int(parts)


def _included(value: object, facts: Facts) -> bool:
    return facts.prices_include_tax if value is None or value == "" else _flag(value, facts)


def _flag(value: object, _: Facts) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False, "none": False}
    word = str(value).strip().lower()
    if word not in words:
        raise BadInput("bad_rate", f"{value!r} is neither true nor false", value=value)
    return words[word]


def _amount(value: object, facts: Facts) -> int:
    amount = money.parse_amount(str(value), facts.currency)
    if amount < 0:
        raise BadInput("bad_amount", f"{value!r} is negative", value=value)
    return amount


def _no_amount(value: object, facts: Facts) -> int | None:
    return None if value is None or value == "" else _amount(value, facts)


def _no_grams(value: object, _: Facts) -> int | None:
    if value is None or value == "":
        return None
    text = str(value).strip()
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > MAX_QUANTITY:
        raise BadInput("bad_number", f"A weight is a whole number of grams, not {value!r}", value=value)
    return int(text)


def _when(value: object, facts: Facts) -> datetime | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, datetime) else moment(str(value), facts.timezone)


_EVERYWHERE: Mapping[str, Parser] = {"name": _name, "country": _country, "region": _region}
_ALWAYS: Mapping[str, Parser] = {"valid_from": _when, "valid_to": _when}

TAX = Kind(
    "tax",
    tax_rates,
    {**_EVERYWHERE, "percent": _parts, "included": _included, "on_shipping": _flag, **_ALWAYS},
    "percent",
    {"percent": "parts_per_million"},
    rates_read.tax,
)
SHIPPING = Kind(
    "shipping",
    shipping_rates,
    {
        **_EVERYWHERE,
        "amount": _amount,
        "min_weight_grams": lambda value, facts: _no_grams(value, facts) or 0,
        "max_weight_grams": _no_grams,
        "min_total": lambda value, facts: _no_amount(value, facts) or 0,
        "max_total": _no_amount,
        "free_above": _no_amount,
        **_ALWAYS,
    },
    "amount",
    {},
    rates_read.shipment,
)
