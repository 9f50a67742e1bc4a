"""Webhooks: what a receiver is told, signed, at least once; and one that fails, hangs, redirects or is gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl.core import doctor, erasure, housekeeping, orders, stock, webhooks, workers
from shopctl.core.adapters.post_http import HttpPoster
from shopctl.core.db.tables import outbox, webhook_deliveries
from shopctl.core.errors import BadInput, NotFound, Refused, Unavailable
from shopctl.core.ports import NoReply
from shopctl.core.queries.webhooks import DELIVERIES, HOOKS, Delivery, detail
from shopctl.core.shop import Shop
from shopctl.core.webhooks import Wanted, telling
from tests import shops
from tests.hooks import Post, receiving


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=50)
    return shop.but(poster=HttpPoster(0.5))


def deliveries(shop: Shop) -> list[Delivery]:
    """Oldest first."""
    with shop.read() as tx:
        return DELIVERIES.rows(tx)[::-1]


def make_due(shop: Shop) -> None:
    with shop.work("test") as tx:
        tx.execute(sa.update(webhook_deliveries).values(due_at=tx.now))
        tx.commit()


def test_who_wants_it_is_told_once_and_can_tell_who_says_so(shop: Shop) -> None:
    with receiving() as all_of_it, receiving() as parcels:
        first = webhooks.add(shop, url=all_of_it.url, topics=["order.*", "payment.captured"])
        webhooks.add(shop, url=parcels.url, topics=["*.shipped"])
        order = shops.buy(shop, "c1", "TEE")
        orders.ship(shop, number=order.number)
        stock.receive(shop, sku="TEE", quantity=1)
        assert webhooks.tell(shop, 100) == 5
        assert webhooks.tell(shop, 100) == 0
    assert all_of_it.topics == ["order.placed", "payment.captured", "order.confirmed", "order.shipped"]
    assert parcels.topics == ["order.shipped"]
    post = all_of_it.posts[-1]
    assert post.is_signed_with(first.secret)
    assert not post.is_signed_with("whsec_other")
    assert not parcels.posts[0].is_signed_with(first.secret)
    with shop.read() as tx:
        (fact,) = tx.rows(sa.select(outbox).where(outbox.c.topic == "order.shipped"))
    assert post.body == {
        "id": fact.id,
        "topic": "order.shipped",
        "at": fact.created_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "subject": order.id,
        "data": fact.payload,
    }
    assert (post.path, post.headers["Shopctl-Id"], post.headers["Content-Type"]) == (
        "/hook?a=1",
        fact.id,
        "application/json",
    )
    assert [(one.state, one.status_code, one.attempts) for one in deliveries(shop)] == [("done", 200, 1)] * 5


def test_what_was_before_is_not_told_and_without_webhooks_nothing_waits(shop: Shop) -> None:
    shops.buy(shop, "c1", "TEE")
    with shop.read() as tx:
        assert not tx.rows(sa.select(outbox.c.id).where(outbox.c.for_webhooks))
    with receiving() as receiver:
        webhooks.add(shop, url=receiver.url, topics=["*"])
        stock.receive(shop, sku="TEE", quantity=1)
        assert webhooks.tell(shop, 100) == 1
    assert receiver.topics == ["stock.receive"]


def test_a_fact_that_is_taken_twice_makes_one_delivery(shop: Shop) -> None:
    webhooks.add(shop, url="http://127.0.0.1:9/", topics=["*"])
    stock.receive(shop, sku="TEE", quantity=1)
    for _ in range(2):
        webhooks.tell(shop, 100)
        with shop.work("test") as tx:
            tx.execute(sa.update(outbox).values(for_webhooks=True))
            tx.commit()
    webhooks.tell(shop, 100)
    assert len([one for one in deliveries(shop) if one.topic == "stock.receive"]) == 1


def test_many_share_them_and_each_is_posted_once(shop: Shop, tmp_path: Path) -> None:
    with receiving() as receiver:
        webhooks.add(shop, url=receiver.url, topics=["stock.*"])
        for _ in range(40):
            stock.receive(shop, sku="TEE", quantity=1)
        code = (
            "from pathlib import Path\nfrom shopctl.core import webhooks\nfrom tests import shops\n"
            f"shop = shops.reopen(Path({str(tmp_path)!r}))\n"
            "input()\nprint(sum(iter(lambda: webhooks.tell(shop, 5), 0)))"
        )
        started = [
            subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        assert sum(int(one.communicate("\n")[0]) for one in started) == 40
    assert len({post.body["id"] for post in receiver.posts}) == len(receiver.posts) == 40


def test_a_failure_is_tried_again_later_and_ends_well(shop: Shop) -> None:
    statuses = iter([500, 200])
    problems: list[str] = []
    with receiving(lambda _: next(statuses)) as receiver:
        webhooks.add(shop, url=receiver.url, topics=["stock.*"])
        stock.receive(shop, sku="TEE", quantity=1)
        assert webhooks.tell(shop, 100, problems) == 0
        assert problems == [f"{receiver.url}: answered 500"]
        (failed,) = deliveries(shop)
        assert (failed.state, failed.status_code, failed.problem) == ("pending", 500, "answered 500")
        assert 8 < (failed.due_at - failed.created_at).total_seconds() < 15
        assert webhooks.tell(shop, 100) == 0, "not yet"
        assert {one.check: one for one in doctor.examine(shop, doctor.Limits())}["webhooks"].status == "warn"
        make_due(shop)
        assert webhooks.tell(shop, 100) == 1
    first, second = receiver.posts
    assert (first.content, first.headers["Shopctl-Delivery"]) == (second.content, second.headers["Shopctl-Delivery"])
    assert deliveries(shop)[0].problem is None


def test_who_hangs_keeps_nobody_waiting_and_is_asked_once(shop: Shop) -> None:
    def hang(_: Post) -> int:
        time.sleep(1.5)
        return 200

    with receiving(hang) as slow, receiving() as quick:
        webhooks.add(shop, url=slow.url, topics=["stock.*"])
        webhooks.add(shop, url=quick.url, topics=["stock.*"])
        for _ in range(3):
            stock.receive(shop, sku="TEE", quantity=1)
        began = time.monotonic()
        assert webhooks.tell(shop, 100) == 3
        assert time.monotonic() - began < 1.4
        assert (len(slow.posts), len(quick.posts)) == (1, 3)
        waiting = [one for one in deliveries(shop) if one.url == slow.url]
    assert [(one.state, one.attempts) for one in waiting] == [("pending", 1), ("pending", 0), ("pending", 0)]
    assert waiting[0].problem == "no answer within 0.5 s"


def test_a_status_that_trickles_in_has_an_end() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        script = (
            "import socket, sys, time\n"
            f"line = socket.fromfd({server.fileno()}, socket.AF_INET, socket.SOCK_STREAM).accept()[0]\n"
            "while True:\n    line.send(b'H')\n    time.sleep(0.1)\n"
        )
        drip = subprocess.Popen([sys.executable, "-c", script], pass_fds=[server.fileno()], stderr=subprocess.DEVNULL)
        try:
            began = time.monotonic()
            with pytest.raises(NoReply, match="no answer within"):
                HttpPoster(0.6).post(f"http://127.0.0.1:{port}/", b"{}", {})
            assert time.monotonic() - began < 3
        finally:
            drip.kill()
            drip.wait()


def test_no_redirect_is_followed(shop: Shop) -> None:
    with receiving(lambda _: 302) as receiver:
        webhooks.add(shop, url=receiver.url, topics=["stock.*"])
        stock.receive(shop, sku="TEE", quantity=1)
        webhooks.tell(shop, 100)
    assert [post.path for post in receiver.posts] == ["/hook?a=1"]
    assert deliveries(shop)[0].problem == "302: redirects are not followed"


def test_gone_is_told_and_switches_nothing_off(shop: Shop) -> None:
    problems: list[str] = []
    with receiving(lambda _: 410) as receiver:
        hook = webhooks.add(shop, url=receiver.url, topics=["stock.*"])
        stock.receive(shop, sku="TEE", quantity=1)
        webhooks.tell(shop, 100, problems)
        assert "gone for good" in problems[0]
        assert deliveries(shop)[0].state == "dead"
        with shop.read() as tx:
            assert (detail(tx, hook.id).active, detail(tx, receiver.url).dead) == (True, 1)
        check = {one.check: one for one in doctor.examine(shop, doctor.Limits())}["webhooks"]
        assert check.status == "fail"
        receiver.answer = lambda _: 200
        assert webhooks.redeliver(shop, delivery_id=deliveries(shop)[0].id).state == "pending"
        assert webhooks.tell(shop, 100) == 1


def test_after_about_a_day_a_delivery_is_given_up() -> None:
    pauses = [telling._pause(attempt).total_seconds() for attempt in range(1, telling.MAX_ATTEMPTS)]
    assert all(later > earlier * 0.8 for earlier, later in pairwise(pauses))
    assert 24 * 3600 < sum(pauses) < 30 * 3600


def test_the_last_try_gives_up(shop: Shop) -> None:
    webhooks.add(shop, url="http://127.0.0.1:9/", topics=["stock.*"])
    stock.receive(shop, sku="TEE", quantity=1)
    webhooks.tell(shop, 100)
    with shop.work("test") as tx:
        tx.execute(sa.update(webhook_deliveries).values(attempts=telling.MAX_ATTEMPTS - 1, due_at=tx.now))
        tx.commit()
    webhooks.tell(shop, 100)
    assert deliveries(shop)[0].state == "dead"


def test_killed_before_it_was_recorded_it_is_posted_again_under_the_same_ids(shop: Shop, tmp_path: Path) -> None:
    with receiving() as receiver:
        webhooks.add(shop, url=receiver.url, topics=["stock.*"])
        stock.receive(shop, sku="TEE", quantity=1)
        code = (
            "from pathlib import Path\nfrom shopctl.core import webhooks\nfrom tests import shops\n"
            f"webhooks.tell(shops.reopen(Path({str(tmp_path)!r})), 10)"
        )
        killed = subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            env={**os.environ, "SHOPCTL_FAILPOINT": "webhooks.told.before_commit"},
        )
        assert killed.returncode == -signal.SIGKILL
        assert webhooks.tell(shop, 10) == 0, "it is leased still"
        make_due(shop)
        assert webhooks.tell(shop, 10) == 1
    first, second = receiver.posts
    for header in ("Shopctl-Id", "Shopctl-Delivery"):
        assert first.headers[header] == second.headers[header]


def test_one_that_is_inactive_is_told_nothing_until_it_is_active(shop: Shop) -> None:
    with receiving() as receiver:
        hook = webhooks.add(shop, url="http://127.0.0.1:9/", topics=["stock.*"])
        stock.receive(shop, sku="TEE", quantity=1)
        webhooks.tell(shop, 100)
        webhooks.edit(shop, name=hook.id, wanted=Wanted(active=False))
        make_due(shop)
        stock.receive(shop, sku="TEE", quantity=2)
        assert webhooks.tell(shop, 100) == 0
        edited = webhooks.edit(
            shop, name=hook.id, wanted=Wanted(url=receiver.url, topics=["*"], active=True, rotate=True)
        )
        assert isinstance(edited, webhooks.Secret)
        assert webhooks.tell(shop, 100) == 1, "what waited goes to the new address"
        assert [post.body["data"]["quantity"] for post in receiver.posts] == [1]
        assert receiver.posts[0].is_signed_with(edited.secret)
        assert not receiver.posts[0].is_signed_with(hook.secret)


def test_the_secret_is_shown_once(shop: Shop) -> None:
    hook = webhooks.add(shop, url="http://127.0.0.1:9/", topics=["*"])
    with shop.read() as tx:
        shown = f"{HOOKS.rows(tx)} {detail(tx, hook.id)}"
    assert hook.secret.startswith("whsec_")
    assert hook.secret not in shown
    assert "whsec_" not in f"{webhooks.edit(shop, name=hook.id, wanted=Wanted(topics=['order.*']))}"


def test_a_ping(shop: Shop) -> None:
    with receiving() as receiver:
        hook = webhooks.add(shop, url=receiver.url, topics=["order.*"])
        assert webhooks.ping(shop, name=receiver.url).status_code == 200
        assert webhooks.ping(shop.but(dry_run=True), name=hook.id).status_code is None
        receiver.answer = lambda _: 403
        with pytest.raises(Refused, match="answered 403"):
            webhooks.ping(shop, name=hook.id)
    assert receiver.topics == ["ping", "ping"]
    assert receiver.posts[0].is_signed_with(hook.secret)
    with pytest.raises(Unavailable, match="no connection"):
        webhooks.ping(shop, name=hook.id)
    assert deliveries(shop) == []


@pytest.mark.parametrize(
    "url",
    ["", "example.com", "ftp://example.com", "file:///etc/passwd", "http://", "http://a b", "https://u:p@example.com/",
     "https://example.com/#x", "http://example.com:x/", "http://exämple.com/", "http://x/\r\nA: b", "http://x/" + "a" * 2000],
)  # fmt: skip
def test_what_is_no_address(shop: Shop, url: str) -> None:
    with pytest.raises(BadInput) as refused:
        webhooks.add(shop, url=url, topics=["*"])
    assert refused.value.code == "bad_url"


@pytest.mark.parametrize("topic", ["", "Order", "order.", "order shipped", "order.[a-z]", "?"])
def test_what_is_no_topic(shop: Shop, topic: str) -> None:
    with pytest.raises(BadInput) as refused:
        webhooks.add(shop, url="http://example.com/", topics=[topic])
    assert refused.value.code == "bad_topic"


def test_one_that_is_removed_leaves_nothing(shop: Shop) -> None:
    hook = webhooks.add(shop, url="http://127.0.0.1:9/", topics=["*"])
    stock.receive(shop, sku="TEE", quantity=1)
    webhooks.tell(shop, 100)
    webhooks.remove(shop, name=hook.id)
    assert deliveries(shop) == []
    for missing in (hook.id, hook.url):
        with pytest.raises(NotFound):
            webhooks.remove(shop, name=missing)
    with pytest.raises(NotFound):
        webhooks.redeliver(shop, delivery_id=hook.id)


def test_what_is_told_holds_nothing_personal(shop: Shop) -> None:
    with receiving() as receiver:
        webhooks.add(shop, url=receiver.url, topics=["*"])
        order = shops.buy(shop, "c1", "TEE", email="ana@example.com")
        orders.ship(shop, number=order.number, tracking="1Z9")
        orders.deliver(shop, number=order.number)
        erasure.erase(shop, email="ana@example.com")
        webhooks.tell(shop, 100)
    said = b"".join(post.content for post in receiver.posts).lower()
    assert b"customer.erased" in said
    assert not [word for word in (b"ana", b"road", b"1z9", b"10115") if word in said]


def test_a_worker_tells_and_old_deliveries_are_forgotten(shop: Shop, tmp_path: Path) -> None:
    with receiving() as receiver:
        webhooks.add(shop, url=receiver.url, topics=["stock.*"])
        stock.receive(shop, sku="TEE", quantity=1)
        found = workers.Rounds(shop, lambda: False, lambda _: None).once()
        assert found.done["tell webhooks"] == 1
        assert receiver.topics == ["stock.receive"]
    with shop.work("test") as tx:
        for table in (outbox, webhook_deliveries):
            tx.execute(sa.update(table).values(created_at=tx.now - timedelta(days=91)))
        tx.commit()
    housekeeping.forget_events(shop)
    assert deliveries(shop) == []


def test_without_a_worker_a_command_tells(shop: Shop) -> None:
    with receiving() as receiver:
        webhooks.add(shop, url=receiver.url, topics=["stock.*"])
        stock.receive(shop, sku="TEE", quantity=1)
        housekeeping.after_command(shop)
        assert receiver.topics == ["stock.receive"]


def test_a_fact_that_waits_to_be_told_is_not_forgotten(shop: Shop) -> None:
    webhooks.add(shop, url="http://127.0.0.1:9/", topics=["stock.*"])
    stock.receive(shop, sku="TEE", quantity=1)
    with shop.work("test") as tx:
        tx.execute(sa.update(outbox).values(created_at=tx.now - timedelta(days=91)))
        tx.commit()
    housekeeping.forget_events(shop)
    with shop.read() as tx:
        waiting: Iterator[str] = (row.topic for row in tx.rows(sa.select(outbox).where(outbox.c.for_webhooks)))
        assert list(waiting) == ["stock.receive"]
