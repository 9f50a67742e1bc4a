"""What shoppers have registered with their tickets: can it be bought as it is? Looked at when it comes, and before the start.

Whether a product is for sale, what it costs now, and whether it can be sent there, the store knows; of a payment token the
gateway is asked, where it can tell without charging. A ticket with a problem keeps its place; its shopper is told by its
position, and may join again with what is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from shopctl.core import outbox, payments, rates
from shopctl.core.db.tables import products, sale_items, sales, tickets, variants
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import pricing
from shopctl.core.domain.pricing import BasketLine
from shopctl.core.errors import ShopError
from shopctl.core.ports import NoAnswer, Vouching
from shopctl.core.queries import sales as reads
from shopctl.core.shop import Shop, retried

i, t, v = sale_items.c, tickets.c, variants.c
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Checked:
    """How many tickets were looked at, and how many of them cannot be bought as they are registered."""

    sale: str
    tickets: int
    problems: int


def check(shop: Shop, *, name: str) -> Checked:
    """Look at everything that was registered and waits; the problems are written to the tickets."""
    with shop.read() as tx:
        sale = reads.row_by_name(tx, name)
    seen = problems = 0
    last = None
    while some := _some(shop, sale.id, last):
        last = some[-1].id
        tokens = {row.token: _of_token(shop, row.token) for row in some if row.token is not None}
        seen += len(some)
        problems += _judged(shop, sale, some, tokens)
    _done(shop, sale.id, sale.name)
    return Checked(sale.name, seen, problems)


class Judge:
    """Says what is wrong with tickets, as the shop is in this transaction; the same question is asked once."""

    def __init__(self, tx: UnitOfWork, sale_id: str) -> None:
        self._tx = tx
        self._items = {row.sku: row for row in tx.rows(_ITEMS, {"of_sale": sale_id})}
        self._sent = cache(self._sendable)

    def problem(self, sku: str, quantity: int, agreed: int | None, address: Mapping[str, str] | None) -> str | None:
        """The code of what keeps this from being bought, None when nothing does."""
        item = self._items[sku]
        if item.status != "active":
            return "not_for_sale"
        if not item.tracked:
            return "not_tracked"
        if agreed is not None and item.price > agreed:
            return "price_changed"
        return self._sent(sku, quantity, address["country"], address.get("region", "")) if address else None

    def _sendable(self, sku: str, quantity: int, country: str, region: str) -> str | None:
        item = self._items[sku]
        line = BasketLine(sku, quantity, item.price, item.taxable, item.requires_shipping, item.weight_grams)
        try:
            pricing.price([line], *rates.rates_for(self._tx, country, region))
        except ShopError as error:
            return error.code
        return None


# --- how it works --------------------------------------------------------------------------------------------------
_ITEMS = (
    sa.select(i.sku, i.price, products.c.status, v.tracked, v.taxable, v.requires_shipping, v.weight_grams)
    .join(variants, v.sku == i.sku)
    .join(products, products.c.id == v.product_id)
    .where(i.sale_id == sa.bindparam("of_sale", type_=i.sale_id.type))
)


def _some(shop: Shop, sale_id: str, after: str | None) -> Sequence[Row]:
    columns = (t.id, t.sku, t.quantity, t.agreed_price, t.address, t.token, t.problem)
    some = sa.select(*columns).where(t.sale_id == sale_id, t.state == "waiting")
    if after is not None:
        some = some.where(t.id > after)
    with shop.read() as tx:
        return tx.rows(some.order_by(t.id).limit(_CHUNK))


def _of_token(shop: Shop, token: str) -> str | None:
    """What the gateway says of a token; nothing where it cannot be asked, or does not answer."""
    if token == payments.MANUAL or not isinstance(shop.gateway, Vouching):
        return None
    try:
        return shop.gateway.doubt(token)
    except NoAnswer:
        return None


@retried
def _judged(shop: Shop, sale: Row, some: Sequence[Row], tokens: Mapping[str, str | None]) -> int:
    """Write what is wrong with these tickets, where that is news; how many have something."""
    with shop.work("sales.check", sale.name) as tx:
        judge = Judge(tx, sale.id)
        found = {
            row.id: judge.problem(row.sku, row.quantity, row.agreed_price, row.address) or tokens.get(row.token)
            for row in some
        }
        news = [{"k_id": row.id, "problem": found[row.id]} for row in some if found[row.id] != row.problem]
        if news:
            same: Any = sa.update(tickets).where(t.id == sa.bindparam("k_id"), t.state == "waiting")
            tx.execute(same.values(problem=sa.bindparam("problem")), news)
            outbox.add(tx, "sale.checked", sale.id, name=sale.name, tickets=len(news))
            tx.commit()
    return sum(problem is not None for problem in found.values())


@retried
def _done(shop: Shop, sale_id: str, name: str) -> None:
    with shop.work("sales.check", name) as tx:
        tx.execute(sa.update(sales).where(sales.c.id == sale_id).values(checked_at=tx.now))
        tx.commit(audited=False)
