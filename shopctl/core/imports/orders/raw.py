"""The raw form that every format of orders is read into: an order in the words of our JSONL, before anybody has checked it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shopctl.core.imports.rows import Refusal

ORDER_FIELDS = (
    *("number", "id", "status", "source", "reference", "email", "subtotal", "discount", "tax", "tax_included", "taxes"),
    *("shipping", "total", "currency", "shipping_method", "shipping_address", "payments", "shipments", "credits"),
    *("extra", "created_at"),
)
LINE_FIELDS = (
    *("sku", "product_name", "options", "quantity", "unit_price", "total_price", "tax", "taxable"),
    *("requires_shipping", "weight_grams", "cancelled"),
)
ADDRESS = ("name", "line1", "line2", "city", "region", "postal_code", "country")
"""The parts of a shipping address; each may be empty in an order that was placed elsewhere."""


@dataclass(slots=True)
class RawOrder:
    """One order as found. `name` is what people call it; `rows` are all its lines of the file, `line_rows` those of
    `said["lines"]`, one for each. Nothing is said by rows that could not be read.

    `cells` are a foreign format's own rows, from which `extra` is made once the order is checked.
    """

    line: int
    name: str
    said: dict[str, Any]
    rows: list[int]
    line_rows: Sequence[int] = ()
    cells: Sequence[Mapping[str, str]] | None = None
    problems: list[Refusal] = field(default_factory=list)


@dataclass(slots=True)
class OrderSource:
    """A file being read. `origin`: whose numbers and names these are, ours or a platform's. The columns map our fields, or
    one inside another ("payments.refunded"), to the file's own names.
    """

    format: str
    origin: str
    orders: Iterator[RawOrder] = field(default_factory=lambda: iter(()))
    columns: Mapping[str, str] = field(default_factory=dict)
    line_columns: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    ignored: dict[str, None] = field(default_factory=dict)  # in the order of being met
