"""Payments as an operator has them: 3-D Secure, notices, reconcile, selftest, and keys that nobody sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import shops
from tests.cli import Cli, Said
from tests.stripe_stand_in import KEY, WEBHOOK_SECRET, StandIn, stand_in

FIELDS = ("-o", "json")


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=10)
    shop.engine.dispose()
    (tmp_path / "home.json").write_text(json.dumps(shops.HOME))
    return Cli(tmp_path)


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in() as made:
        yield made


def on_stripe(server: StandIn, **extra: str) -> dict[str, str]:
    keys = {"STRIPE_API_KEY": KEY, "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET}
    return {"SHOPCTL_GATEWAY": "stripe", "SHOPCTL_STRIPE_API_BASE": server.url, **keys, **extra}


def place(cli: Cli, cart: str, token: str = "pm_card_visa", **extra: str) -> Said:
    cli("cart", "add", cart, "TEE", 1, **extra)
    words = ("--email", "ana@example.com", "--ship-to", "home.json", "--payment", token, "--key", cart)
    return cli("checkout", "place", cart, *words, *FIELDS, **extra)


def test_a_shop_on_stripe_from_the_card_to_the_refund(cli: Cli, server: StandIn) -> None:
    stripe = on_stripe(server)
    assert place(cli, "c1", **stripe).json["status"] == "confirmed"
    declined = place(cli, "c2", "pm_card_chargeDeclinedInsufficientFunds", **stripe)
    assert (declined.status, declined.error["details"]["decline_code"]) == (6, "insufficient_funds")
    waits = place(cli, "c3", "pm_card_authenticationRequired", **stripe)
    assert (waits.status, waits.error["code"]) == (8, "action_required")
    assert waits.error["details"]["url"].startswith("https://")
    assert cli("payments", "confirm", "1003", *FIELDS, **stripe).error["code"] == "not_a_sandbox"
    server.confirm(list(server.intents)[2])
    body, headers = server.notices()[-1]
    for _ in range(2):
        heard = cli("payments", "notice", "-", "--signature", headers["Stripe-Signature"], *FIELDS, stdin=body.decode(), **stripe)  # fmt: skip
        assert (heard.json["order"], heard.json["status"]) == ("1003", "confirmed")
    assert cli("orders", "cancel", "1001", "--yes", **stripe).status == 0
    assert len(server.refunds) == 1
    assert cli("payments", "reconcile", *FIELDS, **stripe).json == []
    assert cli("verify", **stripe).status == 0
    (refund,) = server.refunds.values()
    refund["status"] = "failed"
    found = cli("payments", "reconcile", *FIELDS, **stripe)
    assert (found.status, [row["kind"] for row in found.json]) == (6, ["order_without_refund"])
    checks = {(row["check"], row["status"]) for row in cli("doctor", "--workers", "0", *FIELDS, **stripe).json}
    assert ("gateway", "ok") in checks


def test_a_forged_notice_is_not_permitted(cli: Cli, server: StandIn) -> None:
    said = cli("payments", "notice", "-", "--signature", "t=1,v1=0", *FIELDS, stdin="{}", **on_stripe(server))
    assert (said.status, said.error["code"]) == (7, "bad_signature")
    assert cli("payments", "notice", "body.json", *FIELDS).status == 2


def test_the_selftest_leaves_nothing_behind(cli: Cli, server: StandIn) -> None:
    for extra in ({}, on_stripe(server)):
        said = cli("payments", "selftest", *FIELDS, **extra)
        assert said.status == 0, said.err
        assert {row["result"] for row in said.json} == {"ok", "not shown"}
        assert cli("payments", "reconcile", *FIELDS, **extra).json == []
    assert len(server.intents) > 10


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("", 3, "no_stripe_key"),
        ("pk_test_x", 2, "bad_stripe_key"),
        ("sk_live_x", 6, "live_key"),
        ("sk_test_wrong", 6, "contract_broken"),
    ],
)
def test_a_key_that_cannot_be_used_is_said_and_never_shown(
    cli: Cli, server: StandIn, key: str, status: int, code: str
) -> None:
    stripe = on_stripe(server, STRIPE_API_KEY=key)
    said = cli("payments", "selftest", *FIELDS, **stripe)
    assert (said.status, said.error["code"]) == (status, code)
    assert cli("doctor", "--workers", "0", **stripe).status == 6
    assert cli("orders", "list", **stripe).status == 0  # what asks no gateway needs no key
    shown = [cli(*words, "--debug", **stripe) for words in (("store", "info"), ("doctor",), ("payments", "selftest"))]
    assert not key or not any(key in one.out + one.err for one in (said, *shown))
    assert not server.intents


def test_a_key_in_a_file_that_others_can_read_is_refused(cli: Cli, server: StandIn) -> None:
    file = cli.directory / "stripe.key"
    file.write_text(f"{KEY}\n")
    stripe = on_stripe(server, SHOPCTL_STRIPE_KEY_FILE=str(file))
    del stripe["STRIPE_API_KEY"]
    file.chmod(0o640)
    assert place(cli, "c1", **stripe).error["code"] == "open_secret"
    file.chmod(0o600)
    assert place(cli, "c1", **stripe).json["status"] == "confirmed"
    assert len(server.intents) == 1


def test_faults_are_for_test_stores_only(cli: Cli) -> None:
    assert place(cli, "c1", SHOPCTL_SANDBOX="fail=1").status == 8
    assert place(cli, "c1", SHOPCTL_SANDBOX="nonsense").error["code"] == "bad_setting"
    real = {"SHOPCTL_STORE": f"sqlite:///{cli.directory / 'real.db'}", "SHOPCTL_SANDBOX": "fail=1"}
    for words in (("init",), ("catalog", "add", "Tee", "--sku", "TEE", "--price", "9"), ("stock", "receive", "TEE", 5)):
        assert cli(*words, **real).status == 0
    said = place(cli, "c1", **real)
    assert (said.status, said.json["status"]) == (0, "confirmed")
    assert "no test store" in said.err


def test_the_sandbox_lets_one_play_the_shopper(cli: Cli) -> None:
    assert place(cli, "c1", "pm_card_authenticationRequired").status == 8
    said = cli("payments", "confirm", "-", "-o", "jsonl", stdin='{"number": "1001"}\n{"number": "1001"}\n')
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert said.status == 9
    assert rows[0]["result"]["status"] == "confirmed"
    assert rows[1]["error"]["code"] == "invalid_state"


def test_without_a_key_a_checkout_begins_nothing(cli: Cli, server: StandIn) -> None:
    said = place(cli, "c1", **on_stripe(server, STRIPE_API_KEY=""))
    assert (said.status, said.error["code"]) == (3, "no_stripe_key")
    assert cli("orders", "list", *FIELDS).json == []
