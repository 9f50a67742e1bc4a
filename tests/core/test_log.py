"""The log: a line for each request, and nothing in it that is somebody's own."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from shopctl.core import cart, checkout, orders, pause
from shopctl.core.errors import Refused
from shopctl.core.log import Log, to_file
from shopctl.core.shop import Shop
from shopctl.core.workers import Rounds
from tests import shops


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def shop(tmp_path: Path, lines: list[dict[str, Any]]) -> Shop:
    shop = shops.make(tmp_path).but(log=Log(lambda line: lines.append(json.loads(line))))
    shops.product(shop, "TEE", units=5)
    return shop


def test_what_a_request_touched_and_how_it_ended(shop: Shop, lines: list[dict[str, Any]]) -> None:
    with shop.request("checkout place") as request:
        shops.buy(request, "c1", "TEE")
    with shop.request("orders ship") as request:
        request.effort.retries = 2
        orders.ship(request, number="1001")
    pause.pause(shop, reason="x")
    cart.add(shop, handle="c2", sku="TEE", quantity=1)
    with pytest.raises(Refused), shop.request("checkout place") as request:
        checkout.place(request, shops.placement("c2", "k"))
    with pytest.raises(ZeroDivisionError), shop.request("a defect"):
        raise ZeroDivisionError
    told = [{name: line[name] for name in ("command", "cart", "order", "retries", "status", "error")} for line in lines]
    assert [tuple(line.values()) for line in told] == [
        ("checkout place", "c1", "1001", 0, 0, None),
        ("orders ship", None, "1001", 2, 0, None),
        ("checkout place", "c2", None, 0, 6, "shop_paused"),
        ("a defect", None, None, 0, 1, "unexpected"),
    ]
    assert len({line["request_id"] for line in lines}) == 4
    assert all(line["ms"] >= 0 and line["at"].endswith("Z") for line in lines)
    assert "@" not in json.dumps(lines)


def test_the_line_has_the_id_of_the_audit_log_and_the_events(shop: Shop, lines: list[dict[str, Any]]) -> None:
    from shopctl.core.queries import events

    with shop.request("checkout place") as request:
        shops.buy(request, "c1", "TEE")
    with shop.read() as tx:
        assert events.latest(tx, 1)[0].request_id == lines[0]["request_id"]


def test_a_worker_writes_a_line_for_a_round_that_did_something(shop: Shop, lines: list[dict[str, Any]]) -> None:
    shops.buy(shop, "c1", "TEE")
    for _ in range(2):
        Rounds(shop, lambda: False, lambda _: None).once()
    assert [(line["command"], line["done"], line["problems"]) for line in lines] == [
        ("store worker", {"deliver": 1, "index": 1}, {})
    ]


def test_a_file_is_its_owners_alone_and_may_be_moved_away(tmp_path: Path) -> None:
    place = tmp_path / "log.jsonl"
    log = Log(to_file(str(place)))
    log.write(command="one")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    place.rename(tmp_path / "old")
    log.write(command="two")
    assert json.loads(place.read_text())["command"] == "two"


def test_a_log_that_cannot_be_written_is_told_once_and_fails_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    log = Log(to_file(str(tmp_path / "nowhere" / "log")), told.append)
    log.write(command="one")
    log.write(command="two")
    assert told == ["The log cannot be written: No such file or directory."]
