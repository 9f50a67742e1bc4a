"""Units of lines as people name them: --line SKU=QTY, or {SKU: QTY} in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from shopctl.commands.face import whole
from shopctl.core.errors import BadInput

Lines = Annotated[
    list[str] | None, typer.Option("--line", metavar="SKU=QTY", help="So many units of it; may be repeated.")
]


def units_of(given: object) -> Mapping[str, int] | None:
    """How many of which SKU; None when nothing was named."""
    if not given:
        return None
    if isinstance(given, Mapping):
        pairs = [(str(sku), units) for sku, units in given.items()]
    elif isinstance(given, list):
        pairs = [_pair(text) for text in given]
    else:
        raise BadInput("bad_units", f"Units are an object of SKUs and quantities, not {given!r}", value=given)
    found: dict[str, int] = {}
    for sku, units in pairs:
        found[sku] = found.get(sku, 0) + whole(units, f"The quantity of {sku}")
    return found


def _pair(text: object) -> tuple[str, object]:
    sku, equals, units = str(text).rpartition("=")
    if not equals or not sku:
        raise BadInput("bad_units", f"{text!r} is not SKU=QTY", hint="For example --line TEE=2", value=text)
    return sku, units
