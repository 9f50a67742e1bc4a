"""Square's item library out: a row a variation, the item's cells on each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shopctl.core.imports import extra
from shopctl.core.imports.kept import BLANK, harmless
from shopctl.core.imports.platforms import square
from shopctl.core.imports.platforms.square import AT_MAIN, COLUMNS, FORMAT, HEADER, OPTIONS, VARIATION
from shopctl.core.imports.platforms.words import kept_cell
from shopctl.core.imports.rows import OPENING, handle_of

__all__ = ["HEADER", "rows"]


def rows(product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    head = _head(product)
    for index, variant in enumerate(variants):
        mine = extra.of(variant, FORMAT)
        blank = {name: "" for name in head if index and mine.get(name) == BLANK}
        yield harmless({**mine, **head, **blank, **_variant(variant, mine)})


def _head(product: Mapping[str, Any]) -> dict[str, str]:
    kept = extra.of(product, FORMAT)

    def was(*roles: str) -> list[str]:
        return [kept.get(COLUMNS[role], "") for role in roles]

    own = {
        "handle": _handle(product, was("handle")[0]),
        "title": product["title"],
        "description": product["description"],
        **_joint(square.CATEGORY, square.CATEGORIES.spelled(product["category"] or "", was(*square.CATEGORY))),
        **_joint(square.STATUS, square.STATUSES.spelled(product["status"], was(*square.STATUS))),
    }
    if not own["category"]:
        del own["category"]  # a column of older files only
    return {COLUMNS[role]: cell for role, cell in own.items()}


def _joint(roles: Sequence[str], found: Sequence[str]) -> dict[str, str]:
    return dict(zip(roles, found, strict=True))


def _handle(product: Mapping[str, Any], kept: str) -> str:
    """Blank as it was while the title alone makes this handle."""
    if kept == BLANK and handle_of("", product["title"]) == product["handle"]:
        return ""
    return square.HANDLE.spelled(product["handle"], kept.strip())


def _variant(variant: Mapping[str, Any], mine: Mapping[str, str]) -> dict[str, str]:
    options = variant["options"]
    kept = {role: mine.get(name, "") for role, name in COLUMNS.items()}
    # Without options of its own an item has just names of variations.
    named = {} if list(options) == [VARIATION] and not kept[OPTIONS[0][0]] else options
    own = {
        "variation": kept_cell(kept["variation"], square.variation(options)),
        "sku": variant["sku"],
        "barcode": variant["barcode"] or "",
        "kind": square.SHIPPED.spelled(variant["requires_shipping"], kept["kind"]),
        "price": variant["price"],
        "sellable": kept_cell(kept["sellable"], "Y"),
        "stockable": _stockable(variant["tracked"], kept["stockable"]),
        **dict.fromkeys(OPTIONS[0], ""),
    }
    for roles, said in zip(OPTIONS, named.items(), strict=False):
        own |= _joint(roles, said)
    dynamic = square.weights(mine, variant["weight_grams"]) | _taxes(variant["taxable"], mine) | _stock(variant, mine)
    return {COLUMNS[role]: cell for role, cell in own.items()} | dynamic


def _stockable(tracked: bool, kept: str) -> str:
    cell = kept_cell(kept, square.stockable(tracked))
    return "Y" if tracked and square.said(cell) is False else cell


def _taxes(taxable: bool, mine: Mapping[str, str]) -> dict[str, str]:
    names = square.taxes(mine)
    if (True in [square.said(mine[name]) for name in names]) == taxable:
        return {}
    return dict.fromkeys(names, "Y" if taxable else "N")


def _stock(variant: Mapping[str, Any], mine: Mapping[str, str]) -> dict[str, str]:
    """What is on hand, as it lay at the locations while the sum is the same, else all at the first. A blank cell says
    that nobody counts.
    """
    kept = {name: kept_cell(mine[name], "") for name in square.on_hand(mine)} or {AT_MAIN: ""}
    counts = [int(cell) for cell in kept.values() if cell.isdecimal()]
    total = variant.get(OPENING) or 0
    if not variant["tracked"] or (counts and sum(counts) == total):
        return kept
    first, *others = kept
    return {first: str(total), **dict.fromkeys(others, "0")}
