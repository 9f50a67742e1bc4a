"""A little shop whose books are right, and the ways to damage them behind its back."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, checkout, orders, outbox, reservations, settlement, stock
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import products
from shopctl.core.errors import Refused, StillPending
from shopctl.core.ports import Document, IndexAnswer, IndexQuery
from shopctl.core.shop import Shop
from tests import shops

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


def live(directory: Path) -> None:
    """A history in `directory`; its orders are

    1001 declined · 1002 confirmed · 1003 shipped · 1004 delivered · 1005 cancelled and refunded · 1006 free, untracked,
    shipped · 1007 backordered · 1008 in flight. Cart c9 holds stock; what cart c0 held has expired and was swept. Two of
    six MUG went EAST.
    """
    shop = shops.make(directory)
    shops.product(shop, "TEE", units=20)
    shops.product(shop, "CAP", units=5, hold_at="cart")
    shops.product(shop, "RARE", units=1, backorder_limit=5)
    shops.product(shop, "GIFT", price=0, tracked=False)
    shops.product(shop, "MUG", units=6)
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
    with shop.work("outbox.delivered") as tx:
        outbox.done(tx, outbox.take(tx, outbox.CATALOG_CHANGED, 100))
        tx.commit()
    shop.engine.dispose()


def copy(source: Path, target: Path) -> Shop:
    """A copy of the shop in `source`, opened, with an index that has everything."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    shop = shops.reopen(target)
    with shop.read() as tx:
        known = {row.id: row.version for row in tx.rows(sa.select(products.c.id, products.c.version))}
    return shop.but(index=FakeIndex(known))


def order(number: int) -> str:
    return f"(SELECT id FROM orders WHERE number = {number})"


def payment(number: int) -> str:
    return f"(SELECT id FROM payments WHERE order_id = {order(number)})"


def row(table: str, source: str, **changed: str) -> str:
    """The INSERT of another row like that of `source`, with other (SQL) values in some columns and a new id."""
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(_DDL[table])
        names = [column[1] for column in memory.execute(f"PRAGMA table_info({table})")]
    if "id" in names:
        changed.setdefault("id", "'00000000-0000-7000-8000-000000000000'")
    if "seq" in names:
        changed.setdefault("seq", "NULL")
    values = ", ".join(changed.get(name, name) for name in names)
    return f"INSERT INTO {table} SELECT {values} FROM {table} WHERE {source} LIMIT 1"


def _ddl() -> dict[str, str]:
    from sqlalchemy.dialects import sqlite
    from sqlalchemy.schema import CreateTable

    from shopctl.core.db.tables import metadata

    return {name: str(CreateTable(table).compile(dialect=sqlite.dialect())) for name, table in metadata.tables.items()}


_DDL = _ddl()


def run(shop: Shop, *statements: str, fenced: bool = False) -> None:
    """Write into the file behind the shop's back; without `fenced` no constraint is in the way but UNIQUE and STRICT."""
    with closing(_file(shop)) as connection:
        if not fenced:
            connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute(f"PRAGMA foreign_keys={'ON' if fenced else 'OFF'}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def unfence(shop: Shop, table: str) -> None:
    """Make a table again without its UNIQUE constraints, unique indexes and STRICT."""
    with closing(_file(shop)) as connection:
        connection.execute("PRAGMA legacy_alter_table=ON")
        find = "SELECT sql FROM sqlite_schema WHERE type = ? AND tbl_name = ? AND sql IS NOT NULL"
        (made,) = connection.execute(find, ("table", table)).fetchone()
        indexes = [sql for (sql,) in connection.execute(find, ("index", table)) if "UNIQUE" not in sql]
        plain = re.sub(r",\s*CONSTRAINT uq_\w+ UNIQUE \([^)]*\)", "", made).replace("STRICT", "")
        connection.execute(f"ALTER TABLE {table} RENAME TO old")
        connection.execute(plain)
        connection.execute(f"INSERT INTO {table} SELECT * FROM old")
        connection.execute("DROP TABLE old")
        for sql in indexes:
            connection.execute(sql)
        connection.commit()


def overwrite(shop: Shop, table: str) -> None:
    """Overwrite the first page of a table with garbage."""
    shop.engine.dispose()
    with closing(_file(shop)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        find = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?"
        (page,) = connection.execute(find, (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with (shop.home.parent.parent / "shop.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def edit_ledger(shop: Shop, edit: Callable[[list[Entry]], Sequence[Entry]]) -> None:
    """Rewrite the gateway's ledger."""
    assert isinstance(shop.gateway, SandboxGateway)
    lines = [dict(line) for line in shop.gateway.entries()]
    shop.gateway.ledger.write_text("".join(json.dumps(line) + "\n" for line in edit(lines)))


def _file(shop: Shop) -> sqlite3.Connection:
    return sqlite3.connect(shop.home.parent.parent / "shop.db")
