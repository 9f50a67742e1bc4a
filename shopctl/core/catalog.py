"""The catalogue: categories, products, variants. The only writer of those tables.

A draft carries what somebody *said* of a product: a field that was not said keeps its value, or takes its default when
the product is new. `put` writes many drafts with a handful of statements, whatever their number.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, TypeAlias

import sqlalchemy as sa

from shopctl.core import outbox, stock
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import categories, products, variants
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.domain.money import Money
from shopctl.core.errors import Refused
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.stock import owed
from shopctl.core.shop import Shop

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


_Options: TypeAlias = frozenset[tuple[str, str]]


@dataclass(slots=True)
class _Known:
    """What the catalogue holds of a batch of drafts, kept up to date while they are worked through."""

    products: dict[str, dict[str, Any]]
    by_sku: dict[str, dict[str, Any]]
    by_product: dict[str, dict[_Options, dict[str, Any]]]
    owed: dict[str, int]
    paths: dict[str | None, str | None]


@dataclass(slots=True)
class _Writes:
    new_products: list[dict[str, Any]] = field(default_factory=list)
    to_index: dict[str, None] = field(default_factory=dict)  # ids of products whose words have changed
    changed_products: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed_variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # variants, by SKU, whose stock policy has changed


class _Place(NamedTuple):
    """Where a variant of a draft goes: its row when there is one, its SKU and options either way."""

    draft: VariantDraft
    row: dict[str, Any] | None
    sku: str
    options: Mapping[str, str]
    same: _Options


# --- steps ---------------------------------------------------------------------------------------------------------
def put(tx: UnitOfWork, drafts: Sequence[ProductDraft], *, compare: bool = False) -> list[Written]:
    """Create or update products with their variants; variants that a draft does not name stay as they are.

    With `compare` each result tells field by field what changed.
    """
    paths = ensure_categories(tx, (draft.said.get("category") for draft in drafts))
    known, writes = _look_up(tx, drafts), _Writes()
    drafts = [_with_own_handle(draft, known) for draft in drafts]
    if compare:
        known.paths = _paths(tx, known)
    results = [_put_one(tx, draft, known, writes, paths, compare) for draft in drafts]
    _flush(tx, writes)
    stock.follow_policy(tx, {sku: (row["tracked"], row["backorder_limit"]) for sku, row in writes.policies.items()})
    if writes.to_index:
        outbox.add(tx, outbox.CATALOG_CHANGED, next(iter(writes.to_index)), products=list(writes.to_index))
    edited = [key for key in writes.changed_products if key not in writes.to_index]
    if edited:
        outbox.add(tx, "catalog.edited", edited[0], products=edited)
    return results


def ensure_categories(tx: UnitOfWork, wanted: Iterable[str | None]) -> dict[str | None, str | None]:
    """Category ids by path ("A > B"), made with their parents where missing; None is no category."""
    needed = {
        " > ".join(parts[: i + 1])
        for path in wanted
        if path
        for parts in [path.split(" > ")]
        for i in range(len(parts))
    }
    if not needed:
        return {None: None}
    ids: dict[str | None, str | None] = {None: None}
    for chunk in _chunks(sorted(needed)):
        ids |= {
            row.path: row.id
            for row in tx.rows(sa.select(categories.c.path, categories.c.id).where(categories.c.path.in_(chunk)))
        }
    fresh: list[dict[str, Any]] = []
    for path in sorted(needed - ids.keys()):  # a parent sorts before its children
        parent, _, name = path.rpartition(" > ")
        ids[path] = new_id()
        fresh.append(
            {
                "id": ids[path],
                "parent_id": ids[parent or None],
                "name": name,
                "path": path,
                "created_at": tx.now,
            }
        )
    for depth in sorted({row["path"].count(" > ") for row in fresh}):
        tx.insert(categories, [row for row in fresh if row["path"].count(" > ") == depth])
    return ids


# --- use cases -----------------------------------------------------------------------------------------------------
def add(shop: Shop, draft: ProductDraft) -> Written:
    """Create one product; refused when its handle is taken or a part of it clashes."""
    with shop.work("catalog.add", draft.handle) as tx:
        known = _look_up(tx, [draft])
        if _with_own_handle(draft, known).handle in known.products:
            raise Refused("handle_taken", f"There is a product {draft.handle!r} already", handle=draft.handle)
        return _committed(tx, draft)


def edit(shop: Shop, *, name: str, said: Mapping[str, Any]) -> Written:
    """Change fields of a product (by handle) or of a variant (by SKU); each field belongs to one of the two."""
    with shop.work("catalog.edit", name) as tx:
        return _committed(tx, _edit_draft(tx, name, said))


def archive(shop: Shop, *, handle: str) -> Written:
    """Take a product out of search and sale; orders keep their snapshots."""
    with shop.work("catalog.archive", handle) as tx:
        return _committed(tx, _edit_draft(tx, handle, {"status": "archived"}))


def add_category(shop: Shop, *, path: str) -> str:
    """Make a category and its parents; its path."""
    with shop.work("catalog.categories.add", path) as tx:
        ensure_categories(tx, [path])
        tx.commit()
    return path


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


def _with_own_handle(draft: ProductDraft, known: _Known) -> ProductDraft:
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


# --- how put works -------------------------------------------------------------------------------------------------
def _put_one(
    tx: UnitOfWork,
    draft: ProductDraft,
    known: _Known,
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


def _places(draft: ProductDraft, product: Mapping[str, Any], known: _Known, result: Written) -> list[_Place]:
    """Where each variant of a draft goes; those that cannot go anywhere become clashes. Nothing is changed yet."""
    mine = dict(known.by_product.get(product["id"], {}))
    taken: dict[str, int] = {}
    places: list[_Place] = []
    for index, said in enumerate(draft.variants):
        current = known.by_sku.get(said.sku) if said.sku else None
        options = said.options if said.options is not None else current["options"] if current else {}
        same = frozenset(options.items())
        same_options = mine.get(same)
        sku = said.sku or (same_options["sku"] if same_options else _made_sku(draft.handle, options, known, taken))
        current = known.by_sku.get(sku)
        reason = None
        if current is not None and current["product_id"] != product["id"]:
            reason = ("sku", sku, "this SKU belongs to another product")
        elif sku in taken:
            what, column, value = ("this SKU stands", "sku", sku)
            if said.sku is None:
                what, column, value = ("these options stand", "options", _spelled(options))
            reason = (column, value, f"{what} in line {taken[sku]} already")
        elif same_options is not None and same_options is not current:
            reason = ("options", _spelled(options), f"these options are those of {same_options['sku']}")
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
    tx: UnitOfWork, place: _Place, product: Mapping[str, Any], known: _Known, writes: _Writes, result: Written
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


def _look_up(tx: UnitOfWork, drafts: Sequence[ProductDraft]) -> _Known:
    handles = [draft.handle for draft in drafts]
    handles += [text.told_apart(draft.handle, draft.key or draft.said["title"]) for draft in drafts if draft.made]
    named = [v.sku or _base_sku(d.handle, v.options or {}) for d in drafts for v in d.variants]
    limited = [v.sku for d in drafts for v in d.variants if v.sku and "backorder_limit" in v.said]
    known = _Known({}, {}, {}, {}, {})
    for chunk in _chunks(limited):
        known.owed |= owed(tx, chunk)
    for row in tx.rows(sa.select(products).where(stores.among(tx.connection, products.c.handle, handles))):
        known.products[row.handle] = row._asdict()
    named += _look_up_owners(tx, drafts, known)
    product_ids = [row["id"] for row in known.products.values()]
    mine = [variants.c.product_id.in_(chunk) for chunk in _chunks(product_ids)]
    for condition in (*mine, stores.among(tx.connection, variants.c.sku, named)):
        for row in tx.rows(sa.select(variants).where(condition).order_by(variants.c.position)):
            if row.sku not in known.by_sku:
                known.by_sku[row.sku] = found = row._asdict()
                known.by_product.setdefault(row.product_id, {})[frozenset(found["options"].items())] = found
    return known


def _paths(tx: UnitOfWork, known: _Known) -> dict[str | None, str | None]:
    """Category paths by id, of the products that are there already."""
    found: dict[str | None, str | None] = {None: None}
    for chunk in _chunks(sorted({row["category_id"] for row in known.products.values() if row["category_id"]})):
        query = sa.select(categories.c.id, categories.c.path).where(categories.c.id.in_(chunk))
        found |= {row.id: row.path for row in tx.rows(query)}
    return found


_EMPTY: Sequence[object] = (None, "", [], {})


def _changes(
    tx: UnitOfWork, draft: ProductDraft, product: Mapping[str, Any] | None, places: Sequence[_Place], known: _Known
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


def _look_up_owners(tx: UnitOfWork, drafts: Sequence[ProductDraft], known: _Known) -> list[str]:
    """Look up the products that have SKUs of drafts whose platform knows them by these; SKUs that may be made there."""
    by_sku = {v.sku: draft for draft in drafts if draft.made and draft.known_by for v in draft.variants if v.sku}
    named: list[str] = []
    for chunk in _chunks(list(by_sku)):
        of_chunk = sa.select(variants.c.sku, products).join(products).where(variants.c.sku.in_(chunk))
        for row in tx.rows(of_chunk.order_by(variants.c.sku)):
            found = row._asdict()
            draft = by_sku[found.pop("sku")]
            known.products.setdefault(row.handle, found)
            named += [_base_sku(row.handle, v.options or {}) for v in draft.variants if not v.sku]
    return named


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


def _base_sku(handle: str, options: Mapping[str, str]) -> str:
    return text.slug("-".join([handle, *options.values()])).upper()


def _made_sku(handle: str, options: Mapping[str, str], known: _Known, taken: Container[str]) -> str:
    """A SKU for a variant that has none: its handle and options; with a hash of them where that is taken."""
    plain = _base_sku(handle, options)
    free = plain not in known.by_sku and plain not in taken
    return plain if free else f"{plain}-{text.short_hash(handle + _spelled(options)).upper()}"


def _spelled(options: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _chunks(values: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (values[i : i + size] for i in range(0, len(values), size))
