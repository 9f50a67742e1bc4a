"""Running a shop: workers, the doctor, metrics, the pause and the log, as an operator and a monitoring system have them."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shopctl.commands import output
from shopctl.commands.following import wait
from shopctl.core import verify
from shopctl.core.queries import workers
from tests import shops
from tests.cli import Cli

PLACE = ("--email", "ana@example.com", "--ship-to", "home.json", "--payment", "pm_card_visa")


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=10)
    shop.engine.dispose()
    (tmp_path / "home.json").write_text(json.dumps(shops.HOME))
    return Cli(tmp_path)


def started(cli: Cli, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "shopctl", "store", "worker", *words]
    return subprocess.Popen(
        command,
        cwd=cli.directory,
        env=cli.environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "never became true"
        time.sleep(0.05)


def alive(cli: Cli) -> int:
    shop = shops.reopen(cli.directory)
    with shop.read() as tx:
        count = sum(found.alive for found in workers.known(tx))
    shop.engine.dispose()
    return count


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_worker_does_what_commands_leave_to_it_and_ends_in_order(cli: Cli, number: int, status: int) -> None:
    running = started(cli, "--every", "0.1")
    until(lambda: alive(cli) == 1)
    assert cli("doctor").status == 0
    cli("cart", "add", "c1", "TEE", 2)
    assert cli("checkout", "place", "c1", *PLACE, "--key", "k1").status == 0
    letters = cli.directory / "data"
    until(lambda: list(letters.glob("*/maildir/new/*")))
    running.send_signal(number)
    out, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (status, "")
    rounds = [json.loads(line) for line in out.splitlines()]
    assert {job: count for found in rounds for job, count in found["done"].items()} == {"index": 1, "deliver": 1}
    assert alive(cli) == 0
    assert cli("doctor").status == 6
    shop = shops.reopen(cli.directory)
    assert not verify.verify(shop).violations
    shop.engine.dispose()


def test_a_worker_ends_when_nobody_reads_it(cli: Cli) -> None:
    with started(cli, "--every", "0.1") as running:
        assert running.stdout
        until(lambda: alive(cli) == 1)
        running.stdout.close()
        assert running.wait(timeout=20) == 141
    assert alive(cli) == 0


class Gone(io.StringIO):
    """A stdout that notices only with its buffer that nobody reads."""

    def flush(self) -> None:
        raise BrokenPipeError


def test_waiting_ends_alike_when_what_was_buffered_is_read_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "abandon_stdout", lambda: None)
    monkeypatch.setattr(sys, "stdout", Gone())
    with pytest.raises(SystemExit) as left:
        wait(0.1)
    assert left.value.code == 141


def test_once_is_for_cron(cli: Cli) -> None:
    first = cli("store", "worker", "--once")
    assert (first.status, json.loads(first.out)["done"], first.err) == (0, {"index": 1}, "")
    second = cli("store", "worker", "--once")
    assert (second.status, second.out, second.err) == (0, "", "Nothing was due.\n")
    assert cli("store", "worker", "--once", "-q").err == ""
    assert cli("store", "worker", "--once", "-o", "json").json == []
    assert alive(cli) == 0


def test_once_tells_what_failed(cli: Cli) -> None:
    cli("store", "worker", "--once")
    cli("cart", "add", "c1", "TEE", 1)
    code = "import os, sys; os.environ.update(SHOPCTL_FAILPOINT='checkout.settle.after_commit'); from shopctl.cli import main; main()"
    words = ["checkout", "place", "c1", *PLACE, "--key", "k1"]
    killed = subprocess.run([sys.executable, "-c", code, *words], cwd=cli.directory, env=cli.environment(), check=False)
    assert killed.returncode == -9
    (home,) = (path.parent for path in (cli.directory / "data").glob("*/index"))
    (home / "maildir").write_text("no directory")
    said = cli("store", "worker", "--once", "-o", "json")
    assert said.status == 9
    assert said.error["details"] == {"failed": 1}
    assert list(said.json[0]["problems"]) == ["deliver"]


def test_a_plan(cli: Cli) -> None:
    said = cli("store", "worker", "--dry-run", "-o", "json")
    assert [row["job"] for row in said.json if row["due"]] == ["index"]
    assert alive(cli) == 0
    assert cli("store", "worker", "--read-only").status == 7
    assert cli("store", "worker", "--every", 0).status == 2


def test_the_doctor_says_what_a_monitor_needs(cli: Cli) -> None:
    cli("store", "worker", "--once")
    said = cli("doctor", "-o", "json")
    assert said.status == 6
    assert said.error["details"] == {"failed": ["workers"]}
    assert {row["status"] for row in said.json if row["check"] != "workers"} == {"ok"}
    assert cli("doctor", "--workers", 0).status == 0
    assert [cli("doctor", *wrong).status for wrong in (("--workers", -1), ("--max-lag", "soon"))] == [2, 2]
    gone = cli("doctor", "-o", "json", "--store", f"sqlite:///{cli.directory}/none.db")
    assert (gone.status, gone.error["code"]) == (2, "store_missing")
    assert gone.json[-1]["check"] == "store"


def test_metrics_are_what_prometheus_reads(cli: Cli) -> None:
    cli("cart", "add", "c1", "TEE", 2)
    cli("checkout", "place", "c1", *PLACE, "--key", "k1")
    lines = cli("store", "metrics").out.splitlines()
    sample = re.compile(r'(shopctl_[a-z_]+)(\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\})? \d+')
    described: list[str] = []
    for line in lines:
        if line.startswith("# HELP "):
            described.append(line.split()[2])
        elif line.startswith("# TYPE "):
            assert line.split()[2:] == [described[-1], "gauge"]
        else:
            found = sample.fullmatch(line)
            assert found, line
            assert found[1] == described[-1]
    assert len(described) == len(set(described))
    assert 'shopctl_orders{status="confirmed"} 1' in lines
    assert 'shopctl_stock_units{kind="committed"} 2' in lines
    rows = cli("store", "metrics", "-o", "json").json
    assert {"metric": "shopctl_orders", "labels": {"status": "confirmed"}, "value": 1} in rows


def test_text_in_metrics_cannot_break_out() -> None:
    from shopctl.core.domain.prometheus import exposition
    from shopctl.core.metrics import Metric, Sample

    evil = 'a"b\\c\nd'
    lines = list(exposition([Metric("m", evil, [Sample("m", {"l": evil}, 1)])]))
    assert lines == ['# HELP m a"b\\\\c\\nd\n', "# TYPE m gauge\n", 'm{l="a\\"b\\\\c\\nd"} 1\n']


def test_a_paused_shop_says_so(cli: Cli) -> None:
    cli("cart", "add", "c1", "TEE", 1)
    assert cli("store", "pause").status == 2
    said = cli("store", "pause", "--reason", "stocktaking", "-o", "json").json
    assert (said["paused"], said["reason"], said["changed"]) == (True, "stocktaking", True)
    refused = cli("checkout", "place", "c1", *PLACE, "--key", "k1", "-o", "json")
    assert (refused.status, refused.error["code"], refused.error["details"]["reason"]) == (
        6,
        "shop_paused",
        "stocktaking",
    )
    assert cli("store", "info", "-o", "json").json["paused"]["reason"] == "stocktaking"
    rows = {row["check"]: row["status"] for row in cli("doctor", "-o", "json").json}
    assert rows["checkouts"] == "warn"
    assert cli("store", "resume", "-o", "json").json["changed"] is True
    assert cli("checkout", "place", "c1", *PLACE, "--key", "k1").status == 0


def test_the_log_has_a_line_for_each_request(cli: Cli) -> None:
    place = cli.directory / "log.jsonl"
    log = {"SHOPCTL_LOG": str(place)}
    row = {"cart": "c1", "email": "ana@example.com", "ship_to": shops.HOME, "payment": "pm_card_visa", "key": "k1"}
    cli("cart", "add", "c1", "TEE", 1, **log)
    cli(
        "checkout", "place", "-", stdin=json.dumps(row) + "\n" + json.dumps({**row, "cart": "none", "key": "k2"}), **log
    )
    cli("orders", "show", "999", **log)
    cli("orders", "list", "--store", f"sqlite:///{cli.directory}/none.db", **log)
    cli("version", **log)
    cli("nonsense", **log)
    lines = [json.loads(line) for line in place.read_text().splitlines()]
    assert [(line["command"], line["cart"], line["order"], line["status"], line["error"]) for line in lines] == [
        ("cart add", "c1", None, 0, None),
        ("checkout place", "c1", "1001", 0, None),
        ("checkout place", None, None, 5, "unknown_cart"),
        ("checkout place", None, None, 9, "batch_failed"),
        ("orders show", None, None, 5, "unknown_order"),
        ("orders list", None, None, 2, "store_missing"),
    ]
    assert "ana@" not in place.read_text()
    said = cli("orders", "list", "-q", SHOPCTL_LOG="-")
    assert json.loads(said.err)["command"] == "orders list"
    away = cli("orders", "list", SHOPCTL_LOG=str(cli.directory / "nowhere" / "log"))
    assert (away.status, "The log cannot be written: No such file or directory.\n" in away.err) == (0, True)
    assert os.stat(place).st_mode & 0o777 == 0o600
