"""What an order from outside must be. The only module of orders that imports pydantic; load it when it is needed.

The models say what each field is; that the amounts add up, and that money and parcels fit the status, is said in check.py.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Required, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from shopctl.core import customers
from shopctl.core.db.tables import MAX_QUANTITY
from shopctl.core.domain import text
from shopctl.core.errors import BadInput
from shopctl.core.imports.models import Amount, Currency, Whole, reason
from shopctl.core.imports.orders.raw import OrderSource, RawOrder
from shopctl.core.imports.rows import ROW, Refusal, shown

_STRICT = ConfigDict(strict=True)
_EXTRA_LIMIT = 1_000_000
_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")
_FIRST_YEAR = 1970


def _card_free(value: str) -> str:
    return str(_said(text.refuse_card_number, value, "text"))


def _said(check: Any, *values: Any) -> Any:
    """What a check of the core gives; its error as one that pydantic tells."""
    try:
        return check(*values)
    except BadInput as error:
        raise ValueError(error.message) from None


def _moment(value: object) -> datetime:
    """A time with its offset: 2026-08-24T13:18:57Z, or as Shopify writes it, 2026-08-24 13:18:57 +0200."""
    if not isinstance(value, str):
        raise ValueError("is not a time")
    day, space, rest = value.strip().partition(" ")
    try:
        found = datetime.fromisoformat(f"{day}T{rest.replace(' ', '')}" if space else day)
        if found.tzinfo is None:
            raise ValueError
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a time with its offset, such as 2026-08-24 13:18:57 +0200") from None
    if found.year < _FIRST_YEAR:
        raise ValueError(f"is before {_FIRST_YEAR}")
    return found


def _uuid(value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise ValueError("is not an id of an order of shopctl") from None


def _sku(value: str) -> str:
    return text.sku(value.strip()) if value.strip() else ""


def _parts_per_million(value: object) -> int:
    if not isinstance(value, str) or not _PERCENT.fullmatch(value):
        raise ValueError('a percentage is a decimal string such as "8.875"')
    whole, _, fraction = value.partition(".")
    parts = int(whole) * 10_000 + int(fraction.ljust(4, "0"))
    if parts > 1_000_000:
        raise ValueError("is more than 100 percent")
    return parts


def _country(value: str) -> str:
    code = value.strip().upper()
    if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise ValueError("is not a country's code of two letters")
    return code


def _bounded(value: Any) -> Any:
    if len(json.dumps(value)) > _EXTRA_LIMIT:
        raise ValueError(f"takes more than {_EXTRA_LIMIT} characters")
    return value or None


_STORABLE = AfterValidator(text.storable)
Text: TypeAlias = Annotated[str, Field(max_length=1000), _STORABLE]
Part: TypeAlias = Annotated[
    str, Field(max_length=200), _STORABLE, AfterValidator(_card_free), AfterValidator(str.strip)
]
Moment: TypeAlias = Annotated[datetime, BeforeValidator(_moment)]
Name: TypeAlias = Annotated[str, Field(max_length=255), _STORABLE]


class Line(TypedDict, total=False):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    sku: Annotated[str, AfterValidator(_sku)]
    product_name: Text
    options: Annotated[dict[Name, Text], Field(max_length=10)]
    quantity: Annotated[Whole, Field(ge=1, le=MAX_QUANTITY)]
    cancelled: Whole
    unit_price: Amount
    total_price: Amount
    tax: Amount
    taxable: bool
    requires_shipping: bool
    weight_grams: Whole


class Tax(TypedDict, total=False):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    name: Name
    percent: Annotated[int, BeforeValidator(_parts_per_million)]
    included: bool
    amount: Amount


class Payment(TypedDict, total=False):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    state: Literal["captured", "authorized", "voided", "failed"]
    amount: Amount
    captured: Amount
    refunded: Amount
    currency: Currency
    reference: Annotated[str, Field(min_length=1, max_length=255), _STORABLE] | None
    created_at: Moment


class Sent(TypedDict, total=False):
    """Some units of a line in a parcel; `line` is its position, from 1."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    line: Annotated[int, Field(ge=1)]
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]


class Shipment(TypedDict, total=False):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    warehouse: Name | None
    tracking: Part | None
    shipped_at: Moment
    delivered_at: Moment | None
    lines: list[Sent]


class CreditedLine(TypedDict):
    """Units of a line that are not owed any more; `line` is its position, from 1."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    line: Annotated[int, Field(ge=1)]
    quantity: Annotated[int, Field(ge=0, le=MAX_QUANTITY)]
    amount: Amount
    tax: Amount


class CreditedTax(TypedDict, total=False):
    """How much of it is which of the order's taxes."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    name: Required[Name]
    percent: Annotated[int, BeforeValidator(_parts_per_million)]
    included: bool
    amount: Required[Amount]


class Credit(TypedDict, total=False):
    """What an order is not owed any more."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    kind: Literal["cancel", "return", "refund"]
    items: Amount
    shipping: Amount
    tax: Amount
    total: Amount
    taxes: Annotated[list[CreditedTax], Field(max_length=50)]
    reason: Annotated[str, Field(max_length=text.LONGEST_REASON), _STORABLE, AfterValidator(_card_free)]
    lines: list[CreditedLine]
    at: Moment


class Address(TypedDict, total=False):
    """Any part may be missing in an order that was placed elsewhere."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    name: Part
    line1: Part
    line2: Part
    city: Part
    region: Part
    postal_code: Part
    country: Annotated[str, AfterValidator(_country)]


class KeptCells(TypedDict):
    """A foreign format's cells that an order of ours would not have; `status` is how far the order had come."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    status: str
    rows: list[dict[Text, Annotated[str, _STORABLE]]]


class Order(TypedDict, total=False):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    id: Annotated[str, AfterValidator(_uuid)]
    number: Annotated[Name, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
    reference: Annotated[Name, AfterValidator(str.strip)]
    status: Literal["confirmed", "shipped", "delivered", "cancelled"]
    email: Annotated[str, AfterValidator(lambda value: value.strip() and _said(customers.email_address, value))]
    currency: Currency
    subtotal: Amount
    discount: Amount
    tax: Amount
    tax_included: Amount
    taxes: Annotated[list[Tax], Field(max_length=50)]
    shipping: Amount
    total: Amount
    shipping_method: Annotated[Name, AfterValidator(lambda value: value or None)]
    shipping_address: Address
    payments: Annotated[list[Payment], Field(max_length=1)]
    shipments: list[Shipment]
    credits: Annotated[list[Credit], Field(max_length=1000)]
    extra: Annotated[dict[Literal["shopify"], KeptCells], AfterValidator(_bounded)]
    created_at: Moment
    lines: Annotated[list[Line], Field(min_length=1, max_length=10_000)]


_ORDERS: TypeAdapter[Any] = TypeAdapter(Order)
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "": ("created_at",),
    "lines": ("quantity", "unit_price"),
    "taxes": ("name", "amount"),
    "shipments": ("shipped_at",),
}


def validated(raw: RawOrder, source: OrderSource, currency: str) -> tuple[dict[str, Any], list[Refusal]]:
    """The fields of an order, each as it must be: amounts in minor units, times in UTC; or what is wrong with them."""
    try:
        said: dict[str, Any] = _ORDERS.validate_python(raw.said, context=currency)
    except ValidationError as error:
        found = error.errors(include_url=False)
        # Amounts of another currency cannot be judged in the shop's.
        foreign = [p for p in found if p["loc"] == ("currency",)]
        problems = [(p["loc"], shown(p["input"]), reason(p)) for p in foreign or found]
    else:
        problems = [
            ((*loc, name), "", "is missing")
            for loc, part in _parts(said)
            for name in _NEEDED.get(_last(loc), ())
            if name not in part
        ]
    told = [Refusal(*place(raw, source, loc), value, why) for loc, value, why in problems]
    return ({}, list(dict.fromkeys(told))) if told else (said, [])


def _parts(said: dict[str, Any]) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The order and the objects in it that have fields of their own, each with where it is."""
    inner = [((name, i), part) for name in _NEEDED if name for i, part in enumerate(said.get(name, ()))]
    return [((), said), *inner]


def _last(loc: tuple[Any, ...]) -> str:
    return str(loc[0]) if loc else ""


def place(raw: RawOrder, source: OrderSource, loc: tuple[Any, ...]) -> tuple[int, str]:
    """The line and the column of a field: in the file's own words where a row has it, else as a path."""
    if loc[:1] == ("lines",) and len(loc) > 2:
        line, name = raw.line_rows[loc[1]], str(loc[2])
        return line, source.line_columns.get(name) or f"lines[{loc[1]}].{name}"
    if not loc:
        return raw.line, ROW
    inside = source.columns.get(f"{loc[0]}.{loc[-1]}")
    if inside:
        return raw.line, inside
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc[1:])
    return raw.line, source.columns.get(str(loc[0]), str(loc[0])) + path
