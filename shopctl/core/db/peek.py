"""Names for TAB: a look into a store by the standard library alone, or nothing at all.

Completion must answer before anybody notices, so this imports no SQLAlchemy, waits for no lock and raises nothing: a store
that is missing, busy, damaged or not ours has no names. Each question is a range of an index, cut at LIMIT, so a million
rows cost what fifty do.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from shopctl.core.domain.text import fold

LIMIT = 50
_LAST = "\U0010ffff"
"""Sorts behind whatever begins like the text before it."""


@dataclass(frozen=True, slots=True)
class Name:
    """Something a command can be told, and what it is."""

    value: str
    about: str = ""


# kind → the names from :low to :high, in the order of an index, and what each is
_RANGES: Mapping[str, str] = {
    "sku": "SELECT sku, title FROM variants JOIN products ON products.id = product_id"
    " WHERE sku BETWEEN :low AND :high ORDER BY sku",
    "handle": "SELECT handle, title FROM products WHERE handle BETWEEN :low AND :high ORDER BY handle",
    "category": "SELECT path, '' FROM categories WHERE path BETWEEN :low AND :high ORDER BY path",
    "warehouse": "SELECT code, name FROM warehouses WHERE code BETWEEN :low AND :high ORDER BY code",
    "address": "SELECT id, json_extract(address, '$.name') || ', ' || json_extract(address, '$.city')"
    " FROM customer_addresses WHERE id BETWEEN :low AND :high ORDER BY id",
    "sale": "SELECT name, status FROM sales WHERE name BETWEEN :low AND :high ORDER BY name",
    "ticket": "SELECT id, state || ', ' || email FROM tickets WHERE id BETWEEN :low AND :high"
    " AND state IN ('waiting', 'admitted') ORDER BY id",
    "shipping": "SELECT DISTINCT name, '' FROM shipping_rates WHERE name BETWEEN :low AND :high ORDER BY name",
    "tax": "SELECT id, name || ' ' || country || ' ' || region FROM tax_rates WHERE id BETWEEN :low AND :high ORDER BY id",
    "rate": "SELECT id, name || ' ' || country || ' ' || region FROM shipping_rates"
    " WHERE id BETWEEN :low AND :high ORDER BY id",
    # + keeps SQLite on the small index of live holds: those of the past have ids that begin alike
    "reservation": "SELECT id, sku || ' × ' || quantity || ' for ' || reference FROM reservations"
    " WHERE state = 'held' AND +id BETWEEN :low AND :high ORDER BY expires_at",
}
_FOLDED: Mapping[str, str] = {
    "cart": "SELECT handle, '' FROM carts WHERE state = 'open' AND handle_folded BETWEEN :low AND :high"
    " AND expires_at > :now ORDER BY handle_folded",
    "customer": "SELECT email, coalesce(name, '') FROM customers WHERE email_folded BETWEEN :low AND :high"
    " AND erased_at IS NULL ORDER BY email_folded",
}
_NEXT_BRAND = "SELECT min(brand) FROM products WHERE brand {} ? AND brand <= ?"
_ORDERS = (
    "SELECT number, status || ', ' || email FROM orders WHERE {}number BETWEEN ? AND ? ORDER BY number DESC LIMIT ?"
)
_DIGITS = 9


def names(store: str, kind: str, prefix: str, statuses: Sequence[str] = ()) -> list[Name]:
    """At most LIMIT names of a kind that begin like that; orders of some statuses only, the latest first.

    Never raises: a store without an answer has no names. A server's are not looked for: its answer could take too long.
    """
    path = _file(store)
    if path is None:
        return []
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=0)) as connection:
            connection.text_factory = lambda raw: raw.decode(errors="replace")
            return list(_found(connection, kind, prefix, statuses))[:LIMIT]
    except (sqlite3.Error, OSError, ValueError):
        return []


def _file(store: str) -> Path | None:
    scheme, separator, rest = store.partition(":///")
    if not separator or scheme.partition("+")[0] != "sqlite":
        return None
    return Path(rest.partition("?")[0]).absolute()


def _found(connection: sqlite3.Connection, kind: str, prefix: str, statuses: Sequence[str]) -> Iterator[Name]:
    if kind == "order":
        yield from _orders(connection, prefix.removeprefix("#"), statuses)
    elif kind == "brand":
        yield from _brands(connection, prefix)
    else:
        folded = kind in _FOLDED
        low = fold(prefix) if folded else prefix
        question = (_FOLDED if folded else _RANGES)[kind]
        bounds = {"low": low, "high": low + _LAST, "now": time.time_ns() // 1000}
        for value, about in connection.execute(f"{question} LIMIT {LIMIT}", bounds):
            yield Name(str(value), str(about))


def _orders(connection: sqlite3.Connection, prefix: str, statuses: Sequence[str]) -> Iterator[Name]:
    """Numbers that begin like that are a range for each length: 1, 10–19, 100–199 …"""
    if prefix and not (prefix.isascii() and prefix.isdigit()):
        return
    start = int(prefix or 0)
    widths = range(_DIGITS - len(prefix), -1, -1) if prefix else [_DIGITS]
    of_status = [("status = ? AND ", [status]) for status in statuses] or [("", [])]
    for width in widths:
        bounds = (start * 10**width, (start + 1) * 10**width - 1)
        found = [
            row
            for condition, values in of_status
            for row in connection.execute(_ORDERS.format(condition), [*values, *bounds, LIMIT])
        ]
        yield from (Name(str(number), about) for number, about in sorted(found, reverse=True))


def _brands(connection: sqlite3.Connection, prefix: str) -> Iterator[Name]:
    """The next brand behind the last, and so on: many products share one, and none of them is read."""
    brand, comparison = prefix, ">="
    for _ in range(LIMIT):
        (brand,) = connection.execute(_NEXT_BRAND.format(comparison), (brand, prefix + _LAST)).fetchone()
        if brand is None:
            return
        yield Name(brand)
        comparison = ">"
