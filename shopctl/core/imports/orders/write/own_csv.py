"""Our own CSV out: a row a line, the order's cells on its first row; its number, which tells it from others, on each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from shopctl.core.domain.facts import Facts
from shopctl.core.imports.cells import csv_cell, guarded
from shopctl.core.imports.orders.raw import LINE_FIELDS, ORDER_FIELDS
from shopctl.core.imports.orders.read.own_csv import COLUMNS
from shopctl.core.imports.orders.stored import Stored
from shopctl.core.imports.orders.write import record

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write(found: Iterator[Stored], facts: Facts) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\n"
    for stored in found:
        own = record.of(stored, facts.currency)
        head = [_cell(own[name]) for name in ORDER_FIELDS]
        later = [head[0]] + [""] * (len(head) - 1)
        for index, line in enumerate(record.lines_of(stored, facts.currency)):
            yield ",".join([*(later if index else head), *(_cell(line[name]) for name in LINE_FIELDS)]) + "\n"


def _cell(value: Any) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return csv_cell(guarded(value if isinstance(value, str) else _json(value)))
