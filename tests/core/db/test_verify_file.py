"""What verify finds in a file that others have written: damage, and values that are not of their column's type."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl.core import verify
from shopctl.core.shop import Shop
from tests.core import books

LEVEL_OFF = "UPDATE stock_levels SET quantity = quantity + 1 WHERE sku = 'TEE'"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return books.copy(tmp_path)


def found(shop: Shop) -> set[int]:
    return {violation.check for violation in verify.verify(shop).violations}


@pytest.mark.parametrize(
    ("table", "write"),
    [
        ("order_lines", "UPDATE order_lines SET weight_grams = 1.5"),
        ("payments", "UPDATE payments SET updated_at = 'noon'"),
    ],
)
def test_what_is_no_integer(shop: Shop, table: str, write: str) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        books.run(shop, write)
    with books.behind(shop) as connection:
        books.rebuild(connection, table, lambda sql: sql.replace("STRICT", ""))
    assert found(shop) == set()
    books.run(shop, write)
    assert found(shop) == {24}


def test_an_index_that_is_not_what_it_should_be(shop: Shop) -> None:
    books.run(
        shop,
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_schema SET sql = replace(sql, '(created_at)', '(updated_at)') WHERE name = 'ix_orders_created_at'",
    )
    shop.engine.dispose()  # a connection that is open does not see the changed schema
    assert found(shop) == {28}


def test_a_page_of_garbage_is_reported_and_the_rest_still_judged(shop: Shop) -> None:
    books.run(shop, LEVEL_OFF)
    overwrite(shop, "order_events")
    violations = verify.verify(shop).violations
    assert {2, 19, 28} <= {violation.check for violation in violations}
    assert "not_judged" in {violation.name for violation in violations}


def overwrite(shop: Shop, table: str) -> None:
    """Overwrite the first page of a table with garbage."""
    shop.engine.dispose()
    with books.behind(shop) as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.exec_driver_sql("PRAGMA page_size").one()
        find = sa.text("SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = :name")
        page = connection.execute(find, {"name": table}).scalar_one()
        path = Path(str(connection.engine.url.database))
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
