"""What the import tests share: building files, and looking at a shop through its export and its tables."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import metadata
from shopctl.core.imports.export import export_products
from shopctl.core.imports.products import import_products
from shopctl.core.imports.report import Report
from shopctl.core.shop import Shop

Told = list[tuple[int, str, str, str]]


def lines(*products: Any) -> str:
    return "".join(json.dumps(product) + "\n" for product in products)


def shirts(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "title": f"Shirt {n}",
            "category": f"A > B{n % 3}",
            "variants": [{"sku": f"S-{n}", "price": "5", "quantity": 3}],
        }
        | more
        for n in range(count)
    ]


def exported(shop: Shop, format: str = "jsonl") -> str:
    return "".join(export_products(shop, format))


def catalogue(shop: Shop) -> dict[str, dict[str, Any]]:
    return {product["handle"]: product for product in map(json.loads, exported(shop).splitlines())}


def only(shop: Shop) -> dict[str, Any]:
    (product,) = catalogue(shop).values()
    return product


def told(report: Report) -> Told:
    return [(r.line, r.column, r.value, r.reason) for r in report.refusals]


def refused(shop: Shop, file: str | bytes, **how: Any) -> Told:
    return told(import_products(shop, file, **how))


def accepted(shop: Shop, file: str | bytes, **how: Any) -> Report:
    report = import_products(shop, file, **how)
    assert told(report) == []
    return report


def everything(shop: Shop) -> dict[str, list[Any]]:
    """All rows of all tables but the audit log and the history of imports, which every import adds to."""
    with shop.read() as tx:
        tables = [table for table in metadata.sorted_tables if table.name not in ("audit_log", "import_runs")]
        return {table.name: list(tx.rows(sa.select(table))) for table in tables}


def count(shop: Shop, query: str) -> int:
    with shop.read() as tx:
        return int(tx.execute(sa.text(query)).scalar() or 0)


def units(shop: Shop) -> int:
    return count(shop, "SELECT sum(quantity) FROM stock_levels")
