"""JSONL: one order a line, in the words of our own export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shopctl.core.imports.orders.raw import LINE_FIELDS, ORDER_FIELDS, OrderSource, RawOrder
from shopctl.core.imports.read.jsonl import parsed
from shopctl.core.imports.rows import ROW, Refusal, shown
from shopctl.core.imports.source import Lines

_ORDER = frozenset((*ORDER_FIELDS, "lines"))
_TOLD = frozenset(
    (
        *("customer", "fulfilment", "payment", "reservations", "returns", "papers", "timeline"),
        *("shipped", "returned", "shipment"),
    )
)
"""What `orders list` and `orders show` tell besides, and what begins anew in each store."""
_LINE = frozenset(LINE_FIELDS)


def read(lines: Lines) -> OrderSource:
    """The orders of a JSONL file, read as they are asked for."""
    source = OrderSource("jsonl", "shopctl")
    source.orders = _orders(lines, source)
    return source


def _orders(lines: Lines, source: OrderSource) -> Iterator[RawOrder]:
    for line in lines:
        if not line.isspace():
            source.rows += 1
            if lines.kept:
                lines.kept.add(lines.number, line)
            yield _order(line, lines.number, source)


def _order(line: str, number: int, source: OrderSource) -> RawOrder:
    try:
        data = parsed(line)
    except ValueError as error:
        return RawOrder(number, "", {}, [number], problems=[Refusal(number, ROW, shown(line.strip()), str(error))])
    said = _known(data, _ORDER, source, "")
    raw = RawOrder(number, str(said.get("reference") or said.get("number") or ""), said, [number])
    found = raw.said.pop("lines", None)
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        raw.said["lines"] = [_known(one, _LINE, source, "lines.") for one in found]
        raw.line_rows = [number] * len(found)
    else:
        raw.problems.append(Refusal(number, "lines", shown(found), "is not a list of objects"))
    return raw


def _known(data: dict[str, Any], known: frozenset[str], source: OrderSource, path: str) -> dict[str, Any]:
    """What an object says in our fields; null says nothing."""
    for key in data:
        if key not in known and key not in _TOLD:
            source.ignored[path + key] = None
    return {key: value for key, value in data.items() if key in known and value is not None}
