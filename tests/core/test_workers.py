"""Workers: what waits is done, by many at once, each thing once; whatever fails is tried again and ends nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl.core import cart, housekeeping, outbox, recovery, search, settings, workers
from shopctl.core.db.tables import outbox as facts
from shopctl.core.db.tables import reservations as holds
from shopctl.core.db.tables import workers as table
from shopctl.core.errors import Unavailable
from shopctl.core.ports import Message, Send
from shopctl.core.queries import workers as reads
from shopctl.core.shop import Shop
from shopctl.core.workers import Rounds, life
from shopctl.core.workers.jobs import Job
from tests import shops


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return shops.make(tmp_path)


def worker(shop: Shop, jobs: Sequence[Job] | None = None) -> Rounds:
    found = Rounds(shop, lambda: False, lambda _: None)
    if jobs is not None:
        found.jobs = jobs
    return found


def alive(shop: Shop) -> list[reads.Worker]:
    with shop.read() as tx:
        return [found for found in reads.known(tx) if found.alive]


class Refusing:
    """A notifier that hands nothing over."""

    @contextmanager
    def session(self) -> Iterator[Send]:
        yield self._send

    def _send(self, message: Message) -> None:
        raise Unavailable("mail_away", "The mail server is away")


def test_a_round_does_what_waits_and_the_next_one_nothing(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    shops.buy(shop, "c1", "TEE")
    cart.add(shop, handle="c2", sku="TEE", quantity=1)
    found = worker(shop).once()
    assert (found.done, found.problems) == ({"deliver": 1, "index": 1}, {})
    assert search.lag(shop) == 0
    with shop.read() as tx:
        before = tx.execute(sa.text("SELECT count(*) FROM audit_log")).scalar_one()
    assert worker(shop).once().done == {}
    with shop.read() as tx:
        assert tx.execute(sa.text("SELECT count(*) FROM audit_log")).scalar_one() == before, "doing nothing is no deed"


def test_what_is_past_its_time_ends(tmp_path: Path) -> None:
    shop = shops.rule(shops.make(tmp_path), tmp_path, hold_at="cart")
    shops.product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    worker(shop).once()
    with shop.work("test") as tx:
        for name in ("reservations", "carts"):
            expired = sa.table(name, sa.column("expires_at", holds.c.expires_at.type))
            tx.execute(sa.update(expired).values(expires_at=tx.now - timedelta(seconds=1)))
        tx.commit()
    assert worker(shop).once().done == {"release holds": 1, "end carts": 1}


def test_what_a_dead_process_left_is_finished(shop: Shop, tmp_path: Path, store: str) -> None:
    shops.product(shop, "TEE", units=5)
    code = (
        "from pathlib import Path\nfrom tests import shops\n"
        f"shop = shops.reopen(Path({str(tmp_path)!r}))\nshops.buy(shop, 'c1', 'TEE')"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False, env=armed("gateway.authorize.after"))
    assert killed.returncode == -9
    with shop.work("test") as tx:
        tx.execute(sa.text("UPDATE orders SET updated_at = created_at"))
        tx.commit()
    assert "recover" not in worker(shop).once().done, "a checkout at work is left alone"
    later = shop.but(clock=lambda: shop.clock() + timedelta(minutes=1))
    if store == "postgres":  # the server's clock cannot be turned
        with shop.work("test") as tx:
            tx.execute(sa.text("UPDATE orders SET updated_at = updated_at - interval '1 minute'"))
            tx.commit()
    assert worker(later).once().done["recover"] == 1
    assert recovery.recover(shop) == []


def armed(failpoint: str) -> dict[str, str]:
    return {**os.environ, "SHOPCTL_FAILPOINT": failpoint}


def test_many_share_the_letters_and_none_is_sent_twice(shop: Shop, tmp_path: Path) -> None:
    shops.product(shop, "TEE", units=100)
    for i in range(30):
        shops.buy(shop, f"c{i}", "TEE")
    code = (
        "from pathlib import Path\nfrom shopctl.core import letters\nfrom tests import shops\n"
        f"shop = shops.reopen(Path({str(tmp_path)!r}))\n"
        "input()\nprint(sum(iter(lambda: letters.send(shop, 3), 0)))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    sent = [int(one.communicate("\n")[0]) for one in started]
    assert sum(sent) == 30
    assert len(list((shop.home / "maildir" / "new").iterdir())) == 30


def test_a_turn_is_one_workers_until_it_ends_or_dies(shop: Shop) -> None:
    one, other = worker(shop).id, worker(shop).id
    life.beat(shop, one, "idle")
    assert life.take_turn(shop, one, "index")
    assert life.take_turn(shop, one, "index")
    assert not life.take_turn(shop, other, "index")
    assert life.take_turn(shop, other, "recover")
    life.end_turn(shop, other, "index")
    assert not life.take_turn(shop, other, "index"), "nobody ends another one's turn"
    life.end_turn(shop, one, "index")
    assert life.take_turn(shop, other, "index")
    _age(shop, "leases", "until")
    assert life.take_turn(shop, one, "index")
    _age(shop, "leases", "until")
    life.beat(shop, one, "index")
    assert not life.take_turn(shop, other, "index"), "a heartbeat keeps a turn"


def test_an_index_is_left_to_the_one_whose_turn_it_is(shop: Shop) -> None:
    shops.product(shop, "TEE")
    life.take_turn(shop, worker(shop).id, "index")
    assert worker(shop).once() is not None
    assert search.lag(shop) == 1


def test_a_worker_is_seen_while_it_lives(shop: Shop) -> None:
    going = worker(shop, [Job("count", lambda *_: True, lambda *_: 1)])
    rounds = going.go_on()
    next(rounds)
    assert [found.id for found in alive(shop)] == [going.id]
    life.beat(shop, going.id, "index")
    assert [found.doing for found in alive(shop)] == ["index"]
    rounds.close()
    with shop.read() as tx:
        assert not reads.known(tx)


def test_one_that_was_killed_is_not_counted(shop: Shop) -> None:
    life.beat(shop, worker(shop).id, "idle")
    assert len(alive(shop)) == 1
    _age(shop, "workers", "beat_at")
    assert not alive(shop)
    with shop.read() as tx:
        assert len(reads.known(tx)) == 1


def test_while_a_worker_lives_commands_leave_it_to_it(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    shops.buy(shop, "c1", "TEE")
    life.beat(shop, worker(shop).id, "idle")
    housekeeping.after_command(shop)
    housekeeping.index_all(shop, lambda *_: None)
    assert search.lag(shop) == 1
    _age(shop, "workers", "beat_at")
    housekeeping.after_command(shop)
    assert search.lag(shop) == 0
    assert worker(shop).once().done == {}


def test_what_fails_is_told_tried_later_and_keeps_back_nothing_else(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    shops.buy(shop, "c1", "TEE")
    going = worker(shop.but(notifier=Refusing()))
    first = next(going.go_on())
    assert (first.done, first.problems) == (
        {"index": 1},
        {"deliver": "1 letters could not be sent: The mail server is away"},
    )
    with shop.read() as tx:
        (fact,) = tx.rows(sa.select(facts).where(facts.c.topic == outbox.ORDER_CONFIRMED))
    assert (fact.state, fact.attempts, fact.problem) == ("pending", 1, "The mail server is away")


def test_a_defect_in_a_job_ends_no_worker_and_is_backed_off(shop: Shop) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError("ana@example.com")

    jobs = [Job("broken", lambda *_: True, broken), Job("count", lambda *_: True, lambda *_: 1)]
    first, second = islice(worker(shop, jobs).go_on(), 2)
    assert (first.done, first.problems) == ({"count": 1}, {"broken": "ZeroDivisionError"})
    assert (second.done, second.problems) == ({"count": 1}, {}), "not at once again"


def test_pauses_between_tries_grow() -> None:
    pace = workers.rounds._Pace()
    pauses = []
    for _ in range(12):
        pace.failed()
        pauses.append(pace.next - time.monotonic())
    assert not pace.is_time
    assert 0.9 < pauses[0] <= 2
    assert all(0 < pause <= workers.rounds.LONGEST_PAUSE for pause in pauses)
    assert pauses[-1] > 25
    pace.succeeded(0)
    assert pace.is_time


def test_the_store_may_go_away_and_come_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    going = worker(shop, [Job("count", lambda *_: True, lambda *_: 1)])
    rounds = going.go_on()
    assert next(rounds).done == {"count": 1}

    def away(*_: object) -> None:
        raise Unavailable("store_unavailable", "The store cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(settings, "load", away)
        assert next(rounds).problems == {"store": "The store cannot be reached"}
    going._store.next = 0
    assert next(rounds).done == {"count": 1}
    rounds.close()


def test_rules_that_change_are_followed(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    seen: list[int] = []

    def look(now: Shop, _: Callable[[], None]) -> int:
        seen.append(now.facts.hold_seconds)
        shops.rule(shop, tmp_path, hold_seconds="77")
        return 1

    rounds: Iterator[object] = worker(shop, [Job("look", lambda *_: True, look)]).go_on()
    list(islice(rounds, 2))
    assert seen == [600, 77]


def _age(shop: Shop, name: str, column: str) -> None:
    old = sa.table(name, sa.column(column, table.c.beat_at.type))
    with shop.work("test") as tx:
        tx.execute(sa.update(old).values({column: tx.now - timedelta(minutes=2)}))
        tx.commit()
