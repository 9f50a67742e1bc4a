"""Metrics: right figures, of one moment, every series always there."""

from __future__ import annotations

from pathlib import Path

from shopctl.core import cart, metrics, orders, pause, sales, settlement, workers
from shopctl.core.db import schema
from shopctl.core.queries import workers as worker_reads
from shopctl.core.shop import Shop
from shopctl.core.workers import life
from tests import flash, shops

NEWEST = int(schema.HEAD)


def values(shop: Shop) -> dict[str, int]:
    """`name{label}` → value."""
    return {
        sample.metric.removeprefix("shopctl_") + "".join(f"{{{word}}}" for word in sample.labels.values()): sample.value
        for metric in metrics.read(shop)
        for sample in metric.samples
        if metric.name != "shopctl_build_info"
    }


def test_figures(tmp_path: Path) -> None:
    shop = shops.rule(shops.make(tmp_path), tmp_path, hold_at="cart")
    before = values(shop)
    assert {name: value for name, value in before.items() if value} == {"schema_version": NEWEST}
    shops.product(shop, "TEE", units=10)
    for handle in ("c1", "c2", "c3"):
        shops.buy(shop, handle, "TEE")
    orders.ship(shop, number="1001")
    settlement.cancel(shop, number="1002")
    cart.add(shop, handle="open", sku="TEE", quantity=3)
    flash.opened(shop, 3, sku="TEE")
    tickets = flash.crowd(shop, 5)
    sales.admit(shop, name="friday")
    sales.leave(shop, ticket=tickets[0])
    pause.pause(shop, reason="x")
    life.beat(shop, workers.Rounds(shop, lambda: False, lambda _: None).id, "idle")
    after = values(shop)
    assert after.keys() == before.keys(), "a series must not come and go"
    assert {name: value for name, value in after.items() if value and "age" not in name} == {
        "schema_version": NEWEST,
        "paused": 1,
        "orders{shipped}": 1,
        "orders{confirmed}": 1,
        "orders{cancelled}": 1,
        "payments{captured}": 3,
        "carts_open": after["carts_open"],
        "stock_units{on_hand}": 9,
        "stock_units{reserved}": 5,
        "stock_units{committed}": 1,
        "sales{open}": 1,
        "sale_tickets{waiting}": 2,
        "sale_tickets{admitted}": 2,
        "sale_units{left}": 1,
        "sale_units{held}": 2,
        "holds_live": 3,
        "outbox_pending": 6,
        "index_pending": 1,
        "workers_alive": 1,
    }
    workers.Rounds(shop, lambda: False, lambda _: None).once()
    done = values(shop)
    assert (done["outbox_pending"], done["index_pending"], done["outbox_oldest_age_seconds"]) == (0, 0, 0)
    with shop.read() as tx:
        assert len(worker_reads.known(tx)) == 1
