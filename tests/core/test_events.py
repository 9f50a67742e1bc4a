"""The feed of events: what is told, to whom nothing is told, and that nothing is left out or told twice."""

from __future__ import annotations

import re
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl.core import (
    cart,
    checkout,
    housekeeping,
    letters,
    orders,
    outbox,
    rates,
    recovery,
    settings,
    settlement,
    stock,
    verify,
)
from shopctl.core.db.tables import outbox as table
from shopctl.core.errors import BadInput, Refused, StillPending
from shopctl.core.queries import events
from shopctl.core.queries.events import Event, Feed
from shopctl.core.shop import Shop
from tests import shops
from tests.shops import HOME, buy, placement, product

DOCUMENTED = re.compile(r"^\| `([a-z_.]+)` \| [^|]+ \| ([a-z_, ]+) \|$", re.MULTILINE)


def everything(shop: Shop) -> list[Event]:
    with shop.read() as tx:
        return events.latest(tx, 10_000)


def news(shop: Shop, feed: Feed) -> list[Event]:
    found: list[Event] = []
    while True:
        with shop.read() as tx:
            found += feed.page(tx)
        if feed.caught_up:
            return found


def from_now(shop: Shop, *topics: str) -> Feed:
    with shop.read() as tx:
        return Feed.from_now(tx, topics)


def fill(shop: Shop, count: int, prefix: str = "n") -> None:
    """That many facts of one moment."""
    with shop.work("test.facts") as tx:
        for n in range(count):
            outbox.add(tx, "test.fact", f"{prefix}{n}")
        tx.commit()


@pytest.fixture
def story(shop: Shop) -> Shop:
    """Everything that tells something has happened once."""
    product(shop, "TEE", units=20)
    stock.adjust(shop, sku="TEE", quantity=-1, reason="torn")
    rates.add(shop, rates.TAX, {"name": "VAT", "country": "DE", "percent": "19"})
    settings.set_value(shop, key="hold_seconds", value="700")
    for handle in ("c1", "c2"):
        buy(shop, handle, "TEE")
    orders.note(shop, number="1001", note="rings ana@example.com")
    orders.readdress(shop, number="1001", address={**HOME, "line1": "9 Elm"})
    orders.ship(shop, number="1001")
    orders.deliver(shop, number="1001")
    settlement.cancel(shop, number="1002")
    cart.add(shop, handle="c3", sku="TEE", quantity=1)
    with pytest.raises(Refused):
        checkout.place(shop, placement("c3", "k3", token="pm_card_chargeDeclined"))
    with pytest.raises(StillPending):
        checkout.place(shop, placement("c3", "k4", token="pm_card_timeout"))
    recovery.recover(shop)
    cart.merge(shop, source="c3", target="c4")
    return shop


def test_every_topic_is_documented_with_its_fields(story: Shop) -> None:
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
    documented = {topic: set(fields.split(", ")) - {"none"} for topic, fields in DOCUMENTED.findall(page)}
    told: dict[str, set[str]] = {}
    for event in everything(story):
        told.setdefault(event.topic, set()).update(event.data)
    assert {topic: documented.get(topic) for topic in told} == told
    assert len(told) >= 19


def test_events_hold_nothing_personal(story: Shop) -> None:
    with story.engine.connect() as connection:
        rows = [str(tuple(row)) for row in connection.execute(sa.text("SELECT topic, subject, payload FROM outbox"))]
    assert len(rows) > 25
    assert not [row for row in rows if re.search(r"@example|Ana|Road|Elm|Berlin|rings", row)]


def test_a_command_leaves_one_request_id_and_its_actor(story: Shop) -> None:
    assert {event.actor for event in everything(story)} == {"tester"}
    assert len({event.request_id for event in everything(story)}) == 1  # one shop was opened
    ids = [event.id for event in everything(story)]
    assert len(set(ids)) == len(ids)


def test_the_latest_are_told_oldest_first(shop: Shop) -> None:
    fill(shop, 5)
    with shop.read() as tx:
        assert [event.subject for event in events.latest(tx, 2)] == ["n3", "n4"]
        assert events.latest(tx, 0) == []
        assert len(events.latest(tx, 50, topics=["test.*"])) == 5
        assert events.latest(tx, 50, topics=["test_fact", "te%", "test", "fact"]) == []
        assert events.latest(tx, 50, since=tx.now + timedelta(seconds=1)) == []


def test_a_feed_tells_each_event_once(shop: Shop) -> None:
    fill(shop, 3, "old")
    feed = from_now(shop)
    assert news(shop, feed) == []
    fill(shop, 2 * events.PAGE + 1)
    found = news(shop, feed)
    assert [event.subject for event in found] == [f"n{n}" for n in range(2 * events.PAGE + 1)]
    assert news(shop, feed) == []
    assert len(news(shop, Feed())) == len(found) + 3
    assert [event.subject for event in news(shop, Feed(["catalog.*"]))] == []


def test_a_transaction_that_commits_late_is_told(shop: Shop) -> None:
    """As on Postgres: a fact appears with an earlier time and id than others that were told."""
    fill(shop, 1, "early")
    with shop.read() as tx:
        row = tx.rows(sa.select(table))[0]._asdict()
    feed = from_now(shop)
    fill(shop, 1, "told")
    assert [event.subject for event in news(shop, feed)] == ["told0"]
    late = row["created_at"] - events.WINDOW / 2
    with shop.engine.begin() as connection:
        ids = {"id": "00000000-0000-7000-8000-000000000001", "request_id": row["request_id"]}
        connection.execute(sa.insert(table), [{**row, **ids, "subject": "late", "created_at": late}])
    assert [event.subject for event in news(shop, feed)] == ["late"]
    assert news(shop, feed) == []


def test_a_feed_forgets_what_it_need_not_remember(shop: Shop) -> None:
    start = datetime.now(UTC)
    feed = from_now(shop)
    for minutes in range(5):
        fill(shop.but(clock=lambda minutes=minutes: start + timedelta(minutes=minutes, seconds=1)), 10)
        assert len(news(shop, feed)) == 10
    assert len(feed._shown) <= 20


def test_a_listener_hears_writers_at_work_once_each(shop: Shop, tmp_path: Path) -> None:
    feed = from_now(shop, "test.*")
    writers = [shops.reopen(tmp_path) for _ in range(3)]

    def write(own: Shop, name: int) -> None:
        for n in range(15):
            fill(own, 2, f"{name}-{n}-")

    threads = [threading.Thread(target=write, args=(own, name)) for name, own in enumerate(writers)]
    for thread in threads:
        thread.start()
    heard: Counter[str] = Counter()
    while any(thread.is_alive() for thread in threads):
        heard.update(event.subject for event in news(shop, feed))
    heard.update(event.subject for event in news(shop, feed))
    for own in writers:
        own.engine.dispose()
    assert heard == Counter(f"{name}-{n}-{i}" for name in range(3) for n in range(15) for i in range(2))


def test_changes_are_of_orders_that_pass_the_filter_now(story: Shop) -> None:
    with story.read() as tx:
        told = events.latest(tx, 10_000, topics=["order.*"])
        shipped = events.changes(tx, told, ["status:delivered"])
    assert [(change.topic, change.from_status, change.to_status) for change in shipped] == [
        ("order.placed", None, "pending"),
        ("order.confirmed", "pending", "confirmed"),
        ("order.noted", "confirmed", "confirmed"),
        ("order.address_changed", "confirmed", "confirmed"),
        ("order.shipped", "confirmed", "shipped"),
        ("order.delivered", "shipped", "delivered"),
    ]
    assert {(change.number, change.order.status) for change in shipped} == {("1001", "delivered")}


def test_old_events_are_forgotten_and_verify_does_not_miss_them(shop: Shop, tmp_path: Path) -> None:
    product(shop, "TEE", units=5)
    buy(shop, "c1", "TEE")
    with shop.work("test.delivered") as tx:
        outbox.done(tx, outbox.take(tx, [outbox.CATALOG_CHANGED], 100))
        tx.commit()
    later = shops.rule(shop, tmp_path, events_days="30")
    before = len(everything(later))
    assert housekeeping.forget_events(later) == 0
    later = later.but(clock=lambda: datetime.now(UTC) + timedelta(days=31))
    assert housekeeping.forget_events(later.but(dry_run=True)) == before - 1
    assert len(everything(later)) == before
    assert housekeeping.forget_events(later, batch=2) == before - 1
    assert [event.topic for event in everything(later)] == ["order.confirmed"]  # its letter was not sent yet
    letters.send(later, 10)
    assert housekeeping.forget_events(later) == 1
    assert {violation.check for violation in verify.verify(later).violations} <= {27}  # no index was built here
    buy(later, "c2", "TEE")
    with later.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM outbox WHERE topic = 'order.confirmed'"))
    assert 22 in {violation.check for violation in verify.verify(later).violations}


def test_days_are_a_number(shop: Shop) -> None:
    for value in ("0", "-1", "1.5", "a", "9" * 5000, "٣"):
        with pytest.raises(BadInput):
            settings.set_value(shop, key="events_days", value=value)


@pytest.mark.parametrize(
    ("topic", "subject", "data", "command"),
    [
        ("order.shipped", "id", {"number": "1001"}, "shopctl orders ship 1001"),
        ("order.cancelled", "id", {"number": "1", "from_status": "confirmed"}, "shopctl orders cancel 1 --yes"),
        ("order.cancelled", "id", {"number": "1", "from_status": "pending"}, None),
        ("order.noted", "id", {"number": "1"}, None),
        ("stock.receive", "demo", {"rows": 5}, None),
        (
            "stock.adjust",
            "T $(x)",
            {"warehouse": "MAIN", "quantity": -2, "reason": "it's torn"},
            "shopctl stock adjust 'T $(x)' -2 --warehouse MAIN --reason 'it'\"'\"'s torn'",
        ),
        ("stock.adjust", "T", {"warehouse": "MAIN", "quantity": -2}, None),
        (
            "stock.transfer",
            "T",
            {"source": "A", "target": "B", "quantity": 2},
            "shopctl stock transfer T 2 --from A --to B",
        ),
        (
            "stock.set",
            "T",
            {"warehouse": "A", "quantity": 2, "safety_stock": 0},
            "shopctl stock set T 2 --warehouse A --safety-stock 0",
        ),
        ("settings.changed", "name", {"value": "A B"}, "shopctl store set name 'A B'"),
        ("payment.captured", "id", {"number": "1"}, None),
    ],
)
def test_the_command_that_would_do_it_again(
    topic: str, subject: str, data: dict[str, object], command: str | None
) -> None:
    assert events.command_of(topic, subject, data) == command
