"""A product by hand: the same checks as an import's, on one object, with an error instead of a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shopctl.core.catalog import ProductDraft
from shopctl.core.domain.near import did_you_mean
from shopctl.core.errors import BadInput
from shopctl.core.imports.rows import PRODUCT_FIELDS, VARIANT_FIELDS
from shopctl.core.imports.sniff import open_source
from shopctl.core.imports.source import lines_of
from shopctl.core.shop import Shop


def draft(shop: Shop, product: Mapping[str, Any]) -> ProductDraft:
    """A product object of our own format as a draft; BadInput names the first part that cannot be used."""
    from shopctl.core.imports.models import check

    found = open_source(lines_of(json.dumps(product)), "jsonl")
    checked = check(next(found.products), found, shop.facts.currency)
    if checked.draft is None or checked.refusals:
        refusal = checked.refusals[0]
        quoted = refusal.value and repr(refusal.value) not in refusal.reason
        said = f"{refusal.column} {refusal.value!r}" if quoted else refusal.column
        raise BadInput("bad_product", f"{said} {refusal.reason}", field=refusal.column, value=refusal.value)
    return checked.draft


def changes(shop: Shop, said: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a product or a variant, checked alike; BadInput for one that is unknown or cannot be used."""
    known = (*PRODUCT_FIELDS[1:], *(name for name in VARIANT_FIELDS if name not in ("sku", "options", "currency")))
    for name in said:
        if name not in known:
            hint = did_you_mean(name, dict.fromkeys(known))
            raise BadInput("unknown_field", f"There is no field {name!r} to change", hint=hint, field=name)
    variant = {"price": "0", **{name: value for name, value in said.items() if name in VARIANT_FIELDS}}
    product = {"title": "-", **{name: value for name, value in said.items() if name in PRODUCT_FIELDS}}
    checked = draft(shop, {**product, "variants": [variant]})
    both = {**checked.variants[0].said, **checked.said}
    return {name: both[name] for name in said}
