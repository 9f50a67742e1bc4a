"""What the cells of one row of a Shopify product file say, in either layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from shopctl.core.catalog import STATUSES
from shopctl.core.imports import cells
from shopctl.core.imports.kept import BLANK
from shopctl.core.imports.platforms import shopify
from shopctl.core.imports.platforms.shopify import LAST
from shopctl.core.imports.read.roles import Cells
from shopctl.core.imports.rows import OPENING

Image: TypeAlias = tuple[int, int, str]
"""Position, line, address."""


def option_names(head: Cells) -> dict[str, str]:
    """The option names of a product by the roles of their value columns."""
    names: dict[str, str] = {}
    for name, value in head.columns.options:
        word = head[name].strip()
        if word and word in names.values():
            head.refuse(name, "this option stands twice")
        elif word:
            names[value] = word
    head.kept["option1 name"] = "" if names else BLANK
    return names


def product_said(head: Cells) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for field, role in (("handle", "handle"), ("title", "title"), ("description", "description"), ("brand", "vendor")):
        if head.has(role) and (head[role] or role != "handle"):
            said[field] = head[role]
    if head.has("category") or head.has("type"):
        said["category"] = _category(head)
    if head.has("tags"):
        said["tags"] = head.take("tags", shopify.TAGS)
    status = _status(head)
    return said | ({"status": status} if status else {})


def _category(head: Cells) -> str:
    """The product category, else the type. Where there is the first, both stay as they are beside it."""
    if not head["category"]:
        head.kept["category"] = ""
        return str(head.take("type", shopify.CATEGORY))
    head.kept |= {"category": head["category"], "type": head["type"]}
    return head["category"]


def _status(head: Cells) -> str | None:
    published, word = head["published"], head["status"]
    if published.strip() and not isinstance(cells.flag(published), bool):
        head.refuse("published", "is neither TRUE nor FALSE")
    status = shopify.status(published, word)
    if status not in (*STATUSES, None):
        return word  # for validation to refuse
    head.take_all(("published", "status"), shopify.STATUS)
    return status


def image(found: Cells) -> Image | None:
    """A row's image; one without a position comes after those with one."""
    url, position = found["image"].strip(), found["position"].strip()
    found.kept |= {"image": url, "position": position if url else ""}
    if not url:
        return None
    if len(url) > 2_000:
        found.refuse("image", "is longer than 2000 characters")
    if position and not (position.isascii() and position.isdigit() and len(position) < 10):
        found.refuse("position", "is not a whole number")
        return None
    return int(position or LAST), found.line, url


def variant_said(found: Cells, names: Mapping[str, str], first_line: int) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if found.columns.options:
        said["options"] = _options(found, names, first_line)
    if found["price"].strip():
        said["price"] = found["price"].strip()
    elif found.has("price"):
        found.refuse("price", "a variant needs a price")
    if found["sku"]:
        said["sku"] = found["sku"]
    for field, role in (("compare_at_price", "compare_at"), ("barcode", "barcode")):
        if found.has(role):
            said[field] = found[role].strip() or None
    if found.has("variant_image"):
        said["image_urls"] = [url for url in [found["variant_image"].strip()] if url]
    for field, role in (("taxable", "taxable"), ("requires_shipping", "shipping")):
        if found.has(role):
            said[field] = found.take(role, shopify.FLAG)
    if found.has("grams"):
        said["weight_grams"] = found.take("grams", shopify.GRAMS)
    return said | _stock(found)


def _options(found: Cells, names: Mapping[str, str], first_line: int) -> dict[str, str]:
    for _, value in found.columns.options:
        if found[value] and value not in names:
            found.refuse(value, f"its option has no name on the product's first row, line {first_line}")
        elif value in names and not found[value]:
            found.refuse(value, f"a variant of this product needs a value for its option {names[value]!r}")
    found.kept["option1 value"] = "" if names else BLANK
    options = {name: found[value].strip() for value, name in names.items()}
    return {} if options == shopify.NO_OPTIONS else options


def _stock(found: Cells) -> dict[str, Any]:
    """Tracker, policy and quantity. A tracker column that is there and blank means: not tracked."""
    said: dict[str, Any] = {}
    if found.has("tracker"):
        said["tracked"] = found.take("tracker", shopify.TRACKER)
    if found.has("policy"):
        if shopify.policy(found["policy"]) is None:
            found.refuse("policy", "is neither deny nor continue")
        else:
            limit = found.take("policy", shopify.POLICY)
            said["backorder_limit"] = (limit and found["limit"].strip()) or limit
    units = found["quantity"].strip()
    if units:
        said[OPENING] = units
    # Where stock is counted, the books know the quantity; where it is not, nobody else does.
    found.kept["quantity"] = ("" if units else BLANK) if said.get("tracked", True) else units
    return said
