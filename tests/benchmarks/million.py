"""A shop of a million orders of every kind, on either store, with the sandbox gateway's ledger to it.

The little shop of tests/core/books.py, and some orders more, are walked through the real use cases. Then their rows are
copied in SQL, over and over, under other ids and numbers. Which rows belong to an order is not listed here but found: what
mentions its id, or the id of a row that does, and what such rows refer to; so a new table is copied as well.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.core import cart, checkout, orders, outbox, rates, recovery, settlement, stock
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db import upkeep
from shopctl.core.db.tables import metadata, variants
from shopctl.core.db.types import Id, Json, Word
from shopctl.core.queries.orders import Order
from shopctl.core.search.indexer import reindex
from shopctl.core.shop import Shop
from tests import shops
from tests.core import books

TWINS = 150
"""Each SKU of the walked orders has so many twins (TEE-0 …), on which the copies are sold in turns."""
PLENTY = 10**8
UNCOPIED = ("audit_log",)
"""No check reads it."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Million:
    """The shop, and how far the numbers of one copy are from those of the one before."""

    shop: Shop
    span: int

    def of_copy(self, n: int, sql: str) -> str:
        """A statement about walked orders, about their nth copy instead."""
        return re.sub(r"\bnumber = (\d{4})\b", lambda found: f"number = {int(found[1]) + n * self.span}", sql)


def build(folder: Path, count: int) -> Million:
    """Make the shop in `folder`; at least so many orders."""
    with multiprocessing.get_context("spawn").Pool(1) as process:  # one that has ended: what it left is recovered
        process.apply(books.live, (folder,))
    shop = _life(shops.reopen(folder), folder)
    _twins(shop)
    reindex(shop)
    with shop.work("outbox.delivered") as tx:
        outbox.done(tx, outbox.take(tx, outbox.DELIVERED_TOPICS, 10**6))
        tx.commit()
    shop.engine.dispose()
    with _writer(shop) as connection:
        base = _Base.found(connection)
        copies = -(-(count - len(base.numbers)) // len(base.numbers))
        for table in (table for table in metadata.sorted_tables if table.name in base.rows):
            _copy(connection, base, table, copies)
        with connection.begin():
            connection.exec_driver_sql(_RECOUNTED)
    _ledger(shop, base, copies)
    return Million(shops.reopen(folder), base.spans["orders.number"])


# --- orders of every kind --------------------------------------------------------------------------------------------
def _life(shop: Shop, folder: Path) -> Shop:
    """What books.live has not: taxes, parcels from two places, refunds, returns, papers, capture with the shipment."""
    assert all(found.ok for found in recovery.recover(shop))
    rates.add(shop, rates.TAX, {"name": "VAT", "country": "DE", "percent": "19"})
    rates.add(shop, rates.SHIPPING, {"name": "Post", "country": "DE", "amount": "4.90"})
    for sku, price, units in (("SOCK", 777, 100), ("HAT", 3333, 100), ("SCARF", 1250, 2)):
        shops.product(shop, sku, units=units, price=price)
    stock.receive(shop, sku="SCARF", quantity=1, warehouse="EAST")

    in_parcels = _bought(shop, "parcels", SCARF=3, HAT=2)
    orders.ship(shop, number=in_parcels, lines={"SCARF": 1}, warehouse="EAST", tracking="E1")
    orders.ship(shop, number=in_parcels, lines={"SCARF": 2, "HAT": 1}, tracking="M1")
    orders.ship(shop, number=in_parcels)
    for shipment in (1, 2, 3):
        orders.deliver(shop, number=in_parcels, shipment=shipment)

    refunded = _bought(shop, "refunded", SOCK=2, HAT=1)
    orders.ship(shop, number=refunded)
    orders.refund(shop, number=refunded, reason="late", amount="3.33")
    orders.refund(shop, number=refunded, reason="torn", lines={"SOCK": 1}, restock=True)
    for credit in (1, 2):
        orders.invoices.issue(shop, number=refunded, credit=credit)

    returned = _bought(shop, "returned", HAT=3)
    orders.ship(shop, number=returned)
    orders.deliver(shop, number=returned)
    orders.returns.request(shop, number=returned, lines={"HAT": 2}, reason="too small")
    orders.returns.receive(shop, number=f"{returned}-R1")
    orders.returns.resolve(shop, number=f"{returned}-R1", restock={"HAT": 1}, write_off={"HAT": 1})
    orders.invoices.issue(shop, number=returned, credit=1)

    shop = shops.rule(shop, folder, capture="shipment")
    in_part = _bought(shop, "in part", SOCK=2, HAT=2)
    orders.ship(shop, number=in_part, lines={"SOCK": 1})
    given_up = _bought(shop, "given up", SOCK=2, HAT=2)
    orders.ship(shop, number=given_up, lines={"HAT": 2})
    settlement.cancel(shop, number=given_up)
    return shops.rule(shop, folder, capture="order")


def _bought(shop: Shop, handle: str, **units: int) -> str:
    """An order of some lines that is paid for; its number."""
    for sku, quantity in units.items():
        cart.add(shop, handle=handle, sku=sku, quantity=quantity)
    order = checkout.place(shop, shops.placement(handle, f"key-{handle}", email="buyer@example.com"))
    assert isinstance(order, Order)
    return order.number


def _twins(shop: Shop) -> None:
    with shop.read() as tx:
        found = tx.rows(sa.select(variants.c.sku, variants.c.price, variants.c.tracked, variants.c.backorder_limit))
    for one in found:
        names = [f"{one.sku}-{twin}" for twin in range(TWINS)]
        with shop.together() as group:
            for sku in names:
                about = {"price": one.price, "tracked": one.tracked, "backorder_limit": one.backorder_limit}
                shops.product(group.shop, sku, **about)
            group.commit()
        received = [(sku, place, PLENTY) for sku in names for place in ("MAIN", "EAST")]
        stock.receive_all(shop, rows=received, reason="twins")


# --- the rows of an order ----------------------------------------------------------------------------------------------
_UUID = re.compile("[0-9a-f]{8}(?=(-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_WHOLE = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
H, N, PAPER = "{H}", "{N}", "{P}"
"""What stands in a template: the beginning of each id, the order's number, the number of the paper."""


@dataclass(frozen=True)
class _Base:
    """The walked orders' rows, as templates: texts with H and N in them."""

    numbers: Sequence[int]
    ids: set[str]
    rows: Mapping[str, Sequence[Row]]
    spans: Mapping[str, int]  # by column: what one copy adds to a number

    @classmethod
    def found(cls, connection: sa.Connection) -> _Base:
        with connection.begin():
            everything = {t: _all(connection, t) for t in metadata.sorted_tables if t.name not in UNCOPIED}
        ordered = everything[metadata.tables["orders"]]
        numbers = [row["number"] for row in ordered]
        ids = {row["id"] for row in ordered}
        rows: dict[str, list[Row]] = {}
        known = -1
        while known < len(ids):  # until nothing more is mentioned
            known = len(ids)
            for table, found in everything.items():
                rows[table.name] = [row for row in found if _belongs(row, ids, numbers)]
                ids |= {row[name] for row in rows[table.name] for name in _links(table) if row[name]}
        spans = {
            str(column): max(values) - min(values) + 1
            for table, found in everything.items()
            for column in _counted(table)
            if (values := [row[column.name] for row in found])
        }
        return cls(numbers, ids, {name: some for name, some in rows.items() if some}, spans)


def _all(connection: sa.Connection, table: sa.Table) -> list[Row]:
    columns = ", ".join(f"CAST({c.name} AS TEXT) AS {c.name}" if _is_text(c) else c.name for c in table.c)
    found = connection.exec_driver_sql(f"SELECT {columns} FROM {table.name}")
    return [dict(row) for row in found.mappings()]


def _belongs(row: Row, ids: set[str], numbers: Sequence[int]) -> bool:
    texts = [value for value in row.values() if isinstance(value, str)]
    named = re.match(r"(?:order|return) (\d+)", str(row.get("reference")))
    return bool(named and int(named[1]) in numbers) or any(ids.intersection(_WHOLE.findall(text)) for text in texts)


def _links(table: sa.Table) -> set[str]:
    """The columns whose ids are of this row, or of one that it refers to."""
    return {c.name for c in table.c if isinstance(c.type, Id) and (c.primary_key or c.foreign_keys)}


def _is_text(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, Id | Word | Json)


def _counted(table: sa.Table) -> list[sa.Column[Any]]:
    """Numbers of which each row has one of its own."""
    return [c for c in _alone(table) if not _is_text(c)]


def _alone(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that are unique by themselves."""
    keys = [
        part.columns for part in table.constraints if isinstance(part, sa.PrimaryKeyConstraint | sa.UniqueConstraint)
    ]
    keys += [index.columns for index in table.indexes if index.unique]
    return [*{column.name: column for key in keys if len(key) == 1 for column in key}.values()]


# --- copies ------------------------------------------------------------------------------------------------------------
def _copy(connection: sa.Connection, base: _Base, table: sa.Table, copies: int) -> None:
    """So many copies of the templates of a table."""
    sqlite = connection.dialect.name == "sqlite"
    templates = [_template(table, row, base.numbers) for row in base.rows[table.name]]
    columns = [c for c in table.c if not c.computed]
    head = "printf('%08x', n)" if sqlite else "lpad(to_hex(n), 8, '0')"
    numbers = "(SELECT CAST(generate_series(1, :copies) AS int) AS n) AS numbers"
    if sqlite:
        numbers = "numbers"
    series = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :copies)"
    number = f"CAST(one.of_order + n * {base.spans['orders.number']} AS TEXT)"
    paper = f"CAST(one.number + n * {base.spans.get('invoices.number', 0)} AS TEXT)"

    def value(column: sa.Column[Any]) -> str:
        if str(column) in base.spans:
            return f"one.{column.name} + n * {base.spans[str(column)]}"
        if column.name == "sku":
            return f"one.sku || '-' || CAST(n % {TWINS} AS TEXT)"
        said = f"one.{column.name}"
        for mark, by in ((H, head), (N, number), (PAPER, paper)):
            if any(mark in str(template[column.name]) for template in templates):
                said = f"replace({said}, '{mark}', {by})"
        return f"CAST({said} AS uuid)" if isinstance(column.type, Id) and not sqlite else said

    names = ", ".join(c.name for c in columns)
    shown = ", ".join(f"CAST({c.name} AS TEXT) AS {c.name}" if _is_text(c) else c.name for c in columns)
    marks = ", ".join(f":{c.name}" for c in columns)
    with connection.begin():
        connection.exec_driver_sql(
            f"CREATE TEMP TABLE one AS SELECT {shown}, CAST(0 AS bigint) AS of_order FROM {table.name} WHERE false"
        )
        connection.execute(sa.text(f"INSERT INTO one ({names}, of_order) VALUES ({marks}, :of_order)"), templates)
        connection.execute(
            sa.text(
                f"INSERT INTO {table.name} ({names}) {series if sqlite else ''} "
                f"SELECT {', '.join(map(value, columns))} FROM {numbers} CROSS JOIN one"
            ),
            {"copies": copies},
        )
        connection.exec_driver_sql("DROP TABLE one")


def _template(table: sa.Table, row: Row, numbers: Sequence[int]) -> Row:
    """A row with marks for what is different in each copy, and the number of its order."""
    of_order = 0
    made = dict(row)
    for column in filter(_is_text, table.c):
        text = row[column.name]
        if text is None:
            continue
        said = _UUID.sub(H, text)
        for found in re.findall(r"(?<![\w.])1\d{3}(?![\w.])", said):
            if int(found) in numbers:
                of_order = int(found)
                said = re.sub(rf"(?<![\w.]){found}(?![\w.])", N, said)
        if table.name == "invoices" and column.name == "document":
            said = said.replace(f'"number":"{row["number"]}"', f'"number":"{PAPER}"')
        made[column.name] = said
    for column in filter(_is_text, _alone(table)):
        if (plain := made[column.name]) and H not in plain and N not in plain:
            made |= {name: f"{H}{plain}" for name, text in made.items() if text == plain}
    return {**made, "of_order": of_order}


_RECOUNTED = """
UPDATE stock_levels SET quantity = moved.quantity, reserved = moved.reserved, committed = moved.committed
FROM (SELECT sku, warehouse, pool, bucket, sum(quantity) AS quantity, sum(reserved) AS reserved, sum(committed) AS committed
      FROM stock_movements GROUP BY sku, warehouse, pool, bucket) AS moved
WHERE moved.sku = stock_levels.sku AND moved.warehouse = stock_levels.warehouse AND moved.pool = stock_levels.pool
  AND moved.bucket = stock_levels.bucket
"""


@contextmanager
def _writer(shop: Shop) -> Iterator[sa.Connection]:
    """A connection that writes much and fast, and leaves the store as a server's own housekeeping would."""
    engine = sa.create_engine(shops.store_url(shop.home.parent.parent), poolclass=sa.NullPool)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if engine.dialect.name == "sqlite":
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
                driver.execute(f"PRAGMA {pragma}")
            yield connection
            driver.execute("PRAGMA journal_mode=WAL")
            return
        with connection.begin():
            connection.exec_driver_sql("SET session_replication_role = replica")
        yield connection
        with connection.begin():
            counted = [c for table in metadata.sorted_tables for c in table.primary_key if c.autoincrement is True]
            upkeep.count_on(connection, counted, metadata.tables["orders"].c.number)
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")


def _ledger(shop: Shop, base: _Base, copies: int) -> None:
    """The gateway's lines, copied like the payments."""
    assert isinstance(shop.gateway, SandboxGateway)
    lines = shop.gateway.ledger.read_text().splitlines(keepends=True)
    templates = [_UUID.sub(H, line) for line in lines if base.ids.intersection(_WHOLE.findall(line))]
    with shop.gateway.ledger.open("a") as file:
        for n in range(1, copies + 1):
            file.writelines(line.replace(H, f"{n:08x}") for line in templates)
