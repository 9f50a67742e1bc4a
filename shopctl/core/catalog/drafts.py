"""What is said of products and variants, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

PRODUCT_DEFAULTS: Mapping[str, Any] = {
    "description": "",
    "brand": None,
    "category": None,
    "tags": [],
    "image_urls": [],
    "status": "active",
    "extra": None,
}
VARIANT_DEFAULTS: Mapping[str, Any] = {
    "compare_at_price": None,
    "barcode": None,
    "weight_grams": 0,
    "image_urls": [],
    "taxable": True,
    "requires_shipping": True,
    "tracked": True,
    "backorder_limit": 0,
    "low_stock": None,
    "hold_at": None,
    "extra": None,
}
STATUSES = ("draft", "active", "archived")


class VariantDraft(NamedTuple):
    """One variant as said. `line` and `opening` (stock to book once) belong to an import. No SKU: one is made.

    Options None: not said. A known SKU keeps its own, a new variant has none. A tuple, because an import makes millions.
    """

    options: Mapping[str, str] | None
    said: Mapping[str, Any]
    sku: str | None = None
    line: int = 0
    opening: int | None = None


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """One product as said, by its handle. `whole`: a clash in one part keeps all of it out.

    `made`: the handle was made from the title, and gives way where it is another product's already; `key` ("" is the
    title) tells them apart. `known_by`: its platform has no handles and knows it by SKU, or by the id in this format and
    column of `extra`.
    """

    handle: str
    said: Mapping[str, Any]
    variants: Sequence[VariantDraft]
    line: int = 0
    whole: bool = False
    made: bool = False
    known_by: tuple[str, str] | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Clash:
    """A part of a draft that the catalogue cannot take; `index` counts the draft's variants, None is the product."""

    line: int
    column: str
    value: str
    reason: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a product, or of its variant `sku`, and what it was; None for a part that is new."""

    handle: str
    sku: str | None
    field: str
    before: object
    after: object


@dataclass(slots=True)
class Written:
    """What became of one draft; `changes` only where they were asked for."""

    handle: str
    outcome: Literal["created", "updated", "unchanged", "refused"] = "unchanged"
    variants: int = 0
    made_skus: int = 0
    clashes: list[Clash] = field(default_factory=list)
    openings: list[tuple[str, int, int]] = field(default_factory=list)  # sku, quantity, line
    untracked: int = 0
    untracked_openings: int = 0  # variants with an opening stock that nobody will count
    changes: list[Change] = field(default_factory=list)
