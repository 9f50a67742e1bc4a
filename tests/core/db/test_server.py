"""Postgres goes away at the worst moment: nothing is half done, nothing is done twice, and what was done is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl import bootstrap, config
from shopctl.core import cart, checkout, stock, verify
from shopctl.core.db import commits, failures, making, schema
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import audit_log
from shopctl.core.errors import BadInput, StillPending, StoreUnusable, TimedOut, Unavailable
from shopctl.core.queries.orders import Order
from shopctl.core.queries.stock import level_of
from shopctl.core.shop import Shop, retried
from tests import servers, shops
from tests.core.db.wire import Cut, Wire, wire


@pytest.fixture(autouse=True)
def on_postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SHOPCTL_TEST_STORE", "postgres")
    yield
    shops.close_all()
    servers.drop_databases()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5)
    return shop


@pytest.fixture
def cable(shop: Shop, tmp_path: Path) -> Iterator[Wire]:
    with wire(stores.parse_url(shops.store_url(tmp_path))) as made:
        yield made


@pytest.fixture
def wired(cable: Wire, tmp_path: Path) -> Iterator[Shop]:
    """The same shop, over a wire that can be cut."""
    url = cable.url().render_as_string(hide_password=False)
    chosen = shops.settings_for(tmp_path)
    opened = bootstrap.open_shop(replace(chosen, store=config.Value(url, "test")))
    yield opened
    opened.engine.dispose()


def cut_off(shop: Shop) -> None:
    """End every session of the shop's database but our own."""
    mine = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    other = sa.create_engine(shop.engine.url, poolclass=sa.NullPool)
    with other.connect() as connection:
        connection.execute(sa.text(mine))


def quantity(shop: Shop) -> int:
    with shop.read() as tx:
        found = level_of(tx, "TEE", "MAIN")
        assert found
        return found.quantity


# --- a COMMIT whose answer is lost -----------------------------------------------------------------------------------
@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_lost_commit_is_looked_up_and_the_change_is_made_exactly_once(
    shop: Shop, wired: Shop, cable: Wire, cut: Cut
) -> None:
    cable.cut = cut
    stock.receive(wired, sku="TEE", quantity=2)
    assert (cable.cuts, quantity(shop)) == (1, 7)
    with shop.read() as tx:
        done = tx.rows(sa.select(audit_log).where(audit_log.c.action == "stock.receive"))
    assert len(done) == 2  # the factory's, and this one
    assert not verify.verify(shop).violations


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_group_whose_commit_is_lost_is_known_too(shop: Shop, wired: Shop, cable: Wire, cut: Cut) -> None:
    def both(shop: Shop) -> None:
        with shop.together() as group:
            stock.receive(group.shop, sku="TEE", quantity=1)
            stock.receive(group.shop, sku="TEE", quantity=1)
            group.commit()

    cable.cut = cut
    retried(both)(wired)
    assert (cable.cuts, quantity(shop)) == (1, 7)


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_checkout_whose_commit_is_lost_is_one_order_and_one_charge(
    shop: Shop, wired: Shop, cable: Wire, cut: Cut
) -> None:
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    cable.cut = cut
    order = checkout.place(wired, shops.placement("c1", "k"))
    assert isinstance(order, Order)
    assert (cable.cuts, order.status) == (1, "confirmed")
    assert checkout.place(shop, shops.placement("c1", "k")) == order
    assert not verify.verify(shop).violations


def test_an_outcome_that_cannot_be_found_out_is_told_as_unknown(
    wired: Shop, cable: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "COMMIT_SECONDS", 0.2)
    cable.cut, cable.for_good = "after", True
    with pytest.raises(StillPending) as told:
        stock.receive(wired, sku="TEE", quantity=2)
    assert told.value.code == "commit_unknown"


# --- sessions that end -----------------------------------------------------------------------------------------------
def test_a_session_that_was_ended_between_two_changes_is_not_noticed(shop: Shop) -> None:
    cut_off(shop)
    stock.receive(shop, sku="TEE", quantity=2)
    cut_off(shop)
    assert quantity(shop) == 7


def test_a_session_that_was_ended_in_the_middle_of_a_change_is_begun_again(shop: Shop) -> None:
    tried: list[int] = []

    @retried
    def change(shop: Shop) -> None:
        with shop.work("test") as tx:
            tx.execute(sa.text("UPDATE stock_levels SET quantity = quantity + 1"))
            tried.append(1)
            if len(tried) == 1:
                cut_off(shop)
            tx.commit()

    change(shop)
    assert (len(tried), shop.effort.retries, quantity(shop)) == (2, 1, 6)


def test_two_that_stand_in_each_others_way_both_get_through(shop: Shop, tmp_path: Path) -> None:
    shops.product(shop, "CAP", units=5)
    other = shops.reopen(tmp_path)
    take = sa.text("UPDATE stock_levels SET quantity = quantity + 1 WHERE sku = :sku")

    @retried
    def crosswise(shop: Shop) -> None:
        with shop.work("test") as tx:
            tx.execute(take, {"sku": "TEE"})
            if not blocked:
                blocked.append(tx.connection)
                thread.start()
                waiting(tx)
            tx.execute(take, {"sku": "CAP"})
            tx.commit()

    @retried
    def back(shop: Shop) -> None:
        with shop.work("test") as tx:
            tx.execute(take, {"sku": "CAP"})
            tx.execute(take, {"sku": "TEE"})
            tx.commit()

    blocked: list[object] = []
    thread = threading.Thread(target=back, args=(other,))
    crosswise(shop)
    thread.join()
    assert shop.effort.retries + other.effort.retries == 1
    assert quantity(shop) == 7


def waiting(tx: object) -> None:
    """Until somebody waits for a lock in this database."""

    assert isinstance(tx.connection, sa.Connection)  # type: ignore[attr-defined]
    engine = sa.create_engine(tx.connection.engine.url, poolclass=sa.NullPool)  # type: ignore[attr-defined]
    ask = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(500):
        with engine.connect() as connection:
            if connection.execute(ask).scalar():
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


# --- a store that cannot be used -------------------------------------------------------------------------------------
def opened(url: sa.URL) -> None:
    engine = stores.open_engine(stores.parse_url(url.render_as_string(hide_password=False)), lock_wait=1)
    try:
        schema.check(engine)
    finally:
        engine.dispose()


def test_what_is_wrong_with_a_server_is_said_in_one_sentence(tmp_path: Path) -> None:
    good = servers.postgres()
    for url, kind, code in (
        (good.set(database="nowhere"), StoreUnusable, "store_missing"),
        (good.set(username="nobody"), StoreUnusable, "store_refused"),
        (good.set(host="127.0.0.1", port=1, query={}), Unavailable, "store_unavailable"),
        (good.set(database="template1"), StoreUnusable, "not_initialised"),
        (good.update_query_dict({"colour": "red"}), BadInput, "bad_store_url"),
        (good.update_query_dict({"sslmode": "never"}), BadInput, "bad_store_url"),
        (good.update_query_dict({"options": "-ccolour=red"}), BadInput, "bad_store_url"),
    ):
        with pytest.raises(kind) as told:
            opened(url)
        assert told.value.code == code


def test_a_lock_is_waited_for_only_so_long(shop: Shop, tmp_path: Path) -> None:
    chosen = shops.settings_for(tmp_path)
    hasty = bootstrap.open_shop(replace(chosen, lock_wait=config.Value("0.2", "test")))
    with shop.work("test") as tx:
        tx.execute(sa.text("LOCK TABLE stock_levels"))
        with pytest.raises(TimedOut) as told:
            stock.receive(hasty, sku="TEE", quantity=1)
    assert told.value.code == "store_busy"
    hasty.engine.dispose()


def test_a_text_with_nul_is_bad_input(shop: Shop) -> None:
    with shop.read() as tx, pytest.raises(sa.exc.SQLAlchemyError) as told:
        tx.execute(sa.text("SELECT CAST(:a AS text)"), {"a": "a\0b"})
    assert isinstance(failures.translate(told.value), BadInput)


def test_a_number_beyond_the_stores_is_bad_input_as_on_sqlite(shop: Shop) -> None:
    with shop.read() as tx, pytest.raises(sa.exc.SQLAlchemyError) as told:
        tx.execute(sa.select(audit_log.c.seq).limit(10**20)).all()
    meaning = failures.translate(told.value)
    assert isinstance(meaning, BadInput)
    assert meaning.code == "out_of_range"


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ("CREATE TABLE orders (a integer)", "database_not_empty"),
        ("CREATE TABLE settings (id integer)", "database_not_empty"),
        ("CREATE TABLE theirs (id integer)", "database_not_empty"),
        (None, "store_exists"),
    ],
)
def test_where_a_shop_cannot_be_made(tmp_path: Path, made: str | None, code: str) -> None:
    """Somebody else's table may have the name of one of ours."""
    if made is None:
        shops.make(tmp_path)
    else:
        servers.create_database(tmp_path)
        with _admin(tmp_path).begin() as connection:
            connection.exec_driver_sql(made)
    with pytest.raises(StoreUnusable) as told:
        making.must_be_possible(servers.database(tmp_path))
    assert told.value.code == code


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_shop_wants_a_database_that_takes_every_text(tmp_path: Path, encoding: str) -> None:
    name = f"{servers.database(tmp_path).database}_{encoding.lower()}"
    server = sa.create_engine(servers.postgres(), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    try:
        with pytest.raises(StoreUnusable) as told:
            making.must_be_possible(servers.postgres().set(database=name))
        assert told.value.code == "bad_encoding"
        with pytest.raises(StoreUnusable) as told:
            opened(servers.postgres().set(database=name))
        assert told.value.code == "not_initialised"
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_the_encoding_of_the_users_environment_does_not_matter(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    other = bootstrap.open_shop(shops.settings_for(tmp_path))
    with other.read() as tx:
        assert tx.execute(sa.text("SELECT CAST(:a AS text)"), {"a": "日本"}).scalar() == "日本"
    other.engine.dispose()


def _admin(directory: Path) -> sa.Engine:
    return sa.create_engine(servers.database(directory), poolclass=sa.NullPool)


def test_urls_of_every_spelling_name_one_driver() -> None:
    for text in ("postgres://a@b/c", "postgresql://a@b/c", "postgresql+psycopg://a@b/c"):
        assert stores.parse_url(text).drivername == "postgresql+psycopg"
    with pytest.raises(BadInput):
        stores.parse_url("postgresql+asyncpg://a@b/c")
