"""Writing drafts into the catalogue: many with a handful of statements, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from shopctl.core import outbox, stock
from shopctl.core.catalog.categories import ensure_categories
from shopctl.core.catalog.drafts import (
    PRODUCT_DEFAULTS,
    VARIANT_DEFAULTS,
    Change,
    Clash,
    ProductDraft,
    VariantDraft,
    Written,
)
from shopctl.core.catalog.known import Known, Options, look_up, made_sku, paths_of, spelled, with_own_handle
from shopctl.core.db.tables import products, variants
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.money import Money


@dataclass(slots=True)
class _Writes:
    new_products: list[dict[str, Any]] = field(default_factory=list)
    to_index: dict[str, None] = field(default_factory=dict)  # ids of products whose words have changed
    changed_products: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed_variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)  # variants by SKU: their stock policy has changed


class _Place(NamedTuple):
    """Where a variant of a draft goes: its row when there is one, its SKU and options either way."""

    draft: VariantDraft
    row: dict[str, Any] | None
    sku: str
    options: Mapping[str, str]
    same: Options


def put(tx: UnitOfWork, drafts: Sequence[ProductDraft], *, compare: bool = False) -> list[Written]:
    """Create or update products with their variants; variants that a draft does not name stay as they are.

    With `compare` each result tells field by field what changed.
    """
    paths = ensure_categories(tx, (draft.said.get("category") for draft in drafts))
    known, writes = look_up(tx, drafts), _Writes()
    drafts = [with_own_handle(draft, known) for draft in drafts]
    if compare:
        known.paths = paths_of(tx, known)
    results = [_put_one(tx, draft, known, writes, paths, compare) for draft in drafts]
    _flush(tx, writes)
    stock.follow_policy(tx, {sku: (row["tracked"], row["backorder_limit"]) for sku, row in writes.policies.items()})
    if writes.to_index:
        outbox.add(tx, outbox.CATALOG_CHANGED, next(iter(writes.to_index)), products=list(writes.to_index))
    edited = [key for key in writes.changed_products if key not in writes.to_index]
    if edited:
        outbox.add(tx, "catalog.edited", edited[0], products=edited)
    return results


def _put_one(
    tx: UnitOfWork,
    draft: ProductDraft,
    known: Known,
    writes: _Writes,
    paths: Mapping[str | None, str | None],
    compare: bool,
) -> Written:
    result = Written(draft.handle)
    product = known.products.get(draft.handle)
    fresh = product is None
    if draft.said.get("extra"):
        draft = replace(draft, said=_with_kept_extra(draft.said, product))
    said = dict(draft.said)
    if "category" in said:
        said["category_id"] = paths[said.pop("category")]
    if product is None:
        product = _new_product(tx, draft.handle, said)
    places = _places(draft, product, known, result)
    if fresh and "title" not in said:
        result.clashes.append(Clash(draft.line, "title", "", "a new product needs a title"))
        places = []
    elif fresh and not draft.variants:
        result.clashes.append(Clash(draft.line, "variants", "", "a new product needs a variant"))
    if (fresh and not places) or (draft.whole and result.clashes):
        result.outcome = "refused"
        return result
    if compare:
        result.changes += _changes(tx, draft, None if fresh else product, places, known)
    words = fresh or any(product[key] != said[key] for key in _SEARCHED if key in said)
    words = words or any(place.row is None or place.row["options"] != place.options for place in places)
    changed = [_put_variant(tx, place, product, known, writes, result) for place in places]
    known.products[draft.handle] = product
    if fresh:
        writes.new_products.append(product)
        result.outcome = "created"
    elif any(product[key] != value for key, value in said.items()) or any(changed):
        product |= {**said, "updated_at": tx.now, "version": product["version"] + words}
        writes.changed_products.setdefault(product["id"], product)
        result.outcome = "updated"
    if words:
        writes.to_index[product["id"]] = None
    return result


_SEARCHED = ("title", "description", "brand", "category_id", "tags", "status")
"""What the index has of a product, besides the options and SKUs of its variants. Prices and stock it asks the store."""


def _new_product(tx: UnitOfWork, handle: str, said: Mapping[str, Any]) -> dict[str, Any]:
    base = {key: value for key, value in PRODUCT_DEFAULTS.items() if key != "category"} | {"category_id": None}
    row = {**base, "title": handle, **said, "id": new_id(), "handle": handle, "version": 1}
    return row | {"created_at": tx.now, "updated_at": tx.now}


def _places(draft: ProductDraft, product: Mapping[str, Any], known: Known, result: Written) -> list[_Place]:
    """Where each variant of a draft goes; those that cannot go anywhere become clashes. Nothing is changed yet."""
    mine = dict(known.by_product.get(product["id"], {}))
    taken: dict[str, int] = {}
    places: list[_Place] = []
    for index, said in enumerate(draft.variants):
        current = known.by_sku.get(said.sku) if said.sku else None
        options = said.options if said.options is not None else current["options"] if current else {}
        same = frozenset(options.items())
        same_options = mine.get(same)
        sku = said.sku or (same_options["sku"] if same_options else made_sku(draft.handle, options, known, taken))
        current = known.by_sku.get(sku)
        reason = None
        if current is not None and current["product_id"] != product["id"]:
            reason = ("sku", sku, "this SKU belongs to another product")
        elif sku in taken:
            what, column, value = ("this SKU stands", "sku", sku)
            if said.sku is None:
                what, column, value = ("these options stand", "options", spelled(options))
            reason = (column, value, f"{what} in line {taken[sku]} already")
        elif same_options is not None and same_options is not current:
            reason = ("options", spelled(options), f"these options are those of {same_options['sku']}")
        elif current is None and "price" not in said.said:
            reason = ("price", "", "a new variant needs a price")
        elif (limit := said.said.get("backorder_limit")) is not None and limit < known.owed.get(sku, 0):
            reason = ("backorder_limit", str(limit), f"{known.owed[sku]} units are sold already that are not there")
        if reason:
            result.clashes.append(Clash(said.line, *reason, index))
            continue
        taken[sku] = said.line
        if current is not None:
            mine.pop(frozenset(current["options"].items()), None)
        mine[same] = current or {"sku": sku}
        if said.said.get("extra"):
            said = said._replace(said=_with_kept_extra(said.said, current))
        places.append(_Place(said, current, sku, options, same))
    return places


def _put_variant(
    tx: UnitOfWork, place: _Place, product: Mapping[str, Any], known: Known, writes: _Writes, result: Written
) -> bool:
    """Write one variant of a draft where it goes; whether it changed anything."""
    said, row = place.draft.said, place.row
    mine = known.by_product.setdefault(product["id"], {})
    changed = row is None or row["options"] != place.options or any(row[key] != value for key, value in said.items())
    if row is None:
        row = {
            **VARIANT_DEFAULTS,
            **said,
            "id": new_id(),
            "product_id": product["id"],
            "position": len(mine) + 1,
            "sku": place.sku,
            "options": place.options,
            "currency": tx.facts.currency,
            "created_at": tx.now,
            "updated_at": tx.now,
        }
        known.by_sku[place.sku] = row
        writes.new_variants[row["id"]] = row
        if row["tracked"] and row["backorder_limit"]:  # it has no level yet, and needs one only to be sold beyond it
            writes.policies[place.sku] = row
        result.made_skus += place.draft.sku is None
    elif changed:
        mine.pop(frozenset(row["options"].items()), None)
        if any(said.get(name, row[name]) != row[name] for name in ("tracked", "backorder_limit")):
            writes.policies[place.sku] = row
        row |= {**said, "options": place.options, "updated_at": tx.now}
        if row["id"] not in writes.new_variants:
            writes.changed_variants[row["id"]] = row
    mine[place.same] = row
    result.variants += 1
    result.untracked += not row["tracked"]
    if place.draft.opening is not None and row["tracked"]:
        result.openings.append((place.sku, place.draft.opening, place.draft.line))
    elif place.draft.opening:
        result.untracked_openings += 1
    return changed


_EMPTY: Sequence[object] = (None, "", [], {})


def _changes(
    tx: UnitOfWork, draft: ProductDraft, product: Mapping[str, Any] | None, places: Sequence[_Place], known: Known
) -> list[Change]:
    """What a draft changes, field by field, in a product and in the variants that have a place."""

    def parts(sku: str | None, before: Mapping[str, Any] | None, said: Mapping[str, Any]) -> Iterator[Change]:
        for name, value in said.items():
            if value not in _EMPTY if before is None else before[name] != value:
                was = None if before is None else before[name]
                if name in ("price", "compare_at_price"):
                    was, value = (None if v is None else Money(v, tx.facts.currency) for v in (was, value))
                yield Change(draft.handle, sku, name, was, value)

    there = None if product is None else {**product, "category": known.paths.get(product["category_id"])}
    changes = list(parts(None, there, draft.said))
    for place in places:
        changes += parts(place.sku, place.row, {"options": place.options, **place.draft.said})
    return changes


def _with_kept_extra(said: Mapping[str, Any], row: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Extra cells as said are merged into those that are kept, by column; a blank one takes its column away."""
    if not said.get("extra"):
        return said
    merged: dict[str, dict[str, str]] = dict(row["extra"] or {}) if row else {}
    for format, cells in said["extra"].items():
        both = merged.get(format, {}) | cells
        merged[format] = {column: cell for column, cell in both.items() if cell}
    extra = {format: cells for format, cells in merged.items() if cells}
    return {**said, "extra": extra or None}


def _flush(tx: UnitOfWork, writes: _Writes) -> None:
    tx.insert(products, writes.new_products)
    for table, rows in ((products, writes.changed_products), (variants, writes.changed_variants)):
        if rows:
            columns = [c.name for c in table.c if c.name not in ("id", "handle", "sku", "product_id", "created_at")]
            statement = (
                sa.update(table)
                .where(table.c.id == sa.bindparam("row_id"))
                .values({name: sa.bindparam(f"new_{name}") for name in columns})
            )
            tx.execute(
                statement,
                [{"row_id": key, **{f"new_{name}": row[name] for name in columns}} for key, row in rows.items()],
            )
    # After the updates: a new variant may have the options that another one has just given up.
    tx.insert(variants, list(writes.new_variants.values()))
