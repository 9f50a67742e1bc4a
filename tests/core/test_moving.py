"""Whole stores: a copy, a backup and what is restored are the same shop, to the byte, on either store; or nothing is there."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, catalog, customers, moving, orders, queries, rates, sales, settlement, stock
from shopctl.core.catalog import ProductDraft, VariantDraft
from shopctl.core.db import engine as stores
from shopctl.core.db.schema import HEAD
from shopctl.core.db.tables import orders as order_rows
from shopctl.core.db.tables import payments
from shopctl.core.errors import BadInput, Refused, StoreUnusable
from shopctl.core.moving import rows
from shopctl.core.queries.listing import Listing
from shopctl.core.shop import Shop
from tests import flash, outputs, servers, shops

KINDS = ("sqlite", "postgres")
SCHEMA = f'"schema":"{HEAD}"'.encode()


def quietly(_done: int, _total: int) -> None: ...


def lived_in(directory: Path) -> None:
    """A small shop with something in most tables, and names that servers like to sort otherwise."""
    shop = shops.make(directory, timezone="America/New_York")
    stock.add_warehouse(shop, code="EAST", name="East")
    for sku, title in (("B-2", "Émile’s mug"), ("a_1", "apron"), ("A-1", "Ärmel"), ("ß", "zebra 🦓"), ("Z", "Zoo")):
        draft = VariantDraft({"Größe": "M", "colour": "red"}, {"price": 1999}, sku)
        said = {"title": title, "tags": ["ü", "a"], "category": "Home > Küche"}
        catalog.add(shop, ProductDraft(f"h-{ord(sku[0])}-{len(sku)}", said, [draft]))
        stock.receive(shop, sku=sku, quantity=50)
    stock.transfer(shop, sku="Z", quantity=5, source="MAIN", target="EAST")
    for name in ("Zoll", "VAT", "eco"):
        rates.add(shop, rates.TAX, {"name": name, "country": "DE", "percent": "7.3"})
    rates.add(shop, rates.SHIPPING, {"name": "Post", "country": "DE", "amount": "4.90"})
    customers.add(shop, email="Bo@example.com", name="Bo")
    customers.add(shop, email="ana@example.com", name=None)
    for at, (handle, sku) in enumerate((("c1", "Z"), ("C2", "A-1"), ("ç3", "ß"), ("_c4", "a_1")), 1):
        shops.buy(shop, handle, sku, at, email=f"c{at}@example.com", key=f"key-{at}")
    settlement.cancel(shop, number="1002")
    orders.ship(shop, number="1003")
    cart.add(shop, handle="open", sku="Z", quantity=1)
    cart.add(shop, handle="other", sku="B-2", quantity=2)
    cart.merge(shop, source="other", target="open")
    flash.opened(shop, 3, sku="Z")
    first, *_ = flash.crowd(shop, 5)
    sales.admit(shop, name="friday")
    sales.buy(shop, ticket=first)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return shops.copy_of(lived_in, tmp_path)


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """Where there is no store yet, of either kind."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    servers.create_database(place)
    on_server = servers.database(place).render_as_string(hide_password=False)
    return {"sqlite": f"sqlite:///{place / 'shop.db'}", "postgres": on_server}


def all_of(url: str) -> list[tuple[str, Any]]:
    engine = stores.open_engine(stores.parse_url(url))
    try:
        with engine.connect() as connection, rows.read(connection) as found:
            return [(table.name, dict(values)) for table, values in found]
    finally:
        engine.dispose()


def nothing_at(url: str) -> bool:
    path = stores.file_of(stores.parse_url(url))
    if path:
        return [found.name for found in path.parent.iterdir()] == []
    engine = stores.open_engine(stores.parse_url(url))
    try:
        return sa.inspect(engine).get_table_names() == []
    finally:
        engine.dispose()


def other(kind: str) -> str:
    return next(one for one in KINDS if one != kind)


def copied(shop: Shop, target: str) -> moving.Moved:
    return moving.copy(shop, target, progress=quietly)


# --- copies -------------------------------------------------------------------------------------------------------
def test_there_and_back_it_says_the_same_to_the_byte(
    shop: Shop, empty: dict[str, str], tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPCTL_DATA_DIR", str(tmp_path / "data"))
    there, back = empty[other(store)], empty[store]
    assert copied(shop, there).rows == len(all_of(there))
    assert outputs.say(there, "verify")[0] == 0
    with_it = outputs.shop_of(there)
    assert copied(with_it, back).checks
    with_it.engine.dispose()
    here = shops.store_url(tmp_path)
    assert all_of(here) == all_of(there) == all_of(back)
    lines = list(outputs.commands(here, few=1, brief=True))
    assert {"export", "list", "show", "tail"} <= {word for words in lines for word in words}
    assert [words for words in lines if outputs.say(here, *words) != outputs.say(there, *words)] == []


def test_every_list_has_the_same_order_however_it_is_sorted(shop: Shop, empty: dict[str, str], store: str) -> None:
    copied(shop, empty[other(store)])
    copy = outputs.shop_of(empty[other(store)])
    with shop.read() as here, copy.read() as there:
        there.now = here.now
        for name, listing in LISTS.items():
            for field in listing.fields.keys() - listing.among.keys():
                for sort in (field, f"-{field}"):
                    mine = listing.rows(here, sort=sort)
                    assert mine, name
                    assert mine == listing.rows(there, sort=sort), (name, sort)
    copy.engine.dispose()


LISTS: dict[str, Listing[Any]] = {
    "carts": queries.carts.LIST,
    "categories": queries.catalog.CATEGORIES,
    "customers": queries.customers.LIST,
    "events": queries.events.LIST,
    "history": queries.stock.HISTORY,
    "orders": queries.orders.LIST,
    "payments": queries.payments.LIST,
    "reservations": queries.reservations.LIST,
    "sales": queries.sales.LIST,
    "shipping": queries.rates.SHIPPING,
    "stock": queries.stock.LIST,
    "tax": queries.rates.TAXES,
    "tickets": queries.tickets.LIST,
    "variants": queries.catalog.LIST,
    "warehouses": queries.warehouses.LIST,
}


def test_it_goes_on_counting_where_the_other_one_was(
    shop: Shop, empty: dict[str, str], tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(shop, empty[other(store)])
    copy = outputs.shop_of(empty[other(store)], data_dir=tmp_path / "other")
    before = max(int(values["number"]) for table, values in all_of(empty[other(store)]) if table == "orders")
    assert int(shops.buy(copy, "c9", "Z").number) == before + 1
    copy.engine.dispose()


def test_a_copy_is_of_one_moment(
    shop: Shop, empty: dict[str, str], store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody buys after the first table was read: the copy knows nothing of it, in no table."""
    before = all_of(str_of(shop))
    bought: list[str] = []

    def progress(_done: int, _total: int) -> None:
        if not bought:
            bought.append(shops.buy(shop, "meanwhile", "Z").number)

    monkeypatch.setattr(rows, "CHUNK", 5)
    moving.copy(shop, empty[other(store)], progress=progress)
    assert bought
    assert all_of(empty[other(store)]) == before != all_of(str_of(shop))


def test_where_a_shop_is_none_is_made(shop: Shop, empty: dict[str, str], tmp_path: Path) -> None:
    for target in (*empty.values(), shops.store_url(tmp_path)):
        if target != shops.store_url(tmp_path):
            copied(shop, target)
        before = all_of(target)
        with pytest.raises(StoreUnusable, match="already") as refused:
            copied(shop, target)
        assert refused.value.code == "store_exists"
        assert all_of(target) == before


def test_a_database_of_somebody_else_is_left_alone(shop: Shop, empty: dict[str, str]) -> None:
    engine = sa.create_engine(empty["postgres"])
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (x int)")
    with pytest.raises(StoreUnusable, match="theirs"):
        copied(shop, empty["postgres"])
    assert sa.inspect(engine).get_table_names() == ["theirs"]
    engine.dispose()


@pytest.mark.parametrize("kind", KINDS)
def test_books_that_are_wrong_are_not_copied_unless_one_insists(shop: Shop, empty: dict[str, str], kind: str) -> None:
    with shop.engine.execution_options(writes=True).begin() as connection:
        connection.execute(sa.update(payments).values(captured=payments.c.amount - 1, amount=payments.c.amount - 1))
    with pytest.raises(Refused) as refused:
        copied(shop, empty[kind])
    assert refused.value.code == "books_violated"
    assert nothing_at(empty[kind])
    moved = moving.copy(shop, empty[kind], progress=quietly, unverified=True)
    assert moved.checks is None
    assert all_of(empty[kind]) == all_of(str_of(shop))


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_in_the_middle_nothing_is_there(
    shop: Shop, empty: dict[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(rows, "CHUNK", 5)
    with pytest.raises(KeyboardInterrupt):
        moving.copy(shop, empty[kind], progress=stop)
    assert nothing_at(empty[kind])


def test_a_row_that_arrives_otherwise_is_noticed(
    shop: Shop, empty: dict[str, str], store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = rows.write

    def spoilt(connection: sa.Connection, found: rows.Rows) -> None:
        write(connection, found)
        connection.execute(sa.update(order_rows).values(shipping_method="another"))

    monkeypatch.setattr(rows, "write", spoilt)
    with pytest.raises(StoreUnusable, match="not what was written"):
        copied(shop, empty[other(store)])
    assert nothing_at(empty[other(store)])


def test_references_within_a_table_may_lead_forward(shop: Shop, empty: dict[str, str]) -> None:
    """A cart merged into one that is younger than it."""
    cart.add(shop, handle="younger", sku="Z", quantity=1)
    cart.merge(shop, source="open", target="younger")
    carts = {values["id"]: values["merged_into"] for table, values in all_of(str_of(shop)) if table == "carts"}
    assert any(into and into > cart for cart, into in carts.items())
    for target in empty.values():
        copied(shop, target)
        assert all_of(target) == all_of(str_of(shop))


# --- backups ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.db"])
def test_what_is_restored_is_what_was_kept(
    shop: Shop, empty: dict[str, str], tmp_path: Path, store: str, name: str, kind: str
) -> None:
    file = tmp_path / name
    if name.endswith(".db") and store == "postgres":
        with pytest.raises(BadInput, match="Only an SQLite store"):
            moving.backup(shop, file, progress=quietly)
        assert not file.exists()
        return
    kept = moving.backup(shop, file, progress=quietly)
    assert (stat.S_IMODE(file.stat().st_mode), kept.bytes) == (0o600, file.stat().st_size)
    with file.open("rb") as source:
        assert moving.restore(source, empty[kind], progress=quietly).checks
    assert all_of(empty[kind]) == all_of(str_of(shop))
    assert [found.name for found in tmp_path.glob(".*")] == []


def test_the_same_shop_is_the_same_backup_on_either_store(shop: Shop, empty: dict[str, str], store: str) -> None:
    copied(shop, empty[other(store)])
    copy = outputs.shop_of(empty[other(store)])
    header, *lines = moving.backup_lines(shop, quietly)
    _, *theirs = moving.backup_lines(copy, quietly)
    assert lines[:-1] == theirs[:-1]
    assert json.loads(header)["rows"]["orders"] == 5
    copy.engine.dispose()


def test_a_backup_is_of_one_moment_while_others_write(shop: Shop, empty: dict[str, str], tmp_path: Path) -> None:
    before = all_of(str_of(shop))
    lines = moving.backup_lines(shop, quietly)
    kept = [next(lines), next(lines)]
    shops.buy(shop, "meanwhile", "Z")
    kept += lines
    moving.restore(pipe("".join(kept).encode()), empty["sqlite"], progress=quietly)
    assert all_of(empty["sqlite"]) == before


def test_a_backup_is_replaced_when_asked_only(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("mine")
    with pytest.raises(StoreUnusable, match="already exists"):
        moving.backup(shop, file, progress=quietly)
    assert file.read_text() == "mine"
    moving.backup(shop, file, progress=quietly, replace=True)
    assert json.loads(file.read_text().splitlines()[0])["backup"] == 1
    with pytest.raises(BadInput, match="The name of a backup"):
        moving.backup(shop, tmp_path / "a.sql", progress=quietly)


def spoil(text: bytes, how: str) -> bytes:
    lines = text.splitlines(keepends=True)
    match how:
        case "cut":
            return b"".join(lines[:-1])
        case "cut within a line":
            return text[: len(text) // 2]
        case "a line less":
            return b"".join(lines[:-2] + lines[-1:])
        case "a line more":
            return b"".join([*lines, lines[-2]])
        case "another value":
            return text.replace(b"Bo@example.com", b"Ba@example.com")
        case "not JSON":
            return b"".join([*lines[:5], b"{]\n", *lines[5:]])
        case "a table of nobody":
            return b"".join([*lines[:5], b'{"theirs":{"x":1}}\n', *lines[5:]])
        case "a column of nobody":
            return b"".join([*lines[:5], b'{"settings":{"x":1}}\n', *lines[5:]])
        case "rows of no shop":
            return signed([line for line in lines[:-1] if b'{"carts"' not in line])
        case "a newer schema":
            return text.replace(SCHEMA, b'"schema":"9999"')
        case "a schema of nobody":
            return text.replace(SCHEMA, b'"schema":"0001x"')
        case _:
            return b"something else"


def signed(lines: list[bytes]) -> bytes:
    """Lines with the end that belongs to them."""
    digest = hashlib.sha256(b"".join(lines)).hexdigest()
    return b"".join([*lines, json.dumps({"end": {"rows": len(lines) - 1, "sha256": digest}}).encode() + b"\n"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("cut", "backup_damaged"),
        ("cut within a line", "backup_damaged"),
        ("a line less", "backup_damaged"),
        ("a line more", "backup_damaged"),
        ("another value", "backup_damaged"),
        ("not JSON", "backup_damaged"),
        ("a table of nobody", "backup_damaged"),
        ("a column of nobody", "backup_damaged"),
        ("rows of no shop", "backup_damaged books_violated"),  # who looks first: Postgres, or verify
        ("a newer schema", "newer_schema"),
        ("a schema of nobody", "backup_damaged"),
        ("something else", "no_backup"),
    ],
)
def test_a_backup_that_is_not_whole_makes_nothing(
    shop: Shop, empty: dict[str, str], kind: str, how: str, code: str
) -> None:
    text = "".join(moving.backup_lines(shop, quietly)).encode()
    for spoilt in (spoil(text, how), gzip.compress(spoil(text, how))):
        with pytest.raises((BadInput, Refused, StoreUnusable)) as refused:
            moving.restore(pipe(spoilt), empty[kind], progress=quietly)
        assert refused.value.code in code
        assert nothing_at(empty[kind])


def test_a_packed_backup_that_was_cut_makes_nothing(shop: Shop, empty: dict[str, str]) -> None:
    packed = gzip.compress("".join(moving.backup_lines(shop, quietly)).encode())
    with pytest.raises(BadInput) as refused:
        moving.restore(pipe(packed[:-20]), empty["sqlite"], progress=quietly)
    assert refused.value.code == "backup_damaged"
    assert nothing_at(empty["sqlite"])


def test_a_rehearsal_does_it_all_and_leaves_nothing(shop: Shop, empty: dict[str, str]) -> None:
    text = "".join(moving.backup_lines(shop, quietly)).encode()
    for target in empty.values():
        assert moving.rehearse(pipe(text), target, progress=quietly).checks
        assert nothing_at(target)
        with pytest.raises(BadInput):
            moving.rehearse(pipe(text[:-9]), target, progress=quietly)


def pipe(text: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(text))


def str_of(shop: Shop) -> str:
    """The URL of a shop's store."""
    url = shop.engine.url
    if url.get_backend_name() == "postgresql":
        return url.render_as_string(hide_password=False)
    return f"sqlite:///{str(url.database).removeprefix('file:')}"
