"""What a few typed characters may name: an order, a SKU, a product, a customer, a cart, a sale.

Names that begin like that are ranges of an index, found at once among any number of rows. Names that contain it somewhere
are looked for row by row: who asks for those should have patience, and an end to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import carts, customers, orders, products, sales, variants
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.queries.carts import LIST as CARTS
from shopctl.core.queries.catalog import LIST as VARIANTS
from shopctl.core.queries.customers import ERASED
from shopctl.core.queries.customers import LIST as CUSTOMERS
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.orders import LIST as ORDERS
from shopctl.core.queries.sales import LIST as SALES

_LAST = "\U0010ffff"
"""Sorts behind whatever begins like the text before it."""
_DIGITS = 17


@dataclass(frozen=True, slots=True)
class Named:
    """Something that can be asked for by its name, and a few words about it."""

    kind: str
    name: str
    about: str


def beginning(tx: UnitOfWork, typed: str, limit: int) -> list[Named]:
    """Up to `limit` of each kind whose names begin like that; the order that has that number."""
    typed, folded = typed.strip(), text.fold(typed)
    alive = (carts.c.state == "open", carts.c.expires_at > tx.now)
    known = customers.c.erased_at.is_(None)
    return [
        *_order(tx, typed.removeprefix("#")),
        *_range(tx, "SKU", variants.c.sku, (variants.c.sku,), {typed, typed.upper()}, limit),
        *_range(tx, "product", products.c.handle, (products.c.handle, products.c.title), {typed.lower()}, limit),
        *_range(
            tx, "customer", customers.c.email_folded, (customers.c.email, customers.c.name), {folded}, limit, known
        ),
        *_range(tx, "cart", carts.c.handle_folded, (carts.c.handle,), {folded}, limit, *alive),
        *_range(tx, "sale", sales.c.name, (sales.c.name, sales.c.status), {typed.lower()}, limit),
    ]


def _order(tx: UnitOfWork, digits: str) -> list[Named]:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS):
        return []
    here = sa.select(orders.c.number, orders.c.status, orders.c.email).where(orders.c.number == int(digits))
    return [_named_order(row) for row in tx.rows(here)]


def _named_order(row: Any) -> Named:
    return Named("order", str(row.number), row.status if row.email.endswith(ERASED) else f"{row.status}  {row.email}")


def _range(
    tx: UnitOfWork,
    kind: str,
    key: sa.ColumnElement[str],
    shown: Sequence[sa.ColumnElement[Any]],
    beginnings: set[str],
    limit: int,
    *where: sa.ColumnElement[bool],
) -> list[Named]:
    """`shown` is the name, and what to say about it."""
    found: dict[str, Named] = {}
    for begin in sorted(beginnings):
        statement = sa.select(*shown).where(key >= begin, key < begin + _LAST, *where).order_by(key).limit(limit)
        found |= {row[0]: Named(kind, row[0], str(row[1] or "") if len(row) > 1 else "") for row in tx.rows(statement)}
    return list(found.values())[:limit]


_CONTAINING: Mapping[str, tuple[Listing[Any], Callable[[Any], Named]]] = {
    "order": (ORDERS, _named_order),
    "SKU": (VARIANTS, lambda row: Named("SKU", row.sku, row.title)),
    "product": (VARIANTS, lambda row: Named("product", row.handle, row.title)),
    "customer": (CUSTOMERS, lambda row: Named("customer", row.email, row.name or "")),
    "cart": (CARTS, lambda row: Named("cart", row.cart, row.customer or "")),
    "sale": (SALES, lambda row: Named("sale", row.name, row.status)),
}
KINDS = tuple(_CONTAINING)


def containing(tx: UnitOfWork, kind: str, typed: str, limit: int) -> list[Named]:
    """Up to `limit` of a kind whose names, or texts of its list, contain each of the words; of SKUs only the names."""
    listing, named = _CONTAINING[kind]
    where = [carts.c.state == "open"] if kind == "cart" else []
    words = [f"sku:{word}" if kind == "SKU" else word for word in typed.split()]  # a title is the product's
    found = [named(row) for row in listing.rows(tx, filters=words, where=where, limit=limit)[:limit]]
    return list(dict.fromkeys(found))
