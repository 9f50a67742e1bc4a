"""Our own CSV out: a row a variant, the product's cells on its first row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from shopctl.core.imports.cells import csv_cell, guarded
from shopctl.core.imports.read.own_csv import COLUMNS, FIELD_OF
from shopctl.core.imports.rows import PRODUCT_FIELDS, Exported

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write(found: Iterator[Exported]) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\n"
    for product, variants in found:
        head = [_cell(product.get(name)) for name in PRODUCT_FIELDS]
        later = [head[0]] + [""] * (len(head) - 1)
        for index, variant in enumerate(variants):
            own = [_cell(variant.get(FIELD_OF.get(name, name))) for name in COLUMNS[len(head) :]]
            yield ",".join([*(later if index else head), *own]) + "\n"


def _cell(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return csv_cell(guarded(value if isinstance(value, str) else _json(value)))
