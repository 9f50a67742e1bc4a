"""Orders out, by number, losslessly: what comes out goes in again and changes nothing. Formats: `write/`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from shopctl.core.domain.facts import Facts
from shopctl.core.errors import BadInput
from shopctl.core.imports.orders.stored import Stored, all_orders
from shopctl.core.imports.orders.write import jsonl, own_csv, shopify
from shopctl.core.shop import Shop

Writer = Callable[[Iterator[Stored], Facts], Iterator[str]]
_WRITERS: Mapping[str, Writer] = {"jsonl": jsonl.write, "csv": own_csv.write, "shopify": shopify.write}


def export_orders(shop: Shop, format: str = "jsonl") -> Iterator[str]:
    """Every order as text in one of the formats, one snapshot, a page at a time. BadInput for another format."""
    if format not in _WRITERS:
        raise BadInput("unknown_format", f"{format!r} is no export format", hint=f"Formats: {', '.join(_WRITERS)}.")
    return _lines(shop, _WRITERS[format])


def _lines(shop: Shop, write: Writer) -> Iterator[str]:
    with shop.read() as tx:
        yield from write(all_orders(tx), shop.facts)
