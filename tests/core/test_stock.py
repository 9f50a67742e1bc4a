"""An operator's work on stock: transfers, counts, safety stock, thresholds, warehouses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, checkout, orders, search, settlement, stock, verify
from shopctl.core.db.tables import outbox, stock_levels
from shopctl.core.errors import BadInput, NotFound, Refused, ShopError
from shopctl.core.queries import catalog as products
from shopctl.core.queries import overview, sourcing, warehouses
from shopctl.core.queries import stock as levels
from shopctl.core.shop import Shop
from tests import shops


@pytest.fixture(autouse=True)
def the_books_add_up(shop: Shop) -> Any:
    stock.add_warehouse(shop, code="EAST")
    yield
    assert verify.verify(shop).violations == []


def level(shop: Shop, sku: str, warehouse: str = "MAIN") -> levels.StockRow:
    with shop.read() as tx:
        return levels.level_of(tx, sku, warehouse)


def facts(shop: Shop, *topics: str) -> list[tuple[str, dict[str, Any]]]:
    with shop.read() as tx:
        mine = sa.select(outbox).where(outbox.c.topic.in_(topics)).order_by(outbox.c.id)
        return [(row.topic.removeprefix("stock."), row.payload) for row in tx.rows(mine)]


def crossings(shop: Shop) -> list[tuple[str, int]]:
    """What was told of thresholds so far: the word and the units."""
    return [(topic, payload["units"]) for topic, payload in facts(shop, "stock.low", "stock.recovered")]


def had(shop: Shop, sku: str) -> int:
    with shop.read() as tx:
        return levels.can_be_had(tx, [sku]).get(sku, 0)


# --- transfers -----------------------------------------------------------------------------------------------------
def test_a_transfer_is_two_movements_and_a_fact(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    done = stock.transfer(shop, sku="TEE", quantity=2, source="MAIN", target="EAST", reason="nearer")
    assert (done.source.quantity, done.target.quantity) == (3, 2)
    with shop.read() as tx:
        moved = levels.HISTORY.rows(tx, filters=["kind:transfer"])
    assert [(m.warehouse, m.quantity, m.reference, m.reason) for m in moved] == [
        ("MAIN", -2, "to EAST", "nearer"),
        ("EAST", 2, "from MAIN", "nearer"),
    ]
    assert facts(shop, "stock.transfer") == [("transfer", {"source": "MAIN", "target": "EAST", "quantity": 2})]


@pytest.mark.parametrize("limit", [0, 9])
def test_what_is_promised_does_not_leave(shop: Shop, limit: int) -> None:
    """Not even where a backorder limit would cover it."""
    shops.product(shop, "TEE", units=5, backorder_limit=limit, hold_at="cart")
    shops.buy(shop, "c1", "TEE", 2)
    cart.add(shop, handle="c2", sku="TEE", quantity=1)
    with pytest.raises(Refused, match="5 on hand, 1 reserved, 2 committed"):
        stock.transfer(shop, sku="TEE", quantity=3, source="MAIN", target="EAST")
    assert level(shop, "TEE").quantity == 5
    stock.transfer(shop, sku="TEE", quantity=2, source="MAIN", target="EAST")


def test_units_go_where_others_are_owed(shop: Shop) -> None:
    shops.product(shop, "RARE", backorder_limit=5)
    shops.buy(shop, "c1", "RARE", 4)
    stock.receive(shop, sku="RARE", quantity=1, warehouse="EAST")
    assert stock.transfer(shop, sku="RARE", quantity=1, source="EAST", target="MAIN").target.quantity == 1


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"quantity": 0}, BadInput),
        ({"quantity": 10**30}, BadInput),
        ({"target": "MAIN"}, BadInput),
        ({"target": "MOON"}, NotFound),
        ({"sku": "NOPE"}, NotFound),
        ({"source": "EAST", "target": "MAIN"}, Refused),
    ],
)
def test_a_transfer_that_cannot_be(shop: Shop, wanted: dict[str, Any], error: type[ShopError]) -> None:
    shops.product(shop, "TEE", units=5)
    with pytest.raises(error):
        stock.transfer(shop, **{"sku": "TEE", "quantity": 1, "source": "MAIN", "target": "EAST", **wanted})


def test_a_rehearsed_transfer_changes_nothing(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    stock.transfer(shop.but(dry_run=True), sku="TEE", quantity=2, source="MAIN", target="EAST")
    assert level(shop, "TEE").quantity == 5


# --- counts --------------------------------------------------------------------------------------------------------
def test_a_count_books_the_difference(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    assert stock.set_level(shop, sku="TEE", quantity=3).difference == -2
    assert stock.set_level(shop, sku="TEE", quantity=3).difference == 0
    assert stock.set_level(shop, sku="TEE", quantity=4, warehouse="EAST").difference == 4
    with shop.read() as tx:
        moved = levels.HISTORY.rows(tx, where=[levels.m.sku == "TEE"])
    assert [(m.kind, m.warehouse, m.quantity, m.reason) for m in reversed(moved)] == [
        ("receive", "MAIN", 5, None),
        ("adjust", "MAIN", -2, "stock take"),
        ("receive", "EAST", 4, "stock take"),
    ]


def test_a_count_below_what_is_promised_is_refused(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    shops.buy(shop, "c1", "TEE", 2)
    with pytest.raises(Refused, match="0 are reserved and 2 committed"):
        stock.set_level(shop, sku="TEE", quantity=1)
    assert stock.set_level(shop, sku="TEE", quantity=2).available == 0


@pytest.mark.parametrize("wanted", [{}, {"quantity": -1}, {"quantity": 10**30}, {"safety_stock": -1}])
def test_a_count_that_cannot_be(shop: Shop, wanted: dict[str, Any]) -> None:
    shops.product(shop, "TEE", units=5)
    with pytest.raises(BadInput):
        stock.set_level(shop, sku="TEE", **wanted)


# --- safety stock --------------------------------------------------------------------------------------------------
def test_safety_stock_is_not_for_shoppers(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    row = stock.set_level(shop, sku="TEE", safety_stock=2)
    assert (row.available, row.safety_stock) == (5, 2)
    assert had(shop, "TEE") == 3
    with shop.read() as tx:
        assert products.show(tx, "TEE").variants[0].available == 3
    search.reindex(shop)
    assert search.search(shop, search.Request("TEE")).hits[0].available == 3
    with pytest.raises(Refused) as caught:
        shops.buy(shop, "c1", "TEE", 4)
    assert caught.value.details["available"] == 3
    shops.buy(shop, "c1", "TEE", 3)
    assert stock.adjust(shop, sku="TEE", quantity=-2, reason="broken").quantity == 3  # an operator may use it up


def test_a_backorder_is_not_promised_out_of_safety_stock(shop: Shop) -> None:
    shops.product(shop, "RARE", units=2, backorder_limit=3)
    stock.set_level(shop, sku="RARE", safety_stock=2)
    shops.buy(shop, "c1", "RARE", 3)
    assert had(shop, "RARE") == 0
    with pytest.raises(Refused):
        shops.buy(shop, "c2", "RARE", 1)


def test_the_guard_itself_keeps_safety_stock(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    stock.set_level(shop, sku="TEE", safety_stock=2)
    with shop.work("test") as tx:
        hold = stock.Move("TEE", "MAIN", reserved=4)
        assert not stock.move(tx, "hold", [hold])


def test_many_moves_of_one_level_add_up_and_are_all_or_nothing(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    shops.product(shop, "CAP", units=1)
    for many in (2, 30):  # as parameters, as arrays
        with shop.work("test") as tx:
            hold = [stock.Move("TEE", "MAIN", reserved=1)] * 2
            assert stock.move(tx, "hold", hold)
            assert stock.move(tx, "adjust", [stock.Move("TEE", "MAIN", quantity=1)] * many)
            level = levels.level_of(tx, "TEE", "MAIN")
            assert (level.quantity, level.reserved) == (5 + many, 2)
            assert len(levels.history(tx, "TEE", limit=99)) == 1 + 2 + many
        for taken in (hold * 3, [*hold, stock.Move("CAP", "MAIN", reserved=2)]):
            with shop.work("test") as tx:
                assert not stock.move(tx, "hold", taken)
            assert had(shop, "TEE") == 5


def test_too_little_in_one_warehouse_takes_nothing_from_another(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    stock.set_level(shop, sku="TEE", warehouse="EAST", quantity=1, safety_stock=4)
    assert had(shop, "TEE") == 5


def test_a_shoppers_own_holds_count_whatever_is_kept_back(shop: Shop) -> None:
    shops.product(shop, "TEE", units=3, hold_at="cart")
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    stock.set_level(shop, sku="TEE", safety_stock=3)
    order = checkout.place(shop, shops.placement("c1", "k1"))
    assert getattr(order, "status", None) == "confirmed"


# --- thresholds ----------------------------------------------------------------------------------------------------
def test_a_threshold_is_told_of_once_each_way(tmp_path: Path, shop: Shop) -> None:
    """Through checkout, cancel, adjust, receive; holds tell nothing."""
    shop = shops.rule(shop, tmp_path, low_stock="3", hold_at="cart")
    shops.product(shop, "TEE", units=5)
    assert crossings(shop) == [("recovered", 5)]
    cart.add(shop, handle="c0", sku="TEE", quantity=3)
    assert crossings(shop)[1:] == []
    shops.buy(shop, "c1", "TEE", 1)
    assert crossings(shop)[1:] == []
    order = shops.buy(shop, "c2", "TEE", 1)
    assert crossings(shop)[1:] == [("low", 3)]
    assert facts(shop, "stock.low")[0][1] == {"sku": "TEE", "units": 3, "threshold": 3}
    settlement.cancel(shop, number=order.number)
    assert crossings(shop)[2:] == [("recovered", 4)]
    stock.adjust(shop, sku="TEE", quantity=-1, reason="lost")
    orders.ship(shop, number="1001")
    stock.receive(shop, sku="TEE", quantity=4)
    assert crossings(shop)[3:] == [("low", 3), ("recovered", 7)]
    stock.set_level(shop, sku="TEE", quantity=3)
    assert crossings(shop)[5:] == [("low", 3)]


def test_a_threshold_of_its_own_and_none(tmp_path: Path, shop: Shop) -> None:
    shop = shops.rule(shop, tmp_path, low_stock="3")
    for sku, low in (("OWN", 1), ("SHOP", None), ("FREE", None)):
        shops.product(shop, sku, units=2, low_stock=low, tracked=sku != "FREE")
    with shop.read() as tx:
        assert [(row.sku, row.low_stock, row.low) for row in levels.LIST.rows(tx)] == [
            ("FREE", None, False),
            ("OWN", 1, False),
            ("SHOP", 3, True),
        ]
        assert [row.sku for row in levels.LIST.rows(tx, filters=["low:yes"])] == ["SHOP"]
        assert [row.sku for row in levels.LIST.rows(tx, filters=["!low:yes low_stock:<3"])] == ["OWN"]
        assert overview.figures(tx).skus_low == 1
    shop = shops.rule(shop, tmp_path, low_stock="none")
    with shop.read() as tx:
        assert shop.facts.low_stock is None
        assert levels.LIST.rows(tx, filters=["low:yes"]) == []


def test_a_transfer_between_active_warehouses_tells_nothing(tmp_path: Path, shop: Shop) -> None:
    shop = shops.rule(shop, tmp_path, low_stock="3")
    shops.product(shop, "TEE", units=4)
    before = crossings(shop)
    stock.transfer(shop, sku="TEE", quantity=4, source="MAIN", target="EAST")
    assert crossings(shop) == before


def test_one_statement_more_for_a_sale_and_none_for_a_hold(tmp_path: Path, shop: Shop, store: str) -> None:
    shop = shops.rule(shop, tmp_path, low_stock="3")
    for number in range(20):
        shops.product(shop, f"SKU-{number}", units=9)
    asked: list[str] = []
    sa.event.listen(shop.engine, "before_cursor_execute", lambda c, cur, sql, *rest: asked.append(sql))

    def counted(kind: str, **changes: Any) -> int:
        with shop.work("test") as tx:
            asked.clear()
            assert stock.move(tx, kind, [stock.Move(f"SKU-{n}", "MAIN", **changes) for n in range(20)])
            return len(asked)

    moving = 1 if store == "postgres" else 2  # the guarded update, the ledger
    assert counted("hold", reserved=1) == moving
    assert counted("adjust", quantity=-1) == moving + 1


# --- warehouses ----------------------------------------------------------------------------------------------------
def test_an_inactive_warehouse_promises_nothing_new_and_keeps_what_it_promised(tmp_path: Path, shop: Shop) -> None:
    shop = shops.rule(shop, tmp_path, hold_at="cart")
    shops.product(shop, "TEE")
    stock.receive(shop, sku="TEE", quantity=5, warehouse="EAST")
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    cart.add(shop, handle="c2", sku="TEE", quantity=1)
    assert stock.edit_warehouse(shop, code="EAST", active=False, name="Far East")["name"] == "Far East"
    assert had(shop, "TEE") == 0
    with pytest.raises(Refused):
        cart.add(shop, handle="c3", sku="TEE", quantity=1)
    order = checkout.place(shop, shops.placement("c1", "k1"))  # what is held is paid and shipped from there
    assert orders.ship(shop, number=getattr(order, "number", "")).status == "shipped"
    cart.clear(shop, handle="c2")  # what is given back does not come to sale
    assert had(shop, "TEE") == 0
    assert level(shop, "TEE", "EAST").available == 3
    stock.transfer(shop, sku="TEE", quantity=3, source="EAST", target="MAIN")
    assert had(shop, "TEE") == 3


def test_closing_a_warehouse_can_make_a_sku_low(tmp_path: Path, shop: Shop) -> None:
    shop = shops.rule(shop, tmp_path, low_stock="3")
    shops.product(shop, "TEE", units=2)
    stock.receive(shop, sku="TEE", quantity=5, warehouse="EAST")
    before = len(crossings(shop))
    stock.edit_warehouse(shop, code="EAST", active=False)
    stock.edit_warehouse(shop, code="EAST", active=True)
    assert crossings(shop)[before:] == [("low", 2), ("recovered", 7)]


def test_the_last_active_warehouse_stays(shop: Shop) -> None:
    stock.edit_warehouse(shop, code="MAIN", active=False)
    with pytest.raises(Refused) as caught:
        stock.edit_warehouse(shop, code="EAST", active=False)
    assert caught.value.code == "last_warehouse"
    with shop.read() as tx:
        assert [(row.code, row.active) for row in warehouses.LIST.rows(tx)] == [("MAIN", False), ("EAST", True)]


def test_backorders_go_with_the_first_warehouse_but_not_while_it_owes(shop: Shop) -> None:
    shops.product(shop, "RARE", units=1, backorder_limit=5)
    shops.buy(shop, "c1", "RARE", 3)
    changes: tuple[dict[str, Any], ...] = ({"active": False}, {"priority": 9})
    for change in changes:
        with pytest.raises(Refused) as caught:
            stock.edit_warehouse(shop, code="MAIN", **change)
        assert caught.value.code == "units_owed"
    with pytest.raises(Refused):
        stock.add_warehouse(shop, code="WEST", priority=0)
    stock.receive(shop, sku="RARE", quantity=2)
    stock.edit_warehouse(shop, code="MAIN", priority=9)
    with shop.read() as tx:
        rows = tx.rows(sa.select(stock_levels.c.warehouse, stock_levels.c.backorder_limit).order_by("warehouse"))
    assert [tuple(row) for row in rows] == [("EAST", 5), ("MAIN", 0)]
    assert had(shop, "RARE") == 5
    shops.buy(shop, "c2", "RARE", 5)


# --- sourcing ------------------------------------------------------------------------------------------------------
def told(rows: Any) -> list[tuple[str, str | None, int, str]]:
    return [(row.sku, row.warehouse, row.take, row.verdict) for row in rows]


def test_sourcing_says_what_a_checkout_then_does(shop: Shop) -> None:
    stock.add_warehouse(shop, code="WEST")
    stock.edit_warehouse(shop, code="WEST", active=False)
    for sku, main, east in (("A", 5, 2), ("B", 0, 4)):
        shops.product(shop, sku, units=main)
        stock.receive(shop, sku=sku, quantity=east, warehouse="EAST")
        cart.add(shop, handle="c1", sku=sku, quantity=2)
    with shop.read() as tx:
        rows = sourcing.of_cart(tx, "c1").rows
    assert told(rows) == [
        ("A", "MAIN", 0, "would split the order: too few of B"),
        ("A", "EAST", 2, "the first that has the whole order"),
        ("A", "WEST", 0, "inactive"),
        ("B", "MAIN", 0, "not stocked there"),
        ("B", "EAST", 2, "the first that has the whole order"),
        ("B", "WEST", 0, "inactive"),
    ]
    order = checkout.place(shop, shops.placement("c1", "k1"))
    with shop.read() as tx:
        made = {(r.sku, r.warehouse): r.committed for r in levels.LIST.rows(tx) if r.committed}
    assert getattr(order, "status", None) == "confirmed"
    assert made == {(row.sku, row.warehouse): row.take for row in rows if row.take}


def test_sourcing_of_what_is_held_and_what_is_short(tmp_path: Path, shop: Shop) -> None:
    shop = shops.rule(shop, tmp_path, hold_at="cart")
    shops.product(shop, "TEE", units=3)
    shops.product(shop, "GIFT", tracked=False)
    for sku in ("TEE", "GIFT"):
        cart.add(shop, handle="c1", sku=sku, quantity=2)
    with shop.read() as tx:
        assert told(sourcing.of_cart(tx, "c1").rows) == [
            ("TEE", "MAIN", 2, "holds 2 already"),
            ("TEE", "EAST", 0, "not needed: held already"),
            ("GIFT", None, 2, "stock is not counted"),
        ]
        short = sourcing.of_skus(tx, {"TEE": 2})
    assert short.short == {"TEE": 1}
    assert told(short.rows)[0] == ("TEE", "MAIN", 0, "has 1 of 2")


def test_sourcing_counts_on_holds_that_are_past_their_time(tmp_path: Path, shop: Shop) -> None:
    shop = shops.rule(shop, tmp_path, hold_at="cart")
    shops.product(shop, "TEE", units=3)
    cart.add(shop, handle="c1", sku="TEE", quantity=3)
    later = shop.clock
    shop = shop.but(clock=lambda: later() + shop.facts.hold_ttl * 2)
    with shop.read() as tx:
        assert sourcing.of_skus(tx, {"TEE": 2}).rows[0].take == 2
    cart.add(shop, handle="c2", sku="TEE", quantity=2)


def test_the_history_of_a_sku_is_merged_from_its_levels(shop: Shop) -> None:
    shops.product(shop, "TEE", units=9)
    stock.add_warehouse(shop, code="WEST")
    for units in (1, 2, 3):
        stock.transfer(shop, sku="TEE", quantity=units, source="MAIN", target="WEST")
    with shop.read() as tx:
        whole = [row.seq for row in levels.HISTORY.rows(tx, where=[levels.m.sku == "TEE"])]
        assert [row.seq for row in levels.history(tx, "TEE", limit=100)] == whole
        first = levels.history(tx, "TEE", limit=3)
        assert [row.seq for row in first] == whole[:4]
        rest = levels.history(tx, "TEE", limit=100, after=(first[2].seq,), filters=["warehouse:WEST"])
        assert [row.seq for row in rest] == [seq for seq in whole[3:] if seq in {row.seq for row in rest}]
        assert {row.warehouse for row in rest} == {"WEST"}
