"""A flash sale from its making to its end: who gets a turn, who buys, what is told, where the units go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl.core import cart, catalog, checkout, erasure, pause, rates, reservations, sales, settlement, stock
from shopctl.core.db.tables import audit_log, outbox
from shopctl.core.db.tables import reservations as held
from shopctl.core.errors import BadInput, NotFound, ShopError
from shopctl.core.queries import sales as reads
from shopctl.core.queries.catalog import LIST as VARIANTS
from shopctl.core.queries.orders import Order
from shopctl.core.queries.tickets import Ticket
from shopctl.core.sales import Item, Joining, Terms
from shopctl.core.sales.asking import source_of
from shopctl.core.shop import Shop
from tests import flash, shops
from tests.flash import at, clean, crowd, later, level, opened, states


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = shops.make(tmp_path)
    shops.product(made, "TEE", units=10)
    return made


def refused(code: str, use_case: object) -> ShopError:
    with pytest.raises(ShopError) as caught:
        use_case()  # type: ignore[operator]
    assert caught.value.code == code, caught.value
    return caught.value


def buy(shop: Shop, ticket: str, **said: object) -> Order:
    made = sales.buy(shop, ticket=ticket, **said)  # type: ignore[arg-type]
    assert isinstance(made, Order)
    return made


def topics(shop: Shop) -> list[str]:
    with shop.read() as tx:
        found = sa.select(outbox.c.topic).where(outbox.c.topic.like("sale.%")).order_by(outbox.c.id)
        return list(tx.execute(found).scalars())


def test_with_redis_too_a_turn_is_bought_declined_and_given_back(carts: str, tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=10)
    assert shop.carts.kept == (carts == "redis")
    opened(shop, 2)
    first, second, _ = crowd(shop, 3)
    sales.admit(shop, name="friday")
    refused("payment_declined", lambda: sales.buy(shop, ticket=first, token="pm_card_chargeDeclined"))
    assert buy(shop, first).status == "confirmed"
    assert sales.leave(shop, ticket=second).state == "left"
    assert sales.admit(shop, name="friday").admitted == 1
    assert clean(shop)


# --- from the first ticket to the last unit --------------------------------------------------------------------------
def test_first_come_first_served_until_nothing_is_left(shop: Shop) -> None:
    flash.make(shop, 2)
    first, second, third, fourth = crowd(shop, 4)
    assert [at(shop, one).ahead for one in (first, second, third, fourth)] == [0, 1, 2, 3]
    assert [at(shop, one).chance for one in (second, third)] == ["good", "unlikely"]
    sales.open_(shop, name="Friday")
    assert (level(shop, "general"), level(shop, "sale")) == ((8, 0, 0), (2, 0, 0))
    assert sales.admit(shop, name="friday").admitted == 2
    assert states(shop) == {"admitted": 2, "waiting": 2}
    assert at(shop, third).ahead == 0
    order = buy(shop, second)
    assert (str(order.total), order.email) == ("9.99", "s1@example.com")
    assert buy(shop, second).number == order.number
    refused("not_your_turn", lambda: sales.buy(shop, ticket=third))
    buy(shop, first)
    told = sales.admit(shop, name="friday")
    assert (told.admitted, told.told) == (0, 2)
    assert {at(shop, one).chance for one in (third, fourth)} == {"none"}
    refused("sold_out", lambda: sales.buy(shop, ticket=third))
    refused("sold_out", lambda: sales.join(shop, sale="friday", wanted=Joining("late@example.com")))
    assert (level(shop, "general"), level(shop, "sale")) == ((8, 0, 0), (2, 0, 2))
    assert topics(shop)[-1] == "sale.sold_out"
    assert clean(shop)


def test_a_turn_that_runs_out_passes_on_and_all_units_are_sold(shop: Shop) -> None:
    opened(shop, 1, hold_seconds=60)
    slow, next_one = crowd(shop, 2)
    sales.admit(shop, name="friday")
    soon = later(shop, 61)
    refused("turn_over", lambda: sales.buy(soon, ticket=slow))
    done = sales.admit(soon, name="friday")
    assert (done.expired, done.admitted) == (1, 1)
    assert at(soon, slow).state == "expired"
    buy(soon, next_one)
    refused("turn_over", lambda: sales.buy(soon, ticket=slow))
    assert level(soon, "sale") == (1, 0, 1)
    assert clean(soon)


def test_a_declined_card_keeps_the_turn_until_its_time_is_over_and_no_longer(shop: Shop) -> None:
    opened(shop, 1, hold_seconds=3600)  # longer than any hold of the shop
    mine, next_one = crowd(shop, 2, token="pm_card_chargeDeclined")
    sales.admit(shop, name="friday")
    for _ in range(2):
        refused("payment_declined", lambda: sales.buy(shop, ticket=mine))
        assert sales.admit(shop, name="friday").count == 0
    assert level(shop, "sale") == (1, 1, 0)
    in_time = later(shop, 3500)
    reservations.sweep(in_time)
    cart.sweep(in_time)
    refused("payment_declined", lambda: sales.buy(in_time, ticket=mine))
    over = later(shop, 3601)
    refused("turn_over", lambda: sales.buy(over, ticket=mine, token="pm_card_visa"))
    assert sales.admit(over, name="friday").admitted == 1
    assert buy(over, next_one, token="pm_card_visa").email == "s1@example.com"
    assert clean(over)


def test_one_ticket_a_customer_however_the_address_is_written(shop: Shop) -> None:
    opened(shop, 5, per_customer=2)
    (first,) = crowd(shop, 1)
    for again in (" S0@Example.COM ", "s0@example.com", "ｓ0@example.com"):
        assert sales.join(shop, sale="friday", wanted=Joining(again, quantity=2)).ticket == first
    two = sales.join_all(shop, sale="friday", wanted=[Joining("b@example.com"), Joining("B@example.com ")])
    assert len({one.ticket for one in two if isinstance(one, Ticket)}) == 1
    refused("over_limit", lambda: sales.join(shop, sale="friday", wanted=Joining("c@example.com", quantity=3)))
    sales.admit(shop, name="friday")
    buy(shop, first)
    assert sales.join(shop, sale="friday", wanted=Joining("S0@example.com")).state == "bought"
    assert states(shop) == {"bought": 1, "admitted": 1}
    refused("bad_email", lambda: sales.join(shop, sale="friday", wanted=Joining("nobody")))
    refused("bad_quantity", lambda: sales.join(shop, sale="friday", wanted=Joining("d@example.com", quantity=0)))
    refused("card_number", lambda: sales.join(shop, sale="friday", wanted=Joining("d@x.com", token="4242424242424242")))
    assert clean(shop)


def test_several_units_at_once_and_the_last_are_fewer(shop: Shop) -> None:
    opened(shop, 3, per_customer=2)
    pair, rest = crowd(shop, 2, quantity=2)
    sales.admit(shop, name="friday")
    assert [at(shop, one).quantity for one in (pair, rest)] == [2, 1]
    assert [str(buy(shop, one).total) for one in (pair, rest)] == ["19.98", "9.99"]
    assert sales.admit(shop, name="friday").status == "open"
    assert clean(shop)


def test_leaving_the_queue_and_giving_a_turn_back(shop: Shop) -> None:
    opened(shop, 1)
    first, second, third = crowd(shop, 3)
    sales.admit(shop, name="friday")
    sales.leave(shop, ticket=second)
    sales.leave(shop, ticket=first)
    assert sales.admit(shop, name="friday").admitted == 1
    assert at(shop, third).state == "admitted"
    refused("invalid_state", lambda: sales.leave(shop, ticket=second))
    buy(shop, third)
    refused("invalid_state", lambda: sales.leave(shop, ticket=third))
    refused("unknown_ticket", lambda: sales.leave(shop, ticket="nothing"))
    assert clean(shop)


def test_a_dry_run_changes_nothing(shop: Shop) -> None:
    opened(shop, 1)
    (ticket,) = crowd(shop, 1)
    rehearsal = shop.but(dry_run=True)
    assert sales.admit(rehearsal, name="friday").admitted == 1
    assert sales.join(rehearsal, sale="friday", wanted=Joining("dry@example.com")).ahead == 1
    assert states(shop) == {"waiting": 1}
    sales.admit(shop, name="friday")
    sales.buy(rehearsal, ticket=ticket)
    assert states(shop) == {"admitted": 1}
    sales.close(rehearsal, name="friday")
    with shop.read() as tx:
        assert reads.get(tx, "friday").status == "open"


# --- what was registered -------------------------------------------------------------------------------------------
def test_what_went_bad_is_told_before_the_start_refused_at_buy_and_passes_on(shop: Shop) -> None:
    shops.product(shop, "GONE", units=5)
    items = [Item("TEE", 2, "5.00"), Item("GONE", 1)]
    sales.create(shop, name="friday", items=items, terms=Terms(hold_seconds=60))
    dear, token, gone, fine = (
        sales.join(shop, sale="friday", wanted=Joining(f"{n}@example.com", sku, address=shops.HOME, token=card)).ticket
        for n, sku, card in (
            ("dear", "TEE", "pm_card_visa"),
            ("token", "TEE", "pm_card_chargeDeclinedExpiredCard"),
            ("gone", "GONE", "pm_card_visa"),
            ("fine", "TEE", "pm_card_visa"),
        )
    )
    assert [at(shop, one).problem for one in (dear, token, gone, fine)] == [None] * 4
    sales.edit(shop, name="friday", terms=Terms(), prices={"TEE": "6.00"})
    catalog.archive(shop, handle="gone")
    sales.join(shop, sale="friday", wanted=Joining("fine@example.com", agreed="6.00"))
    assert sales.check(shop, name="friday").problems == 3
    told = [at(shop, one).problem for one in (dear, token, gone, fine)]
    assert told == ["price_changed", "price_changed", "not_for_sale", None]
    sales.join(shop, sale="friday", wanted=Joining("token@example.com", agreed="6.00"))
    opened_now = sales.open_(shop, name="friday")
    assert at(shop, token).problem == "expired_card"
    assert opened_now.problems == 3
    sales.admit(shop, name="friday")
    refused("price_changed", lambda: sales.buy(shop, ticket=dear))
    refused("not_for_sale", lambda: sales.buy(shop, ticket=gone))
    refused("payment_declined", lambda: sales.buy(shop, ticket=token))
    soon = later(shop, 61)
    assert sales.admit(soon, name="friday").admitted == 1
    assert str(buy(soon, fine).total) == "6.00"
    assert clean(soon)


def test_a_price_that_rose_can_be_agreed_to_and_turns_that_were_given_keep_theirs(shop: Shop) -> None:
    opened(shop, 3, rate=60, batch=1)
    early, late, lucky = crowd(shop, 3)
    assert sales.admit(later(shop, 2), name="friday").admitted == 1
    sales.edit(shop, name="friday", terms=Terms(rate=0, batch=10), prices={"TEE": "12.00"})
    sales.admit(shop, name="friday")
    assert str(buy(shop, early).total) == "9.99"
    refused("price_changed", lambda: sales.buy(shop, ticket=late))
    refused("price_changed", lambda: sales.buy(shop, ticket=late, agreed="11.00"))
    assert str(buy(shop, late, agreed="12.00").total) == "12.00"
    sales.edit(shop, name="friday", terms=Terms(), prices={"TEE": "1.00"})
    assert str(buy(shop, lucky, agreed="12").total) == "12.00"
    assert clean(shop)


def test_an_address_that_nothing_is_sent_to_any_more(shop: Shop) -> None:

    flash.make(shop, 2)
    (ticket,) = crowd(shop, 1)
    rates.add(shop, rates.SHIPPING, {"name": "Here", "amount": "1.00", "country": "US"})
    assert sales.check(shop, name="friday") == sales.Checked("friday", 1, 1)
    assert at(shop, ticket).problem == "no_shipping_rate"
    there = {**shops.HOME, "country": "US"}
    assert sales.join(shop, sale="friday", wanted=Joining("s0@example.com", address=there)).problem is None
    sales.open_(shop, name="friday")
    sales.admit(shop, name="friday")
    assert str(buy(shop, ticket).total) == "10.99"
    assert clean(shop)


def test_one_word_is_enough_only_for_whom_everything_was_registered(shop: Shop) -> None:
    opened(shop, 3)
    nothing = sales.join(shop, sale="friday", wanted=Joining("n@example.com")).ticket
    sales.admit(shop, name="friday")
    refused("address_missing", lambda: sales.buy(shop, ticket=nothing))
    refused("payment_missing", lambda: sales.buy(shop, ticket=nothing, address=shops.HOME))
    bad = {"country": "DE"}
    refused("bad_address", lambda: sales.join(shop, sale="friday", wanted=Joining("m@example.com", address=bad)))
    assert buy(shop, nothing, address=shops.HOME, token="pm_card_visa").status == "confirmed"
    assert sales.join(shop, sale="friday", wanted=Joining("price@x.com", agreed="9.99")).price.amount == 999
    refused("price_changed", lambda: sales.join(shop, sale="friday", wanted=Joining("p@x.com", agreed="9.98")))


# --- the life of a sale --------------------------------------------------------------------------------------------
def test_closing_puts_back_what_nobody_has_and_lets_turns_end(shop: Shop) -> None:
    opened(shop, 3, hold_seconds=60)
    first, second = crowd(shop, 2)
    sales.admit(shop, name="friday")
    (waits,) = crowd(shop, 1, start=9)
    sales.close(shop, name="friday")
    assert (level(shop, "general"), level(shop, "sale")) == ((8, 0, 0), (2, 2, 0))
    assert at(shop, waits).state == "ended"
    refused("sale_over", lambda: sales.join(shop, sale="friday", wanted=Joining("late@example.com")))
    buy(shop, first)
    soon = later(shop, 61)
    assert sales.run_all(soon)[0].put_back == 1
    assert at(soon, second).state == "expired"
    assert (level(soon, "general"), level(soon, "sale")) == ((9, 0, 0), (1, 0, 1))
    assert sales.run_all(soon) == []
    refused("invalid_state", lambda: sales.open_(shop, name="friday"))
    assert clean(soon)


def test_cancelling_ends_every_turn_but_what_was_bought_stays_bought(shop: Shop) -> None:
    opened(shop, 3)
    first, second, third = crowd(shop, 3)
    sales.admit(shop, name="friday")
    buy(shop, first)
    with pytest.raises(ShopError):
        sales.buy(shop, ticket=third, token="pm_card_timeout")  # in a checkout: it ends as it ends
    sales.cancel(shop, name="friday")
    assert [at(shop, one).state for one in (first, second, third)] == ["bought", "ended", "admitted"]
    refused("turn_over", lambda: sales.buy(shop, ticket=second))
    assert level(shop, "sale") == (2, 1, 1)
    number = next(n for n in ("1001", "1002") if n != at(shop, first).order)
    settlement.cancel(shop, number=number)
    sales.run_all(shop)
    assert at(shop, third).state == "ended"
    assert (level(shop, "general"), level(shop, "sale")) == ((9, 0, 0), (1, 0, 1))
    assert topics(shop).count("sale.cancelled") == 1
    assert clean(shop)


def test_a_pause_admits_nobody_and_lets_those_buy_whose_turn_it_is(shop: Shop) -> None:
    opened(shop, 2, batch=1)
    first, second = crowd(shop, 2)
    sales.admit(shop, name="friday")
    sales.pause(shop, name="friday")
    assert sales.admit(shop, name="friday").admitted == 0
    buy(shop, first)
    refused("invalid_state", lambda: sales.pause(shop, name="friday"))
    sales.resume(shop, name="friday")
    assert sales.admit(shop, name="friday").admitted == 1
    buy(shop, second)
    assert {"sale.opened", "sale.paused", "sale.resumed"} <= set(topics(shop))
    assert clean(shop)


def test_the_window_opens_and_closes_a_sale(shop: Shop) -> None:
    start = datetime.now(UTC) + timedelta(minutes=5)
    flash.make(shop, 2, starts_at=start, ends_at=start + timedelta(minutes=10))
    (ticket,) = crowd(shop, 1, token="unheard-of")
    assert sales.run_all(shop) == []  # but it opens soon, and what was registered is looked at
    assert at(shop, ticket).problem == "unknown_token"
    assert sales.run_all(later(shop, 301))[0].admitted == 1
    over = later(shop, 901)
    refused("sale_over", lambda: sales.join(over, sale="friday", wanted=Joining("late@example.com")))
    done = sales.run_all(over)[0]
    assert (done.status, done.expired) == ("closed", 1)
    assert level(over, "general") == (10, 0, 0)
    assert clean(over)


def test_a_sale_that_cannot_be_opened_says_why_and_opens_when_it_can(shop: Shop) -> None:
    flash.make(shop, 20, starts_at=datetime.now(UTC) - timedelta(minutes=1))
    assert "Only 10 of TEE" in str(sales.run_all(shop)[0].problem)
    with shop.read() as tx:
        before = tx.execute(sa.select(sa.func.count()).select_from(audit_log)).scalar_one()
    sales.run_all(shop)
    with shop.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(audit_log)).scalar_one() == before
    assert level(shop, "sale") == (0, 0, 0)
    stock.receive(shop, sku="TEE", quantity=10)
    done = sales.run_all(shop)[0]
    assert (done.status, done.problem) == ("open", None)
    assert level(shop, "sale") == (20, 0, 0)
    assert clean(shop)


def test_a_window_that_passed_unseen_cancels_it(shop: Shop) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    flash.make(shop, 2, starts_at=past, ends_at=past + timedelta(hours=2))
    assert sales.run_all(later(shop, 3 * 3600))[0].status == "cancelled"
    assert level(shop, "general") == (10, 0, 0)


def test_edit_while_open_more_units_revive_those_who_were_told(shop: Shop) -> None:
    opened(shop, 1)
    first, second, third = crowd(shop, 3)
    sales.admit(shop, name="friday")
    buy(shop, first)
    assert sales.admit(shop, name="friday").told == 2
    sales.edit(shop, name="friday", terms=Terms(hold_seconds=30), more={"TEE": 1})
    done = sales.admit(shop, name="friday")
    assert (done.revived, done.admitted) == (2, 1)
    assert [at(shop, one).state for one in (second, third)] == ["admitted", "waiting"]
    buy(shop, second)
    assert sales.admit(shop, name="friday").told == 1
    refused("insufficient_stock", lambda: sales.edit(shop, name="friday", terms=Terms(), more={"TEE": 99}))
    refused("not_in_sale", lambda: sales.edit(shop, name="friday", terms=Terms(), more={"CAP": 1}))
    refused("nothing_to_change", lambda: sales.edit(shop, name="friday", terms=Terms()))
    with shop.read() as tx:
        assert reads.get(tx, "friday").items[0].allotment == 2
    assert clean(shop)


def test_edit_while_open_rate_end_and_limit(shop: Shop) -> None:
    shop = flash.stopped(shop)
    opened(shop, 6, per_customer=2)
    crowd(shop, 4, quantity=2)
    sales.edit(shop, name="friday", terms=Terms(rate=60, per_customer=1, ends_at=shop.clock() + timedelta(minutes=2)))
    paced = later(shop, 1.5)
    assert sales.admit(paced, name="friday").admitted == 1
    assert sales.admit(paced, name="friday").admitted == 0
    assert sales.admit(later(shop, 60), name="friday").admitted == 2  # a burst is two seconds' worth
    assert level(paced, "sale") == (6, 3, 0)  # one each, whatever they joined for
    refused("invalid_state", lambda: sales.edit(shop, name="friday", terms=Terms(starts_at=datetime.now(UTC))))
    assert sales.admit(later(shop, 121), name="friday").status == "closed"
    refused("invalid_state", lambda: sales.edit(shop, name="friday", terms=Terms(rate=1)))


def test_a_rate_is_kept_exactly_over_many_rounds(shop: Shop) -> None:
    shop = flash.stopped(shop)
    opened(shop, 10, rate=100)
    crowd(shop, 10)
    admitted = [sales.admit(later(shop, 0.7 * n), name="friday").admitted for n in range(1, 9)]
    assert sum(admitted) == 9  # 5.6 s of 100 a minute
    assert max(admitted) <= 3


def test_nobody_is_admitted_while_the_shop_is_paused(shop: Shop) -> None:

    opened(shop, 2)
    crowd(shop, 1)
    pause.pause(shop, reason="the till is on fire")
    assert sales.admit(shop, name="friday").admitted == 0
    pause.resume(shop)
    assert sales.admit(shop, name="friday").admitted == 1


# --- the pool ------------------------------------------------------------------------------------------------------
def test_ordinary_checkout_cannot_touch_the_pool(shop: Shop) -> None:
    opened(shop, 9)
    with shop.read() as tx:
        assert VARIANTS.rows(tx, filters=["sku:TEE"])[0].available == 1
    cart.add(shop, handle="c2", sku="TEE", quantity=1)
    shops.buy(shop, "c1", "TEE")
    refused("insufficient_stock", lambda: cart.add(shop, handle="c3", sku="TEE", quantity=1))
    refused("insufficient_stock", lambda: checkout.place(shop, shops.placement("c2", "k2")))
    refused("insufficient_stock", lambda: stock.adjust(shop, sku="TEE", quantity=-2, reason="lost"))
    catalog.edit(shop, name="TEE", said={"backorder_limit": 5})
    assert level(shop, "sale") == (9, 0, 0)
    tickets = crowd(shop, 12)
    assert sales.admit(shop, name="friday").admitted == 9  # a pool has no backorder
    refused("bad_cart", lambda: cart.add(shop, handle=f"ticket {tickets[0]}", sku="TEE", quantity=1))
    assert clean(shop)


def test_safety_stock_and_backorder_are_not_set_aside(shop: Shop) -> None:
    stock.set_level(shop, sku="TEE", safety_stock=4)
    catalog.edit(shop, name="TEE", said={"backorder_limit": 50})
    flash.make(shop, 7)
    refused("insufficient_stock", lambda: sales.open_(shop, name="friday"))
    opened(shop, 6, name="smaller")
    assert level(shop, "sale") == (6, 0, 0)
    assert clean(shop)


def test_units_from_several_warehouses_and_from_buckets(shop: Shop) -> None:
    stock.add_warehouse(shop, code="EAST")
    stock.receive(shop, sku="TEE", quantity=4, warehouse="EAST")
    stock.spread(shop, sku="TEE", buckets=3, warehouse="MAIN")
    opened(shop, 12, hold_seconds=60, per_customer=12)
    assert level(shop, "sale") == (12, 0, 0)
    (ticket,) = crowd(shop, 1, quantity=11)
    sales.admit(shop, name="friday")
    assert buy(shop, ticket).status == "confirmed"
    sales.close(shop, name="friday")
    assert (level(shop, "general"), level(shop, "sale")) == ((3, 0, 0), (11, 0, 11))
    assert clean(shop)


def test_two_sales_of_one_sku_are_open_one_after_the_other(shop: Shop) -> None:
    opened(shop, 2, hold_seconds=60)
    flash.make(shop, 3, name="monday")
    refused("sku_in_sale", lambda: sales.open_(shop, name="monday"))
    crowd(shop, 1)
    sales.admit(shop, name="friday")
    sales.close(shop, name="friday")
    refused("sku_in_sale", lambda: sales.open_(shop, name="monday"))  # a turn of friday's may still be bought
    soon = later(shop, 61)
    sales.admit(soon, name="friday")
    sales.open_(soon, name="monday")
    assert sales.admit(soon, name="friday").put_back == 0  # monday's units are not friday's
    assert level(soon, "sale") == (3, 0, 0)
    assert clean(soon)


def test_units_of_cancelled_orders_are_sold_again_but_never_more_than_the_allotment(shop: Shop) -> None:
    opened(shop, 1)
    (first,) = crowd(shop, 1)
    sales.admit(shop, name="friday")
    bought = buy(shop, first)
    sales.close(shop, name="friday")
    opened(shop, 1, name="monday")
    crowd(shop, 3, sale="monday", start=10)
    settlement.cancel(shop, number=bought.number)
    done = sales.admit(shop, name="monday")
    assert (done.put_back, done.admitted) == (1, 1)
    (turn,) = [one for one in crowd(shop, 3, sale="monday", start=10) if at(shop, one).state == "admitted"]
    second = buy(shop, turn)
    assert sales.admit(shop, name="monday").told == 2
    settlement.cancel(shop, number=second.number)
    assert [one.sale for one in sales.run_all(shop)] == ["monday"]
    assert states(shop)["admitted"] == 1  # who was told that nothing was left waits again, and is the next
    sales.cancel(shop, name="monday")
    assert (level(shop, "general"), level(shop, "sale")) == ((10, 0, 0), (0, 0, 0))
    assert clean(shop)


def test_units_that_come_back_after_the_end_are_put_back(shop: Shop) -> None:
    opened(shop, 1)
    (ticket,) = crowd(shop, 1)
    sales.admit(shop, name="friday")
    order = buy(shop, ticket)
    sales.close(shop, name="friday")
    settlement.cancel(shop, number=order.number)
    assert level(shop, "sale") == (1, 0, 0)
    assert sales.run_all(shop)[0].put_back == 1
    assert level(shop, "general") == (10, 0, 0)
    assert sales.run_all(shop) == []
    assert clean(shop)


# --- what is refused -----------------------------------------------------------------------------------------------
def test_sales_that_cannot_be(shop: Shop) -> None:
    shops.product(shop, "GIFT", tracked=False)
    for code, items, terms in (
        ("not_tracked", [Item("GIFT", 1)], Terms()),
        ("unknown_sku", [Item("NOPE", 1)], Terms()),
        ("bad_sale", [], Terms()),
        ("bad_sale", [Item("TEE", 0)], Terms()),
        ("bad_sale", [Item("TEE", 1), Item("TEE", 2)], Terms()),
        ("bad_sale", [Item("TEE", 1)], Terms(hold_seconds=0)),
        ("bad_sale", [Item("TEE", 1)], Terms(batch=10**6)),
        ("bad_sale", [Item("TEE", 1)], Terms(starts_at=datetime.now(UTC), ends_at=datetime.now(UTC) - timedelta(1))),
    ):
        refused(code, lambda items=items, terms=terms: sales.create(shop, name="friday", items=items, terms=terms))
    refused("bad_sale", lambda: flash.make(shop, 1, name="black friday"))
    flash.make(shop, 1)
    refused("duplicate_sale", lambda: flash.make(shop, 1, name="FRIDAY"))
    with pytest.raises(NotFound):
        sales.open_(shop, name="nope")


def test_a_sale_of_several_skus_has_a_queue_for_each(shop: Shop) -> None:
    shops.product(shop, "CAP", units=3)
    sales.create(shop, name="friday", items=[Item("TEE", 1, "5"), Item("CAP", 1)])
    with pytest.raises(BadInput) as asked:
        sales.join(shop, sale="friday", wanted=Joining("a@example.com"))
    assert asked.value.code == "not_in_sale"
    tee = crowd(shop, 2, sku="TEE")
    (cap,) = crowd(shop, 1, sku="CAP", start=5)
    sales.open_(shop, name="friday")
    assert sales.admit(shop, name="friday").admitted == 2
    buy(shop, tee[0])
    assert sales.admit(shop, name="friday").told == 1
    assert at(shop, tee[1]).state == "sold_out"
    assert "sale.sold_out" not in topics(shop)
    assert str(buy(shop, cap).total) == "19.99"
    sales.admit(shop, name="friday")
    assert "sale.sold_out" in topics(shop)
    assert clean(shop)


def test_an_erased_customer_leaves_the_queue_and_no_ticket_names_them(shop: Shop) -> None:
    opened(shop, 1)
    first, second = crowd(shop, 2)
    shops.buy(shop, "s1", "TEE")  # an account, which the ticket's address leads to
    settlement.cancel(shop, number="1001")
    erasure.erase(shop, email="s1@example.com")
    assert at(shop, second).state == "left"
    assert crowd(shop, 1, start=1) != [second]
    assert at(shop, first).state == "waiting"
    assert clean(shop)


def test_an_idle_sale_writes_nothing(shop: Shop) -> None:
    opened(shop, 2)
    crowd(shop, 2)
    sales.admit(shop, name="friday")
    with shop.read() as tx:
        before = tx.execute(sa.select(sa.func.count()).select_from(audit_log)).scalar_one()
    assert [one.count for one in sales.run_all(shop)] == [0]
    with shop.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(audit_log)).scalar_one() == before


def test_waits_are_told_from_the_measured_rate(shop: Shop) -> None:
    shop = flash.stopped(shop)
    opened(shop, 10, rate=60)
    tickets = crowd(shop, 8)
    assert at(shop, tickets[-1]).wait_seconds == 7  # nobody was admitted yet: as its terms say
    for n in range(1, 5):
        sales.admit(later(shop, 1.01 * n), name="friday")
    last = at(later(shop, 4.1), tickets[-1])
    assert (last.ahead, last.wait_seconds) == (3, 3)
    stalled = at(later(shop, 30), tickets[-1])
    assert stalled.wait_seconds is not None
    assert stalled.wait_seconds > 15
    with shop.read() as tx:
        assert reads.moment(tx, "friday").queue == 4


def test_who_is_behind_the_last_free_unit_is_told_when_a_turn_may_come_back(shop: Shop) -> None:
    shop = flash.stopped(shop)
    opened(shop, 5, hold_seconds=60)
    tickets = crowd(shop, 9)
    sales.admit(shop, name="friday")
    assert [at(shop, one).wait_seconds for one in tickets[5:7]] == [60, None]  # one of five, as is supposed
    for ticket in tickets[:3]:
        buy(later(shop, 10), ticket)
    soon = later(shop, 40)  # three of five are bought at the age of 10 s, and of the others none after it
    assert [at(soon, one).wait_seconds for one in tickets[5:]] == [20, 20, 140, None]
    sales.pause(soon, name="friday")
    assert at(soon, tickets[5]).wait_seconds is None


def test_who_waits_for_the_start_is_told_how_long_that_is(shop: Shop) -> None:
    shop = flash.stopped(shop)
    flash.make(shop, 4, rate=60, starts_at=shop.clock() + timedelta(seconds=90))
    assert [at(shop, one).wait_seconds for one in crowd(shop, 3)] == [90, 91, 92]


def test_who_is_told_of_their_chance_hears_of_units_not_of_tickets(shop: Shop) -> None:
    flash.make(shop, 4, per_customer=4)
    first = crowd(shop, 1, quantity=4)[0]
    second, third = crowd(shop, 2, start=1)
    assert [at(shop, one).chance for one in (first, second, third)] == ["good", "unlikely", "unlikely"]


def test_a_guest_in_a_queue_can_be_erased(shop: Shop) -> None:
    opened(shop, 1)
    ticket = crowd(shop, 1)[0]
    sales.admit(shop, name="friday")
    erasure.erase(shop.but(dry_run=True), email="s0@example.com")
    assert at(shop, ticket).state == "admitted"
    erasure.erase(shop, email=" S0@example.com")
    assert at(shop, ticket).state == "left"
    refused("unknown_customer", lambda: erasure.erase(shop, email="s0@example.com"))
    assert clean(shop)


def test_a_turn_is_bought_and_ended_in_no_other_way(shop: Shop) -> None:
    opened(shop, 1)
    ticket = crowd(shop, 1)[0]
    sales.admit(shop, name="friday")
    with shop.read() as tx:
        hold = tx.rows(sa.select(held.c.id).where(held.c.state == "held"))[0].id
    refused("turn_at_sale", lambda: reservations.release(shop, reservation_id=hold))
    refused("turn_at_sale", lambda: reservations.extend(shop, reservation_id=hold))
    wanted = checkout.Placement(f"ticket {ticket}", "thief@example.com", shops.HOME, "pm_card_visa", "k")
    refused("turn_at_sale", lambda: checkout.place(shop, wanted))
    order = buy(shop, ticket)
    settlement.cancel(shop, number=order.number)
    assert "cancelled" in refused("turn_over", lambda: sales.buy(shop, ticket=ticket)).message


def test_a_risen_price_is_a_problem_at_once_and_a_window_lies_ahead(shop: Shop) -> None:
    flash.make(shop, 1)
    ticket = crowd(shop, 1)[0]
    sales.edit(shop, name="friday", terms=Terms(), prices={"TEE": "99"})
    assert at(shop, ticket).problem == "price_changed"
    yesterday = shop.clock() - timedelta(days=1)
    refused("bad_sale", lambda: sales.edit(shop, name="friday", terms=Terms(ends_at=yesterday)))
    sales.edit(shop, name="friday", terms=Terms(ends_at=shop.clock() + timedelta(seconds=60)))
    refused("sale_over", lambda: sales.open_(later(shop, 61), name="friday"))


def test_one_network_is_one_source() -> None:
    assert {source_of("2001:db8:1:2::7"), source_of(" 2001:DB8:1:2:ffff::1")} == {"2001:db8:1:2::/64"}
    assert [source_of("192.0.2.7"), source_of("a desk")] == ["192.0.2.7", "a desk"]
