"""What the catalogue holds of a batch of drafts, looked up with a handful of statements and kept up to date."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import sqlalchemy as sa

from shopctl.core.catalog.drafts import ProductDraft
from shopctl.core.db import dialects
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import categories, products, variants
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.queries.stock import owed

Options: TypeAlias = frozenset[tuple[str, str]]


@dataclass(slots=True)
class Known:
    """What the catalogue holds of a batch of drafts, kept up to date while they are worked through."""

    products: dict[str, dict[str, Any]]
    by_sku: dict[str, dict[str, Any]]
    by_product: dict[str, dict[Options, dict[str, Any]]]
    owed: dict[str, int]
    paths: dict[str | None, str | None]


def look_up(tx: UnitOfWork, drafts: Sequence[ProductDraft]) -> Known:
    stores.one_at_a_time(tx.connection, "catalog")
    handles = [draft.handle for draft in drafts]
    handles += [text.told_apart(draft.handle, draft.key or draft.said["title"]) for draft in drafts if draft.made]
    named = [v.sku or base_sku(d.handle, v.options or {}) for d in drafts for v in d.variants]
    limited = [v.sku for d in drafts for v in d.variants if v.sku and "backorder_limit" in v.said]
    known = Known({}, {}, {}, {}, {})
    for chunk in _chunks(limited):
        known.owed |= owed(tx, chunk)
    for row in tx.rows(sa.select(products).where(dialects.among(tx.connection, products.c.handle, handles))):
        known.products[row.handle] = row._asdict()
    named += _look_up_owners(tx, drafts, known)
    product_ids = [row["id"] for row in known.products.values()]
    mine = [variants.c.product_id.in_(chunk) for chunk in _chunks(product_ids)]
    for condition in (*mine, dialects.among(tx.connection, variants.c.sku, named)):
        for row in tx.rows(sa.select(variants).where(condition).order_by(variants.c.position)):
            if row.sku not in known.by_sku:
                known.by_sku[row.sku] = found = row._asdict()
                known.by_product.setdefault(row.product_id, {})[frozenset(found["options"].items())] = found
    return known


def _look_up_owners(tx: UnitOfWork, drafts: Sequence[ProductDraft], known: Known) -> list[str]:
    """Look up the products that have SKUs of drafts whose platform knows them by these; SKUs that may be made there."""
    by_sku = {v.sku: draft for draft in drafts if draft.made and draft.known_by for v in draft.variants if v.sku}
    named: list[str] = []
    for chunk in _chunks(list(by_sku)):
        of_chunk = sa.select(variants.c.sku, products).join(products).where(variants.c.sku.in_(chunk))
        for row in tx.rows(of_chunk.order_by(variants.c.sku)):
            found = row._asdict()
            draft = by_sku[found.pop("sku")]
            known.products.setdefault(row.handle, found)
            named += [base_sku(row.handle, v.options or {}) for v in draft.variants if not v.sku]
    return named


def paths_of(tx: UnitOfWork, known: Known) -> dict[str | None, str | None]:
    """Category paths by id, of the products that are there already."""
    found: dict[str | None, str | None] = {None: None}
    for chunk in _chunks(sorted({row["category_id"] for row in known.products.values() if row["category_id"]})):
        query = sa.select(categories.c.id, categories.c.path).where(categories.c.id.in_(chunk))
        found |= {row.id: row.path for row in tx.rows(query)}
    return found


def with_own_handle(draft: ProductDraft, known: Known) -> ProductDraft:
    """A handle made from a title gives way to that of the product which has the draft's SKUs, where its platform knows
    it by these; and to one of its own when it is another product's.
    """
    if not draft.made:
        return draft
    if draft.known_by:
        owners = {row["product_id"] for v in draft.variants if v.sku and (row := known.by_sku.get(v.sku))}
        if len(owners) == 1:
            return replace(draft, handle=next(row["handle"] for row in known.products.values() if row["id"] in owners))
    product = known.products.get(draft.handle)
    if product is None or _is(product, draft):
        return draft
    return replace(draft, handle=text.told_apart(draft.handle, draft.key or draft.said["title"]))


def _is(product: Mapping[str, Any], draft: ProductDraft) -> bool:
    """Whether the product that has the handle made for a draft is the one meant: by its platform's id, or its title."""
    if draft.known_by is None or not draft.key:
        return bool(product["title"] == draft.said["title"])
    format, column = draft.known_by
    own, its = (((extra or {}).get(format) or {}).get(column) for extra in (draft.said.get("extra"), product["extra"]))
    return bool(own and own == its)


def base_sku(handle: str, options: Mapping[str, str]) -> str:
    return text.slug("-".join([handle, *options.values()])).upper()


def made_sku(handle: str, options: Mapping[str, str], known: Known, taken: Container[str]) -> str:
    """A SKU for a variant that has none: its handle and options; with a hash of them where that is taken."""
    plain = base_sku(handle, options)
    free = plain not in known.by_sku and plain not in taken
    return plain if free else f"{plain}-{text.short_hash(handle + spelled(options)).upper()}"


def spelled(options: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _chunks(values: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (values[i : i + size] for i in range(0, len(values), size))
