"""A read sees one moment of the store, however long it takes and whatever is written meanwhile."""

from __future__ import annotations

import sqlalchemy as sa

from shopctl.core import stock
from shopctl.core.db.tables import stock_levels
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.shop import Shop
from tests import shops


def units(tx: UnitOfWork) -> int:
    return int(tx.execute(sa.select(sa.func.sum(stock_levels.c.quantity))).scalar_one())


def test_a_read_sees_one_moment(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    with shop.read() as tx:
        assert units(tx) == 5
        stock.receive(shop, sku="TEE", quantity=2)
        assert units(tx) == 5
        with shop.read() as later:
            assert units(later) == 7


def test_a_write_on_the_same_connection_is_no_read(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    with shop.read() as tx:
        used = tx.connection.connection.driver_connection
    with shop.work("test") as tx:
        assert tx.connection.connection.driver_connection is used
        tx.execute(sa.update(stock_levels).values(quantity=9))
        tx.commit()
    with shop.read() as tx:
        assert units(tx) == 9
