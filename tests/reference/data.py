"""What reference.json holds: by command what it prints and filters by, the fields of each row, the errors."""

from __future__ import annotations

import json
from typing import Any

import typer

from shopctl import cli
from shopctl.commands.spec import walk
from shopctl.core import demo, imports, reconcile, rehearsal, search, workers
from shopctl.core.db import health
from shopctl.core.payments import contract
from shopctl.core.queries import events, rates, sales
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.reports.sales import CategorySales, CustomerSales, DaySales, ProductSales
from tests.reference import answers, errors

ROOT: Any = typer.main.get_command(cli.app)
_ADDRESS = dict.fromkeys(("name", "line1", "line2", "city", "region", "postal_code", "country"), str)
_WAREHOUSE = {"code": str, "name": str, "priority": int, "active": bool}
NOT_ROWS = {"gateway serve", "dashboard", "catalog export", "stock export", "orders export"}
"""Commands that print no rows: a screen, or a file's own lines."""
TOLD: dict[str, list[Any]] = {
    "demo": [{"store": str, "seconds": float, **answers.parts(demo.Summary)}],
    "customers addresses list": [{"id": str, **_ADDRESS}],
    "customers addresses add": [{"id": str, **_ADDRESS}],
    "catalog import": answers.returned(imports.products.import_products),
    "stock import": answers.returned(imports.stock.import_stock),
    "stock warehouses add": [_WAREHOUSE],
    "stock warehouses edit": [_WAREHOUSE],
    "orders import": answers.returned(imports.orders.take.import_orders),
    "customers addresses remove": [{"id": str, **_ADDRESS}],
    "reports sales": [DaySales, CustomerSales, ProductSales, CategorySales],
    "orders watch": [events.Change],
    "events tail": [events.Event],
    "store worker": [workers.Round, workers.Planned],
    "doctor": [health.Check],
    "payments reconcile": [reconcile.Drift],
    "payments selftest": [contract.Shown],
    "sales watch": [sales.Moment],
    "sales rehearse": [rehearsal.Report],
    "search": [search.Hit, search.Results],
}
"""What cannot be read from the source of a command, or says less than is there."""
LISTINGS: dict[str, Listing[Any]] = {"store tax list": rates.TAXES, "store shipping list": rates.SHIPPING}
for _noun, _row in (("tax", rates.TaxRateRow), ("shipping", rates.ShippingRateRow)):
    TOLD |= {f"store {_noun} {verb}": [_row] for verb in ("list", "add", "edit", "remove")}


def collect() -> dict[str, Any]:
    kinds: dict[str, Any] = {}
    told: dict[str, dict[str, Any]] = {}
    for name, command in walk(ROOT):
        printed = TOLD.get(name) or answers.printed(command.callback)
        told[name] = {"rows": [answers.row_name(kind, name) for kind in printed]}
        for kind in printed:
            for found, called in (
                (kind, answers.row_name(kind, name)),
                *((i, answers.called(i)) for i in answers.nested(kind)),
            ):
                assert kinds.setdefault(called, found) == found, f"two rows are called {called}: see answers._CLASHES"
        if listing := LISTINGS.get(name) or answers.listing_of(command.callback):
            told[name]["filters"] = {field: list(listing.words(field)) for field in listing.fields}
    rows = {name: answers.fields(kinds[name]) for name in sorted(kinds)}
    return {"answers": told, "rows": rows, "errors": errors.collect()}


def text() -> str:
    return json.dumps(collect(), indent=1, ensure_ascii=False) + "\n"
