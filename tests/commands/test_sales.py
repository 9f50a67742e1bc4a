"""Flash sales from the command line: planned, joined, admitted, bought, watched; rows from -, exit statuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import shops
from tests.cli import Cli

MOMENT = [
    *("at", "sale", "status", "queue", "admitted_per_second"),
    *("held", "sold", "left", "sell_out_seconds"),
]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Ten units of TEE, three of them to be sold on Friday."""
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=10)
    shop.engine.dispose()
    run = Cli(tmp_path)
    assert run("sales", "create", "friday", "--item", "TEE=3@9.99", "--limit", 2).status == 0
    return run


def crowd(cli: Cli, count: int) -> list[str]:
    """So many join from a pipe, registered; their tickets."""
    rows = "".join(
        json.dumps(
            {"sale": "friday", "email": f"s{n}@example.com", "ship_to": shops.HOME, "payment": "pm_card_visa"}
            | {"agree": "9.99"}
        )
        + "\n"
        for n in range(count)
    )
    said = cli("sales", "join", "-", stdin=rows)
    assert said.status == 0
    return [json.loads(line)["result"]["ticket"] for line in said.out.splitlines()]


def shown(cli: Cli) -> dict[str, Any]:
    found: dict[str, Any] = cli("sales", "show", "friday", "-o", "json").json
    return found


def test_a_sale_from_the_plan_to_the_last_unit(cli: Cli) -> None:
    tickets = crowd(cli, 5)
    place = [cli("sales", "position", ticket, "-o", "json").json for ticket in tickets]
    assert [one["ahead"] for one in place] == [0, 1, 2, 3, 4]
    assert [one["chance"] for one in place] == ["good"] * 3 + ["unlikely"] * 2
    assert cli("sales", "open", "friday", "--fields", "status,left", "-o", "csv").out == "status,left\nopen,3\n"
    assert cli("sales", "admit", "friday", "-o", "json").json["admitted"] == 3
    turns = cli("sales", "tickets", "friday", "--filter", "state:admitted", "-o", "jsonl").out
    bought = cli("sales", "buy", "-", stdin=turns)
    assert bought.status == 0
    orders = [json.loads(line)["result"] for line in bought.out.splitlines()]
    assert [(order["status"], order["subtotal"]) for order in orders] == [("confirmed", "9.99")] * 3
    again = cli("sales", "buy", tickets[0], "-o", "json").json
    assert again["number"] == orders[0]["number"]
    assert cli("sales", "admit", "friday", "-o", "json").json["told"] == 2
    late = cli("sales", "buy", tickets[4], "-o", "json")
    assert (late.status, late.error["code"]) == (6, "sold_out")
    assert [(row["number"], row["state"]) for row in cli("sales", "tickets", "friday", "-o", "json").json] == [
        *((n, "bought") for n in (1, 2, 3)),
        *((n, "sold_out") for n in (4, 5)),
    ]
    assert cli("sales", "close", "friday").status == 0
    assert [(row["name"], row["status"], row["sold"]) for row in cli("sales", "list", "-o", "json").json] == [
        ("friday", "closed", 3)
    ]
    assert cli("verify").status == 0


def test_it_is_changed_while_it_is_open(cli: Cli) -> None:
    crowd(cli, 1)
    assert cli("sales", "open", "friday").status == 0
    assert cli("sales", "admit", "friday").status == 0
    changes = ("--rate", 60, "--hold", "90s", "--limit", 4, "--ends", "2126-01-01T00:00:00Z")
    more = ("--more", "TEE=2", "--price", "TEE=8.50")
    now = cli("sales", "edit", "friday", *changes, *more, "-o", "json").json
    assert (now["rate"], now["hold_seconds"], now["per_customer"]) == (60, 90, 4)
    assert (now["left"], now["held"], now["items"][0]["allotment"]) == (4, 1, 5)
    assert (now["items"][0]["price"], now["ends_at"]) == ("8.50", "2126-01-01T00:00:00.000000Z")
    (turn,) = cli("sales", "tickets", "friday", "--filter", "state:admitted", "-o", "json").json
    assert (
        cli("sales", "position", turn["ticket"], "-o", "json").json["price"] == "9.99"
    )  # as it was when the turn began
    assert cli("sales", "edit", "friday", "--rate", 0, "-o", "json").json["rate"] is None
    rows = cli(
        "sales", "edit", "-", stdin='{"name": "friday", "more": ["TEE=1"]}\n{"name": "friday", "more": "TEE=1"}\n'
    )
    assert rows.status == 9
    assert [json.loads(line)["ok"] for line in rows.out.splitlines()] == [True, False]
    assert shown(cli)["left"] == 5


def test_a_rehearsed_change_is_none(cli: Cli) -> None:
    (ticket,) = crowd(cli, 1)
    before = shown(cli)
    for words in (
        ("create", "monday", "--item", "TEE=1"),
        ("edit", "friday", "--more", "TEE=1"),
        ("join", "friday", "--email", "bo@example.com"),
        ("leave", ticket),
        ("open", "friday"),
        ("cancel", "friday"),
    ):
        said = cli("sales", *words, "--dry-run")
        assert (said.status, said.err.splitlines()[-1]) == (0, "Dry run: nothing was changed.")
    assert shown(cli) == before
    assert len(cli("sales", "list", "-o", "json").json) == 1


def test_paused_resumed_cancelled_by_rows(cli: Cli) -> None:
    row = '{"name": "friday"}\n'
    for verb, status in (("open", "open"), ("pause", "paused"), ("resume", "open"), ("close", "closed")):
        said = cli("sales", verb, "-", stdin=row)
        assert json.loads(said.out)["result"]["status"] == status
    rows = '{"name": "monday", "items": ["TEE=2@5"], "hold": "30s"}\n{"name": "sunday", "items": []}\n'
    made = cli("sales", "create", "-", stdin=rows)
    assert (made.status, [json.loads(line)["ok"] for line in made.out.splitlines()]) == (9, [True, False])
    assert (
        cli("sales", "cancel", "-", "-o", "jsonl", stdin='{"name": "monday"}\n').error["code"] == "confirmation_needed"
    )
    assert json.loads(cli("sales", "cancel", "-", "--yes", stdin='{"name": "monday"}\n').out)["ok"]


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("create", "friday", "--item", "TEE=1"), 6, "duplicate_sale"),
        (("create", "a b", "--item", "TEE=1"), 2, "bad_sale"),
        (("create", "monday"), 2, "bad_sale"),
        (("create", "monday", "--item", "TEE"), 2, "bad_item"),
        (("create", "monday", "--item", "TEE=x"), 2, "bad_number"),
        (("create", "monday", "--item", "TEE=1@-1"), 2, "bad_amount"),
        (("create", "monday", "--item", "NO=1"), 5, "unknown_sku"),
        (("create", "monday", "--item", "TEE=1", "--starts", "soon"), 2, "bad_time"),
        (("create", "monday", "--item", "TEE=1", "--hold", "0s"), 2, "bad_sale"),
        (("create", "monday", "--item", "TEE=1", "--rate", "-1"), 2, "bad_sale"),
        (("edit", "friday"), 2, "nothing_to_change"),
        (("edit", "friday", "--price", "TEE=-1"), 2, "bad_amount"),
        (("edit", "friday", "--more", "NO=1"), 6, "not_in_sale"),
        (("show", "nope"), 5, "unknown_sale"),
        (("tickets", "nope"), 5, "unknown_sale"),
        (("tickets", "friday", "--filter", "state:lost"), 2, "bad_filter"),
        (("watch", "nope"), 5, "unknown_sale"),
        (("watch", "friday", "--interval", "0"), 2, "bad_interval"),
        (("pause", "friday"), 6, "invalid_state"),
        (("cancel", "friday"), 2, "confirmation_needed"),
        (("join", "friday"), 2, "usage"),
        (("join", "friday", "--email", "nobody"), 2, "bad_email"),
        (("join", "friday", "--email", "a@example.com", "--quantity", "3"), 6, "over_limit"),
        (("join", "friday", "--email", "a@example.com", "--agree", "5"), 6, "price_changed"),
        (("join", "friday", "--email", "a@example.com", "--payment", "4242424242424242"), 2, "card_number"),
        (("position", "nope"), 5, "unknown_ticket"),
        (("buy", "nope"), 5, "unknown_ticket"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(cli: Cli, words: tuple[str, ...], status: int, code: str) -> None:
    said = cli("sales", *words, "-o", "json")
    assert (said.status, said.out, said.error["code"]) == (status, "", code)


def test_a_stream_of_moments_until_it_is_over(cli: Cli) -> None:
    first = json.loads(cli("sales", "watch", "friday", "--max", 1).out)
    assert list(first) == MOMENT
    assert (first["status"], first["left"], first["sell_out_seconds"]) == ("scheduled", 3, None)
    assert len(cli("sales", "watch", "friday", "--max", 3, "--interval", "0.1").out.splitlines()) == 3
    head, line = cli("sales", "watch", "friday", "--max", 1, "-o", "table").out.splitlines()
    assert head.split() == ["AT", "STATUS", "QUEUE", "PER", "S", "HELD", "SOLD", "LEFT", "GONE", "IN", "S"]
    assert max(len(head), len(line)) < 80
    assert cli("sales", "cancel", "friday", "--yes").status == 0
    last = cli("sales", "watch", "friday")
    assert (last.status, json.loads(last.out)["status"]) == (0, "cancelled")


@contextmanager
def running(cli: Cli, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command of its own process, whose lines are read as they come."""
    command = [sys.executable, "-m", "shopctl", *words]
    with subprocess.Popen(
        command,
        cwd=cli.directory,
        env={**cli.environment(), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("verb", ["watch", "admit"])
@pytest.mark.parametrize("status", [130, 141])
def test_ctrl_c_and_a_reader_who_leaves_are_quiet(cli: Cli, verb: str, status: int) -> None:
    assert cli("sales", "open", "friday").status == 0
    words = ("sales", verb, "friday", *(("--watch",) if verb == "admit" else ()), "--interval", "0.1")
    with running(cli, *words) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["status"] == "open"
        if status == 130:
            process.send_signal(signal.SIGINT)
        else:
            process.stdout.close()
        assert process.wait(10) == status
        assert process.stderr.read() == ""
