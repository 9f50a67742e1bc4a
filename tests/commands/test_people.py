"""Carts of customers, customers, and reports, as a person and a pipe meet them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from shopctl.commands.output import width_of
from shopctl.commands.plot import Bar, bars
from tests import shops
from tests.cli import Cli

ANA = "ana@example.com"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=10)
    shop.engine.dispose()
    (tmp_path / "home.json").write_text(json.dumps(shops.HOME))
    return Cli(tmp_path)


def rows(*given: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in given)


def results(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_carts_log_in_and_out_by_pipe(cli: Cli) -> None:
    wanted = [{"cart": name, "sku": "TEE", "quantity": n} for name, n in (("phone", 2), ("laptop", 9))]
    assert cli("cart", "add", "-", stdin=rows(*wanted)).status == 0
    devices = [{"cart": "phone", "email": ANA}, {"cart": "laptop", "email": ANA}, {"cart": "x", "email": "nobody"}]
    said = cli("cart", "login", "-", stdin=rows(*devices))
    told = results(said.out)
    assert (said.status, [row["ok"] for row in told]) == (9, [True, True, False])
    assert told[1]["result"]["changes"] == ["Only 10 of TEE are in the cart; 11 were wanted."]  # type: ignore[index]
    assert cli("cart", "show", "--customer", ANA, "-o", "json").json["cart"] == "phone"
    assert cli("cart", "set", ANA, "TEE", 1, "-o", "json").json["subtotal"] == "19.99"
    assert cli("checkout", "quote", "laptop", "-o", "json").json["total"] == "19.99"
    order = {"cart": ANA, "ship_to": shops.HOME, "payment": "pm_card_visa", "key": "k1"}
    placed = results(cli("checkout", "place", "-", stdin=rows(order)).out)[0]["result"]
    assert (placed["email"], placed["total"]) == (ANA, "19.99")  # type: ignore[index]
    listed = cli("cart", "list", "--customer", ANA, "--state", "open", "--fields", "cart,customer,units", "-o", "json")
    assert listed.json == [{"cart": "phone", "customer": ANA, "units": 0}]
    gone = results(cli("cart", "logout", "-", stdin=rows({"cart": "phone"}, {"cart": "phone"})).out)
    assert [row["ok"] for row in gone] == [True, False]


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("cart", "show"), 2, "usage"),
        (("cart", "show", "a", "--customer", ANA), 2, "usage"),
        (("cart", "show", "--customer", ANA), 5, "unknown_cart"),
        (("cart", "login", "phone"), 2, "usage"),
        (("cart", "login", "phone", "--email", "no address"), 2, "bad_email"),
        (("cart", "login", "a@b", "--email", ANA), 2, "bad_cart"),
        (("cart", "logout", "phone"), 5, "unknown_cart"),
        (("cart", "add", ANA, "TEE"), 5, "unknown_customer"),
        (("cart", "list", "--state", "opne"), 2, "unknown_state"),
        (("cart", "list", "--customer", ANA), 5, "unknown_customer"),
        (("customers", "edit", ANA), 2, "nothing_to_change"),
        (("customers", "edit", ANA, "--name", "Ana"), 5, "unknown_customer"),
        (("customers", "export", ANA), 5, "unknown_customer"),
        (("customers", "export", ANA, "--format", "csv"), 2, "unknown_format"),
        (("customers", "export", "--format", "xml"), 2, "unknown_format"),
        (("customers", "erase", ANA), 2, "confirmation_needed"),
        (("customers", "erase", ANA, "--yes"), 5, "unknown_customer"),
        (("customers", "addresses", "add", ANA), 2, "usage"),
        (("customers", "addresses", "remove", ANA, "--yes"), 2, "usage"),
        (("customers", "addresses", "edit", ANA, "1", "nowhere.json"), 2, "unreadable_file"),
        (("catalog", "related", "NOPE"), 5, "unknown_sku"),
        (("catalog", "related", "TEE", "--limit", "-2"), 2, "bad_limit"),
        (("reports", "sales", "--by", "dya"), 2, "unknown_grouping"),
        (("reports", "sales", "--from", "31.3.2026"), 2, "bad_day"),
        (("reports", "sales", "--from", "today", "--to", "2020-01-01"), 2, "bad_day"),
        (("reports", "sales", "--filter", "nett:>1"), 2, "unknown_field"),
        (("reports", "sales", "--plot"), 2, "usage"),
        (("reports", "stock", "--days", "0"), 2, "bad_days"),
        (("reports", "funnel", "--limit", "-7"), 2, "bad_limit"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(cli: Cli, words: tuple[str, ...], status: int, code: str) -> None:
    said = cli(*words, "-o", "jsonl")
    assert (said.status, said.error["code"], said.out) == (status, code, "")


def test_customers_by_pipe_there_and_back(cli: Cli) -> None:
    people = [{"email": ANA, "name": "Ana", "addresses": [shops.HOME]}, {"email": "ben@example.com"}]
    assert cli("customers", "add", "-", stdin=rows(*people)).status == 0
    out = cli("customers", "export").out
    assert [(row["email"], row["addresses"]) for row in results(out)] == [(ANA, [shops.HOME]), ("ben@example.com", [])]
    table = list(csv.DictReader(io.StringIO(cli("customers", "export", "-o", "csv").out)))
    assert json.loads(table[0]["addresses"]) == [shops.HOME]
    changes = rows({"email": ANA, "name": ""}, {"email": "ben@example.com", "new_email": ANA.upper()})
    told = results(cli("customers", "edit", "-", stdin=changes).out)
    assert [row["ok"] for row in told] == [True, False]
    added = cli(
        "customers", "addresses", "add", "-", stdin=rows({"email": ANA, "address": {**shops.HOME, "city": "Rome"}})
    )
    rome = results(added.out)[0]["result"]
    assert cli("customers", "addresses", "edit", ANA, rome["id"], "home.json").status == 6  # type: ignore[index]
    removed = cli("customers", "addresses", "remove", "-", "--yes", stdin=rows({"email": ANA, "id": rome["id"]}))  # type: ignore[index]
    assert removed.status == 0
    assert cli("customers", "export", ANA).json["account"]["addresses"][0].items() >= shops.HOME.items()
    erased = cli("customers", "erase", "-", "--yes", stdin=rows({"email": ANA}, {"email": ANA}))
    assert [row["ok"] for row in results(erased.out)] == [True, False]
    assert [row["email"] for row in cli("customers", "list", "-o", "json").json] == ["ben@example.com"]


def test_reports_for_a_pipe_and_for_eyes(cli: Cli) -> None:
    shop = shops.reopen(cli.directory)
    shops.product(shop, "MUG", units=3, price=100)
    shops.buy(shop, "c1", "TEE", 2)
    shops.buy(shop, "c2", "TEE")
    shop.engine.dispose()
    by_day = cli("reports", "sales", "-o", "csv")
    (day,) = csv.DictReader(io.StringIO(by_day.out))
    assert (day["orders"], day["units"], day["net"], day["currency"]) == ("2", "3", "59.97", "USD")
    assert "2 orders, 3 units" in by_day.err
    assert cli("reports", "sales", "-q").err == ""
    for words in (("--by", "product"), ("--by", "category"), ("--by", "customer", "--sort", "units")):
        assert sum(row["units"] for row in cli("reports", "sales", *words, "-o", "json").json) == 3
    drawn = cli("reports", "sales", "--by", "product", "--plot").out
    assert drawn.split() == ["tee", "█" * (80 - 3 - 5 - 4), "59.97"]
    assert "#" in cli("reports", "sales", "--plot", PYTHONIOENCODING="ascii").out
    stock = cli("reports", "stock", "-o", "jsonl", "--filter", "sku:TEE")
    assert json.loads(stock.out)["days_of_cover"] == 70
    assert "2 SKUs" in stock.err
    assert cli("reports", "funnel", "-o", "json").json[0]["paid"] == 2
    assert "2 (100.0%)" in cli("reports", "funnel", "--plot").out
    assert cli("catalog", "related", "TEE", "-o", "json").json == []


def test_bars_are_as_long_as_they_say_and_steer_no_terminal() -> None:
    given = [Bar("most", 100, "1.00"), Bar("\x1b[31mred\u202e" + "長" * 40, 1, "0.01"), Bar("back", -5, "-0.05")]
    lines = list(bars(given))
    assert all(c.isprintable() for line in lines for c in line)
    assert {width_of(line) for line in lines} == {80}
    most, least, back = ([c for c in line if c in "█▏▎▍▌▋▊▉"] for line in lines)
    assert (len(most), len(least), len(back)) == (80 - 30 - 5 - 4, 1, 0)
    assert list(bars([])) == []
