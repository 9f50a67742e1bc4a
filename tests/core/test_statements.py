"""How many statements a checkout takes, and that none of them reads a table from end to end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, checkout, rates
from shopctl.core.queries.orders import Order, detail
from shopctl.core.shop import Shop
from tests.shops import placement, product

Said = list[tuple[str, Any]]
"""Statements with their parameters; one with many rows of them stands here once."""
MOST = {"sqlite": 37, "postgresql": 34}
"""Statements of a guest's first checkout, in its two transactions, without BEGIN and COMMIT."""


@pytest.fixture
def shelves(shop: Shop) -> Shop:
    """A shop with rates and ten products."""
    rates.add(shop, rates.TAX, {"name": "VAT", "country": "DE", "percent": "19"})
    rates.add(shop, rates.SHIPPING, {"name": "Post", "country": "DE", "amount": "4.90"})
    for number in range(10):
        product(shop, f"S{number}", units=100, price=1000 + number, options={})
    return shop


@contextmanager
def listening(shop: Shop) -> Iterator[Said]:
    said: Said = []

    def hear(_: object, __: object, statement: str, parameters: Any, ___: object, many: bool) -> None:
        if not statement.startswith("BEGIN"):
            said.append((statement, parameters[0] if many else parameters))

    sa.event.listen(shop.engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        sa.event.remove(shop.engine, "before_cursor_execute", hear)


def fill(shop: Shop, handle: str, lines: int) -> None:
    for number in range(lines):
        cart.add(shop, handle=handle, sku=f"S{number}", quantity=1)


def placed(shop: Shop, handle: str, lines: int, **wanted: Any) -> Said:
    """What is said to the store while a cart of so many lines is bought."""
    fill(shop, handle, lines)
    with listening(shop) as said:
        order = checkout.place(shop, placement(handle, f"key-{handle}", **wanted))
    assert isinstance(order, Order)
    assert len(order.lines) == lines
    return said


def test_a_checkout_of_three_lines_takes_few_statements(shelves: Shop) -> None:
    assert len(placed(shelves, "c1", 3)) <= MOST[shelves.engine.dialect.name]


def test_more_lines_take_no_more_statements(shelves: Shop) -> None:
    few, many = placed(shelves, "c1", 3), placed(shelves, "c2", 10)
    assert len(many) == len(few)


def test_who_comes_again_costs_one_question_more(shelves: Shop) -> None:
    first = placed(shelves, "c1", 3, email="ana@example.com")
    again = placed(shelves, "c2", 3, email="ANA@example.com")
    assert len(again) - len(first) == 1


def test_the_answer_is_what_the_order_is(shelves: Shop) -> None:
    fill(shelves, "c1", 3)
    order = checkout.place(shelves, placement("c1", "k"))
    assert isinstance(order, Order)
    with shelves.read() as tx:
        shown = detail(tx, order.number)
    assert {name: getattr(shown, name) for name in Order.__slots__} == {
        name: getattr(order, name) for name in Order.__slots__
    }


def test_no_statement_of_a_checkout_reads_a_whole_table(shelves: Shop) -> None:
    """But those of which a shop has a few."""
    said = placed(shelves, "c1", 3) + placed(shelves, "c2", 3, email="c1@example.com")
    plan = _sqlite_plan if shelves.engine.dialect.name == "sqlite" else _postgres_plan
    with shelves.engine.connect() as connection, connection.begin():
        for statement, parameters in said:
            assert not set(plan(connection, statement, parameters)) - {"warehouses", "webhooks"}, statement


def test_a_statement_without_an_index_would_be_found(shelves: Shop) -> None:
    plan: Callable[..., list[str]] = _sqlite_plan if shelves.engine.dialect.name == "sqlite" else _postgres_plan
    with shelves.engine.connect() as connection, connection.begin():
        assert plan(connection, "SELECT * FROM order_lines WHERE product_name = 'x'", ()) == ["order_lines"]


def _sqlite_plan(connection: sa.Connection, statement: str, parameters: Any) -> list[str]:
    """The tables that are read from end to end."""
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    steps = [str(row.detail) for row in rows]
    # A scan along an index that stops at the first row is what ORDER BY … LIMIT 1 and max() do.
    ends = re.search(r"LIMIT|max\(", statement)
    return [step.split()[1] for step in steps if step.startswith("SCAN") and not ends and "CONSTANT ROW" not in step]


def _postgres_plan(connection: sa.Connection, statement: str, parameters: Any) -> list[str]:
    """The tables that are read from end to end even where everything else is thought to be cheaper."""
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    return re.findall(r"Seq Scan on (\w+)", "\n".join(row[0] for row in rows))
