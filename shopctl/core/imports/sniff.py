"""Which format a file is in, told from how it begins; and the files that are recognised but not taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from shopctl.core.errors import BadInput
from shopctl.core.imports.read import jsonl, own_csv, shopify
from shopctl.core.imports.rows import Source, shown
from shopctl.core.imports.source import Lines
from shopctl.core.imports.table import Table


class Reader(Protocol):
    """A CSV format: a module of `read/`. `fits` says whether a header (folded names) is this format's."""

    def fits(self, names: Sequence[str], /) -> bool: ...
    def read(self, table: Table, /) -> Source: ...


_READERS: Mapping[str, Reader] = {"shopify": shopify, "csv": own_csv}
"""The CSV formats; the first that fits a header has it, so our own, which asks least, comes last."""
FORMATS = ("jsonl", *_READERS)

_TAKEN = "shopctl imports its own JSONL and CSV, and Shopify's classic product CSV."
# Columns that only such a file has, and what it is. The first that fits names it.
_FOREIGN: Sequence[tuple[frozenset[str], str]] = (
    (frozenset(["id", "type", "name", "regular price"]), "a WooCommerce product export"),
    (frozenset(["token", "item name"]), "a Square item export"),
    (frozenset(["item type", "product name"]), "a BigCommerce product export"),
    (frozenset(["product handle", "variant sku"]), "a Medusa product export"),
    (frozenset(["title", "url handle"]), "a Shopify product export of the layout of 2024"),
    (frozenset(["handle", "hs code", "coo"]), "a Shopify inventory export"),
    (frozenset(["handle", "location", "on hand (current)"]), "a Shopify inventory export"),
)


def open_source(lines: Lines, wanted: str | None = None) -> Source:
    """A reader for the file, in the wanted format or the one it shows.

    BadInput: empty_file, unknown_format, unsupported_format, orders_export.
    """
    if wanted is not None and wanted not in FORMATS:
        raise BadInput("unknown_format", f"{wanted!r} is no import format", hint=f"Formats: {', '.join(FORMATS)}.")
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
    return _csv(Table(lines), wanted)


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
    for columns, what in _FOREIGN:
        if columns <= set(names):
            raise BadInput("unsupported_format", f"This is {what}; that format is not supported yet", hint=_TAKEN)


def _of_orders() -> BadInput:
    return BadInput("orders_export", "This is a file of orders, not of products", hint="Use shopctl orders import.")
