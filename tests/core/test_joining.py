"""Joining a sale: what is told of a new ticket, and what those hear who come when all is sold."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from shopctl.core import sales
from shopctl.core.db.failures import Lost
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import NotPermitted, Refused, ShopError
from shopctl.core.queries import sales as sale_reads
from shopctl.core.queries import tickets as reads
from shopctl.core.queries.tickets import Ticket
from shopctl.core.sales import Joining
from shopctl.core.shop import Shop
from tests import shops
from tests.flash import at, crowd, opened


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = shops.make(tmp_path)
    shops.product(made, "TEE", units=10)
    return made


def test_what_is_told_of_a_ticket_that_was_just_written_is_what_a_look_finds(shop: Shop) -> None:
    opened(shop, 4, per_customer=2, hold_seconds=60)
    crowd(shop, 6, quantity=2)
    sales.admit(shop, name="friday")
    wanted = [
        Joining(f"late{n}@example.com", quantity=1 + n % 2, address=shops.HOME if n else None, agreed="9.99")
        for n in range(4)
    ]
    told = sales.join_all(shop, sale="friday", wanted=wanted)
    with shop.read() as tx:
        sale = sale_reads.row_by_name(tx, "friday")
        found = reads.of_sale(tx, sale.id, [one.email for one in wanted])
    assert told == [found[one.email] for one in wanted]
    assert [(one.number, one.ahead, one.chance) for one in told if isinstance(one, Ticket)] == [
        (7, 4, "unlikely"),
        (8, 5, "unlikely"),
        (9, 6, "unlikely"),
        (10, 7, "unlikely"),
    ]


def test_who_comes_when_all_is_sold_hears_it_without_anything_being_written(shop: Shop) -> None:
    opened(shop, 1)
    first, second = crowd(shop, 2)
    looking = shop.but(read_only=True)
    with pytest.raises(NotPermitted):
        sales.join(looking, sale="friday", wanted=Joining("new@example.com"))
    sales.admit(shop, name="friday")
    sales.buy(shop, ticket=first)
    sales.admit(shop, name="friday")

    def told(email: str, **said: str) -> Ticket | str:
        try:
            return sales.join(looking, sale="friday", wanted=Joining(email, **said))  # type: ignore[arg-type]
        except ShopError as error:
            return error.code

    assert told("s0@example.com") == at(shop, first)
    assert told("S1@example.com", token="pm_card_visa") == at(shop, second)
    assert (at(shop, first).state, at(shop, second).state) == ("bought", "sold_out")
    assert told("s1@example.com", key="not-theirs") == "has_ticket"
    assert told("new@example.com") == "sold_out"
    assert told("new@example.com", sku="CAP") == "not_in_sale"
    assert told("nobody") == "bad_email"


def test_a_sale_that_is_over_takes_nobody_though_it_was_sold_out(shop: Shop) -> None:
    opened(shop, 1)
    (only,) = crowd(shop, 1)
    sales.admit(shop, name="friday")
    sales.buy(shop, ticket=only)
    sales.admit(shop, name="friday")
    sales.close(shop, name="friday")
    with pytest.raises(Refused) as caught:
        sales.join(shop, sale="friday", wanted=Joining("new@example.com"))
    assert caught.value.code == "sale_over"


def test_a_look_that_the_store_breaks_off_is_made_again(shop: Shop) -> None:
    opened(shop, 1)
    looks: list[object] = []

    def lost_at_first(tx: UnitOfWork, name: str) -> Row:
        looks.append(name)
        if len(looks) == 1:
            raise Lost("store_unavailable", "The connection to the store was lost")
        return row_by_name(tx, name)

    row_by_name = sale_reads.row_by_name
    with mock.patch.object(sale_reads, "row_by_name", lost_at_first):
        assert sales.join(shop, sale="friday", wanted=Joining("new@example.com")).state == "waiting"
