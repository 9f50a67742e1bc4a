"""Migrations: they end at the tables, and a store of an earlier release goes on with all that it knew, or stays as it was."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.schema import CreateIndex

from shopctl.core import cart, customers, settlement, stock, verify
from shopctl.core.db import engine as stores
from shopctl.core.db import schema, upkeep
from shopctl.core.db.tables import metadata
from shopctl.core.errors import StoreUnusable
from shopctl.core.queries import events
from shopctl.core.shop import Shop
from tests import servers, shops
from tests.cli import Cli, Said

BY_ACCIDENT = (
    "INSERT INTO audit_log SELECT seq + 1000, at, 'other', 'another request', action, target, seal FROM audit_log"
)


def lived(directory: Path) -> Shop:
    """A shop in which something has happened to every table that 0002 changes."""
    shop = shops.make(directory)
    stock.add_warehouse(shop, code="EAST", name="East")
    shops.product(shop, "TEE", units=50)
    shops.buy(shop, "c1", "TEE", 2)
    settlement.cancel(shop, number=shops.buy(shop, "c2", "TEE").number)
    cart.add(shop, handle="open", sku="TEE", quantity=1)
    customers.add(shop, email="bo@example.com", name="Bo")
    return shop


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    """The store of a shop at 0001: the rows of a shop of today, as far as 0001 has columns for them."""
    path, today = tmp_path / "shop.db", tmp_path / "today.db"
    lived(tmp_path).engine.dispose()
    path.rename(today)
    url = stores.parse_url(f"sqlite:///{path}")
    upkeep.create_file(url)
    engine = stores.open_engine(url)
    schema.upgrade(engine, "0001")
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ATTACH ? AS today", (str(today),))
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table != "alembic_version":
                names = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
                connection.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM today.{table}")
        connection.execute(
            "UPDATE outbox SET payload = json_set(payload, '$.email', 'c1@example.com') WHERE topic LIKE 'order.%'"
        )
        connection.commit()
    yield path
    assert not rows(path, "PRAGMA foreign_key_check")


def differences(path: Path) -> list[object]:
    """Where a store is not what tables.py says. The order of columns is free."""
    engine = stores.open_engine(stores.parse_url(f"sqlite:///{path}"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False, "compare_server_default": True})
        found: list[object] = list(compare_metadata(context, metadata))
    made: dict[object, str] = dict(rows(path, "SELECT name, sql FROM sqlite_master"))  # type: ignore[arg-type]
    for table in metadata.tables.values():
        sql = made.get(table.name, "")
        checks = [part for part in table.constraints if isinstance(part, sa.CheckConstraint)]
        found += [check.name for check in checks if f"CONSTRAINT {check.name} CHECK ({check.sqltext})" not in sql]
        found += [table.name] * (sql.count(" CHECK (") != len(checks) or not sql.rstrip().endswith("STRICT"))
        found += [
            index.name
            for index in table.indexes
            if made.get(index.name) != str(CreateIndex(index).compile(engine, dialect=engine.dialect))
        ]
    engine.dispose()
    return found


def test_a_new_store_is_what_the_tables_say(shop: Shop, tmp_path: Path) -> None:
    assert differences(tmp_path / "shop.db") == []
    assert schema.version(shop.engine) == schema.HEAD


def test_a_migrated_store_is_what_the_tables_say(old: Path, tmp_path: Path) -> None:
    assert differences(old)
    schema.upgrade(stores.open_engine(stores.parse_url(f"sqlite:///{old}")))
    assert differences(old) == []
    columns = 'SELECT t.name, c.name, c.type, "notnull", dflt_value FROM sqlite_master t, pragma_table_info(t.name) c ORDER BY 1, 2'
    assert rows(old, columns) == rows(tmp_path / "today.db", columns)


def test_a_migrated_shop_goes_on(old: Path, tmp_path: Path) -> None:
    told = "SELECT id, topic, subject, payload, actor, request_id, state FROM outbox ORDER BY id"
    schema.upgrade(stores.open_engine(stores.parse_url(f"sqlite:///{old}")))
    assert rows(old, told) == rows(tmp_path / "today.db", told)
    assert rows(old, "SELECT DISTINCT source, reference, extra FROM orders") == [("checkout", None, None)]
    assert rows(old, "SELECT DISTINCT safety_stock FROM stock_levels") == [(0,)]
    for table in metadata.tables.keys() - {"credits", "credit_lines"}:  # an older shopctl cancelled without
        count = f"SELECT count(*) FROM {table}"
        assert rows(old, count) == rows(tmp_path / "today.db", count), table

    shop = shops.reopen(tmp_path)
    assert shops.buy(shop, "c3", "TEE").number == "1003"
    stock.transfer(shop, sku="TEE", quantity=5, source="MAIN", target="EAST")
    with shop.read() as tx:
        last = events.latest(tx, 100)
    assert {"order.confirmed", "stock.transfer", "catalog.changed"} <= {event.topic for event in last}
    assert not verify.verify(shop).violations
    shop.engine.dispose()


def test_who_did_it_is_not_guessed(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute(f"{BY_ACCIDENT} WHERE action = 'catalog.add'")
        connection.commit()
    schema.upgrade(stores.open_engine(stores.parse_url(f"sqlite:///{old}")))
    by_migration = rows(old, "SELECT topic, request_id FROM outbox WHERE actor = 'migration'")
    assert {topic for topic, _ in by_migration} == {"catalog.changed"}
    assert len({request_id for _, request_id in by_migration}) == 1


def test_what_was_refunded_of_an_imported_order_is_not_owed(old: Path) -> None:
    url = stores.parse_url(f"sqlite:///{old}")
    schema.upgrade(stores.open_engine(url), "0003")
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("UPDATE orders SET source = 'import', status = 'shipped' WHERE number = 1002")
        connection.execute("UPDATE refunds SET amount = 700")
        connection.commit()
    schema.upgrade(stores.open_engine(url))
    told = (
        "SELECT number, kind, items, c.shipping, c.tax, c.total, actor FROM credits c JOIN orders o ON o.id = order_id"
    )
    assert rows(old, told) == [(1002, "refund", 700, 0, 0, 700, "migration")]


def test_commands_ask_for_the_migration_and_it_says_what_it_did(old: Path, tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    said = cli("orders", "list", "-o", "json")
    assert (said.status, said.error["code"]) == (2, "older_schema")
    assert said.error["hint"] == "Run `shopctl store migrate`."
    done = ("0001", schema.HEAD, True)
    assert cli("store", "migrate", "--read-only").status == 7
    assert what_is_done(cli("store", "migrate", "--dry-run", "-o", "json")) == done
    assert cli("orders", "list").status == 2
    assert what_is_done(cli("store", "migrate", "-o", "json")) == done
    assert what_is_done(cli("store", "migrate", "-o", "json")) == (schema.HEAD, schema.HEAD, False)
    assert len(cli("orders", "list", "-o", "json").json) == 2


def what_is_done(said: Said) -> tuple[str, str, bool]:
    answer = said.json
    assert answer["changed"] == bool(answer["steps"])
    return answer["before"], answer["after"], answer["changed"]


def test_killed_in_the_middle_it_is_as_it_was(old: Path) -> None:
    everything = "SELECT name, sql FROM sqlite_master ORDER BY name"
    before = rows(old, everything), rows(old, "SELECT * FROM outbox"), rows(old, "SELECT * FROM stock_movements")
    code = (  # the last step of 0002 makes import_runs: all others are done by then
        "import os, signal\n"
        "from alembic import op\n"
        "from shopctl.core.db import engine, schema\n"
        "op.create_table = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"schema.upgrade(engine.open_engine(engine.parse_url('sqlite:///{old}')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    after = rows(old, everything), rows(old, "SELECT * FROM outbox"), rows(old, "SELECT * FROM stock_movements")
    assert after == before
    with pytest.raises(StoreUnusable, match="0001"):
        shops.reopen(old.parent)
    schema.upgrade(stores.open_engine(stores.parse_url(f"sqlite:///{old}")))
    assert differences(old) == []


def test_text_of_an_older_server_is_compared_by_code_points(tmp_path: Path) -> None:
    with shops.on("postgres"):
        servers.create_database(tmp_path)
        engine = stores.open_engine(servers.database(tmp_path))
        schema.upgrade(engine, "0002")
        with engine.begin() as connection:
            connection.exec_driver_sql('ALTER TABLE variants ALTER sku TYPE varchar COLLATE "default"')
            connection.exec_driver_sql('ALTER TABLE carts ALTER handle TYPE text COLLATE "default"')
        schema.upgrade(engine)
        with engine.connect() as connection:
            types = upkeep.column_types(connection)
        engine.dispose()
    assert types is not None
    actual = {f"{table}.{name}": kind for (table, name), kind in types.items()}
    wanted = {str(c): c.type.compile(engine.dialect) for table in metadata.sorted_tables for c in table.c}
    assert wanted.items() <= actual.items()
