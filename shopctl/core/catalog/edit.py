"""Changing the catalogue by hand: add, edit, archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from shopctl.core.catalog.drafts import (
    PRODUCT_DEFAULTS,
    VARIANT_DEFAULTS,
    ProductDraft,
    VariantDraft,
    Written,
)
from shopctl.core.catalog.known import look_up, with_own_handle
from shopctl.core.catalog.put import put
from shopctl.core.db.tables import products, variants
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.errors import Refused
from shopctl.core.queries.catalog import find_variant
from shopctl.core.shop import Shop, retried


@retried
def add(shop: Shop, draft: ProductDraft) -> Written:
    """Create one product; refused when its handle is taken or a part of it clashes."""
    with shop.work("catalog.add", draft.handle) as tx:
        known = look_up(tx, [draft])
        if with_own_handle(draft, known).handle in known.products:
            raise Refused("handle_taken", f"There is a product {draft.handle!r} already", handle=draft.handle)
        return _committed(tx, draft)


@retried
def edit(shop: Shop, *, name: str, said: Mapping[str, Any]) -> Written:
    """Change fields of a product (by handle) or of a variant (by SKU); each field belongs to one of the two."""
    with shop.work("catalog.edit", name) as tx:
        return _committed(tx, _edit_draft(tx, name, said))


@retried
def archive(shop: Shop, *, handle: str) -> Written:
    """Take a product out of search and sale; orders keep their snapshots."""
    with shop.work("catalog.archive", handle) as tx:
        return _committed(tx, _edit_draft(tx, handle, {"status": "archived"}))


def _committed(tx: UnitOfWork, draft: ProductDraft) -> Written:
    written = put(tx, [draft])[0]
    if written.clashes:
        clash = written.clashes[0]
        raise Refused(
            "clash", f"{clash.column} {clash.value!r}: {clash.reason}", column=clash.column, value=clash.value
        )
    tx.commit()
    return written


def _edit_draft(tx: UnitOfWork, name: str, said: Mapping[str, Any]) -> ProductDraft:
    """What was said of a handle is the product's; of a SKU, the variant's where a variant has such a field."""
    strange = [field for field in said if field not in PRODUCT_DEFAULTS and field != "title"]
    is_sku = tx.row(sa.select(variants.c.id).where(variants.c.sku == name)) is not None
    product = tx.row(sa.select(products.c.handle).where(products.c.handle == name))
    if product is not None and not (strange and is_sku):
        if strange:
            message = f"{name!r} is a product; its variants have {', '.join(strange)}"
            raise Refused("names_a_product", message, hint="Name a SKU instead.")
        return ProductDraft(product.handle, said, [])
    variant = find_variant(tx, name)
    of_variant = {field: value for field, value in said.items() if field == "price" or field in VARIANT_DEFAULTS}
    of_product = {field: value for field, value in said.items() if field not in of_variant}
    drafts = [VariantDraft(None, of_variant, variant.sku)] if of_variant else []
    return ProductDraft(variant.handle, of_product, drafts)
