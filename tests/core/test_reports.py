"""Reports agree with the rows that they add up, day by day of the shop's own time zone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from shopctl.core import cart, catalog, checkout, orders, rates, settlement
from shopctl.core.db.tables import order_lines, variants
from shopctl.core.db.tables import orders as order_rows
from shopctl.core.domain.zones import offsets
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries import customers as customer_reads
from shopctl.core.queries import orders as order_reads
from shopctl.core.queries import overview, reports
from shopctl.core.shop import Shop
from tests import shops

BERLIN = ZoneInfo("Europe/Berlin")
STANDS = ("confirmed", "shipped", "delivered")
# Winter time, the hour before and after clocks go forward on 29 March, midnight in summer time, and the day that it is.
MOMENTS = (
    "2026-03-27T22:59:59Z",
    "2026-03-27T23:00:00Z",
    "2026-03-29T00:59:59Z",
    "2026-03-29T01:00:00Z",
    "2026-03-29T21:59:59Z",
    "2026-03-29T22:00:00Z",
    "2026-03-30T12:00:00Z",
)


@pytest.fixture
def sold(tmp_path: Path) -> Iterator[Shop]:
    """A week around the change of clocks: an order a moment, of a customer or two, one cancelled, one partly refunded."""
    shop = shops.make(tmp_path, timezone="Europe/Berlin", country="DE")
    vat = {"name": "VAT", "percent": "19", "included": True, "on_shipping": True, "country": "DE"}
    rates.add(shop, rates.TAX, vat)
    rates.add(shop, rates.TAX, {"name": "Levy", "percent": "2.5", "included": False, "country": "DE"})
    rates.add(shop, rates.SHIPPING, {"name": "Post", "amount": "4.99", "country": "DE"})
    shops.product(shop, "TEE", units=100, price=1999)
    shops.product(shop, "CAP", units=100, price=333)
    catalog.edit(shop, name="tee", said={"category": "Apparel > Shirts"})
    for n, moment in enumerate(MOMENTS):
        then = shop.but(clock=lambda moment=moment: datetime.fromisoformat(moment))
        _backdated(then, n)
    settlement.cancel(shop, number="1002")
    orders.ship(shop, number="1003")
    orders.refund(shop, number="1003", amount="5.00", reason="dented")
    yield shop
    shop.engine.dispose()


def _backdated(shop: Shop, n: int) -> None:
    """Place an order, and write it to the moment: a shop's own clock never goes back."""
    cart.add(shop, handle=f"c{n}", sku="TEE", quantity=1 + n % 3)
    cart.add(shop, handle=f"c{n}", sku="CAP", quantity=2)
    checkout.place(shop, shops.placement(f"c{n}", f"k{n}", email=f"buyer{n % 2}@example.com"))
    with shop.work("test") as tx:
        tx.execute(sa.update(order_rows).where(order_rows.c.number == 1001 + n).values(created_at=shop.clock()))
        tx.commit()


def figures(shop: Shop, by: str, first: str = "2026-03-01", last: str = "2026-03-31", **how: Any) -> list[Any]:
    with shop.read() as tx:
        return reports.sales(tx, by, reports.span(tx, first, last)).rows(tx, **how)


def rows_of(shop: Shop) -> list[Any]:
    with shop.read() as tx:
        return list(tx.rows(sa.select(order_rows).where(order_rows.c.status.in_(STANDS))))


def test_days_are_the_shops_own_also_when_clocks_change(sold: Shop) -> None:
    expected: dict[str, list[int]] = defaultdict(lambda: [0] * 6)
    for row in rows_of(sold):
        day = expected[str(row.created_at.astimezone(BERLIN).date())]
        for i, value in enumerate((1, row.subtotal, row.tax, row.tax_included, row.shipping, row.total)):
            day[i] += value
    found = figures(sold, "day")
    assert [row.day for row in found] == sorted(expected) == ["2026-03-27", "2026-03-29", "2026-03-30"]
    assert {
        row.day: [
            row.orders,
            *(money.amount for money in (row.gross, row.tax, row.tax_included, row.shipping, row.total)),
        ]
        for row in found
    } == expected
    for row in found:
        parts = row.gross.amount - row.discount.amount + row.shipping.amount + row.tax.amount - row.tax_included.amount
        assert parts == row.total.amount
        assert row.net.amount == row.total.amount - row.credited.amount
    assert {row.day: row.credited.amount for row in found} == {"2026-03-27": 0, "2026-03-29": 500, "2026-03-30": 0}
    assert [row.day for row in figures(sold, "day", "2026-03-29", "2026-03-29")] == ["2026-03-29"]


@pytest.mark.parametrize("by", reports.SALES)
def test_every_grouping_adds_up_to_the_same(sold: Shop, by: str) -> None:
    found, all_rows = figures(sold, by), rows_of(sold)
    with sold.read() as tx:
        whole = reports.sales_in_all(tx, reports.span(tx, "2026-03-01", "2026-03-31"))
        ids = [row.id for row in all_rows]
        units = tx.execute(
            sa.select(sa.func.sum(order_lines.c.quantity)).where(order_lines.c.order_id.in_(ids))
        ).scalar()
    assert sum(row.gross.amount for row in found) == whole.gross.amount == sum(row.subtotal for row in all_rows)
    assert sum(row.units for row in found) == whole.units == units
    assert (whole.orders, whole.total.amount) == (len(all_rows), sum(row.total for row in all_rows))
    assert whole.net.amount == whole.total.amount - 500


def test_goods_by_product_and_category(sold: Shop) -> None:
    with sold.work("test") as tx:  # sold by another platform, under a SKU that the catalogue never had
        tx.execute(sa.update(order_lines).where(order_lines.c.sku == "CAP").values(sku="OLD", product_name="Old cap"))
        tx.commit()
    tee, old = figures(sold, "product")
    assert (tee.product, tee.title, tee.orders) == ("tee", "Thing TEE", 6)
    assert (old.product, old.title, old.units, str(old.gross)) == ("OLD", "Old cap", 12, "39.96")
    assert [row.category for row in figures(sold, "category")] == ["Apparel > Shirts", None]
    assert figures(sold, "product", filters=["units:>11"]) == [old]
    assert [row.product for row in figures(sold, "product", sort="gross")] == ["OLD", "tee"]
    first, second = figures(sold, "customer")
    assert first.net.amount >= second.net.amount
    assert {first.customer, second.customer} == {"buyer0@example.com", "buyer1@example.com"}


def test_what_is_not_owed_any_more_is_no_sale(sold: Shop) -> None:
    """Order 1006 is of 3 TEE at 19.99 and 2 CAP at 3.33: one TEE is cancelled, one returned, a CAP refunded, and an amount."""
    before = {row.product: row for row in figures(sold, "product")}
    settlement.cancel(sold, number="1006", lines={"TEE": 1})
    orders.ship(sold, number="1006")
    orders.returns.request(sold, number="1006", lines={"TEE": 1}, reason="small")
    orders.returns.receive(sold, number="1006-R1")
    orders.returns.resolve(sold, number="1006-R1", write_off={"TEE": 1})
    orders.refund(sold, number="1006", lines={"CAP": 1}, reason="lost")
    orders.refund(sold, number="1006", amount="1.00", reason="late")
    with sold.read() as tx:
        credited = sum(credit.total.amount for credit in order_reads.detail(tx, "1006").credits)
        whole = reports.sales_in_all(tx, reports.span(tx, "2026-03-01", "2026-03-31"))
        spent = {one.email: one.spent.amount for one in customer_reads.LIST.rows(tx)}
    assert credited > 2 * 1999 + 333 + 100  # there is tax on top
    assert (whole.credited.amount, whole.net.amount) == (500 + credited, whole.total.amount - 500 - credited)
    assert {row.customer: row.net.amount for row in figures(sold, "customer")} == spent
    assert {row.day: row.credited.amount for row in figures(sold, "day")} == {
        "2026-03-27": 0,
        "2026-03-29": 500,
        "2026-03-30": credited,
    }
    found = {row.product: row for row in figures(sold, "product")}
    assert [(row.units_credited, row.credited.amount) for row in before.values()] == [(0, 0), (0, 0)]
    assert {name: (row.units_credited, str(row.credited)) for name, row in found.items()} == {
        "tee": (2, "39.98"),
        "cap": (1, "3.33"),
    }
    for row in (*found.values(), *figures(sold, "category")):
        assert row.net.amount == row.gross.amount - row.credited.amount
    settlement.cancel(sold, number="1007")  # it is no sale at all: neither what it cost, nor what was credited of it
    assert sum(row.credited.amount for row in figures(sold, "day")) == 500 + credited
    with sold.read() as tx:
        spent = {one.email: one.spent.amount for one in customer_reads.LIST.rows(tx)}
    assert {row.customer: row.net.amount for row in figures(sold, "customer")} == spent


def test_today_is_net_of_credits(shop: Shop) -> None:
    shops.product(shop, "TEE", units=10, price=1000)
    shops.buy(shop, "c1", "TEE", 3)
    shops.buy(shop, "c2", "TEE")
    settlement.cancel(shop, number="1001", lines={"TEE": 2})
    with shop.read() as tx:
        assert (overview.figures(tx).orders_today, str(overview.figures(tx).revenue_today)) == (2, "20.00")
        assert {row.sku: row.sold for row in reports.stock(tx).rows(tx)} == {"TEE": 2}


def test_a_span_is_whole_days_of_the_zone(sold: Shop) -> None:
    with sold.read() as tx:
        one = reports.span(tx, "2026-03-29", "2026-03-29")
        assert one.end.astimezone(UTC) - one.start.astimezone(UTC) == timedelta(hours=23)
        month = reports.span(tx)
        assert (month.last - month.first, month.last) == (timedelta(days=29), tx.now.astimezone(BERLIN).date())
        for first, last in (
            ("2026-03-30", "2026-03-29"),
            ("yesterday", None),
            ("0001-01-01", None),
            (None, "1.4.2026"),
        ):
            with pytest.raises(BadInput):
                reports.span(tx, first, last)


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
def test_the_offsets_of_a_zone_are_found_to_the_second(name: str) -> None:
    zone = ZoneInfo(name)
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
    found = offsets(zone, start, end)
    for before, after in zip(found, [*found[1:], None], strict=True):
        until, seconds = before
        assert (until - timedelta(seconds=1)).astimezone(zone).utcoffset() == timedelta(seconds=seconds)
        if after is not None:
            assert until.astimezone(zone).utcoffset() == timedelta(seconds=after[1]) != timedelta(seconds=seconds)
    assert len(found) == (1 if name in ("UTC", "Asia/Kathmandu") else 7)


def test_stock_is_worth_lasts_and_lies(shop: Shop) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=60)
    for sku, units in (("FAST", 20), ("DEAD", 7), ("LOW", 3), ("OUT", 1), ("NEW", 9)):
        shops.product(shop, sku, units=units, price=1000)
    shops.product(shop, "GIFT", tracked=False)
    catalog.edit(shop, name="LOW", said={"low_stock": 3})
    with shop.work("test") as tx:
        tx.execute(sa.update(variants).where(variants.c.sku != "NEW").values(created_at=long_ago))
        tx.commit()
    for n, (sku, quantity) in enumerate((("FAST", 10), ("LOW", 1), ("OUT", 1))):
        shops.buy(shop, f"c{n}", sku, quantity)
    with shop.read() as tx:
        found = {row.sku: row for row in reports.stock(tx).rows(tx)}
        whole = reports.stock_in_all(tx)
        low = reports.stock(tx).rows(tx, filters=["status:low"])
    assert {sku: row.status for sku, row in found.items()} == {
        "FAST": "ok", "DEAD": "dead", "LOW": "low", "OUT": "out", "NEW": "ok",
    }  # fmt: skip
    fast = found["FAST"]
    assert (fast.available, str(fast.value), fast.per_day, fast.days_of_cover) == (10, "200.00", "0.33", 30)
    assert found["DEAD"].days_of_cover is None
    assert [row.sku for row in low] == ["LOW"]
    assert (whole["skus"], whole["units"], str(whole["value"]), whole["dead"]) == (5, 40, "400.00", 1)
    with shop.read() as tx, pytest.raises(BadInput):
        reports.stock(tx, 0)


def test_the_funnel_counts_each_cart_once_and_as_far_as_it_got(shop: Shop) -> None:
    shops.product(shop, "TEE", units=50)
    for n in range(3):
        shops.buy(shop, f"c{n}", "TEE")
    shops.buy(shop, "c0", "TEE", key="again", email="c0@example.com")
    orders.ship(shop, number="1001")
    orders.ship(shop, number="1002")
    orders.deliver(shop, number="1001")
    settlement.cancel(shop, number="1003")
    cart.add(shop, handle="declined", sku="TEE", quantity=1)
    with pytest.raises(Refused):
        checkout.place(shop, shops.placement("declined", "no", token="pm_card_chargeDeclined"))
    for handle in ("left", "emptied", "guest", "mine"):
        cart.add(shop, handle=handle, sku="TEE", quantity=1)
    cart.clear(shop, handle="emptied")
    cart.merge(shop, source="guest", target="mine")
    with shop.read() as tx:
        today = reports.span(tx, "today")
        (row,) = reports.funnel(tx, today).rows(tx)
    counted = (row.carts, row.checkouts, row.declined, row.paid, row.shipped, row.delivered, row.abandoned, row.open)
    assert counted == (7, 4, 1, 2, 2, 1, 0, 5)
    cart.sweep(shop.but(clock=lambda: datetime.now(UTC) + timedelta(days=8)))
    with shop.read() as tx:
        whole = reports.funnel_in_all(tx, today)
        assert list(whole) == [name for name in reports.Funnel.__slots__ if name != "day"]
    assert (whole["abandoned"], whole["open"]) == (3, 0)  # left, mine, declined; what was bought or emptied is not
