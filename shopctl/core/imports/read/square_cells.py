"""What the cells of one row of a Square item library say."""

from __future__ import annotations

import re
from typing import Any

from shopctl.core.imports.kept import BLANK
from shopctl.core.imports.platforms import square
from shopctl.core.imports.platforms.square import REGULAR, VARIATION, Named
from shopctl.core.imports.platforms.words import keep
from shopctl.core.imports.read.roles import Cells
from shopctl.core.imports.rows import OPENING

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NO_PRICE = ("variable", "variable price", "variable pricing")


def product_said(head: Cells) -> dict[str, Any]:
    said: dict[str, Any] = {"title": head["title"]}
    handle = head.take("handle", square.HANDLE)
    if handle:
        said["handle"] = handle
    else:
        head.kept["handle"] = BLANK
    if head.has("description"):
        said["description"] = head["description"]
    if any(head.has(role) for role in square.CATEGORY):
        said["category"] = head.take_all(square.CATEGORY, square.CATEGORIES)
    if any(head.has(role) for role in square.STATUS):
        _flag(head, "archived")
        said["status"] = head.take_all(square.STATUS, square.STATUSES)
    return said


def variant_said(found: Cells, named: Named, alone: bool) -> dict[str, Any]:
    """What a row says of its variant; `alone`: its item has no other."""
    said: dict[str, Any] = {}
    if found.has("variation") or found.columns.options:
        said["options"] = _options(found, alone)
    price = found["price"].strip()
    if price.casefold() in _NO_PRICE:
        found.refuse("price", "has no fixed price")
    elif price:
        said["price"] = price
    elif found.has("price"):
        found.refuse("price", "a variant needs a price")
    if found["sku"]:
        said["sku"] = found["sku"]
    if found.has("barcode"):
        said["barcode"] = found["barcode"].strip() or None
    if found.has("kind"):
        said["requires_shipping"] = found.take("kind", square.SHIPPED)
    if _flag(found, "sellable") is False:
        found.refuse("sellable", "is not for sale")
    found.kept["sellable"] = keep(found["sellable"], "Y")
    return said | _weight(found, named) | _tax(found, named) | _stock(found, named)


def _flag(found: Cells, role: str) -> bool | None:
    word = square.said(found[role])
    if isinstance(word, str):
        found.refuse(role, "is neither Y nor N")
        return None
    return word


def _options(found: Cells, alone: bool) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in found.columns.options:
        word, content = found[name].strip(), found[value].strip()
        if content and not word:
            found.refuse(value, "its option has no name")
        elif word and not content:
            found.refuse(value, f"a variation of this item needs a value for its option {word!r}")
        elif word in options:
            found.refuse(name, "this option stands twice")
        elif word:
            options[word] = content
    variation = found["variation"].strip()
    if not options and not (alone and variation.casefold() in ("", REGULAR.casefold())):
        if not variation:
            found.refuse("variation", "an item with several variations needs their names")
        return {VARIATION: variation}
    if list(options) == [VARIATION]:
        found.kept |= {role: found[role] for role in square.OPTIONS[0]}
    found.kept["variation"] = "" if variation == square.variation(options) else variation or BLANK
    return options


def _weight(found: Cells, named: Named) -> dict[str, Any]:
    """The first weight that is said, in whole grams."""
    if not named.weights:
        return {}
    name = next((name for name in named.weights if found[name].strip()), next(iter(named.weights)))
    weight = square.grams(found[name], named.weights[name])
    if not isinstance(weight, int):
        found.refuse(name, "is not a weight such as 0.25")
        return {}
    if {name: found[name]} == square.weights({}, weight):
        found.kept[name] = ""  # an export says the same by itself
    return {"weight_grams": weight}


def _tax(found: Cells, named: Named) -> dict[str, Any]:
    """Taxable when any of the taxes is for it; a row without a word on taxes says nothing."""
    told = [_flag(found, name) for name in named.taxes]
    return {"taxable": True in told} if any(word is not None for word in told) else {}


def _stock(found: Cells, named: Named) -> dict[str, Any]:
    """Stock is counted where there is a quantity: the current one, or for a new item the new one."""
    stockable = _flag(found, "stockable")
    counted = [name for name in named.on_hand if found[name].strip()]
    new = [] if counted else [name for name in named.set_to if found[name].strip()]
    said: dict[str, Any] = {}
    if named.on_hand or named.set_to:
        said["tracked"] = stockable is not False and bool(counted or new)
    elif stockable is False:
        said["tracked"] = False
    found.kept["stockable"] = keep(found["stockable"], square.stockable(said.get("tracked", True)))
    if said.get("tracked") and (counted or new):
        said[OPENING] = sum(_units(found, name) for name in counted or new)
        found.kept |= {square.on_hand_at(square.place_of(name)): found[name].strip() for name in new}
    if not counted and not new and named.on_hand:
        found.kept[named.on_hand[0]] = BLANK  # where it would be counted
    if (counted or named.on_hand[:1]) == [square.AT_MAIN]:
        found.kept[square.AT_MAIN] = ""  # an export says the same by itself
    return said


def _units(found: Cells, name: str) -> int:
    cell = found[name].strip()
    if not _WHOLE.fullmatch(cell):
        found.refuse(name, "is not a whole number")
        return 0
    if cell.startswith("-"):
        found.refuse(name, "is less than 0")
        return 0
    return int(cell)
