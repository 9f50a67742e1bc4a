"""Hot carts and the database (check 26): a copy that claims to be what the database has must be it.

A copy never changes under its revision, nor a cart under its version. So a copy is compared in a snapshot that is taken
after it was read: what has moved on by then is neither wrong nor compared. What a copy is ahead is only counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import sqlalchemy as sa

from shopctl.core.db.tables import cart_lines, carts, variants
from shopctl.core.db.unit_of_work import Row
from shopctl.core.ports import HotCart, HotCartsAway
from shopctl.core.queries.carts import stamp
from shopctl.core.shop import Shop
from shopctl.core.verify.findings import CHUNK, Finding, Note, Violation

HOT = 26


def hot(shop: Shop) -> Iterator[Finding]:
    """Every hot copy against its cart. No transaction is open while the copies are read."""
    ahead = 0
    try:
        names = shop.carts.all()
        while chunk := list(islice(names, CHUNK)):
            copies = shop.carts.find(chunk)
            ids, skus = sorted(copies), sorted({line.sku for copy in copies.values() for line in copy.lines})
            with shop.read() as tx:
                rows = {row.id: row for row in tx.rows(sa.select(carts).where(carts.c.id.in_(ids)))}
                kept = tx.rows(sa.select(cart_lines).where(cart_lines.c.cart_id.in_(ids)))
                known = set(tx.execute(sa.select(variants.c.sku).where(variants.c.sku.in_(skus))).scalars())
            ahead += sum(cart_id in rows and copy.is_ahead(stamp(rows[cart_id])) for cart_id, copy in copies.items())
            for cart_id, copy in copies.items():
                yield from _judged(cart_id, copy, rows.get(cart_id), [r for r in kept if r.cart_id == cart_id], known)
    except HotCartsAway as away:
        yield Note("hot_carts_unread", f"The hot carts cannot be read ({away}); they were not compared")
    if ahead:
        yield Note("hot_carts_ahead", f"{ahead} hot carts wait to be persisted", {"carts": ahead})


def _judged(cart_id: str, copy: HotCart, cart: Row | None, kept: Sequence[Row], known: set[str]) -> Iterator[Violation]:
    if cart is None:
        yield _violation("hot_cart_unknown", cart_id, "has no cart in the store")
        return
    there = {line.sku: line.quantity for line in copy.lines}
    if not copy.continues(stamp(cart)):
        return
    for sku in sorted(there.keys() - known):
        yield _violation("hot_cart_unknown_sku", cart.handle, f"has {sku!r}, which is no SKU", sku=sku)
    here = {line.sku: line.quantity for line in kept}
    if not copy.is_ahead(stamp(cart)) and there != here:
        yield _violation("hot_cart_differs", cart.handle, "is not what was persisted of it", hot=there, store=here)


def _violation(name: str, cart: str, what: str, **details: object) -> Violation:
    return Violation(HOT, name, f"cart {cart}", f"The hot copy of cart {cart} {what}", details)
