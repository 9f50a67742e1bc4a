"""Which format a file is in, told from how it begins; and the files that are recognised but not taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from shopctl.core.errors import BadInput
from shopctl.core.imports import formats
from shopctl.core.imports.read import bigcommerce, jsonl, medusa, own_csv, shopify, shopify_2024, square, woocommerce
from shopctl.core.imports.rows import Source, shown
from shopctl.core.imports.source import Lines
from shopctl.core.imports.table import Table


class Reader(Protocol):
    """A CSV format: a module of `read/`. `fits` says whether a header (folded names) is this format's."""

    def fits(self, names: Sequence[str], /) -> bool: ...
    def read(self, table: Table, /) -> Source: ...


_READERS: Mapping[str, Reader] = {
    "woocommerce": woocommerce,
    "medusa": medusa,
    "bigcommerce": bigcommerce,
    "shopify-2024": shopify_2024,
    "shopify": shopify,
    "square": square,
    "csv": own_csv,
}
"""The CSV formats; the first that fits a header has it, so our own, which asks least, comes last."""

_TAKEN = f"Formats: {formats.NAMES}."
# Columns that only such a file has, and what it is. The first that fits names it.
_FOREIGN: Sequence[tuple[frozenset[str], str]] = (
    (frozenset(["item", "options", "inventory tracking"]), "a BigCommerce product export of the new layout"),
)
_INVENTORY = (frozenset(["handle", "hs code", "coo"]), frozenset(["sku", "location"]), frozenset(["sku", "warehouse"]))
"""Columns that only an inventory file has, Shopify's or our own: quantities of products that are there already."""


def open_source(lines: Lines, wanted: str | None = None, currency: str = "") -> Source:
    """A reader for the file, in the wanted format or the one it shows. `currency` is the shop's.

    BadInput: empty_file, unknown_format, unsupported_format, orders_export.
    """
    if wanted is not None and wanted not in formats.FORMATS:
        raise BadInput("unknown_format", f"{wanted!r} is no import format", hint=_TAKEN)
    start = lines.peek()
    if not start:
        raise BadInput("empty_file", "The file is empty: there is nothing to import")
    if wanted == "jsonl" or (wanted is None and start.lstrip().startswith("{")):
        if jsonl.has(start, "lines") and not jsonl.has(start, "title"):
            raise _of_orders()
        return jsonl.read(lines)
    if wanted is None and start.lstrip().startswith("["):
        raise BadInput(
            "unsupported_format", "This is a JSON array; JSONL has one object a line", hint="Try: jq -c '.[]' FILE"
        )
    source = _csv(Table(lines), wanted)
    source.currency = currency
    return source


def _csv(table: Table, wanted: str | None) -> Source:
    _refuse_foreign(table.names)
    if wanted is not None:
        return _READERS[wanted].read(table)
    for reader in _READERS.values():
        if reader.fits(table.names):
            return reader.read(table)
    raise BadInput(
        "unknown_format",
        f"No product format has this header: {shown(', '.join(table.header))}",
        hint=f"{_TAKEN} A CSV needs a handle or a title column.",
    )


def _refuse_foreign(names: Sequence[str]) -> None:
    if "lineitem quantity" in names or "financial status" in names or {"unit_price", "quantity"} <= set(names):
        raise _of_orders()
    if any(columns <= set(names) for columns in _INVENTORY):
        raise BadInput(
            "inventory_file",
            "This is an inventory file: it has quantities, and no products",
            hint="Take it in with: shopctl stock import FILE",
        )
    for columns, what in _FOREIGN:
        if columns <= set(names):
            raise BadInput("unsupported_format", f"This is {what}; that format is not supported yet", hint=_TAKEN)


def _of_orders() -> BadInput:
    return BadInput("orders_export", "This is a file of orders, not of products", hint="Use shopctl orders import.")
