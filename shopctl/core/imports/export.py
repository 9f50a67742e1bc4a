"""Products out: our own JSONL or CSV, by handle, losslessly. What comes out goes in again and changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.db.tables import categories, products, variants
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import format_amount
from shopctl.core.errors import BadInput
from shopctl.core.imports.cells import guarded
from shopctl.core.imports.own_csv import COLUMNS, FIELD_OF
from shopctl.core.imports.rows import PRODUCT_FIELDS, VARIANT_FIELDS
from shopctl.core.shop import Shop

PAGE = 500
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_QUOTED = re.compile(r'[",;\r\n\t]|^\s|\s$')

Product = tuple[dict[str, Any], list[dict[str, Any]]]
"""A product's own fields and its variants', in the words of our JSONL."""


def export_products(shop: Shop, format: str = "jsonl") -> Iterator[str]:
    """The whole catalogue as lines of JSONL or CSV, one snapshot, a page at a time. BadInput for another format."""
    if format not in _WRITERS:
        raise BadInput("unknown_format", f"{format!r} is no export format", hint=f"Formats: {', '.join(_WRITERS)}.")
    return _lines(shop, _WRITERS[format])


def _lines(shop: Shop, write: Callable[[Iterator[Product]], Iterator[str]]) -> Iterator[str]:
    with shop.read() as tx:
        yield from write(_products(tx))


def _products(tx: UnitOfWork) -> Iterator[Product]:
    handle = stores.binary(tx.connection, products.c.handle)
    page = (
        sa.select(products, categories.c.path.label("category"))
        .outerjoin(categories, categories.c.id == products.c.category_id)
        .where(handle > sa.bindparam("last"))
        .order_by(handle)
        .limit(PAGE)
    )
    last = ""
    while rows := tx.rows(page, {"last": last}):
        of_page = _variants(tx, rows)
        for row in rows:
            yield _said(row, PRODUCT_FIELDS), of_page.get(row.id, [])
        last = rows[-1].handle


def _variants(tx: UnitOfWork, rows: Sequence[Row]) -> Mapping[str, list[dict[str, Any]]]:
    wanted = sa.select(variants).where(variants.c.product_id.in_([row.id for row in rows]))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in tx.rows(wanted.order_by(variants.c.product_id, variants.c.position)):
        said = _said(row, VARIANT_FIELDS)
        for name in ("price", "compare_at_price"):
            said[name] = None if said[name] is None else format_amount(said[name], row.currency)
        found.setdefault(row.product_id, []).append(said)
    return found


def _said(row: Row, names: Sequence[str]) -> dict[str, Any]:
    values = row._mapping
    return {name: values[name] for name in names if name != "extra" or values[name] is not None}


# --- JSONL ---------------------------------------------------------------------------------------------------------
def _jsonl(found: Iterator[Product]) -> Iterator[str]:
    for product, its_variants in found:
        # Escapes mean the same character to every JSON reader, and keep a terminal out of harm.
        line = _json({**product, "variants": its_variants})
        yield _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", line) + "\n"


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


# --- CSV -----------------------------------------------------------------------------------------------------------
def _csv(found: Iterator[Product]) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\n"
    for product, its_variants in found:
        head = [_cell(product.get(name)) for name in PRODUCT_FIELDS]
        later = [head[0]] + [""] * (len(head) - 1)
        for index, variant in enumerate(its_variants):
            own = [_cell(variant.get(FIELD_OF.get(name, name))) for name in COLUMNS[len(head) :]]
            yield ",".join([*(later if index else head), *own]) + "\n"


def _cell(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    cell = guarded(value if isinstance(value, str) else _json(value))
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if _QUOTED.search(cell) else cell


_WRITERS: Mapping[str, Callable[[Iterator[Product]], Iterator[str]]] = {"jsonl": _jsonl, "csv": _csv}
