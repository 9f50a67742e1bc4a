"""A little shop whose books are right, and the ways to damage them behind its back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, checkout, orders, outbox, payments, reservations, sales, settlement, stock
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import metadata, products
from shopctl.core.db.types import Instant, new_id
from shopctl.core.errors import Refused, StillPending
from shopctl.core.imports.orders.take import import_orders
from shopctl.core.ports import Document, IndexAnswer, IndexQuery
from shopctl.core.shop import Shop
from shopctl.core.verify import schema
from tests import flash, shops

Entry = dict[str, Any]


@dataclass
class FakeIndex:
    """An index that only knows which version of a product it has."""

    known: dict[str, int] = field(default_factory=dict)

    def versions(self) -> dict[str, int]:
        return dict(self.known)

    def find(self, query: IndexQuery) -> IndexAnswer:
        return IndexAnswer([], [], False)

    def suggest(self, word: str) -> str | None:
        return None

    def put(self, documents: Any, gone: Any = ()) -> None: ...

    def rebuild(self, documents: Any) -> int:
        return len(list[Document](documents))


_ELSEWHERE = {
    "reference": "#1",
    "email": "old@example.com",
    "created_at": "2026-01-02T03:04:05Z",
    "lines": [
        {"sku": "OLD", "quantity": 2, "unit_price": "15.00"},
        {"sku": "OLD", "quantity": 1, "unit_price": "0.00"},
    ],
    "payments": [{"reference": "elsewhere"}],
}


def live(directory: Path) -> None:
    """A history in `directory`; its orders are

    1001 declined · 1002 confirmed · 1003 shipped · 1004 delivered · 1005 cancelled and refunded · 1006 free, untracked,
    shipped · 1007 backordered · 1008 in flight · 1009 imported, open, paid elsewhere, two lines of one SKU · 1010 of
    three MUG, paid by hand: two sent, one cancelled, one returned, with an invoice and a credit note · 1011 bought a turn at
    a flash sale of two DROP, in whose queue the second has a turn and the third waits. Cart c9 holds
    stock; what cart c0 held has expired and was swept. Two of six MUG went EAST.
    """
    shop = shops.make(directory)
    shops.product(shop, "TEE", units=20)
    shops.product(shop, "CAP", units=5, hold_at="cart")
    shops.product(shop, "RARE", units=1, backorder_limit=5)
    shops.product(shop, "OLD", units=3)
    shops.product(shop, "GIFT", price=0, tracked=False)
    shops.product(shop, "MUG", units=6)
    shops.product(shop, "DROP", units=3)
    stock.add_warehouse(shop, code="EAST")
    stock.transfer(shop, sku="MUG", quantity=2, source="MAIN", target="EAST")
    cart.add(shop, handle="c0", sku="CAP", quantity=2)
    shop = shop.but(clock=lambda: datetime.now(UTC) + timedelta(minutes=11))
    assert reservations.sweep(shop) == 1
    cart.add(shop, handle="c9", sku="CAP", quantity=1)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    with pytest.raises(Refused):
        checkout.place(shop, shops.placement("c1", "declined", token="pm_card_chargeDeclined"))
    for handle in ("c2", "c3", "c4", "c5"):
        shops.buy(shop, handle, "TEE", 2)
    shops.buy(shop, "c6", "GIFT", token=None)
    shops.buy(shop, "c7", "RARE", 4)
    cart.add(shop, handle="c8", sku="TEE", quantity=3)
    with pytest.raises(StillPending):
        checkout.place(shop, shops.placement("c8", "lost", token="pm_card_timeout"))
    for number in ("1003", "1004", "1006"):
        orders.ship(shop, number=number, tracking="1Z")
    orders.deliver(shop, number="1004")
    settlement.cancel(shop, number="1005")
    import_orders(shop, json.dumps(_ELSEWHERE))
    cart.add(shop, handle="c10", sku="MUG", quantity=3)
    checkout.place(shop, shops.placement("c10", "by-hand", token="manual"))
    settlement.pay(shop, number="1010", reference="till 1")
    orders.ship(shop, number="1010", lines={"MUG": 2})
    settlement.cancel(shop, number="1010")
    orders.returns.request(shop, number="1010", lines={"MUG": 1}, reason="chipped")
    orders.returns.receive(shop, number="1010-R1")
    orders.returns.resolve(shop, number="1010-R1")
    orders.invoices.issue(shop, number="1010", credit=1)
    for _ in ("cancelled", "returned"):
        payments.refunded(shop, name="1010")
    flash.opened(shop, 2, name="drop", sku="DROP", hold_seconds=86_400)
    first, *_ = flash.crowd(shop, 3, sale="drop")
    sales.admit(shop, name="drop")
    sales.buy(shop, ticket=first)
    with shop.work("outbox.delivered") as tx:
        outbox.done(tx, outbox.take(tx, [outbox.CATALOG_CHANGED], 100))
        tx.commit()


def copy(directory: Path) -> Shop:
    """A copy of that shop in `directory`, opened, with an index that has everything."""
    shop = shops.copy_of(live, directory)
    with shop.read() as tx:
        known = {row.id: row.version for row in tx.rows(sa.select(products.c.id, products.c.version))}
    return shop.but(index=FakeIndex(known))


def order(number: int) -> str:
    return f"(SELECT id FROM orders WHERE number = {number})"


def payment(number: int) -> str:
    return f"(SELECT id FROM payments WHERE order_id = {order(number)})"


def row(table: str, source: str, **changed: str) -> str:
    """The INSERT of another row like that of `source`, with other (SQL) values in some columns and a new id."""
    names = [column.name for column in metadata.tables[table].c]
    new = {"id": f"'{new_id()}'", "seq": f"(SELECT max(seq) + 1 FROM {table})", **changed}
    values = ", ".join(new.get(name, name) for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} WHERE {source} LIMIT 1"


def run(shop: Shop, *statements: str, fenced: bool = False) -> None:
    """Write into the store behind the shop's back; `:long_ago` is a moment before anything happened.

    Without `fenced` no FOREIGN KEY is in the way, and on SQLite no CHECK.
    """
    with behind(shop) as connection:
        for switch in () if fenced else _FENCES_OFF[connection.dialect.name]:
            connection.exec_driver_sql(switch)
        if fenced and connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        for statement in statements:
            text = sa.text(statement)
            connection.execute(text.bindparams(_LONG_AGO) if ":long_ago" in statement else text)


_LONG_AGO = sa.bindparam("long_ago", datetime(1970, 1, 2, tzinfo=UTC), type_=Instant())
_FENCES_OFF = {
    "sqlite": ("PRAGMA ignore_check_constraints=ON",),
    "postgresql": ("SET LOCAL session_replication_role = replica",),
}


@contextmanager
def behind(shop: Shop) -> Iterator[sa.Connection]:
    """A transaction in the shop's store that no shop knows of."""
    engine = sa.create_engine(shops.store_url(shop.home.parent.parent), poolclass=sa.NullPool)
    with engine.begin() as connection:
        yield connection


def unfence(shop: Shop, name: str) -> None:
    """Remove a constraint or an index, where `run` would be refused because of it."""
    (table,) = (table for table in metadata.tables.values() if name in schema.fences(table))
    with behind(shop) as connection:
        if name in {index.name for index in table.indexes}:
            connection.exec_driver_sql(f"DROP INDEX {name}")
        elif connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"ALTER TABLE {table.name} DROP CONSTRAINT {name}")
        elif name.startswith("uq_"):
            rebuild(connection, table.name, lambda sql: re.sub(rf",\s*CONSTRAINT {name} UNIQUE \([^)]*\)", "", sql))


def rebuild(connection: sa.Connection, table: str, edit: Callable[[str], str]) -> None:
    """Make a table of SQLite again, with its indexes, by another CREATE TABLE."""
    find = sa.text("SELECT sql FROM sqlite_schema WHERE type = :type AND tbl_name = :table AND sql IS NOT NULL")
    made = connection.execute(find, {"type": "table", "table": table}).scalar_one()
    indexes = connection.execute(find, {"type": "index", "table": table}).scalars().all()
    assert edit(made) != made
    for sql in (
        "PRAGMA legacy_alter_table=ON",
        f"ALTER TABLE {table} RENAME TO old",
        edit(made),
        f"INSERT INTO {table} SELECT * FROM old",
        "DROP TABLE old",
        *indexes,
    ):
        connection.exec_driver_sql(sql)


def edit_ledger(shop: Shop, edit: Callable[[list[Entry]], Sequence[Entry]]) -> None:
    """Rewrite the gateway's ledger."""
    assert isinstance(shop.gateway, SandboxGateway)
    lines = [json.loads(line) for line in shop.gateway.ledger.read_text().splitlines()]
    shop.gateway.ledger.write_text("".join(json.dumps(line) + "\n" for line in edit(lines)))
