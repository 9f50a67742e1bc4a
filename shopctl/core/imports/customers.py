"""Customers out, in the order in which they came, losslessly: `customers add -` takes the JSONL back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import customer_addresses, customers
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.wire import encoded, plain
from shopctl.core.errors import BadInput
from shopctl.core.imports.cells import csv_cell, guarded
from shopctl.core.shop import Shop

PAGE = 500
FIELDS = ("email", "name", "registered", "addresses", "created_at")
Record = Mapping[str, Any]


def export_customers(shop: Shop, format: str = "jsonl") -> Iterator[str]:
    """Every account as text in one of the formats, one snapshot, a page at a time. BadInput for another format."""
    if format not in _WRITERS:
        raise BadInput("unknown_format", f"{format!r} is no export format", hint=f"Formats: {', '.join(_WRITERS)}.")
    return _written(shop, _WRITERS[format])


def _written(shop: Shop, write: Callable[[Iterator[Record]], Iterator[str]]) -> Iterator[str]:
    with shop.read() as tx:
        yield from write(_records(tx))


def _records(tx: UnitOfWork) -> Iterator[Record]:
    c = customers.c
    page = sa.select(customers).where(c.erased_at.is_(None)).order_by(c.id).limit(PAGE)
    rows = tx.rows(page)
    while rows:
        places = _addresses(tx, [row.id for row in rows])
        for row in rows:
            said = {**row._mapping, "addresses": places.get(row.id, [])}
            yield {name: plain(said[name]) for name in FIELDS}
        rows = tx.rows(page.where(c.id > rows[-1].id))


def _addresses(tx: UnitOfWork, ids: Sequence[str]) -> dict[str, list[Mapping[str, str]]]:
    a, found = customer_addresses.c, dict[str, list[Mapping[str, str]]]()
    for row in tx.rows(sa.select(a.customer_id, a.address).where(a.customer_id.in_(ids)).order_by(a.created_at, a.id)):
        found.setdefault(row.customer_id, []).append(row.address)
    return found


def _jsonl(records: Iterator[Record]) -> Iterator[str]:
    for record in records:
        yield encoded(record) + "\n"


def _csv(records: Iterator[Record]) -> Iterator[str]:
    yield ",".join(FIELDS) + "\n"
    for record in records:
        yield ",".join(_cell(record[name]) for name in FIELDS) + "\n"


def _cell(value: object) -> str:
    if value is None or value == []:
        return ""
    return csv_cell(guarded(value if isinstance(value, str) else encoded(value)))


_WRITERS: Mapping[str, Callable[[Iterator[Record]], Iterator[str]]] = {"jsonl": _jsonl, "csv": _csv}
