"""Stock at work from the command line: one process a command, rows from -, exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A shop with TEE, ten units in MAIN, and a warehouse EAST."""
    run = Cli(tmp_path)
    assert run("init", "--name", "Shop", "--test-store").status == 0
    assert run("catalog", "add", "Tee", "--sku", "TEE", "--price", "9", "-q").status == 0
    assert run("stock", "receive", "TEE", 10, "-q").status == 0
    assert run("stock", "warehouses", "add", "EAST", "--name", "Brooklyn").status == 0
    first = run(
        "stock", "warehouses", "list", "--filter", "active:yes", "--sort", "-priority", "--limit", "1", "-o", "json"
    )
    assert [row["code"] for row in first.json] == ["EAST"]
    assert "Only the first 1" in first.err
    return run


def test_transfer_and_set(cli: Cli) -> None:
    moved = cli("stock", "transfer", "TEE", 3, "--from", "MAIN", "--to", "EAST", "-o", "json").json
    assert moved == {"sku": "TEE", "quantity": 3, "from": "MAIN", "to": "EAST", "from_quantity": 7, "to_quantity": 3}
    rows = '{"sku": "TEE", "quantity": 1, "to": "MAIN"}\n{"sku": "TEE", "quantity": 99, "to": "MAIN"}\n{"sku": 5}\n'
    said = cli("stock", "transfer", "-", "--from", "EAST", stdin=rows)
    assert said.status == 9
    assert [json.loads(line)["ok"] for line in said.out.splitlines()] == [True, False, False]
    same = cli("stock", "set", "TEE", 8)
    assert "TEE in MAIN is 8 already; nothing was booked." in same.err
    assert cli("stock", "set", "TEE", 6, "--safety-stock", 2, "-o", "json").json["difference"] == -2
    listed = cli("stock", "list", "-o", "jsonl")
    assert cli("stock", "set", "-", stdin=listed.out).out.count('"difference": 0') == 2
    assert [row["kind"] for row in cli("stock", "history", "TEE", "-o", "json").json] == [
        "adjust",
        *["transfer"] * 4,
        "receive",
    ]


def test_a_level_in_buckets_is_one_row_in_lists_and_files(cli: Cli) -> None:
    assert cli("stock", "transfer", "TEE", 3, "--from", "MAIN", "--to", "EAST").status == 0
    before = [cli(*words).out for words in (("stock", "export"), ("stock", "source", "--sku", "TEE=8", "-o", "json"))]
    said = cli("stock", "spread", "TEE", "--buckets", 4, "-o", "json").json
    assert said == {"sku": "TEE", "buckets": 4, "warehouses": ["EAST", "MAIN"]}
    after = [cli(*words).out for words in (("stock", "export"), ("stock", "source", "--sku", "TEE=8", "-o", "json"))]
    assert after == before
    listed = cli("stock", "list", "-o", "json").json
    assert [(row["warehouse"], row["quantity"], row["buckets"]) for row in listed] == [("EAST", 3, 4), ("MAIN", 7, 4)]
    shown = cli("stock", "show", "TEE", "--buckets", "-o", "json").json
    assert [row["quantity"] for row in shown] == [1, 1, 1, 0, 2, 2, 2, 1]
    rows = cli("stock", "spread", "-", "--buckets", 1, stdin='{"sku": "TEE", "warehouse": "MAIN"}\n{"sku": "NO"}\n')
    assert rows.status == 9
    shown = cli("stock", "show", "TEE", "--buckets", "-o", "json").json
    assert [row["quantity"] for row in shown if row["warehouse"] == "MAIN"] == [7, 0, 0, 0]


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("stock", "spread", "TEE"), 2, "usage"),
        (("stock", "spread", "TEE", "--buckets", "0"), 2, "bad_buckets"),
        (("stock", "spread", "NO", "--buckets", "2"), 5, "unknown_sku"),
        (("stock", "transfer", "TEE", "3"), 2, "usage"),
        (("stock", "transfer", "TEE", "99", "--from", "MAIN", "--to", "EAST"), 6, "insufficient_stock"),
        (("stock", "transfer", "TEE", "-1", "--from", "MAIN", "--to", "EAST"), 2, "bad_quantity"),
        (("stock", "set", "TEE"), 2, "nothing_to_set"),
        (("stock", "set", "TEE", "-1"), 2, "bad_quantity"),
        (("stock", "source"), 2, "usage"),
        (("stock", "source", "--sku", "TEE"), 2, "bad_sku"),
        (("stock", "source", "--sku", "TEE=11"), 6, "insufficient_stock"),
        (("stock", "source", "nocart"), 5, "unknown_cart"),
        (("stock", "warehouses", "edit", "MAIN"), 2, "nothing_to_change"),
        (("stock", "import", "nofile.csv"), 2, "unreadable_file"),
        (("stock", "export", "--format", "xml"), 2, "unknown_format"),
        (("reservations", "show", "nope"), 5, "unknown_reservation"),
        (("reservations", "extend", "nope", "--for", "soon"), 2, "bad_time"),
        (("reservations", "extend", "nope", "--for", "5m", "--until", "2030-01-01"), 2, "usage"),
        (("reservations", "why", "NOPE"), 5, "unknown_sku"),
        (("store", "set", "low_stock", "few"), 2, "bad_setting"),
        (("catalog", "edit", "TEE", "--low-stock", "-1"), 2, "bad_product"),
        (("--read-only", "stock", "transfer", "TEE", "1", "--from", "MAIN", "--to", "EAST"), 7, "read_only"),
    ],
)
def test_refusals(cli: Cli, words: tuple[str, ...], status: int, code: str) -> None:
    said = cli(*words, "-o", "json")
    assert (said.status, said.error["code"]) == (status, code)
    assert "Traceback" not in said.err


def test_thresholds(cli: Cli) -> None:
    assert cli("stock", "list", "--low", "-o", "json").json == []
    assert cli("store", "set", "low_stock", 10).status == 0
    assert [row["low_stock"] for row in cli("stock", "list", "--low", "-o", "json").json] == [10]
    assert cli("catalog", "edit", "TEE", "--low-stock", 5, "-o", "json").json["low_stock"] == 5
    assert cli("stock", "list", "--low", "-o", "json").json == []
    assert cli("catalog", "edit", "TEE", "--low-stock", "shop").status == 0
    assert cli("catalog", "show", "TEE", "-o", "json").json["variants"][0]["low_stock"] is None
    assert len(cli("stock", "list", "--filter", "low:yes", "-o", "json").json) == 1
    assert cli("store", "set", "low_stock", "none").status == 0
    assert cli("stock", "list", "--low", "-o", "json").json == []


def test_the_control_room_by_pipe(cli: Cli) -> None:
    cli("store", "set", "hold_at", "cart")
    for cart in ("c1", "c2"):
        assert cli("cart", "add", cart, "TEE", 2, "-q").status == 0
    assert cli("stock", "source", "c1", "-o", "json").json[0]["verdict"] == "holds 2 already"
    listed = cli("reservations", "list", "--filter", "owner:c1", "--filter", "left:<9000", "-o", "jsonl")
    assert cli("reservations", "extend", "-", "--for", "3h", stdin=listed.out).status == 0
    assert len(cli("reservations", "list", "--filter", "left:>9000", "-o", "json").json) == 1
    why = cli("reservations", "why", "TEE", "-o", "json").json
    assert (why["reserved"], why["can_be_had"], len(why["holds"])) == (4, 6, 2)
    released = cli("reservations", "release", "-", stdin=listed.out)
    assert "keeps the line" in json.loads(released.out)["result"]["note"]
    gone = cli("reservations", "list", "--filter", "state:released", "-o", "json").json
    assert [row["owner"] for row in gone] == ["c1"]
    key = gone[0]["id"]
    assert [m["kind"] for m in cli("reservations", "show", key, "-o", "json").json["movements"]] == ["release", "hold"]


def test_import_and_export(cli: Cli) -> None:
    wide = cli("stock", "export", "--format", "shopify-wide").out
    file = cli.directory / "inventory.csv"
    file.write_text(wide.replace(",10,", ",8,") + "x,,,,,,,,NOPE,,,1,1\n")
    tried = cli("stock", "import", file, "--dry-run")
    assert tried.status == 9
    assert "TEE  MAIN       quantity    10   8" in tried.out
    assert cli("stock", "show", "TEE", "-o", "json").json[0]["quantity"] == 10
    done = cli("stock", "import", file, "--refused", "mend.csv", "-o", "json")
    assert (done.status, done.json["levels_changed"], done.json["rows_refused"]) == (9, 1, 1)
    assert (cli.directory / "mend.csv").read_text().splitlines()[1:] == ["x,,,,,,,,NOPE,,,1,1"]
    said = cli("catalog", "import", file, "-o", "json")
    assert (said.status, said.error["code"]) == (2, "inventory_file")
    assert "stock import" in said.error["hint"]
    assert cli("stock", "import", "-", "-o", "json", stdin=cli("stock", "export").out).json["levels_unchanged"] == 1


def test_an_event_says_true_as_everywhere(cli: Cli) -> None:
    assert cli("customers", "add", "ana@example.com").status == 0
    assert "registered=true" in cli("events", "tail", "--topic", "customer.added", "-o", "csv").out
