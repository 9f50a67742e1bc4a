"""Migrations expand, then contract: the release before goes on working on an expanded store, and is told of a contracted one."""

from __future__ import annotations

import io
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import moving, verify
from shopctl.core.db import engine as stores
from shopctl.core.db import schema, upkeep
from shopctl.core.errors import Refused, StoreUnusable
from tests import servers, shops
from tests.cli import Cli

LATER = '''"""{what}."""
import sqlalchemy as sa
from alembic import op
revision, down_revision, compatible_since = "{revision}", "{before}", "{compatible_since}"
def upgrade():
    {change}
'''


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The store that `tests.shops` makes shops on."""
    with shops.on(request.param):
        yield request.param


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """Those of a release to come: 9001 expands, 9002 contracts."""
    place = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, place, ignore=shutil.ignore_patterns("__pycache__"))
    expanding = 'op.add_column("products", sa.Column("colour", sa.Text()))'
    contracting = 'op.drop_table("payment_attempts")'
    for revision, before, since, change in (
        ("9001", schema.HEAD, schema.HEAD, expanding),
        ("9002", "9001", "9001", contracting),
    ):
        text = LATER.format(what="Later", revision=revision, before=before, compatible_since=since, change=change)
        (place / "versions" / f"{revision}.py").write_text(text)
    return place


@contextmanager
def release(migrations: Path, head: str, needs: str) -> Iterator[None]:
    """Meanwhile this is a release to come."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in (("MIGRATIONS", migrations), ("HEAD", head), ("NEEDS", needs)):
            patched.setattr(schema, name, value)
        yield


def engine_of(directory: Path) -> sa.Engine:
    return stores.open_engine(stores.parse_url(shops.store_url(directory)))


def versions(found: schema.Upgrade) -> tuple[list[str], list[str]]:
    return [step.version for step in found.steps], [step.version for step in found.left]


def test_this_release_goes_on_with_a_store_that_a_later_one_expanded(
    kind: str, tmp_path: Path, migrations: Path
) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5)
    with release(migrations, "9002", "9001"):
        with pytest.raises(StoreUnusable, match="needs 9001"):
            schema.check(shop.engine)
        done = schema.upgrade(shop.engine, contract=False)
        assert versions(done) == (["9001"], ["9002"])
        shops.buy(shops.reopen(tmp_path), "later", "TEE")
    assert schema.version(shop.engine) == "9001"
    shops.product(shop, "CAP", units=5)  # it was open meanwhile
    again = shops.reopen(tmp_path)
    shops.buy(again, "present", "CAP")
    assert not verify.verify(again).violations
    assert Cli(tmp_path)("store", "info", "-o", "json").json["schema"] == "9001"
    assert versions(schema.upgrade(shop.engine)) == ([], [])


def test_of_a_contracted_store_this_release_is_told(kind: str, tmp_path: Path, migrations: Path) -> None:
    shop = shops.make(tmp_path)
    with release(migrations, "9002", "9001"):
        assert versions(schema.upgrade(shop.engine, contract=False))[1] == ["9002"]
        assert versions(schema.upgrade(shop.engine, contract=True)) == (["9002"], [])
        assert schema.version(shop.engine) == "9002"
    for words in (("orders", "list"), ("store", "migrate"), ("store", "migrate", "--contract")):
        said = Cli(tmp_path)(*words, "-o", "json")
        assert (said.status, said.error["code"]) == (2, "newer_schema")


def test_what_shuts_out_the_release_before_waits_until_it_is_asked_for(
    kind: str, tmp_path: Path, migrations: Path
) -> None:
    shop = shops.make(tmp_path)
    with release(migrations, "9002", "9002"), pytest.raises(Refused, match="cannot work") as refused:
        schema.upgrade(shop.engine, contract=False)
    assert refused.value.hint is not None
    assert "--contract" in refused.value.hint
    assert schema.version(shop.engine) == schema.HEAD


def test_a_release_of_0002_is_told_that_it_can_go_on(kind: str, tmp_path: Path) -> None:
    """It looks at alembic_version, and takes nothing but its own."""
    engine = shops.make(tmp_path).engine
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == ["0002"]
        assert connection.exec_driver_sql("SELECT version FROM schema_version").scalars().all() == [schema.HEAD]


def test_a_backup_of_an_earlier_schema_is_restored_into_this_one(kind: str, tmp_path: Path, migrations: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5)
    shops.buy(shop, "c1", "TEE")
    text = "".join(moving.backup_lines(shop, lambda _done, _total: None)).encode()
    place = tmp_path / "restored"
    place.mkdir()
    servers.create_database(place)
    with release(migrations, "9001", "9001"):
        moved = moving.restore(
            io.BufferedReader(io.BytesIO(text)), shops.store_url(place), progress=lambda _done, _total: None
        )
        assert moved.checks
        restored = shops.reopen(place)
        shops.buy(restored, "c2", "TEE")
        with restored.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT colour FROM products").scalars().all() == [None]


# --- the rule: what a migration since 0003 may do, unless it says that it shuts out the release before --------------
def shape(directory: Path, version: str) -> dict[str, dict[str, Any]]:
    """The columns of each table, and what has to be unique in it, as of a version."""
    url = stores.parse_url(f"sqlite:///{directory / version}.db")
    upkeep.create_file(url)
    engine = stores.open_engine(url)
    schema.upgrade(engine, version)
    look = sa.inspect(engine)
    found = {
        table: {column["name"]: column for column in look.get_columns(table)}
        | {f"unique {one['name']}": one["column_names"] for one in look.get_indexes(table) if one["unique"]}
        | {f"check {one['name']}": one["sqltext"] for one in look.get_check_constraints(table)}
        for table in look.get_table_names()
    }
    engine.dispose()
    return found


def widened(was: str, now: str) -> bool:
    """Whether a CHECK takes all that it took: with another way beside the old one, or other words beside the old ones."""
    word = re.compile(r"'[^']*'")
    same = word.sub("", was).replace(", ", "") == word.sub("", now).replace(", ", "")
    return now.endswith(f" OR {was}") or (same and {*word.findall(was)} <= {*word.findall(now)})


def test_a_check_is_widened_or_another() -> None:
    assert widened("a > 0", "b = 'x' OR a > 0")
    assert widened("a IN ('x', 'y')", "a IN ('x', 'y', 'z')")
    assert not widened("a IN ('x', 'y')", "a IN ('x', 'z')")
    assert not widened("a > 0", "b = 'x' AND a > 0")


def broken(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[str]:
    """What the release before would stumble over."""
    problems = [f"{table} is gone" for table in before.keys() - after.keys()]
    for table in before.keys() & after.keys():
        for name, part in after[table].items():
            was = before[table].get(name)
            if was is None and name.startswith("unique"):
                problems.append(f"{table}.{name} is new")
            elif was is None and not name.startswith("check"):
                problems += [f"{table}.{name} must be given"] * (not part["nullable"] and part["default"] is None)
            elif was is not None and str(was) != str(part) and not (name.startswith("check") and widened(was, part)):
                problems.append(f"{table}.{name} is another")
        problems += [f"{table}.{name} is gone" for name in before[table].keys() - after[table].keys()]
    return problems


def test_migrations_expand(tmp_path: Path) -> None:
    known = schema.steps()
    shapes = {step.version: shape(tmp_path, step.version) for step in known}
    for previous, step in pairwise(known):
        if step.compatible_since is not None and step.compatible_since <= previous.version:
            assert broken(shapes[previous.version], shapes[step.version]) == [], step.version
    assert all(step.compatible_since for step in known if step.version >= "0003")
    assert known[-1].version == schema.HEAD


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        ('op.drop_table("payment_attempts")', ["payment_attempts is gone"]),
        ('op.drop_column("products", "description")', ["products.description is gone"]),
        ('op.create_index("x", "products", ["title"], unique=True)', ["products.unique x is new"]),
        ("op.execute(\"ALTER TABLE carts ADD COLUMN x TEXT NOT NULL DEFAULT ''\")", []),
        ('op.add_column("carts", sa.Column("x", sa.Text()))', []),
        ('op.rename_table("leases", "turns")', ["leases is gone"]),
    ],
)
def test_the_rule_notices_what_is_broken(tmp_path: Path, migrations: Path, change: str, problems: list[str]) -> None:
    before = shape(tmp_path, schema.HEAD)
    (migrations / "versions" / "9002.py").unlink()
    text = LATER.format(what="", revision="9001", before=schema.HEAD, compatible_since=schema.HEAD, change=change)
    (migrations / "versions" / "9001.py").write_text(text)
    with release(migrations, "9001", "9001"):
        assert broken(before, shape(tmp_path, "9001")) == problems


# --- on a server, beside a shop at work -----------------------------------------------------------------------------
@pytest.fixture
def old_on_server(tmp_path: Path) -> Iterator[sa.Engine]:
    """A database of the schema 0002."""
    with shops.on("postgres"):
        servers.create_database(tmp_path)
        engine = engine_of(tmp_path)
        schema.upgrade(engine, "0002")
        yield engine
        engine.dispose()


def test_many_migrations_at_once_are_one(old_on_server: sa.Engine) -> None:
    barrier = threading.Barrier(4)
    done: list[schema.Upgrade] = []

    def migrate() -> None:
        barrier.wait()
        done.append(schema.upgrade(old_on_server))

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(found.steps) for found in done) == [0, 0, 0, len(schema.steps()) - 2]


def test_a_migration_that_waits_lets_others_pass(old_on_server: sa.Engine) -> None:
    """Whoever has read carts keeps the migration off them; whoever comes after must not queue behind it."""
    done: list[schema.Upgrade] = []
    migration = threading.Thread(target=lambda: done.append(schema.upgrade(old_on_server)))
    with old_on_server.connect() as long, long.begin():
        long.exec_driver_sql("SELECT count(*) FROM carts")
        migration.start()
        migration.join(1.0)
        assert migration.is_alive()
        for _ in range(5):
            with old_on_server.connect() as short, short.begin():
                short.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
                short.exec_driver_sql("INSERT INTO warehouses VALUES ('X', 'x', 1, true, now()) ON CONFLICT DO NOTHING")
                short.exec_driver_sql("SELECT count(*) FROM carts")
    migration.join(20)
    assert [found.after for found in done] == [schema.HEAD]


def test_text_sorts_by_code_point_whatever_the_server_would_do(old_on_server: sa.Engine) -> None:
    otherwise = sa.text(
        "SELECT a.attrelid::regclass || '.' || a.attname FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation"
        " JOIN pg_class t ON t.oid = a.attrelid WHERE t.relnamespace = current_schema()::regnamespace"
        " AND t.relkind = 'r' AND c.collname <> 'C' AND a.attnum > 0 AND t.relname <> 'alembic_version'"
    )
    with old_on_server.begin() as connection:
        connection.exec_driver_sql('ALTER TABLE products ALTER COLUMN handle TYPE varchar COLLATE "POSIX"')
        assert connection.execute(otherwise).scalars().all() == ["products.handle"]
    schema.upgrade(old_on_server)
    with old_on_server.begin() as connection:
        assert connection.execute(otherwise).scalars().all() == []
