"""What the tests of order files share: building them, and looking at what came of them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from shopctl.core import verify
from shopctl.core.imports.orders.export import export_orders
from shopctl.core.imports.orders.layout import COLUMNS
from shopctl.core.imports.orders.report import Report
from shopctl.core.imports.orders.take import How, import_orders
from shopctl.core.shop import Shop

PLACED = "2026-01-02T03:04:05.000000Z"
SHOPIFY = {
    "Email": "ana@example.com",
    "Financial Status": "paid",
    "Fulfillment Status": "fulfilled",
    "Currency": "USD",
    "Created at": "2026-01-02 04:04:05 +0100",
    "Lineitem quantity": "1",
    "Lineitem name": "Tee",
    "Lineitem price": "10.00",
    "Lineitem sku": "TEE",
    "Lineitem requires shipping": "true",
    "Lineitem taxable": "true",
}
"""The first row of an order of one Tee, without its Name and its sums."""
SUMS = {"Subtotal": "10.00", "Shipping": "0.00", "Taxes": "0.00", "Total": "10.00"}


def order(reference: str = "R1", **said: Any) -> dict[str, Any]:
    """An order in our words: one TEE of 10.00, open and not paid."""
    line = {"sku": "TEE", "quantity": 1, "unit_price": "10.00"}
    return {"reference": reference, "email": "ana@example.com", "created_at": PLACED, "lines": [line], **said}


def jsonl(*orders: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in orders)


def shopify(*rows: dict[str, str]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def first(name: str = "#1", **cells: str) -> dict[str, str]:
    """A first row; cells by their column in snake_case."""
    return {**SHOPIFY, **SUMS, "Name": name, **{_column(key): cell for key, cell in cells.items()}}


def later(name: str = "#1", **cells: str) -> dict[str, str]:
    line = {"Lineitem quantity": "1", "Lineitem name": "Cap", "Lineitem price": "5.00", "Lineitem sku": "CAP"}
    return {"Name": name, **line, **{_column(key): cell for key, cell in cells.items()}}


def _column(key: str) -> str:
    folded = {name.casefold().replace(" ", "_"): name for name in COLUMNS}
    return folded[key]


def taken(shop: Shop, file: str | bytes, **how: Any) -> Report:
    """What an import did that refused nothing; the books are right after it."""
    report = import_orders(shop, file, How(**how))
    assert report.refusals == []
    assert violations(shop) == []
    return report


def refused(shop: Shop, file: str | bytes, **how: Any) -> list[tuple[int, str, str, str]]:
    report = import_orders(shop, file, How(**how))
    assert violations(shop) == []
    return [(told.line, told.column, told.value, told.reason) for told in report.refusals]


def violations(shop: Shop) -> list[str]:
    return [found.message for found in verify.verify(shop).violations]


def exported(shop: Shop, format: str = "jsonl") -> str:
    return "".join(export_orders(shop, format))


def records(shop: Shop) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported(shop).splitlines()]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))
