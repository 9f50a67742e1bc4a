"""JSONL out: one order a line, in the words that `read/jsonl.py` takes."""

from __future__ import annotations

from collections.abc import Iterator

from shopctl.core.domain.facts import Facts
from shopctl.core.domain.wire import encoded
from shopctl.core.imports.orders.stored import Stored
from shopctl.core.imports.orders.write import record


def write(found: Iterator[Stored], facts: Facts) -> Iterator[str]:
    for stored in found:
        line = {**record.of(stored, facts.currency), "lines": record.lines_of(stored, facts.currency)}
        yield encoded(line) + "\n"
