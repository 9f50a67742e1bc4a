"""A product as the rows of a Shopify product file, in either layout: what `read/shopify_rows.py` takes.

Our own fields are written from our own fields, in the words of the file they came from while those still mean the same;
all other cells are those that were kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shopctl.core.db.tables import MAX_QUANTITY
from shopctl.core.imports import extra
from shopctl.core.imports.kept import BLANK, harmless
from shopctl.core.imports.platforms import shopify
from shopctl.core.imports.platforms.shopify import NO_OPTIONS, OPTIONS, Layout
from shopctl.core.imports.platforms.words import Words, kept_cell
from shopctl.core.imports.rows import OPENING


def rows(layout: Layout, product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """A row a variant, then a row for each image that has none of a variant's."""
    names = list(dict.fromkeys(name for variant in variants for name in variant["options"]))
    kept = extra.of(product, layout.format)
    head = _head(layout, product, kept, names)
    beside, alone = _images(layout, product, variants)
    for index, variant in enumerate(variants):
        mine = extra.of(variant, layout.format)
        of_product = _repeated(head, mine) if index else kept | head
        own = _variant(layout, variant, mine, names)
        yield harmless({**mine, **of_product, **own, **beside[index], layout.columns["handle"]: product["handle"]})
    for row in alone:
        yield harmless({**row, **_repeated(head, row), layout.columns["handle"]: product["handle"]})


def _repeated(head: Mapping[str, str], row: Mapping[str, str]) -> dict[str, str]:
    """The product's cells, in a row that repeated them."""
    return {column: cell if row.get(column) else "" for column, cell in head.items()}


def _named(layout: Layout, by_role: Mapping[str, str]) -> dict[str, str]:
    return {layout.columns[role]: cell for role, cell in by_role.items()}


def _head(layout: Layout, product: Mapping[str, Any], kept: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    was = {role: kept.get(layout.columns[role], "") for role in (*shopify.OF_PRODUCT, "option1 name")}
    published, status = shopify.STATUS.spelled(product["status"], (was["published"], was["status"]))
    options = {name: word for (name, _), word in zip(OPTIONS, names, strict=False)}
    if not names:
        options = {"option1 name": "" if was["option1 name"] == BLANK else next(iter(NO_OPTIONS))}
    own = {
        "title": product["title"],
        "description": product["description"],
        "vendor": product["brand"] or "",
        "tags": shopify.TAGS.spelled(product["tags"], was["tags"]),
        "published": published,
        "status": status,
        **_category(product["category"] or "", was),
        **options,
    }
    return _named(layout, own)


def _category(category: str, was: Mapping[str, str]) -> dict[str, str]:
    """Our category is the type, which is free text; unless it came from the product category, which is Shopify's own."""
    if not was["category"]:
        return {"category": "", "type": shopify.CATEGORY.spelled(category, was["type"])}
    return {
        "category": shopify.CATEGORY.spelled(category, was["category"]),
        "type": was["type"] if category else "",
    }


def _variant(
    layout: Layout, variant: Mapping[str, Any], mine: Mapping[str, str], names: Sequence[str]
) -> dict[str, str]:
    def spelled(role: str, words: Words, field: str) -> str:
        return words.spelled(variant[field], mine.get(layout.columns[role], ""))

    options = variant["options"] or NO_OPTIONS
    own = {value: options.get(name, "") for (_, value), name in zip(OPTIONS, names, strict=False)}
    if not names:
        blank = mine.get(layout.columns["option1 value"]) == BLANK
        own = {"option1 value": "" if blank else next(iter(NO_OPTIONS.values()))}
    own |= {
        "sku": variant["sku"],
        "grams": spelled("grams", shopify.GRAMS, "weight_grams"),
        "tracker": spelled("tracker", shopify.TRACKER, "tracked"),
        "quantity": _quantity(variant, mine.get(layout.columns["quantity"], "")),
        "policy": spelled("policy", shopify.POLICY, "backorder_limit"),
        "price": variant["price"],
        "compare_at": variant["compare_at_price"] or "",
        "shipping": spelled("shipping", shopify.FLAG, "requires_shipping"),
        "taxable": spelled("taxable", shopify.FLAG, "taxable"),
        "barcode": variant["barcode"] or "",
        "variant_image": next(iter(variant["image_urls"]), ""),
    }
    if 0 < variant["backorder_limit"] < MAX_QUANTITY:
        own["limit"] = str(variant["backorder_limit"])
    return _named(layout, own)


def _quantity(variant: Mapping[str, Any], kept: str) -> str:
    """What is on hand where stock is counted; where it is not, what the file said."""
    on_hand = variant.get(OPENING)
    return kept_cell(kept, "") if not variant["tracked"] or (on_hand is None and kept) else str(on_hand or 0)


def _images(
    layout: Layout, product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The image cells of each variant's row, and the rows of the other images.

    As a rule the images lie on the rows from the first on, counted from 1. Where the file had them otherwise they stay
    as they were, and what is new comes behind.
    """
    image, position, alt = (layout.columns[role] for role in shopify.OF_IMAGE)
    left = [url for url in product["image_urls"] if url]
    nothing = {image: "", position: "", alt: ""}

    def taken(row: Mapping[str, str]) -> dict[str, str]:
        url = row.get(image, "")
        if url not in left:
            return nothing
        left.remove(url)
        return {column: row.get(column, "") for column in nothing}

    kept, mine = extra.of(product, layout.format), [extra.of(variant, layout.format) for variant in variants]
    beside = [taken(row) for row in mine]
    alone = [{**row, **its} for row in _rows_of(kept.get(image, "")) if (its := taken(row))[image]]
    as_a_rule = not alone and not any(row[image] for row in beside)
    if as_a_rule:
        for index, url in enumerate(left[: len(variants)]):
            beside[index] = nothing | {image: url}
        del left[: len(variants)]
    alone += [{image: url} for url in left]
    placed = [row for row in (*beside, *alone) if row[image]]
    if as_a_rule or not _in_order(placed, product["image_urls"], image, position):
        _count(placed, product["image_urls"], image, position)
    return beside, alone


def _rows_of(cell: str) -> list[dict[str, str]]:
    """Rows as they were kept in one cell; none for what is not ours."""
    try:
        found = json.loads(cell or "[]")
    except (ValueError, RecursionError):
        return []
    is_ours = isinstance(found, list) and all(isinstance(row, dict) for row in found)
    return [{column: str(text) for column, text in row.items()} for row in found] if is_ours else []


def _in_order(placed: Sequence[Mapping[str, str]], urls: Sequence[str], image: str, position: str) -> bool:
    """Whether the positions of the rows, where they have some, tell our order."""

    def place(row: Mapping[str, str]) -> int:
        return int(cell) if (cell := row.get(position, "")).isdecimal() else shopify.LAST

    return [row[image] for row in sorted(placed, key=place)] == [url for url in urls if url]


def _count(placed: Sequence[dict[str, str]], urls: Sequence[str], image: str, position: str) -> None:
    numbers: dict[str, list[int]] = {}
    for number, url in enumerate(filter(None, urls), 1):
        numbers.setdefault(url, []).append(number)
    for row in placed:
        row[position] = str(numbers[row[image]].pop(0))
