"""Stock under random use: counters are the sums of the ledger, nothing is oversold, whatever is done in whatever order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from shopctl.core import catalog, reservations, stock
from shopctl.core.db.tables import stock_levels, stock_movements
from shopctl.core.db.types import new_id
from shopctl.core.errors import Refused
from shopctl.core.queries import stock as levels
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.reservations import LIST, LIVE
from shopctl.core.reservations import Owner
from shopctl.core.stock import COUNTERS, Move
from tests import shops, stories

SKUS = st.sampled_from(["TEE", "LATER"])
PLACES = st.sampled_from(["MAIN", "EAST"])
UNITS = st.integers(1, 4)


class Stock(stories.Story):
    """Receive, adjust, count, transfer, keep back, hold, release, commit, ship, close and open warehouses; all of it on levels
    that are put into buckets and made whole again on the way, which must not change what can be done.
    """

    @initialize()
    def open(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.shop = shops.make(self.directory)
        stock.add_warehouse(self.shop, code="EAST")
        shops.product(self.shop, "TEE", units=5, low_stock=3)
        shops.product(self.shop, "LATER", units=1, backorder_limit=3)
        self.owners: list[str] = []
        self.sold: list[Any] = []

    @rule(sku=SKUS, place=PLACES, units=UNITS)
    def receive(self, sku: str, place: str, units: int) -> None:
        stock.receive(self.shop, sku=sku, quantity=units, warehouse=place)

    @rule(sku=SKUS, place=PLACES, units=UNITS)
    def lose(self, sku: str, place: str, units: int) -> None:
        self._perhaps(lambda: stock.adjust(self.shop, sku=sku, quantity=-units, reason="lost", warehouse=place))

    @rule(sku=SKUS, place=PLACES, units=st.integers(0, 6), kept=st.none() | st.integers(0, 3))
    def count(self, sku: str, place: str, units: int, kept: int | None) -> None:
        self._perhaps(lambda: stock.set_level(self.shop, sku=sku, quantity=units, warehouse=place, safety_stock=kept))

    @rule(sku=SKUS, source=PLACES, units=UNITS)
    def transfer(self, sku: str, source: str, units: int) -> None:
        target = {"MAIN": "EAST", "EAST": "MAIN"}[source]
        self._perhaps(lambda: stock.transfer(self.shop, sku=sku, quantity=units, source=source, target=target))

    @rule(sku=SKUS, units=UNITS)
    def hold(self, sku: str, units: int) -> None:
        """A hold gets its units exactly when they can be had."""
        with self.shop.read() as tx:
            possible = levels.can_be_had(tx, [sku]).get(sku, 0) >= units
        owner = Owner("order", new_id(), f"order {len(self.owners)}")
        try:
            with self.shop.work("test") as tx:
                reservations.hold(tx, owner, {sku: units}, origin="checkout")
                tx.commit()
        except Refused:
            assert not possible
            return
        assert possible
        self.owners.append(owner.id)

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        with self.shop.read() as tx:
            found = LIST.rows(tx, where=[LIVE])
        if found:
            reservations.release(self.shop, reservation_id=data.draw(st.sampled_from(found)).id)

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        if self.owners:
            with self.shop.work("test") as tx:
                self.sold += reservations.commit(tx, data.draw(st.sampled_from(self.owners)))
                tx.commit()

    @rule(data=st.data())
    def ship(self, data: st.DataObject) -> None:
        """What a level has on hand can be sent, whichever bucket it was promised from."""
        if not self.sold:
            return
        row = data.draw(st.sampled_from(self.sold))
        with self.shop.read() as tx:
            here = levels.level_of(tx, row.sku, row.warehouse).quantity
        gone = Move(row.sku, row.warehouse, bucket=row.bucket, quantity=-row.quantity, committed=-row.quantity)
        with self.shop.work("test") as tx:
            sent = stock.ship(tx, [gone])
            if sent:
                self.sold.remove(row)
                tx.commit()
        assert sent == (here >= row.quantity)

    @rule(sku=SKUS, buckets=st.integers(1, 5), place=st.none() | PLACES)
    def spread(self, sku: str, buckets: int, place: str | None) -> None:
        """Nothing that anybody sees has changed."""
        with self.shop.read() as tx:
            before, had = levels.show(tx, sku), levels.can_be_had(tx, [sku])
        stock.spread(self.shop, sku=sku, buckets=buckets, warehouse=place)
        with self.shop.read() as tx:
            after = levels.show(tx, sku)
            assert levels.can_be_had(tx, [sku]) == had
        seen = {row.warehouse: replace(row, buckets=1, updated_at=row.updated_at.min) for row in after}
        for row in before:
            assert seen[row.warehouse] == replace(row, buckets=1, updated_at=row.updated_at.min)

    @rule(place=PLACES, active=st.booleans())
    def close_or_open(self, place: str, active: bool) -> None:
        self._perhaps(lambda: stock.edit_warehouse(self.shop, code=place, active=active))

    @rule(limit=st.integers(0, 4))
    def change_policy(self, limit: int) -> None:
        self._perhaps(lambda: catalog.edit(self.shop, name="LATER", said={"backorder_limit": limit}))

    @invariant()
    def the_books_add_up(self) -> None:
        if not hasattr(self, "shop"):
            return
        moved = stock_movements.c
        sums = [sa.func.sum(moved[name]) for name in COUNTERS]
        place = (moved.sku, moved.warehouse, moved.bucket)
        with self.shop.read() as tx:
            ledger = {tuple(row[:3]): tuple(row[3:]) for row in tx.rows(sa.select(*place, *sums).group_by(*place))}
            rows = tx.rows(sa.select(stock_levels))
            transferred = tx.execute(sa.select(sums[0]).where(moved.kind == "transfer")).scalar()
            limit = find_variant(tx, "LATER").backorder_limit
        for row in rows:
            counters = tuple(getattr(row, name) for name in COUNTERS)
            assert counters == ledger.get((row.sku, row.warehouse, row.bucket), (0, 0, 0)), row
            assert min(counters) >= 0, row
            assert row.reserved + row.committed <= row.quantity + row.backorder_limit, row
        assert not transferred
        assert sum(row.backorder_limit for row in rows if row.sku == "LATER") == limit

    def _perhaps(self, attempt: Callable[[], object]) -> None:
        """Refusals are part of the story; anything else is not."""
        with suppress(Refused):
            attempt()


def test_stock_under_random_use() -> None:
    stories.tell(Stock, examples=15, steps=30)
