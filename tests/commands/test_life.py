"""Orders the whole way from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopctl.core.shop import Shop
from tests import shops
from tests.cli import Cli
from tests.core import books


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Two confirmed orders, each of 3 TEE at 19.99."""
    made = shops.make(tmp_path)
    shops.product(made, "TEE", units=10)
    for handle in ("c1", "c2"):
        shops.buy(made, handle, "TEE", 3)
    yield made
    made.engine.dispose()


@pytest.fixture
def cli(shop: Shop, tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_the_whole_way(cli: Cli) -> None:
    sent = cli("orders", "ship", "1001", "--line", "TEE=2", "--tracking", "1Z", "-o", "json").json
    assert (sent["status"], sent["fulfilment"], sent["lines"][0]["shipped"]) == ("confirmed", "partial", 2)
    assert cli("orders", "cancel", "1001", "--line", "TEE=1", "--yes", "-o", "json").json["status"] == "shipped"
    assert cli("orders", "deliver", "1001", "--shipment", "1", "-o", "json").json["status"] == "delivered"
    assert cli("orders", "refund", "1001", "--amount", "5", "--reason", "late", "--yes").status == 0
    assert (
        cli("orders", "return", "1001", "--line", "TEE=1", "--reason", "small", "-o", "json").json["number"]
        == "1001-R1"
    )
    assert cli("orders", "returns", "receive", "1001-R1").status == 0
    done = cli("orders", "returns", "resolve", "1001-R1", "--write-off", "TEE=1", "-o", "json").json
    assert (done["state"], done["credited"], done["lines"][0]["written_off"]) == ("resolved", "19.99", 1)
    assert [one["number"] for one in cli("orders", "returns", "list", "-o", "json").json] == ["1001-R1"]
    assert cli("orders", "invoice", "1001", "-o", "json").json["number"] == "1"
    assert "Credit note 2" in cli("orders", "invoice", "1001", "--credit-note", "2").out
    assert [row["kind"] for row in cli("orders", "invoices", "list", "-o", "json").json] == ["invoice", "credit_note"]
    shown = cli("orders", "show", "1001", "-o", "json").json
    assert [credit["total"] for credit in shown["credits"]] == ["19.99", "5.00", "19.99"]
    assert shown["payments"][0]["refunded"] == "44.98"
    assert cli("verify").status == 0


def test_a_refund_repeated_with_its_key_is_the_same(cli: Cli) -> None:
    assert cli("orders", "ship", "1001").status == 0
    asked = ("orders", "refund", "1001", "--reason", "late", "--yes", "--key", "r1", "-o", "json")
    for _ in range(2):
        assert cli(*asked, "--amount", "5").status == 0
    other = cli(*asked, "--amount", "6")
    assert (other.status, other.error["code"]) == (6, "key_reused")
    row = '{"number": "1001", "reason": "late", "amount": "5.00", "key": "r1"}\n'
    assert cli("orders", "refund", "-", "--yes", stdin=row).status == 0
    shown = cli("orders", "show", "1001", "-o", "json").json
    assert [(credit["key"], credit["total"]) for credit in shown["credits"]] == [("r1", "5.00")]
    assert shown["payments"][0]["refunded"] == "5.00"


def test_repair_is_planned_then_applied_and_told_in_the_ledger(cli: Cli, shop: Shop) -> None:
    books.run(shop, "UPDATE stock_levels SET quantity = 9 WHERE sku = 'TEE'")
    for words in ((), ("--plan",), ("--plan", "--read-only")):
        (planned,) = cli("store", "repair", *words, "-o", "json").json
        assert (planned["applied"], planned["before"]["quantity"], planned["after"]["quantity"]) == (False, 9, 10)
    both = cli("store", "repair", "--plan", "--apply", "--yes", "-o", "json")
    assert (both.status, both.error["code"]) == (2, "usage")
    assert cli("store", "repair", "--apply", "-o", "json").error["code"] == "confirmation_needed"
    assert cli("store", "repair", "--apply", "--reason", " ", "--yes").status == 2
    assert cli("store", "repair", "--apply", "--yes", "--reason", "a disk was replaced").status == 0
    (row,) = cli("stock", "history", "TEE", "--filter", "kind:repair", "-o", "json").json
    assert (row["quantity"], row["reason"], row["reference"]) == (0, "a disk was replaced", "level was 9, 0, 6")
    assert cli("verify").status == 0
    books.run(shop, "UPDATE stock_movements SET quantity = 2 WHERE sku = 'TEE' AND kind = 'receive'")
    stuck = cli("store", "repair", "--apply", "--yes", "-o", "json")
    assert (stuck.status, stuck.error["code"]) == (6, "not_mended")


def test_rows_name_their_units(cli: Cli) -> None:
    said = cli("orders", "ship", "-", stdin='{"number": "1001", "units": {"TEE": 1}}\n{"number": 1002, "units": 3}\n')
    results = [json.loads(line) for line in said.out.splitlines()]
    assert [row["ok"] for row in results] == [True, False]
    assert results[1]["error"]["code"] == "bad_units"
    everything = cli("orders", "list", "-o", "jsonl").out
    assert cli("orders", "ship", "-", stdin=everything).status == 0  # what a list prints is shipped whole
    assert cli("orders", "list", "--filter", "fulfilment:partial", "-o", "json").json == []


def test_a_parcel_that_is_paid_when_it_leaves_can_be_one_of_many_rows(cli: Cli) -> None:
    assert cli("store", "set", "capture", "shipment").status == 0
    cart = cli("cart", "add", "c3", "TEE", "2")
    assert cart.status == 0
    address = json.dumps(shops.HOME)
    words = (
        "checkout",
        "place",
        "c3",
        "--email",
        "c@example.com",
        "--payment",
        "pm_card_visa",
        "--key",
        "k",
        "--ship-to",
    )
    assert cli(*words, "-", "-o", "json", stdin=address).json["payment"] == "authorized"
    said = cli("orders", "ship", "-", stdin='{"number": "1003"}\n{"number": "1001"}\n')
    assert said.status == 0, said.err
    assert cli("payments", "show", "1003", "-o", "json").json["captured"] == "39.98"


def test_money_by_hand_is_waited_for(cli: Cli) -> None:
    cli("cart", "add", "c3", "TEE", "2")
    words = (
        "checkout",
        "place",
        "c3",
        "--email",
        "c@example.com",
        "--payment",
        "manual",
        "--key",
        "k",
        "--ship-to",
        "-",
    )
    assert cli(*words, "-o", "json", stdin=json.dumps(shops.HOME)).json["payment"] == "awaited"
    waiting = cli("orders", "list", "--filter", "payment:awaited", "-o", "jsonl").out
    assert json.loads(waiting)["number"] == "1003"
    assert cli("orders", "pay", "-", stdin=waiting).status == 0
    assert cli("orders", "pay", "1003").status == 6
    assert cli("orders", "pay", "1001", "-o", "json").error["code"] == "not_by_hand"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("orders", "refund", "1001", "--amount", "5", "--yes"), 2),
        (("orders", "refund", "1001", "--amount", "5", "--reason", "x"), 2),
        (("orders", "refund", "1001", "--reason", "x", "--yes"), 2),
        (("orders", "refund", "1001", "--amount", "-5", "--reason", "x", "--yes"), 6),
        (("orders", "refund", "1001", "--amount", "1e3", "--reason", "x", "--yes"), 2),
        (("orders", "refund", "1001", "--amount", "60", "--reason", "x", "--yes"), 6),
        (("orders", "refund", "9", "--amount", "1", "--reason", "x", "--yes"), 5),
        (("orders", "refund", "1001", "--line", "TEE", "--reason", "x", "--yes"), 2),
        (("orders", "refund", "1001", "--line", "TEE=x", "--reason", "x", "--yes"), 2),
        (("orders", "cancel", "1001", "--line", "TEE=4", "--yes"), 6),
        (("orders", "cancel", "1001", "--line", "TEE=0", "--yes"), 2),
        (("orders", "cancel", "1001", "--line", "TEE=1"), 2),
        (("orders", "ship", "1001", "--line", "CUP=1"), 6),
        (("orders", "ship", "1001", "--warehouse", "NORTH"), 5),
        (("orders", "deliver", "1001", "--shipment", "1"), 5),
        (("orders", "return", "1001", "--line", "TEE=1", "--reason", "x"), 6),
        (("orders", "return", "1001", "--reason", "x"), 2),
        (("orders", "returns", "show", "1001-R1"), 5),
        (("orders", "invoice", "1001", "--credit-note", "1"), 5),
        (("orders", "invoice", "1001", "--format", "pdf"), 2),
        (("orders", "invoices", "list", "--filter", "nothing:1"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_refused_says_so_in_one_sentence(cli: Cli, words: tuple[str, ...], status: int) -> None:
    said = cli(*words)
    assert said.status == status, said.err
    assert said.err.startswith("Error: ")
    assert "Traceback" not in said.err
    assert "Unexpected" not in said.err
