"""The contract of the command line: streams, formats, exit statuses, and what a pipe may rely on."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shopctl.core.errors import EXIT_STATUSES, StoreUnusable
from shopctl.core.queries import carts
from shopctl.core.shop import Shop
from tests import servers, shops
from tests.cli import Cli

EVIL = "shirt [/oops] \x1b]52;c;AAAA\x07 \u202eevil"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A shop with one product that means no good, stocked, and an address file."""
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE-RED-M", units=10)
    shop.engine.dispose()
    (tmp_path / "home.json").write_text(json.dumps(shops.HOME))
    return Cli(tmp_path)


def place(cli: Cli, key: str = "k-1", cart: str = "c1", **extra: str) -> Any:
    words = ("--email", "ana@example.com", "--ship-to", "home.json", "--payment", "pm_card_visa")
    return cli("checkout", "place", cart, *words, "--key", key, "-o", "json", **extra)


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cli]:
    """No shop yet: on a server, an empty database."""
    with shops.on(request.param):
        if request.param == "postgres":
            servers.create_database(tmp_path)
        yield Cli(tmp_path)


def test_the_tour(empty: Cli, tmp_path: Path) -> None:
    cli = empty
    (tmp_path / "home.json").write_text(json.dumps(shops.HOME))
    assert cli("init", "-o", "json").json["warehouse"] == "MAIN"
    line = {"title": "Red Tee", "variants": [{"sku": "TEE-RED-M", "price": "19.99", "options": {"Size": "M"}}]}
    report = cli("catalog", "import", "-", "-o", "json", stdin=json.dumps(line)).json
    assert (report["products_created"], report["variants"]) == (1, 1)
    assert cli("stock", "receive", "TEE-RED-M", 10, "-o", "json").json["available"] == 10
    found = cli("search", "red tee", "--in-stock", "--facets", "-o", "json").json
    assert (found["total"], found["hits"][0]["sku"], found["hits"][0]["price"]) == (1, "TEE-RED-M", "19.99")
    assert {"value": "M", "count": 1} in found["facets"]["Size"]
    assert cli("cart", "add", "c1", "TEE-RED-M", 2, "-o", "json").json["subtotal"] == "39.98"
    quote = cli("checkout", "quote", "c1", "--ship-to", "home.json", "-o", "json")
    assert quote.json["total"] == "39.98"
    assert "no tax" in quote.err
    order = place(cli).json
    assert set(order) >= {"number", "id", "status", "customer", "email", "lines", "subtotal", "discount", "tax"}
    assert set(order) >= {"tax_included", "shipping", "total", "currency", "shipping_address", "created_at"}
    assert set(order) - set(quote.json) == {"number", "id", "status", "fulfilment", "payment", "source", "reference"}
    assert set(order["lines"][0]) >= {"sku", "product_name", "quantity", "unit_price", "total_price"}
    assert cli("orders", "ship", 1001, "--tracking", "1Z999").status == 0
    assert cli("orders", "deliver", 1001, "-o", "json").json["status"] == "delivered"
    stock = cli("stock", "show", "TEE-RED-M", "-o", "json").json
    counters = ["quantity", "reserved", "committed", "available", "safety_stock", "backorder_limit"]
    assert list(stock[0]) == ["sku", "warehouse", *counters, "low_stock", "low", "updated_at", "buckets"]
    assert [move["kind"] for move in cli("stock", "history", "TEE-RED-M", "-o", "json").json] == [
        "ship",
        "commit",
        "hold",
        "receive",
    ]
    assert cli("stock", "explain", "TEE-RED-M", "--at", "2001-01-01T00:00:00Z", "-o", "json").json == []
    assert cli("stock", "explain", "TEE-RED-M", "-o", "json").json[0]["quantity"] == 8
    assert cli("verify").status == 0
    mails = list(tmp_path.glob("data/*/maildir/new/*"))
    assert len(mails) == 2
    assert all("39.98" in mail.read_text() or "1Z999" in mail.read_text() for mail in mails)


def test_a_list_pipes_into_a_verb_and_back(cli: Cli) -> None:
    for n in (1, 2):
        cli("cart", "add", f"c{n}", "TEE-RED-M", 1)
        place(cli, key=f"k{n}", cart=f"c{n}")
    rows = cli("orders", "list", "--status", "confirmed", "-o", "jsonl")
    shipped = cli("orders", "ship", "-", stdin=rows.out + '{"number": "9"}\nnonsense\n')
    assert shipped.status == 9
    results = [json.loads(line) for line in shipped.out.splitlines()]
    assert [row["ok"] for row in results] == [True, True, False, False]
    assert [row["error"]["code"] for row in results[2:]] == ["unknown_order", "bad_row"]
    assert cli("orders", "list", "--status", "shipped", "-o", "json").json[0]["number"] == "1002"


def test_every_format_says_the_same(cli: Cli) -> None:
    wanted = ("catalog", "list", "--fields", "sku,price,currency")
    assert cli(*wanted, "-o", "json").json == [{"sku": "TEE-RED-M", "price": "19.99", "currency": "USD"}]
    assert json.loads(cli(*wanted, "-o", "jsonl").out) == cli(*wanted, "-o", "json").json[0]
    for name, delimiter in (("csv", ","), ("tsv", "\t")):
        rows = list(csv.reader(io.StringIO(cli(*wanted, "-o", name).out), delimiter=delimiter))
        assert rows == [["sku", "price", "currency"], ["TEE-RED-M", "19.99", "USD"]]
    assert cli(*wanted).out.split() == ["SKU", "PRICE", "CURRENCY", "TEE-RED-M", "19.99", "USD"]
    assert cli("-o", "jsonl", *wanted, "-o", "json").json  # the later wins
    assert cli("orders", "list", "-o", "json").json == []


def test_lists_are_filtered_sorted_and_cut_in_the_open(cli: Cli) -> None:
    for n in range(4):
        cli("catalog", "add", f"Extra {n}", "--price", f"{n + 1}.00", "--sku", f"X{n}")
    cut = cli("catalog", "list", "--limit", 2, "--sort", "-price", "--fields", "sku", "-o", "json")
    assert cut.json == [{"sku": "TEE-RED-M"}, {"sku": "X3"}]
    assert "--limit -1" in cut.err
    assert len(cli("catalog", "list", "--filter", "price:<3", "--filter", "!sku:X0", "-o", "json").json) == 1
    wrong = cli("catalog", "list", "--filter", "prise:3", "-o", "json")
    assert (wrong.status, wrong.error["hint"]) == (2, "Did you mean 'price'?")


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("stock", "show", "NOPE"), 5, "unknown_sku"),
        (("stock", "receive", "TEE-RED-M", "-3"), 2, "bad_quantity"),
        (("stock", "receive", "TEE-RED-M", "1.5"), 2, "bad_number"),
        (("stock", "receive", "TEE-RED-M", "9" * 30), 2, "bad_number"),
        (("stock", "receive", "TEE-RED-M"), 2, "usage"),
        (("stock", "receive", "TEE-RED-M", "1", "-w", "MOON"), 5, "unknown_warehouse"),
        (("stock", "adjust", "TEE-RED-M", "-3"), 2, "reason_missing"),
        (("stock", "adjust", "TEE-RED-M", "-11", "--reason", "x"), 6, "insufficient_stock"),
        (("cart", "add", "c1", "TEE-RED-M", "11"), 6, "insufficient_stock"),
        (("cart", "show", "nobody"), 5, "unknown_cart"),
        (("orders", "show", "1"), 5, "unknown_order"),
        (("orders", "show", "\x1b"), 5, "unknown_order"),
        (("orders", "list", "--status", "lost"), 2, "unknown_status"),
        (("orders", "list", "--fields", "nope,number"), 0, ""),
        (("catalog", "add", "T", "--price", "1.999"), 2, "bad_product"),
        (("catalog", "add", "T", "--price", "-1"), 2, "bad_product"),
        (("catalog", "edit", "TEE-RED-M"), 2, "nothing_to_change"),
        (("catalog", "import", "/nowhere"), 2, "unreadable_file"),
        (("catalog", "import", "/"), 2, "unreadable_file"),
        (("checkout", "quote", "c1", "--ship-to", "none.json"), 2, "unreadable_file"),
        (("store", "set", "hold_at", "never"), 2, "bad_setting"),
        (("store", "set", "colour", "red"), 2, "unknown_setting"),
        (("store", "tax", "add", "VAT", "19.12345"), 2, "bad_rate"),
        (("stock", "explain", "TEE-RED-M", "--at", "noon"), 2, "bad_time"),
        (("search", "x", "--sort", "luck"), 2, "bad_sort"),
        (("orders", "cancel", "1001"), 2, "confirmation_needed"),
        (("orders", "fly", "1001"), 2, "usage"),
        (("--store", "mysql://x", "orders", "list"), 2, "bad_store_url"),
        (("--store", "postgresql+psycopg://u:pw@host:port/x", "orders", "list"), 2, "bad_store_url"),
        (("--profile", "none", "orders", "list"), 2, "unknown_profile"),
        (("--read-only", "stock", "receive", "TEE-RED-M", "1"), 7, "read_only"),
    ],
)
def test_bad_input_is_one_sentence_and_the_right_status(
    cli: Cli, words: tuple[str, ...], status: int, code: str
) -> None:
    said = cli(*words, "-o", "json")
    assert said.status == status, said.err
    if not status:
        return
    assert (said.out, said.error["code"]) == ("", code)
    assert "Traceback" not in said.err
    plain = cli(*words)
    assert (plain.status, plain.out) == (status, "")
    assert plain.err.startswith("Error: ")


def test_a_store_that_cannot_be_used(cli: Cli, tmp_path: Path) -> None:
    def status_of(url: str) -> tuple[int, str]:
        said = cli("orders", "list", "--store", url, "-o", "json")
        assert said.out == ""
        return said.status, said.error["code"]

    (tmp_path / "text.db").write_text("not a database at all, but long enough to look at" * 20)
    (tmp_path / "empty.db").write_text("")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (x)").connection.close()
    with sqlite3.connect(tmp_path / "alembic.db") as theirs:
        theirs.executescript(
            "CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('ae10cc')"
        )
    assert status_of(f"sqlite:///{tmp_path}/alembic.db") == (2, "not_initialised")
    assert status_of(f"sqlite:///{tmp_path}/missing.db") == (2, "store_missing")
    assert status_of(f"sqlite:///{tmp_path}/text.db") == (2, "not_a_database")
    assert status_of(f"sqlite:///{tmp_path}/empty.db") == (2, "not_initialised")
    assert status_of(f"sqlite:///{tmp_path}/other.db") == (2, "not_initialised")
    assert cli("init", "-o", "json").error["code"] == "store_exists"
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert cli("orders", "list", "-o", "json").error["code"] == "newer_schema"


def test_a_locked_store_is_waited_for_and_then_told(cli: Cli, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("BEGIN IMMEDIATE")
        said = cli("stock", "receive", "TEE-RED-M", 1, "-o", "json", SHOPCTL_LOCK_WAIT="0.3")
        assert (said.status, said.error["code"]) == (4, "store_busy")
        assert cli("stock", "show", "TEE-RED-M", "-o", "json").json[0]["quantity"] == 10  # readers do not wait


def test_a_full_disk_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    from shopctl.core import stock
    from shopctl.core.errors import Unavailable

    shop = shops.reopen(tmp_path)
    with shop.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    def fill() -> None:
        for n in range(2000):
            stock.adjust(shop, sku="TEE-RED-M", quantity=1, reason=f"{n}" * 500)

    with pytest.raises(Unavailable, match="disk is full"):
        fill()
    shop.engine.dispose()
    assert cli("verify").status == 0


def test_markup_and_escapes_are_harmless_in_every_command(cli: Cli) -> None:
    line = {
        "title": EVIL,
        "handle": "evil",
        "description": EVIL,
        "tags": [EVIL],
        "variants": [{"sku": "EVIL", "price": "1.00"}],
    }
    assert cli("catalog", "import", "-", stdin=json.dumps(line)).status == 0
    cli("stock", "receive", "EVIL", 5)
    cli("cart", "add", "c1", "EVIL", 1)
    assert (
        cli(
            "checkout",
            "place",
            "c1",
            "--email",
            "e@example.com",
            "--ship-to",
            "home.json",
            "--payment",
            "pm_card_visa",
            "--key",
            "k",
        ).status
        == 0
    )
    for words in (
        ("catalog", "list"),
        ("catalog", "show", "evil"),
        ("search", "shirt"),
        ("cart", "list"),
        ("orders", "list"),
        ("orders", "show", "1001"),
        ("stock", "history", "EVIL"),
        ("reservations", "list", "--all"),
    ):
        for format in ("table", "csv", "tsv", "json", "jsonl"):
            said = cli(*words, "-o", format)
            assert said.status == 0, (words, said.err)
            assert not any(bad in said.out + said.err for bad in "\x1b\x07\u202e"), (words, format)
    assert cli("catalog", "show", "evil", "-o", "json").json["title"] == EVIL
    exported = cli("catalog", "export").out
    assert cli("catalog", "import", "-", "-o", "json", stdin=exported).json["products_unchanged"] == 2


def test_nobody_reads_any_more(cli: Cli) -> None:
    lines = [
        json.dumps({"title": f"T{n} {'long ' * 45}", "variants": [{"price": "1.00"}]}) for n in range(300)
    ]  # more than a pipe takes
    (cli.directory / "many.jsonl").write_text("\n".join(lines))
    cli("catalog", "import", "many.jsonl")
    command = f"{sys.executable} -m shopctl catalog list --limit -1 -o jsonl | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=cli.directory, env=cli.environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "141"
    assert done.stderr == ""
    closed = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m shopctl orders list >&-"],
        cwd=cli.directory,
        env=cli.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (closed.returncode, closed.stderr) == (0, "")


def _in_checkout(shop: Shop, handle: str) -> bool:
    with shop.read() as tx:
        return carts.show(tx, handle).in_checkout


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_by_a_signal(cli: Cli, number: int, status: int) -> None:
    cli("cart", "add", "c1", "TEE-RED-M", 1)
    words = ["checkout", "place", "c1", "--email", "a@example.com", "--ship-to", "home.json", "--key", "k"]
    started = subprocess.Popen(
        [sys.executable, "-m", "shopctl", *words, "--payment", "pm_card_slow"],
        cwd=cli.directory,
        env=cli.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    shop = shops.reopen(cli.directory)
    try:
        while not _in_checkout(shop, "c1"):  # in this process: starting another one could miss the second that it lasts
            assert started.poll() is None
        started.send_signal(number)
    finally:
        _, err = started.communicate(timeout=30)
        shop.engine.dispose()
    assert started.returncode == status
    assert b"Traceback" not in err
    assert cli(*words, "--payment", "pm_card_slow", "-o", "json").json["status"] == "confirmed"


def test_questions_are_asked_on_a_terminal_and_no_is_the_default(cli: Cli) -> None:
    cli("cart", "add", "c1", "TEE-RED-M", 1)
    place(cli)
    for answer, status in ((b"\n", 130), (b"y\n", 0)):
        master, slave = pty.openpty()
        asked = subprocess.Popen(
            [sys.executable, "-m", "shopctl", "orders", "cancel", "1001", "-o", "json"],
            cwd=cli.directory,
            env=cli.environment(),
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
        )
        time.sleep(0.2)
        os.write(master, answer)
        out, _ = asked.communicate(timeout=30)
        os.close(slave)
        os.close(master)
        assert asked.returncode == status
        assert bool(out) == (status == 0)
    assert json.loads(out)["status"] == "cancelled"


def test_a_dry_run_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    before = cli("store", "info", "-o", "json").json
    assert cli("stock", "receive", "TEE-RED-M", 5, "--dry-run", "-o", "json").json["quantity"] == 15
    assert cli("cart", "add", "c9", "TEE-RED-M", 5, "--dry-run").status == 0
    assert cli("catalog", "add", "New", "--price", "1.00", "--dry-run").status == 0
    assert cli("store", "set", "hold_at", "cart", "--dry-run").status == 0
    assert cli("store", "info", "-o", "json").json == before
    assert cli("stock", "show", "TEE-RED-M", "-o", "json").json[0]["quantity"] == 10
    assert cli("init", "--store", f"sqlite:///{tmp_path}/new.db", "--dry-run").status == 0
    assert not (tmp_path / "new.db").exists()


def test_settings_know_where_they_come_from(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "shopctl.toml").write_text('actor = "ana"\nlock_wait = 7\n[profiles.night]\nactor = "owl"\n')
    origins = {row["setting"]: row for row in cli("store", "info", "-o", "json").json["settings"]}
    assert (origins["actor"]["value"], origins["actor"]["origin"]) == ("ana", "shopctl.toml")
    assert origins["store"]["origin"] == "environment"
    named = cli("store", "info", "--profile", "night", "-o", "json").json["settings"]
    assert {row["setting"]: row["value"] for row in named}["actor"] == "owl"
    cli("stock", "receive", "TEE-RED-M", 1)
    assert cli("stock", "history", "TEE-RED-M", "-o", "json").json[0]["actor"] == "ana"


def test_the_store_is_private(cli: Cli, tmp_path: Path) -> None:
    cli("cart", "add", "c1", "TEE-RED-M", 1)
    place(cli)
    private = [tmp_path / "shop.db", *tmp_path.glob("data/*/gateway/*.jsonl")]
    assert {oct(path.stat().st_mode & 0o777) for path in private} == {"0o600"}


def test_exit_statuses_are_frozen() -> None:
    assert sorted(EXIT_STATUSES) == [*range(10), 130, 141, 143]


def test_a_mistyped_field_does_not_fail_what_is_done(cli: Cli) -> None:
    said = cli("stock", "receive", "TEE-RED-M", 1, "--fields", "quantty,sku", "-o", "json")
    assert (said.status, said.json) == (0, {"sku": "TEE-RED-M"})
    assert "Did you mean 'quantity'?" in said.err


def test_a_word_that_is_a_format_is_a_word(cli: Cli) -> None:
    assert cli("search", "json").out == ""
    assert cli("catalog", "add", "csv", "--price", "1.00").out.startswith("handle")


def test_an_output_that_cannot_be_written_is_no_reason_to_repeat(cli: Cli) -> None:
    command = f"{sys.executable} -m shopctl stock receive TEE-RED-M 1 -q > /dev/full"
    done = subprocess.run(
        ["bash", "-c", command], cwd=cli.directory, env=cli.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "stays done" in done.stderr
    assert cli("stock", "show", "TEE-RED-M", "-o", "json").json[0]["quantity"] == 11


def test_odd_rows_fail_alone(cli: Cli) -> None:
    rows = ['\ufeff{"sku": "TEE-RED-M", "quantity": 1}', "[" * 100_000, '{"sku": "TEE-RED-M", "quantity": "2"}', "7"]
    said = cli("stock", "receive", "-", stdin="\r\n".join(rows))
    assert said.status == 9
    assert [json.loads(line)["ok"] for line in said.out.splitlines()] == [True, False, True, False]
    typed = ['{"cart": 7, "sku": "TEE-RED-M", "quantity": 1}', '{"cart": ["c"], "sku": "TEE-RED-M", "quantity": 1}']
    typed += ['{"cart": "c", "sku": {}, "quantity": 1}', '{"cart": "c", "sku": "TEE-RED-M", "quantity": 1.5}']
    said = cli("cart", "add", "-", stdin="\n".join(typed))
    assert [json.loads(line)["ok"] for line in said.out.splitlines()] == [True, False, False, False]


@pytest.mark.parametrize(
    "words", [["stock", "show"], ["orders", "list", "--filter"], ["cart", "show"], ["catalog", "add"]]
)
def test_arguments_that_are_no_text(cli: Cli, words: list[str]) -> None:
    command = f"{sys.executable} -m shopctl {' '.join(words)} $'\\xff'"
    done = subprocess.run(
        ["bash", "-c", command], cwd=cli.directory, env=cli.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode in (2, 5)
    assert done.stderr.startswith("Error: ")


def test_one_poisonous_letter_keeps_nobody_waiting(cli: Cli, tmp_path: Path) -> None:
    assert place_for(cli, "x@[y").error["code"] == "bad_email"
    assert place_for(cli, "=?utf-8?q?a=0Ab?=@x.com").error["code"] == "bad_email"
    assert cli("store", "set", "name", "A\nB", "-o", "json").error["code"] == "bad_setting"
    (tmp_path / "data").mkdir(exist_ok=True)
    maildir = next(tmp_path.glob("data/*")) / "maildir"
    maildir.write_text("in the way")
    assert place_for(cli, "ana@example.com", key="k2").status == 0
    maildir.unlink()
    assert cli("store", "recover").status == 0
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("UPDATE outbox SET due_at = 0")
    assert cli("store", "recover").status == 0
    assert len(list(maildir.glob("new/*"))) == 1


def place_for(cli: Cli, email: str, key: str = "k1") -> Any:
    cli("cart", "add", "c1", "TEE-RED-M", 1)
    words = ("--email", email, "--ship-to", "home.json", "--payment", "pm_card_visa", "--key", key, "-o", "json")
    return cli("checkout", "place", "c1", *words)


def test_titles_that_slug_alike_stay_two_products(cli: Cli) -> None:
    for title in ("赤いTシャツ", "青いTシャツ", "C++", "C", "Tee & Co"):
        line = json.dumps({"title": title, "variants": [{"price": "1.00"}]})
        assert cli("catalog", "import", "-", "-o", "json", stdin=line).json["products_created"] == 1
    titles = ["Tee Co", "tee co", "TEE CO", "Tee-Co"]
    lines = "\n".join(json.dumps({"title": title, "variants": [{"price": "1.00"}]}) for title in titles)
    assert cli("catalog", "import", "-", "-o", "json", stdin=lines).json["products_created"] == 4
    assert cli("catalog", "import", "-", "-o", "json", stdin=lines).json["products_unchanged"] == 4
    rows = "title,price\n" + "\n".join(f"{title},1.00" for title in titles)
    assert cli("catalog", "import", "-", "-o", "json", stdin=rows).json["products_unchanged"] == 4
    assert cli("catalog", "add", "TEE - CO", "--price", "1.00").status == 0
    assert cli("catalog", "add", "Tee Co", "--price", "1.00").status == 6


def test_rates_are_told_as_money_and_percent(cli: Cli) -> None:
    added = cli("store", "shipping", "add", "Std", "4.99", "--free-above", "50", "-o", "json").json
    assert (added["amount"], added["free_above"], added["currency"]) == ("4.99", "50.00", "USD")
    assert cli("store", "tax", "add", "VAT", "8.875", "-o", "json").json["percent"] == "8.875"
    rows = cli("store", "tax", "list", "-o", "jsonl").out
    again = cli("store", "tax", "add", "-", stdin=rows)
    assert (again.status, json.loads(again.out)["error"]["code"]) == (9, "rate_exists")
    assert cli("store", "tax", "add", "-", stdin=rows.replace("VAT", "GST")).status == 0


def test_what_the_catalogue_lists_the_editor_takes(cli: Cli) -> None:
    rows = cli("catalog", "list", "-o", "jsonl").out
    said = cli("catalog", "edit", "-", stdin=rows.replace("19.99", "21.5"))
    assert json.loads(said.out)["result"]["price"] == "21.50"


def test_a_sku_that_is_also_a_handle_can_be_edited(cli: Cli) -> None:
    cli("catalog", "add", "2025", "--price", "1.00")
    assert cli("catalog", "edit", "2025", "--price", "3.00").status == 0
    assert cli("catalog", "edit", "2025", "--title", "Calendar").status == 0
    shown = cli("catalog", "show", "2025", "-o", "json").json
    assert (shown["title"], shown["variants"][0]["price"]) == ("Calendar", "3.00")


def test_a_recovery_that_cannot_finish_says_so(cli: Cli, tmp_path: Path) -> None:
    cli("cart", "add", "c1", "TEE-RED-M", 1)
    place(cli)
    ledger = next(tmp_path.glob("data/*/gateway/*.jsonl"))
    kept = ledger.rename(ledger.with_suffix(".kept"))
    ledger.mkdir()
    assert cli("orders", "cancel", 1001, "--yes").status == 3
    assert cli("store", "recover", "-o", "json").status == 8
    ledger.rmdir()
    kept.rename(ledger)
    assert cli("store", "recover", "-o", "json").json[0]["action"] == "its refund or void is finished"
    assert cli("verify").status == 0


def test_a_store_that_is_taken_away_is_missed(cli: Cli, tmp_path: Path) -> None:
    shop = shops.reopen(tmp_path)
    (tmp_path / "shop.db").rename(tmp_path / "elsewhere.db")
    with pytest.raises(StoreUnusable, match="removed or replaced"), shop.read():
        pass
    shop.engine.dispose()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("ordrs list", "Did you mean 'orders'?"),
        ("orders shp 1001", "Did you mean 'ship'?"),
        ("store tax ad", "Did you mean 'add'?"),
        ("orders ship 1001 --trakcing x", "--tracking"),
        ("orders list --filter status:confrimed", "Did you mean 'confirmed'?"),
        ("orders list --filter statsu:x", "Did you mean 'status'?"),
        ("orders list --status shiped", "Did you mean 'shipped'?"),
        ("stock show TEE-RDE-M", "Did you mean 'TEE-RED-M'?"),
        ("store set hold_att cart", "Did you mean 'hold_at'?"),
    ],
)
def test_did_you_mean(cli: Cli, words: str, hint: str) -> None:
    assert hint in cli(*words.split(" ")).err
