"""The raw form that every format is read into: what a file says, before anybody has checked it.

A `RawProduct` is what stood together in the file: one JSONL line, or the CSV rows of one handle. `said` maps our own
field names to values as found; a field that the file does not speak of is absent. Problems that reading itself met are
kept beside, so that all of a row's faults are told at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shopctl.core.domain import text

ROW = "(row)"
"""The column of a refusal that concerns a row as a whole."""

PRODUCT_FIELDS = ("handle", "title", "description", "brand", "category", "tags", "status", "image_urls", "extra")
VARIANT_FIELDS = (
    "sku",
    "options",
    "price",
    "compare_at_price",
    "currency",
    "barcode",
    "weight_grams",
    "image_urls",
    "taxable",
    "requires_shipping",
    "tracked",
    "backorder_limit",
    "low_stock",
    "hold_at",
    "extra",
)
OPENING = "quantity"
"""The variant field that an import takes as opening stock; exports in other platforms' formats give what is on hand."""

Exported: TypeAlias = tuple[dict[str, Any], list[dict[str, Any]]]
"""A product's own fields and its variants', in the words of our JSONL; amounts are decimal strings."""

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Refusal:
    """A part of a file that did not go in: where it stands, what it says, why not."""

    line: int
    column: str
    value: str
    reason: str


@dataclass(slots=True)
class RawVariant:
    """One variant as found. `path` goes before a field's name in a refusal ("variants[2]." in JSONL)."""

    line: int
    said: dict[str, Any]
    path: str = ""
    problems: list[Refusal] = field(default_factory=list)


@dataclass(slots=True)
class RawProduct:
    """One product as found. `handle` is said or made, "" when neither can be; `lines` are all its rows.

    `key` tells it from others for which the same handle is made: what its platform knows it by; "" is its title.
    """

    line: int
    handle: str
    said: dict[str, Any]
    variants: list[RawVariant]
    lines: list[int]
    problems: list[Refusal] = field(default_factory=list)
    key: str = ""


@dataclass(slots=True)
class Source:
    """A file being read. The columns map our fields to the file's own names; `whole`: a product is one row.

    `id_column`: its platform knows products by SKU and by an id in this column. `currency` is the shop's.
    """

    format: str
    products: Iterator[RawProduct] = field(default_factory=lambda: iter(()))
    product_columns: Mapping[str, str] = field(default_factory=dict)
    variant_columns: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    rows: int = 0
    ignored: dict[str, None] = field(default_factory=dict)  # in the order of being met
    notes: dict[str, None] = field(default_factory=dict)  # sentences for the report, each once
    id_column: str = ""
    currency: str = ""


def handle_of(handle: object, title: object) -> str:
    """The handle as said, else made from the title; "" when there is nothing to make one from."""
    said = handle or title
    if not isinstance(said, str) or not said:
        return ""
    try:
        return text.storable(said) if handle else text.slug(text.storable(said))
    except ValueError:
        return ""


def shown(value: object) -> str:
    """A value as a refusal quotes it: text as it is, anything else as JSON; cut when long."""
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"
