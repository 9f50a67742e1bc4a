"""Square's item library: its columns, and what the words in them mean. A row is a variation of an item.

Columns that Square names after a location, a tax, a unit or a number are found by how they begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Self

from shopctl.core.imports import cells
from shopctl.core.imports.platforms.words import Joint, Words

FORMAT = "square"

COLUMNS: Mapping[str, str] = {
    "handle": "Reference Handle",
    "title": "Item Name",
    "variation": "Variation Name",
    "sku": "SKU",
    "description": "Description",
    "category": "Category",  # of older files
    "categories": "Categories",
    "reporting": "Reporting Category",
    "barcode": "GTIN",
    "visibility": "Square Online Item Visibility",
    "kind": "Item Type",
    "price": "Price",
    "archived": "Archived",
    "sellable": "Sellable",
    "stockable": "Stockable",
    **{f"option {n} name": f"Option Name {n}" for n in range(1, 11)},
    **{f"option {n} value": f"Option Value {n}" for n in range(1, 11)},
}
OPTIONS = tuple((f"option {n} name", f"option {n} value") for n in range(1, 11))
OF_PRODUCT = ("handle", "title", "description", "category", "categories", "reporting", "visibility", "archived")
"""Roles of columns that say the same in all rows of an item, or nothing."""
CATEGORY = ("category", "categories", "reporting")
STATUS = ("archived", "visibility")

HEADER = (
    *("Reference Handle", "Token", "Item Name", "Customer-facing Name", "Variation Name", "SKU", "Description"),
    *("Categories", "Reporting Category", "SEO Title", "SEO Description", "Permalink", "GTIN"),
    *("Square Online Item Visibility", "Item Type", "Social Media Link Title", "Social Media Link Description"),
    *("Shipping Enabled", "Self-serve Ordering Enabled", "Delivery Enabled", "Pickup Enabled", "Price"),
    *("Online Sale Price", "Archived", "Sellable", "Contains Alcohol", "Stockable", "Skip Detail Screen in POS"),
    *("Option Name 1", "Option Value 1", "Default Unit Cost", "Default Vendor Name", "Default Vendor Code"),
)

_WEIGHT = re.compile(r"weight \((lb|oz|kg|g)\)")
AT_MAIN = "Current Quantity Main"
"""What stock on hand is called for products that came without a location."""
OUR_WEIGHT = "Weight (kg)"

REGULAR = "Regular"
"""The variation of an item that has only one."""
VARIATION = "Variation"
"""The option whose values are the names of variations, where an item has no options of its own."""

_GRAMS = {"lb": Decimal("453.59237"), "oz": Decimal("28.349523125"), "kg": Decimal(1000), "g": Decimal(1)}
_NUMBER = re.compile(r"[0-9]{0,7}(\.[0-9]{1,12})?")
_WORDS = {"y": True, "n": False, "": None}


def said(cell: str) -> bool | str | None:
    """Y or N, or other words for it; None for a blank cell, the cell itself for anything else."""
    word = cell.strip()
    return _WORDS.get(word.casefold(), cells.flag(word))


def grams(cell: str, unit: str) -> int | str:
    """A weight in whole grams; the cell itself where it is no number."""
    number = cell.strip()
    if not number:
        return 0
    if number == "." or not _NUMBER.fullmatch(number):
        return cell
    return int((Decimal(number) * _GRAMS[unit]).quantize(Decimal(1), ROUND_HALF_UP))


def weights(kept: Mapping[str, str], value: int) -> dict[str, str]:
    """The cells for a weight: those that were kept while they say it, else in the unit that was kept, or in ours."""
    units = _units(kept)
    if not units:
        return {OUR_WEIGHT: _in_unit(value, "kg")} if value else {}
    first, unit = next(iter(units.items()))
    if grams(kept[first], unit) == value:
        return {}
    return dict.fromkeys(units, "") | {first: _in_unit(value, unit)}


def _in_unit(value: int, unit: str) -> str:
    """Grams in a unit, with as many decimals as it takes to tell a gram; nothing for nothing."""
    return f"{(Decimal(value) / _GRAMS[unit]).quantize(Decimal('0.000001')).normalize():f}" if value else ""


def _units(names: Iterable[str]) -> dict[str, str]:
    matches = {name: _WEIGHT.fullmatch(name.casefold()) for name in names}
    return {name: match[1] for name, match in matches.items() if match}


def variation(options: Mapping[str, str]) -> str:
    """The name of a variation as we write it."""
    return ", ".join(options.values()) or REGULAR


def stockable(tracked: bool) -> str:
    return "Y" if tracked else "N"


def on_hand_at(place: str) -> str:
    return f"Current Quantity {place}".rstrip()


def place_of(name: str) -> str:
    """The location in the name of a column of quantities."""
    return " ".join(name.split()[2:])


def on_hand(names: Iterable[str]) -> list[str]:
    return _beginning(names, "current quantity")


def taxes(names: Iterable[str]) -> list[str]:
    return _beginning(names, "tax - ")


def other_prices(names: Iterable[str]) -> list[str]:
    """The columns of prices besides the one that counts."""
    return _beginning(names, "online sale price", "price ")


def _beginning(names: Iterable[str], *starts: str) -> list[str]:
    return [name for name in names if name.casefold().startswith(starts)]


@dataclass(frozen=True, slots=True)
class Named:
    """The columns of a file that are named after something: locations, taxes, units."""

    on_hand: list[str]
    set_to: list[str]
    taxes: list[str]
    weights: dict[str, str]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        names = list(names)
        return cls(on_hand(names), _beginning(names, "new quantity"), taxes(names), _units(names))


def _main(category: str, categories: str, reporting: str) -> str:
    """The category that counts: the one for reports, else the first."""
    found = reporting or category or next(iter(cells.plain_list(categories)), "")
    return " > ".join(part.strip() for part in found.split(">"))


def _status(archived: str, visibility: str) -> str:
    if said(archived) is True:
        return "archived"
    return "draft" if visibility.strip().casefold() in ("hidden", "unavailable") else "active"


SHIPPED = Words(
    lambda cell: cell.strip().casefold() != "digital", lambda ships: "Physical good" if ships else "Digital"
)
CATEGORIES = Joint(_main, lambda path: ("", path, path))
STATUSES = Joint(
    _status,
    lambda status: ("Y" if status == "archived" else "N", "Visible" if status == "active" else "Hidden"),
)
HANDLE = Words(lambda cell: cell.strip().removeprefix("#"), lambda handle: f"#{handle}" if handle else "")
