"""Rows from a pipe: committed together, answered one by one, and nobody locked out while the pipe is silent."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shopctl.commands.rows import Rows
from shopctl.core import stock
from shopctl.core.errors import BadInput, Unavailable
from shopctl.core.shop import Shop
from tests import shops
from tests.cli import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=10)
    shop.engine.dispose()
    return Cli(tmp_path)


def rows(*quantities: int, sku: str = "TEE") -> str:
    return "".join(json.dumps({"sku": sku, "quantity": n, "reason": "count"}) + "\n" for n in quantities)


def results(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def on_hand(cli: Cli) -> int:
    with sqlite3.connect(cli.directory / "shop.db") as store:
        return int(store.execute("SELECT quantity FROM stock_levels").fetchone()[0])


def test_a_row_that_fails_takes_nothing_from_its_neighbours(cli: Cli) -> None:
    said = cli("stock", "adjust", "-", stdin=rows(5, -100) + "\n" + "no json\n" + rows(1, sku="X") + rows(-2))
    assert said.status == 9
    assert [(row["line"], row["ok"]) for row in results(said.out)] == [
        (1, True),
        (2, False),
        (4, False),
        (5, False),
        (6, True),
    ]
    assert on_hand(cli) == 13
    assert cli("verify").status == 0


def test_rows_are_read_to_the_last_byte(cli: Cli) -> None:
    """A byte order mark, CRLF, blank lines, no newline at the end, bytes that are no text."""
    lines = ["\ufeff" + rows(1), "\r\n", rows(2).replace("\n", "\r\n"), "\n\n", rows(3).rstrip("\n")]
    said = cli("stock", "adjust", "-", stdin="".join(lines))
    assert (said.status, [row["line"] for row in results(said.out)]) == (0, [1, 3, 6])
    assert on_hand(cli) == 16
    raw = subprocess.run(
        [sys.executable, "-m", "shopctl", "stock", "adjust", "-"],
        input=b'{"sku": "T\xff"}\n' + rows(1).encode(),
        capture_output=True,
        env=cli.environment(),
        cwd=cli.directory,
        check=False,
    )
    assert [row["ok"] for row in results(raw.stdout.decode())] == [False, True]


def test_a_dry_run_of_rows_changes_nothing(cli: Cli) -> None:
    said = cli("stock", "adjust", "-", "--dry-run", stdin=rows(1, 2, 3))
    assert [row["result"]["quantity"] for row in results(said.out)] == [11, 12, 13]
    assert on_hand(cli) == 10


def test_read_only_refuses_each_row(cli: Cli) -> None:
    said = cli("stock", "adjust", "-", "--read-only", stdin=rows(1, 2))
    assert [row["error"]["code"] for row in results(said.out)] == ["read_only", "read_only"]


def test_a_silent_pipe_answers_what_it_has_and_locks_nobody_out(cli: Cli) -> None:
    """A row is answered and durable before the next one comes, and another process can write in between."""
    command = [sys.executable, "-m", "shopctl", "stock", "adjust", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=cli.environment(), cwd=cli.directory
    ) as pipe:
        assert pipe.stdin
        assert pipe.stdout
        for n in range(1, 4):
            pipe.stdin.write(rows(n))
            pipe.stdin.flush()
            assert json.loads(pipe.stdout.readline())["ok"]
            assert cli("stock", "receive", "TEE", 1, SHOPCTL_LOCK_WAIT="5").status == 0
        assert on_hand(cli) == 10 + 1 + 2 + 3 + 3
        pipe.stdin.close()
        assert pipe.wait() == 0


def test_what_was_answered_survives_a_kill(cli: Cli) -> None:
    """Killed in the midst of a thousand rows, every row that was answered is in the store."""
    command = [sys.executable, "-m", "shopctl", "stock", "adjust", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=cli.environment(), cwd=cli.directory
    ) as pipe:
        assert pipe.stdin
        assert pipe.stdout
        pipe.stdin.write(rows(*[1] * 1000).encode())
        pipe.stdin.flush()
        first = pipe.stdout.readline()
        pipe.kill()
        answered = (first + pipe.stdout.read()).count(b"\n")
    assert 10 + answered <= on_hand(cli) < 10 + 1000
    assert cli("verify").status == 0


def test_together_is_all_or_nothing(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=10)

    def adjust(by: int, within: Any) -> int:
        return stock.adjust(within, sku="TEE", quantity=by, reason="count").quantity

    with shop.together() as group:
        assert adjust(1, group.shop) == 11
        with pytest.raises(BadInput):
            stock.adjust(group.shop, sku="TEE", quantity=0, reason="count")
        with pytest.raises(AssertionError, match="nobody outside"):
            group.shop.gateway.find("key", since=datetime.now(UTC))
    assert adjust(1, shop) == 11  # left without a commit
    with shop.together() as group:
        adjust(1, group.shop)
        group.commit()
    assert adjust(1, shop) == 13


def test_half_a_character_fails_its_row_alone(cli: Cli) -> None:
    half = '{"sku": "\\ud800", "quantity": 1, "reason": "count"}\n'
    why = '{"sku": "TEE", "quantity": 1, "reason": "\\ud800"}\n'
    said = cli("stock", "adjust", "-", stdin=rows(5) + half + why + rows(1))
    assert said.status == 9
    assert [row["ok"] for row in results(said.out)] == [True, False, False, True]
    assert {row["error"]["code"] for row in results(said.out) if not row["ok"]} == {"bad_row"}
    assert on_hand(cli) == 16


def test_nul_fails_its_row_alone_on_every_store(cli: Cli) -> None:
    """SQLite would take it, and the shop could never move to Postgres."""
    nul = '{"sku": "TEE", "quantity": 1, "reason": "a\\u0000b"}\n'
    deep = '{"sku": "TEE", "quantity": 1, "reason": "count", "more": [{"\\u0000": 1}]}\n'
    text = '{"sku": "TEE", "quantity": 1, "reason": "a\\\\u0000b"}\n'
    said = cli("stock", "adjust", "-", stdin=nul + deep + text)
    assert said.status == 9
    assert [row["error"] and row["error"]["code"] for row in results(said.out)] == ["bad_text", "bad_text", None]
    assert on_hand(cli) == 11


def test_what_is_so_for_every_row_is_said_once(cli: Cli) -> None:
    place = {"email": "a@b.example", "payment": "pm_card_visa"}
    place["ship_to"] = {"name": "A", "line1": "1", "city": "B", "postal_code": "1", "country": "DE"}  # type: ignore[assignment]
    for cart in "ab":
        cli("cart", "add", cart, "TEE", "1")
    said = cli("checkout", "place", "-", stdin="".join(json.dumps({**place, "cart": c, "key": c}) + "\n" for c in "ab"))
    assert (said.status, said.err.count("shipping is free")) == (0, 1)


def test_a_value_that_cannot_be_is_quoted_once(cli: Cli) -> None:
    said = cli("catalog", "edit", "-", stdin='{"sku": "TEE", "price": "x"}\n')
    assert results(said.out)[0]["error"]["message"].count("'x'") == 1


def test_nobody_waits_for_a_store_that_stays_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, asked = shops.make(tmp_path), []
    reading, writing = os.pipe()
    os.write(writing, rows(*range(1, 9)).encode())
    os.close(writing)

    def away(_shop: Shop, row: Mapping[str, Any]) -> object:
        asked.append(row["quantity"])
        if row["quantity"] in (1, 3):
            return None
        raise Unavailable("store_unavailable", "The store cannot be reached")

    failed: list[int] = []
    pipe = os.fdopen(reading)
    monkeypatch.setattr(sys, "stdin", pipe)
    with pipe, pytest.raises(Unavailable, match="behind line 5 was not tried"):
        list(Rows(("sku",), away, alone=True).results(shop, failed))
    assert (asked, failed) == ([1, 2, 3, 4, 5], [2, 4, 5])
