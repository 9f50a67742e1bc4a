"""What events are about, as people know it: an order's number, a SKU, a cart's handle, a customer's address, a sale's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core.db.tables import carts, customers, products
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.queries.events import Event


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about. `kind` is a word for people; `name` is None for what is not there any more.

    An order, a SKU, a cart, a customer, a product and a sale can be asked for by their names.
    """

    kind: str
    name: str | None


_NAMES: Mapping[str, tuple[sa.ColumnElement[str], sa.ColumnElement[str], Sequence[sa.ColumnElement[bool]]]] = {
    "cart": (carts.c.id, carts.c.handle, [carts.c.state == "open"]),
    "customer": (customers.c.id, customers.c.email, [customers.c.erased_at.is_(None)]),
    "product": (products.c.id, products.c.handle, []),
}
"""Kind → the id that events have, the name, and what must be true of it."""


def subjects(tx: UnitOfWork, events: Sequence[Event]) -> list[Subject]:
    """What each of these events is about: a statement for each kind that has ids, however many events."""
    told = [_told(event) for event in events]
    names: dict[tuple[str, str], str] = {}
    for kind, (id_, name, where) in _NAMES.items():
        wanted = sorted({key for one, key in told if one == kind})
        if wanted:
            found = tx.rows(sa.select(id_, name).where(id_.in_(wanted), *where))
            names |= {(kind, row[0]): row[1] for row in found}
    return [Subject(kind, names.get((kind, key)) if kind in _NAMES else key) for kind, key in told]


def _told(event: Event) -> tuple[str, str]:
    """The kind of a subject, and its name or id."""
    noun = event.topic.partition(".")[0]
    if noun in ("order", "payment"):
        return "order", str(event.data["number"])
    if noun == "stock":  # goods of many SKUs at once have only how many rows or levels they were
        return "goods" if {"rows", "levels"} & event.data.keys() else "SKU", event.subject
    if noun == "cart":
        return "cart", str(event.data["into"])
    if noun == "sale":
        return "sale", str(event.data["name"])
    if noun in ("catalog", "settings", "rates"):
        return {"catalog": "product", "settings": "settings", "rates": "rates"}[noun], event.subject
    return noun, event.subject
