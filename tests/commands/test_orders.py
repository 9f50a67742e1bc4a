"""Orders at work from the command line: notes, addresses, papers, watching; and the feed of events."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shopctl.core import orders
from shopctl.core.shop import Shop
from tests import shops
from tests.cli import Cli

HAMBURG = {**shops.HOME, "line1": "9 Elm", "city": "Hamburg"}
SOON = ("--interval", "0.1")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Three confirmed orders: 1001 and 1002 of TEE, 1003 of CUP."""
    made = shops.make(tmp_path)
    shops.product(made, "TEE", units=10)
    shops.product(made, "CUP", units=10)
    for handle, sku in (("c1", "TEE"), ("c2", "TEE"), ("c3", "CUP")):
        shops.buy(made, handle, sku, 2)
    yield made
    made.engine.dispose()


@pytest.fixture
def cli(shop: Shop, tmp_path: Path) -> Cli:
    (tmp_path / "home.json").write_text(json.dumps(HAMBURG))
    return Cli(tmp_path)


# --- notes and addresses -------------------------------------------------------------------------------------------
def test_notes_by_argument_and_by_rows(cli: Cli) -> None:
    assert cli("orders", "note", "1001", "call first", "-o", "json").json["number"] == "1001"
    rows = '{"number": 1002, "note": "wrap it"}\n{"number": "9", "note": "x"}\n{"number": "1002"}\n'
    said = cli("orders", "note", "-", stdin=rows + '{"number": 1001, "note": {}}')
    results = [json.loads(line) for line in said.out.splitlines()]
    assert (said.status, [row["ok"] for row in results]) == (9, [True, False, False, False])
    assert [row["error"]["code"] for row in results[1:]] == ["unknown_order", "bad_row", "bad_row"]
    timeline = cli("orders", "show", "1002", "-o", "json").json["timeline"]
    assert (timeline[-1]["verb"], timeline[-1]["note"]) == ("note", "wrap it")
    assert cli("orders", "note", "1002", "not this", "--dry-run").status == 0
    assert cli("orders", "show", "1002", "-o", "json").json["timeline"] == timeline


def test_an_address_by_file_by_id_and_by_rows(cli: Cli) -> None:
    edited = cli("orders", "edit", "1001", "--ship-to", "home.json", "-o", "json").json
    assert edited["shipping_address"]["city"] == "Hamburg"
    note = cli("orders", "show", "1001", "-o", "json").json["timeline"][-1]["note"]
    assert note == 'line1: "1 Road" → "9 Elm"; city: "Berlin" → "Hamburg"'
    kept = cli("customers", "addresses", "list", "c1@example.com", "-o", "json").json[0]["id"]
    assert cli("orders", "edit", "1001", "--ship-to", kept, "-o", "json").json["shipping_address"] == shops.HOME
    rows = [{"number": "1002", "ship_to": HAMBURG}, {"number": 1003, "ship_to": kept}, {"number": 1003}]
    rows += [{"number": "1003", "ship_to": {"name": "x"}}]
    said = cli("orders", "edit", "-", stdin="\n".join(map(json.dumps, rows)))
    results = [json.loads(line) for line in said.out.splitlines()]
    assert [row["ok"] for row in results] == [True, True, False, False]
    assert results[3]["error"]["code"] == "bad_address"
    listed = cli("orders", "list", "--filter", "number:1002", "-o", "jsonl").out
    moved = cli("orders", "edit", "-", stdin=listed.replace("Hamburg", "Bremen"))
    assert json.loads(moved.out)["result"]["shipping_address"]["city"] == "Bremen"
    cli("store", "tax", "add", "VAT", "20", "--country", "FR", "--from", "2020-01-01")
    paris = json.dumps({**HAMBURG, "country": "FR"})
    refused = cli("orders", "edit", "1001", "--ship-to", "-", "-o", "json", stdin=paris)
    assert (refused.status, refused.error["code"]) == (6, "address_changes_total")
    assert (refused.error["details"]["tax"], refused.error["details"]["tax_there"]) == ("0.00", "8.00")
    assert cli("orders", "edit", "1001", "--ship-to", "-", "--keep-totals", stdin=paris).status == 0


BAD = (
    (("orders", "note", "1001"), 2, "usage"),
    (("orders", "note", "1001", " "), 2, "bad_note"),
    (("orders", "note", "9", "x"), 5, "unknown_order"),
    (("orders", "edit", "1001"), 2, "nothing_to_change"),
    (("orders", "edit", "1001", "--ship-to", "nowhere.json"), 2, "unreadable_file"),
    (("orders", "edit", "1001", "--ship-to", "nobody"), 5, "unknown_address"),
    (("orders", "picklist", "9"), 5, "unknown_order"),
    (("orders", "picklist", "-w", "MOON"), 5, "unknown_warehouse"),
    (("orders", "picklist", "--format", "pdf"), 2, "unknown_format"),
    (("orders", "slip", "1001", "--format", "html"), 2, "usage"),
    (("orders", "slip"), 2, "usage"),
    (("orders", "watch", "--filter", "prise:1"), 2, "unknown_field"),
    (("orders", "watch", "--interval", "0"), 2, "bad_interval"),
    (("orders", "watch", "--max", "0"), 2, "bad_max"),
    (("orders", "watch", "--for", "a while"), 2, "bad_time"),
    (("orders", "watch", "--since", "noon"), 2, "bad_time"),
    (("orders", "watch", "--since", "2026-11-22", "--all"), 2, "usage"),
    (("events", "tail", "--limit", "-2"), 2, "bad_limit"),
    (("events", "tail", "--since", "noon"), 2, "bad_time"),
    (("store", "set", "events_days", "0"), 2, "bad_setting"),
)


def test_bad_input_is_one_sentence(cli: Cli) -> None:
    for words, status, code in BAD:
        said = cli(*words, "-o", "json")
        assert (said.status, said.out, said.error["code"]) == (status, "", code), (words, said.err)
        assert "Traceback" not in said.err


# --- papers --------------------------------------------------------------------------------------------------------
def test_a_picklist_in_every_format(cli: Cli) -> None:
    rows = cli("orders", "picklist", "-o", "json").json
    shares = [{"number": "1001", "quantity": 2}, {"number": "1002", "quantity": 2}]
    assert [(row["warehouse"], row["sku"], row["quantity"]) for row in rows] == [("MAIN", "CUP", 2), ("MAIN", "TEE", 4)]
    assert rows[1]["orders"] == shares
    table = cli("orders", "picklist").out.splitlines()
    assert table[2].split() == ["MAIN", "TEE", "Thing", "TEE", "4", "1001", "×2,", "1002", "×2"]
    text = list(csv.DictReader(io.StringIO(cli("orders", "picklist", "-o", "csv").out)))
    assert (text[0]["sku"], json.loads(text[1]["orders"])) == ("CUP", shares)
    page = cli("orders", "picklist", "--format", "html").out
    assert page.startswith("<!doctype html>")
    assert "1001 ×2, 1002 ×2" in page
    some = cli("orders", "list", "--filter", "sku:CUP", "-o", "jsonl").out
    assert [row["sku"] for row in cli("orders", "picklist", "-", "-o", "json", stdin=some).json] == ["CUP"]
    assert [row["sku"] for row in cli("orders", "picklist", "1003", "1001", "-o", "json").json] == ["CUP", "TEE"]
    empty = cli("orders", "picklist", "-", stdin="")
    assert (empty.status, empty.out, "nothing to fetch" in empty.err) == (0, "", True)


def test_slips_have_a_page_each_and_no_prices(cli: Cli) -> None:
    rows = cli("orders", "list", "-o", "jsonl", "--sort", "number").out
    pages = cli("orders", "slip", "-", stdin=rows).out.split("\f")
    assert [page.splitlines()[1] for page in pages] == [f"Packing slip: order {n}" for n in (1001, 1002, 1003)]
    assert "     2 × TEE  Thing TEE" in pages[0]
    assert "    10115 Berlin" in pages[0]
    html = cli("orders", "slip", "-", "--format", "html", stdin=rows).out
    assert html.count("<section>") == 3
    assert not any(price in html + "".join(pages) for price in ("19.99", "39.98", "USD"))
    assert cli("orders", "slip", "1003", "-o", "json").json[0]["lines"][0]["sku"] == "CUP"
    wrong = cli("orders", "slip", "-", "-o", "json", stdin=rows + "nonsense")
    assert (wrong.status, wrong.out, wrong.error["details"]) == (2, "", {"line": 4})


# --- following -----------------------------------------------------------------------------------------------------
@dataclass
class Listener:
    """A command that goes on, with what it has said so far."""

    process: subprocess.Popen[bytes]
    fd: int
    said: bytes = field(default=b"")

    def until(self, enough: str, seconds: float = 60) -> str:
        """What it said, once that holds a text."""
        end = time.monotonic() + seconds
        while enough not in self.said.decode(errors="replace"):
            assert time.monotonic() < end, self.said
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    more = os.read(self.fd, 65536)
                except OSError:  # a terminal nobody writes to any more
                    more = b""
                assert more, (self.said, enough)
                self.said += more
        return self.said.decode(errors="replace")


@contextmanager
def listening(cli: Cli, *words: str) -> Iterator[Listener]:
    process = subprocess.Popen(
        [sys.executable, "-m", "shopctl", *words],
        cwd=cli.directory,
        env=cli.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield Listener(process, process.stdout.fileno())
    finally:
        process.kill()
        process.communicate()


def test_watch_in_a_pipe_tells_each_change_once(cli: Cli, shop: Shop) -> None:
    words = ("orders", "watch", "--since", "2020-01-01", "--filter", "sku:TEE", *SOON, "--max", "6")
    with listening(cli, *words) as heard:
        heard.until('"order.confirmed", "number": "1002"')
        orders.note(shop, number="1003", note="not of TEE")
        orders.ship(shop, number="1002")
        orders.note(shop, number="1001", note="x")
        assert heard.process.wait(60) == 0
        heard.said += heard.process.stdout.read() if heard.process.stdout else b""
    changes = [json.loads(line) for line in heard.said.decode().splitlines()]
    assert [(change["topic"], change["number"], change["order"]["number"]) for change in changes] == [
        ("order.placed", "1001", "1001"),
        ("order.confirmed", "1001", "1001"),
        ("order.placed", "1002", "1002"),
        ("order.confirmed", "1002", "1002"),
        ("order.shipped", "1002", "1002"),
        ("order.noted", "1001", "1001"),
    ]
    shipped = changes[4]
    assert (shipped["from_status"], shipped["to_status"], shipped["order"]["status"]) == (
        "confirmed",
        "shipped",
        "shipped",
    )


def test_watch_begins_now_and_ends_in_time(cli: Cli) -> None:
    said = cli("orders", "watch", "--for", "0s")
    assert (said.status, said.out, said.err) == (0, "", "")
    assert len(cli("orders", "watch", "--all", "--for", "0s", "-o", "json").json) == 6
    rows = list(csv.DictReader(io.StringIO(cli("orders", "watch", "--all", "--max", 2, "-o", "csv").out)))
    assert [row["topic"] for row in rows] == ["order.placed", "order.confirmed"]
    table = cli("orders", "watch", "--all", "--max", 1, "-o", "table").out.splitlines()
    assert table[1].split()[2:] == ["1001", "order.placed", "pending", "tester"]


@pytest.mark.parametrize("command", ["orders watch --all", "events tail -f -o jsonl"])
def test_a_reader_who_leaves_ends_it_at_once(cli: Cli, command: str) -> None:
    line = f"timeout 60 {sys.executable} -m shopctl {command} | head -1 > /dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=cli.directory, env=cli.environment(), capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("141\n", "")


def test_the_tail_of_events(cli: Cli, shop: Shop) -> None:
    assert len(cli("events", "tail", "-o", "json").json) == 16
    last = cli("events", "tail", "--limit", 2, "--topic", "order.*", "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["topic"] for line in last] == ["order.placed", "order.confirmed"]
    assert set(json.loads(last[0])) == {"id", "at", "topic", "subject", "actor", "request_id", "data", "command"}
    assert len(cli("events", "tail", "--since", "2020-01-01", "-o", "json").json) == 16
    assert cli("events", "tail", "--since", "2999-01-01", "-o", "json").json == []
    table = cli("events", "tail", "--limit", 1).out.splitlines()
    assert table[0].split() == ["AT", "TOPIC", "SUBJECT", "ACTOR", "DATA"]
    assert "number=1003; from_status=pending" in table[1]
    with listening(cli, "events", "tail", "-f", "--limit", "0", "--max", "2", *SOON, "--topic", "order.*") as heard:
        while heard.process.poll() is None:  # it may begin at any time
            orders.note(shop, number="1001", note="x")
    assert heard.process.returncode == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_listener_is_stopped_quietly(cli: Cli, number: int, status: int) -> None:
    with listening(cli, "events", "tail", "-f", "-o", "jsonl") as heard:
        heard.until('"1003"')
        heard.process.send_signal(number)
        _, err = heard.process.communicate(timeout=60)
    assert (heard.process.returncode, err.strip()) == (status, b"")


def test_a_command_of_an_event_does_it_again(cli: Cli) -> None:
    cli("stock", "adjust", "TEE", "-1", "--reason", "it's $(torn) —")
    (event,) = cli("events", "tail", "--topic", "stock.adjust", "-o", "json").json
    words = shlex.split(event["command"])
    assert cli(*words[1:]).status == 0
    first, second = cli("events", "tail", "--topic", "stock.adjust", "-o", "json").json
    assert (second["data"], second["command"]) == (first["data"], first["command"])
    assert first["request_id"] != second["request_id"]


def test_old_events_go_with_the_sweep(cli: Cli, shop: Shop) -> None:
    with shop.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox SET created_at = created_at - 91 * 86400000000")
    assert cli("reservations", "sweep", "-o", "json").json["events_removed"] > 10
    assert cli("events", "tail", "--topic", "stock.*", "-o", "json").json == []


# --- on a terminal -------------------------------------------------------------------------------------------------
@contextmanager
def on_a_terminal(cli: Cli, *words: str, **extra: str) -> Iterator[tuple[Listener, int]]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 70, 0, 0))
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        [sys.executable, "-m", "shopctl", *words],
        cwd=cli.directory,
        env=cli.environment(**{"TERM": "xterm", **extra}),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    try:
        yield Listener(process, master), slave
        assert termios.tcgetattr(slave) == before
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


def test_watch_redraws_the_list_and_leaves_with_q(cli: Cli, shop: Shop) -> None:
    with on_a_terminal(cli, "orders", "watch", *SOON, NO_COLOR="1") as (heard, slave):
        first = heard.until("c1@example.com")
        assert first.startswith("\x1b[?1049h\x1b[?25l\x1b[H")
        assert "\x1b[1m" not in first
        orders.ship(shop, number="1003")
        heard.until("shipped    c3@example.com")
        assert "1003 order.shipped by tester" in heard.until("order.shipped")
        frame = re.sub(r"\x1b\[[KJ]", "", first.split("\x1b[H")[1])
        assert max(len(line) for line in frame.split("\r\n")) < 70
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 4, 150, 0, 0))
        heard.until("CREATED AT")
        last = heard.said.decode().rsplit("\x1b[H", 1)[1]
        assert last.count("\r\n") <= 3
        os.write(heard.fd, b"xq")
        heard.until("\x1b[?25h\x1b[?1049l")
        assert heard.process.wait(60) == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_terminal_is_put_back_however_it_ends(cli: Cli, number: signal.Signals, status: int) -> None:
    with on_a_terminal(cli, "orders", "watch", *SOON) as (heard, _):
        heard.until("c1@example.com")
        heard.process.send_signal(number)
        said = heard.until("\x1b[?25h\x1b[?1049l")
        assert heard.process.wait(60) == status
        assert "Traceback" not in said


def test_a_terminal_that_cannot_be_drawn_on_gets_rows(cli: Cli) -> None:
    with on_a_terminal(cli, "orders", "watch", "--all", "--for", "0s", TERM="dumb") as (heard, _):
        said = heard.until("1003")
        assert "\x1b" not in said
        assert heard.process.wait(60) == 0
