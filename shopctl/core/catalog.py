"""The catalogue: categories, products, variants. The only writer of those tables.

A draft carries what somebody *said* of a product: a field that was not said keeps its value, or takes its default when
the product is new. `put` writes many drafts with a handful of statements, whatever their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from shopctl.core import outbox, stock
from shopctl.core.db.tables import categories, products, variants
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import Refused
from shopctl.core.queries.catalog import find_variant
from shopctl.core.shop import Shop

PRODUCT_DEFAULTS: Mapping[str, Any] = {
    "description": "",
    "brand": None,
    "category": None,
    "tags": [],
    "image_urls": [],
    "status": "active",
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
    "hold_at": None,
}
STATUSES = ("draft", "active", "archived")


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """One variant as said. `line` and `opening` (stock to book once) belong to an import. No SKU: one is made."""

    options: Mapping[str, str]
    said: Mapping[str, Any]
    sku: str | None = None
    line: int = 0
    opening: int | None = None


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """One product as said, by its handle."""

    handle: str
    said: Mapping[str, Any]
    variants: Sequence[VariantDraft]
    line: int = 0


@dataclass(frozen=True, slots=True)
class Clash:
    """A part of a draft that the catalogue cannot take."""

    line: int
    column: str
    value: str
    reason: str


@dataclass(slots=True)
class Written:
    """What became of one draft."""

    handle: str
    outcome: Literal["created", "updated", "unchanged", "refused"] = "unchanged"
    variants: int = 0
    made_skus: int = 0
    clashes: list[Clash] = field(default_factory=list)
    openings: list[tuple[str, int, int]] = field(default_factory=list)  # sku, quantity, line


@dataclass(slots=True)
class _Known:
    """What the catalogue holds of a batch of drafts, kept up to date while they are worked through."""

    products: dict[str, dict[str, Any]]
    by_sku: dict[str, dict[str, Any]]
    by_product: dict[str, list[dict[str, Any]]]


@dataclass(slots=True)
class _Writes:
    new_products: list[dict[str, Any]] = field(default_factory=list)
    changed_products: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_variants: list[dict[str, Any]] = field(default_factory=list)
    changed_variants: dict[str, dict[str, Any]] = field(default_factory=dict)


# --- steps ---------------------------------------------------------------------------------------------------------
def put(tx: UnitOfWork, drafts: Sequence[ProductDraft]) -> list[Written]:
    """Create or update products with their variants; variants that a draft does not name stay as they are."""
    paths = ensure_categories(tx, (draft.said.get("category") for draft in drafts))
    known, writes = _look_up(tx, drafts), _Writes()
    results = [_put_one(tx, draft, known, writes, paths) for draft in drafts]
    _flush(tx, writes)
    policies = [*writes.new_variants, *writes.changed_variants.values()]
    stock.follow_policy(tx, {row["sku"]: (row["tracked"], row["backorder_limit"]) for row in policies})
    touched = [row["id"] for row in writes.new_products] + list(writes.changed_products)
    if touched:
        outbox.add(tx, outbox.CATALOG_CHANGED, touched[0], products=touched)
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
        if tx.row(sa.select(products.c.id).where(products.c.handle == draft.handle)):
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
    of_product = {key: value for key, value in said.items() if key in PRODUCT_DEFAULTS or key == "title"}
    of_variant = {key: value for key, value in said.items() if key not in of_product}
    product = tx.row(sa.select(products.c.id, products.c.handle).where(products.c.handle == name))
    if product is None:
        variant = find_variant(tx, name)
        draft = VariantDraft(variant.options, of_variant, variant.sku)
        return ProductDraft(variant.handle, of_product, [draft] if of_variant else [])
    if of_variant:
        raise Refused(
            "names_a_product",
            f"{name!r} is a product; {', '.join(of_variant)} belong to its variants",
            hint="Name a SKU instead.",
        )
    return ProductDraft(product.handle, of_product, [])


# --- how put works -------------------------------------------------------------------------------------------------
def _put_one(
    tx: UnitOfWork,
    draft: ProductDraft,
    known: _Known,
    writes: _Writes,
    paths: Mapping[str | None, str | None],
) -> Written:
    result = Written(draft.handle)
    product = known.products.get(draft.handle)
    fresh = product is None
    said = {key: value for key, value in draft.said.items() if key != "category"}
    if "category" in draft.said:
        said["category_id"] = paths[draft.said["category"]]
    if product is None:
        base = {key: value for key, value in PRODUCT_DEFAULTS.items() if key != "category"} | {"category_id": None}
        product = {
            **base,
            "title": draft.handle,
            **said,
            "id": new_id(),
            "handle": draft.handle,
            "version": 1,
        }
        product |= {"created_at": tx.now, "updated_at": tx.now}
    mine = known.by_product.setdefault(product["id"], [])
    changed = [_put_variant(tx, draft, i, product, mine, known, writes, result) for i in range(len(draft.variants))]
    if fresh and not mine:
        result.outcome = "refused"
        return result
    known.products[draft.handle] = product
    if fresh:
        writes.new_products.append(product)
        result.outcome = "created"
    elif any(product[key] != value for key, value in said.items()) or any(changed):
        product |= {**said, "updated_at": tx.now, "version": product["version"] + 1}
        writes.changed_products.setdefault(product["id"], product)
        result.outcome = "updated"
    return result


def _put_variant(
    tx: UnitOfWork,
    draft: ProductDraft,
    index: int,
    product: Mapping[str, Any],
    mine: list[dict[str, Any]],
    known: _Known,
    writes: _Writes,
    result: Written,
) -> bool:
    """Place one variant of a draft; whether it changed anything."""
    said = draft.variants[index]
    same_options = next((row for row in mine if row["options"] == said.options), None)
    sku = said.sku or (same_options["sku"] if same_options else _made_sku(draft.handle, said.options, known))
    current = known.by_sku.get(sku)
    reason = None
    if current is not None and current["product_id"] != product["id"]:
        reason = ("sku", sku, "this SKU belongs to another product")
    elif same_options is not None and same_options is not current:
        reason = ("options", _spelled(said.options), f"these options are those of {same_options['sku']}")
    elif current is None and "price" not in said.said:
        reason = ("price", "", "a new variant needs a price")
    if reason:
        result.clashes.append(Clash(said.line, *reason))
        return False
    result.variants += 1
    result.made_skus += said.sku is None and current is None
    if said.opening is not None:
        result.openings.append((sku, said.opening, said.line))
    if current is None:
        row = {**VARIANT_DEFAULTS, "currency": tx.facts.currency, **said.said, "id": new_id(), "sku": sku}
        row |= {"product_id": product["id"], "options": dict(said.options), "position": len(mine) + 1}
        row |= {"created_at": tx.now, "updated_at": tx.now}
        mine.append(row)
        known.by_sku[sku] = row
        writes.new_variants.append(row)
        return True
    wanted = {**said.said, "options": dict(said.options)}
    if all(current[key] == value for key, value in wanted.items()):
        return False
    current |= {**wanted, "updated_at": tx.now}
    if not any(row is current for row in writes.new_variants):
        writes.changed_variants[current["id"]] = current
    return True


def _look_up(tx: UnitOfWork, drafts: Sequence[ProductDraft]) -> _Known:
    handles = [draft.handle for draft in drafts]
    named = [v.sku or _base_sku(d.handle, v.options) for d in drafts for v in d.variants]
    known = _Known({}, {}, {})
    for chunk in _chunks(handles):
        for row in tx.rows(sa.select(products).where(products.c.handle.in_(chunk))):
            known.products[row.handle] = row._asdict()
    product_ids = [row["id"] for row in known.products.values()]
    for column, values in ((variants.c.product_id, product_ids), (variants.c.sku, named)):
        for chunk in _chunks(values):
            for row in tx.rows(sa.select(variants).where(column.in_(chunk)).order_by(variants.c.position)):
                if row.sku not in known.by_sku:
                    known.by_sku[row.sku] = found = row._asdict()
                    known.by_product.setdefault(row.product_id, []).append(found)
    return known


def _flush(tx: UnitOfWork, writes: _Writes) -> None:
    tx.insert(products, writes.new_products)
    tx.insert(variants, writes.new_variants)
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


def _base_sku(handle: str, options: Mapping[str, str]) -> str:
    return text.slug("-".join([handle, *options.values()])).upper()


def _made_sku(handle: str, options: Mapping[str, str], known: _Known) -> str:
    """A SKU for a variant that has none: its handle and options; with a hash of them where that is taken."""
    plain = _base_sku(handle, options)
    return plain if plain not in known.by_sku else f"{plain}-{text.short_hash(handle + _spelled(options)).upper()}"


def _spelled(options: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _chunks(values: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (values[i : i + size] for i in range(0, len(values), size))
