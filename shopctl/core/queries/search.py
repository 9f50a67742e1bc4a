"""Reads for search: what of a product is searched, whom an exact name means, what browsing finds, the rows behind hits.

Brands, categories, options and tags are compared folded, and folding is Python's: where SQL has to choose, it is given
the spellings in the store that fold to what is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from shopctl.core.db.tables import categories, products, variants
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.ports import Document
from shopctl.core.queries.stock import can_be_had

CHUNK = 500
MAX_SPELLINGS = 1000
"""More spellings than this are not handed to SQL; the exact filters run over the rows in any case."""

p, v = products.c, variants.c
_ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_placed = sa.outerjoin(products, categories, categories.c.id == p.category_id)
_DESCRIBED = (
    sa.select(p.id, p.version, p.title, p.brand, categories.c.path.label("category"), p.tags, p.description)
    .select_from(_placed)
    .where(p.id.in_(_ids), p.status == "active")
)
_PRODUCTS = (
    sa.select(p.id, p.handle, p.title, p.brand, categories.c.path.label("category"), p.tags, p.created_at)
    .select_from(_placed)
    .where(p.id.in_(_ids), p.status == "active")
)
_ALIVE = sa.select(p.id).where(p.id.in_(_ids), p.status == "active")
_VARIANTS = (
    sa.select(
        v.product_id,
        v.sku,
        sa.type_coerce(v.options, sa.Text).label("options"),
        v.price,
        v.compare_at_price,
        v.currency,
        v.tracked,
    )
    .where(v.product_id.in_(_ids))
    .order_by(v.product_id, v.position)
)
_BY_CODE = (
    sa.select(v.product_id, v.sku)
    .join(products, p.id == v.product_id)
    .where(sa.or_(v.sku.in_(_ids), v.barcode == sa.bindparam("barcode")), p.status == "active")
    .order_by(v.sku)
)
_BY_HANDLE = sa.select(p.id).where(p.handle.in_(_ids), p.status == "active")

_least_price = sa.select(sa.func.min(v.price)).where(v.product_id == p.id).scalar_subquery()
BROWSING: Mapping[str, Sequence[Any]] = {
    "newest": (p.created_at.desc(), p.id.desc()),
    "title": (sa.func.lower(p.title), p.id),
    "price": (_least_price, p.id),
    "-price": (_least_price.desc(), p.id),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a product, or one single variant of it, must be. Words folded; prices in minor units, both ends included."""

    brand: str | None = None
    category: str | None = None
    tags: frozenset[str] = frozenset()
    options: frozenset[tuple[str, str]] = frozenset()
    min_price: int | None = None
    max_price: int | None = None

    def takes_product(self, row: Row) -> bool:
        return (
            (self.brand is None or text.fold(row.brand or "") == self.brand)
            and (self.category is None or is_under(row.category, self.category))
            and (not self.tags or self.tags <= {text.fold(tag) for tag in row.tags})
        )

    def takes_variant(self, variant: Variant) -> bool:
        return (
            (self.min_price is None or variant.price >= self.min_price)
            and (self.max_price is None or variant.price <= self.max_price)
            and (not self.options or self.options <= folded_options(variant.options_text))
        )


class Variant(NamedTuple):
    """One variant behind a hit. Prices in minor units; `units` can be had, None for what is not tracked.

    A tuple, because thousands are made for one answer.
    """

    sku: str
    options_text: str
    price: int
    compare_at_price: int | None
    currency: str
    units: int | None

    @property
    def options(self) -> Mapping[str, str]:
        return _decoded(self.options_text)

    @property
    def in_stock(self) -> bool:
        return self.units is None or self.units > 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product with those of its variants that are meant."""

    product: Row
    variants: Sequence[Variant]


# --- for the index -------------------------------------------------------------------------------------------------
def documents(tx: UnitOfWork, ids: Sequence[str]) -> Iterator[Document]:
    """What is searched of those of the products that are active."""
    for chunk in _chunks(ids):
        rows = tx.rows(_DESCRIBED, {"ids": chunk})
        by_product = _grouped(tx.rows(_VARIANTS, {"ids": chunk}))
        for row in rows:
            mine = by_product.get(row.id, ())
            pairs = {pair for variant in mine for pair in folded_options(variant.options)}
            yield Document(
                product_id=row.id,
                version=row.version,
                title=row.title,
                brand=row.brand or "",
                category=row.category or "",
                tags=row.tags,
                options=sorted(f"{name}={value}" for name, value in pairs),
                skus=[variant.sku for variant in mine],
                description=row.description,
            )


def active_after(tx: UnitOfWork, last: str | None, limit: int) -> Sequence[str]:
    """Ids of active products in the order of their ids, after `last`."""
    statement = sa.select(p.id).where(p.status == "active").order_by(p.id).limit(limit)
    return [row.id for row in tx.rows(statement if last is None else statement.where(p.id > last))]


def active_products(tx: UnitOfWork) -> int:
    return int(tx.execute(sa.select(sa.func.count()).where(p.status == "active")).scalar_one())


# --- which products ------------------------------------------------------------------------------------------------
def named(tx: UnitOfWork, name: str) -> dict[str, str | None]:
    """Active products whose SKU, barcode or handle is exactly this: product id → the SKU meant, if one is."""
    codes = sorted({name, name.upper(), name.lower()})
    found: dict[str, str | None] = {}
    for row in tx.rows(_BY_CODE, {"ids": codes, "barcode": name}):
        found.setdefault(row.product_id, row.sku)
    for row in tx.rows(_BY_HANDLE, {"ids": codes}):
        found.setdefault(row.id, None)
    return found


def alive(tx: UnitOfWork, ids: Sequence[str]) -> set[str]:
    """Those of the products that are active."""
    return {row.id for chunk in _chunks(ids) for row in tx.rows(_ALIVE, {"ids": chunk})}


def browse(tx: UnitOfWork, filters: Filters, order: str, limit: int) -> Sequence[str]:
    """Ids of active products in one of the orders of BROWSING; a superset of what the filters take."""
    conditions: list[sa.ColumnElement[bool]] = [p.status == "active"]
    if filters.brand is not None:
        conditions += _spelled(tx, p.brand, lambda brand: text.fold(brand) == filters.brand)
    if filters.tags:
        conditions += _spelled(tx, p.tags, lambda tags: filters.tags <= {text.fold(tag) for tag in json.loads(tags)})
    if filters.category is not None:
        paths = _spelled(tx, categories.c.path, lambda path: is_under(path, filters.category or ""))
        conditions.append(p.category_id.in_(sa.select(categories.c.id).where(*paths)))
    of_variant: list[sa.ColumnElement[bool]] = []
    if filters.options:
        of_variant += _spelled(tx, v.options, lambda options: filters.options <= folded_options(options))
    if filters.min_price is not None:
        of_variant.append(v.price >= filters.min_price)
    if filters.max_price is not None:
        of_variant.append(v.price <= filters.max_price)
    if of_variant:
        conditions.append(sa.exists().where(v.product_id == p.id, *of_variant))
    statement = sa.select(p.id).where(*conditions).order_by(*BROWSING[order]).limit(limit)
    return [row.id for row in tx.rows(statement)]


def called_like(tx: UnitOfWork, words: Iterable[str], limit: int) -> Sequence[str]:
    """Ids of active products that have every word in their title, brand or a SKU: what is left without an index."""

    def has(word: str) -> sa.ColumnElement[bool]:
        in_a_sku = sa.exists().where(v.product_id == p.id, v.sku.icontains(word, autoescape=True))
        return sa.or_(p.title.icontains(word, autoescape=True), p.brand.icontains(word, autoescape=True), in_a_sku)

    statement = sa.select(p.id).where(p.status == "active", *(has(word) for word in words))
    return [row.id for row in tx.rows(statement.order_by(sa.func.lower(p.title), p.id).limit(limit))]


# --- the rows behind them ------------------------------------------------------------------------------------------
def candidates(tx: UnitOfWork, ids: Sequence[str], filters: Filters) -> list[Candidate]:
    """Active products in the given order, with those of their variants that the filters take; none without any."""
    rows: dict[str, Row] = {}
    by_product: dict[str, list[Row]] = {}
    for chunk in _chunks(ids):
        rows |= {row.id: row for row in tx.rows(_PRODUCTS, {"ids": chunk}) if filters.takes_product(row)}
        by_product |= _grouped(tx.rows(_VARIANTS, {"ids": chunk}))
    tracked = [row.sku for id in rows for row in by_product.get(id, ()) if row.tracked]
    units = {sku: had for chunk in _chunks(tracked) for sku, had in can_be_had(tx, chunk).items()}
    found = []
    for id in ids:
        if id in rows:
            offered = (_variant(row, units) for row in by_product.get(id, ()))
            mine = [variant for variant in offered if filters.takes_variant(variant)]
            if mine:
                found.append(Candidate(rows[id], mine))
    return found


def is_under(path: str | None, category: str) -> bool:
    """Whether a path is a category (folded) or below it."""
    folded = text.fold(path or "")
    return folded == category or folded.startswith(category + " > ")


@lru_cache(maxsize=10_000)
def folded_options(options: str) -> frozenset[tuple[str, str]]:
    """The (name, value) pairs of a variant's options, folded; from their JSON text, few of which are different."""
    return frozenset((text.fold(name), text.fold(value)) for name, value in json.loads(options).items())


@lru_cache(maxsize=10_000)
def _decoded(options: str) -> Mapping[str, str]:
    return dict(json.loads(options))


def _variant(row: Row, units: Mapping[str, int]) -> Variant:
    return Variant(
        sku=row.sku,
        options_text=row.options,
        price=row.price,
        compare_at_price=row.compare_at_price,
        currency=row.currency,
        units=units.get(row.sku, 0) if row.tracked else None,
    )


def _spelled(tx: UnitOfWork, column: sa.Column[Any], fits: Callable[[str], bool]) -> list[sa.ColumnElement[bool]]:
    """The condition that a column holds one of its values that fit; no condition when those are too many to list."""
    stored = sa.type_coerce(column, sa.Text)
    values = [row.value for row in tx.rows(sa.select(stored.label("value")).where(column.is_not(None)).distinct())]
    fitting = [value for value in values if fits(value)]
    return [stored.in_(fitting)] if len(fitting) <= MAX_SPELLINGS else []


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    by_product: dict[str, list[Row]] = {}
    for row in rows:
        by_product.setdefault(row.product_id, []).append(row)
    return by_product


def _chunks(values: Sequence[str], size: int = CHUNK) -> Iterable[Sequence[str]]:
    return (values[i : i + size] for i in range(0, len(values), size))
