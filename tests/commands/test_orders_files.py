"""`orders import` and `orders export` as a user has them: streams, formats, exit statuses, a death in the middle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import shops
from tests.cli import Cli
from tests.core.imports.orders.helpers import first, jsonl, order, shopify


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=3)
    shop.engine.dispose()
    return Cli(tmp_path)


def test_in_and_out_by_pipe(cli: Cli) -> None:
    done = cli("orders", "import", "-", "-o", "json", stdin=jsonl(order(), order("R2", status="delivered")))
    assert (done.status, done.json["orders_created"], done.json["format"]) == (0, 2, "jsonl")
    listed = cli("orders", "list", "--status", "confirmed", "-o", "jsonl").out
    assert json.loads(listed)["reference"] == "R1"
    assert cli("orders", "ship", "-", stdin=listed).status == 0
    out = cli("orders", "export").out
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["shipped", "delivered"]
    assert cli("orders", "export", "-o", "csv").out.startswith("number,id,status,source,reference,")
    assert cli("orders", "export", "--format", "shopify").out.startswith("Name,Email,Financial Status,")
    assert cli("verify", "-q").status == 0


def test_refusals_are_told_and_the_others_go_in(cli: Cli) -> None:
    (cli.directory / "orders.csv").write_text(shopify(first(), first("#2", total="9.00")), newline="")
    done = cli("orders", "import", "orders.csv", "--refused", "bad.csv")
    assert done.status == 9
    assert done.err.startswith("Line 3, Total: '9.00' is neither Subtotal")
    assert "They are in bad.csv" in done.err
    assert (cli.directory / "bad.csv").read_text().splitlines()[1].startswith("#2,")
    stopped = cli("orders", "import", "bad.csv", "--on-error", "stop", "-o", "json")
    assert (stopped.status, stopped.error["code"], stopped.error["details"]["line"]) == (6, "import_refused", 2)


def test_a_rehearsal_is_a_table_of_what_would_be_made(cli: Cli) -> None:
    file = jsonl(*(order(f"R{n}", status="delivered") for n in range(3)))
    done = cli("orders", "import", "-", "--dry-run", "--limit", "2", stdin=file)
    assert done.status == 0
    assert done.out.splitlines()[0].split() == [
        "REFERENCE", "STATUS", "EMAIL", "LINES", "TOTAL", "PAID", "CURRENCY", "CREATED", "AT"
    ]  # fmt: skip
    assert [row.split()[0] for row in done.out.splitlines()[1:3]] == ["R0", "R1"]
    assert "… and 1 more" in done.err
    rows = cli("orders", "import", "-", "--dry-run", "-o", "jsonl", stdin=file).out.splitlines()
    assert [json.loads(row)["total"] for row in rows] == ["10.00"] * 3
    assert cli("orders", "list", "-o", "json").json == []


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (("import", "nowhere.csv"), "unreadable_file", 2),
        (("import", "-", "--format", "xml"), "unknown_format", 2),
        (("import", "-", "--on-error", "shrug"), "unknown_policy", 2),
        (("import", "-", "--on-error", "stop", "--refused", "x"), "usage", 2),
        (("export", "--format", "xml"), "unknown_format", 2),
        (("export", "--fields", "number"), "usage", 2),
    ],
)
def test_what_cannot_be_meant(cli: Cli, words: tuple[str, ...], code: str, status: int) -> None:
    done = cli("orders", *words, "-o", "jsonl", stdin=jsonl(order()))
    assert (done.status, done.error["code"], done.out) == (status, code, "")


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_a_killed_import_is_completed_by_the_same_command(cli: Cli, point: str) -> None:
    file = jsonl(*(order(f"R{n}", status="delivered") for n in range(250)))
    assert cli("orders", "import", "-", stdin=file, SHOPCTL_FAILPOINT=f"orders.import.{point}").status == -9
    done = cli("orders", "import", "-", "-o", "json", stdin=file).json
    gone_in = 200 if point == "after_commit" else 0
    assert (done["orders_created"], done["orders_unchanged"]) == (250 - gone_in, gone_in)
    assert cli("verify", "-q").status == 0


def test_money_to_give_back_elsewhere_is_said(cli: Cli) -> None:
    cli("orders", "import", "-", stdin=jsonl(order(payments=[{"reference": "p1"}])))
    cancelled = cli("orders", "cancel", "1001", "--yes")
    assert "Order 1001 was paid elsewhere (p1): give back 10.00 USD there" in cancelled.err
    assert "`shopctl payments refunded N`" in cli("verify").err
    rows = cli("payments", "refunded", "-", stdin='{"name": "1001"}\n{"name": "1001"}\n')
    assert (rows.status, [json.loads(row)["ok"] for row in rows.out.splitlines()]) == (9, [True, False])
