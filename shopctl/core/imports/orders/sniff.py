"""Which format an orders file is in, told from how it begins; a file of products is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from shopctl.core.errors import BadInput
from shopctl.core.imports.orders.raw import OrderSource
from shopctl.core.imports.orders.read import jsonl, own_csv, shopify
from shopctl.core.imports.read.jsonl import has
from shopctl.core.imports.rows import shown
from shopctl.core.imports.source import Lines
from shopctl.core.imports.table import Table


class Reader(Protocol):
    """A CSV format: a module of `read/`. `fits` says whether a header (folded names) is this format's."""

    def fits(self, names: Sequence[str], /) -> bool: ...
    def read(self, table: Table, /) -> OrderSource: ...


_READERS: Mapping[str, Reader] = {"shopify": shopify, "csv": own_csv}
FORMATS = ("jsonl", *_READERS)
_TAKEN = "shopctl imports orders as its own JSONL and CSV, and as Shopify's orders export."
_OF_PRODUCTS = (
    "handle",
    "url handle",
    "title",
    "price",
    "variant price",
    "regular price",
    "item name",
    "product handle",
)


def open_source(lines: Lines, wanted: str | None = None) -> OrderSource:
    """A reader for the file, in the wanted format or the one it shows.

    BadInput: empty_file, unknown_format, unsupported_format, products_file.
    """
    if wanted is not None and wanted not in FORMATS:
        raise BadInput("unknown_format", f"{wanted!r} is no import format", hint=f"Formats: {', '.join(FORMATS)}.")
    start = lines.peek()
    if not start:
        raise BadInput("empty_file", "The file is empty: there is nothing to import")
    if wanted == "jsonl" or (wanted is None and start.lstrip().startswith("{")):
        if has(start, "variants") or (has(start, "title") and not has(start, "lines")):
            raise _of_products()
        return jsonl.read(lines)
    if wanted is None and start.lstrip().startswith("["):
        raise BadInput(
            "unsupported_format", "This is a JSON array; JSONL has one object a line", hint="Try: jq -c '.[]' FILE"
        )
    return _csv(Table(lines), wanted)


def _csv(table: Table, wanted: str | None) -> OrderSource:
    for name, reader in _READERS.items():
        if wanted in (None, name) and reader.fits(table.names):
            return reader.read(table)
    if any(name in _OF_PRODUCTS for name in table.names):
        raise _of_products()
    what = "No orders format has" if wanted is None else f"The format {wanted} has not"
    raise BadInput("unknown_format", f"{what} this header: {shown(', '.join(table.header))}", hint=_TAKEN)


def _of_products() -> BadInput:
    return BadInput("products_file", "This is a file of products, not of orders", hint="Use shopctl catalog import.")
