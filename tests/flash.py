"""Small factories for flash sales: a sale of some units, a crowd that joins it, the clock put on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shopctl.core import sales, verify
from shopctl.core.db.tables import stock_levels, tickets
from shopctl.core.queries import tickets as reads
from shopctl.core.queries.sales import Sale
from shopctl.core.queries.tickets import Ticket
from shopctl.core.sales import Item, Joining, Terms
from shopctl.core.shop import Shop
from tests import shops


def make(
    shop: Shop, units: int = 3, *, name: str = "friday", sku: str = "TEE", price: str = "9.99", **terms: Any
) -> Sale:
    """A sale that is to be opened."""
    return sales.create(shop, name=name, items=[Item(sku, units, price)], terms=Terms(**terms))


def opened(shop: Shop, units: int = 3, **how: Any) -> Sale:
    made = make(shop, units, **how)
    return sales.open_(shop, name=made.name)


def crowd(shop: Shop, count: int, *, sale: str = "friday", start: int = 0, **said: Any) -> list[str]:
    """So many join, ready to buy with one word; their tickets."""
    registered = {"address": shops.HOME, "token": "pm_card_visa", **said}
    wanted = [Joining(f"s{start + n}@example.com", **registered) for n in range(count)]
    found = sales.join_all(shop, sale=sale, wanted=wanted)
    assert all(isinstance(one, Ticket) for one in found), found
    return [one.ticket for one in found if isinstance(one, Ticket)]


def later(shop: Shop, seconds: float) -> Shop:
    """The shop, with its clock put on."""
    before = shop.clock
    return shop.but(clock=lambda: before() + timedelta(seconds=seconds))


def stopped(shop: Shop) -> Shop:
    """The shop, with its clock stopped now."""
    now = datetime.now(UTC)
    return shop.but(clock=lambda: now)


def at(shop: Shop, ticket: str) -> Ticket:
    with shop.read() as tx:
        return reads.position(tx, ticket)


def states(shop: Shop) -> Counter[str]:
    with shop.read() as tx:
        return Counter(tx.execute(sa.select(tickets.c.state)).scalars())


def level(shop: Shop, pool: str, sku: str = "TEE") -> tuple[int, int, int]:
    """Quantity, reserved and committed of a SKU in a pool, over all places."""
    c = stock_levels.c
    sums = (sa.func.coalesce(sa.func.sum(x), 0) for x in (c.quantity, c.reserved, c.committed))
    with shop.read() as tx:
        quantity, reserved, committed = tx.rows(sa.select(*sums).where(c.sku == sku, c.pool == pool))[0]
    return int(quantity), int(reserved), int(committed)


def clean(shop: Shop) -> bool:
    """Whether the books are right; what is wrong is printed."""
    found = verify.verify(shop).violations
    print(*found, sep="\n")
    return not found
