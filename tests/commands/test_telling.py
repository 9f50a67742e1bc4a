"""Letters and webhooks from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import mail, shops
from tests.cli import Cli
from tests.hooks import receiving


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    shop = shops.make(tmp_path, test_store=False)
    shops.product(shop, "TEE", units=9)
    (tmp_path / "home.json").write_text(json.dumps(shops.HOME))
    shop.engine.dispose()
    return Cli(tmp_path)


def test_a_command_without_a_worker_sends_letters_and_tells_webhooks(cli: Cli) -> None:
    with mail.serving() as server, receiving() as receiver:
        hook = cli("events", "webhooks", "add", receiver.url, "--topic", "order.*", "-o", "json").json
        cli("cart", "add", "c1", "TEE", 1)
        words = ("--email", "ana@example.com", "--ship-to", "home.json", "--payment", "pm_card_visa", "--key", "k1")
        assert cli("checkout", "place", "c1", *words, SHOPCTL_SMTP=server.url).status == 0
        assert server.inbox.recipients == ["ana@example.com"]
        assert receiver.topics == ["order.placed", "order.confirmed"]
        assert receiver.posts[0].is_signed_with(hook["secret"])
        (letter,) = cli("events", "letters", "-o", "json").json
        assert (letter["topic"], letter["order"], letter["state"]) == ("order.confirmed", "1001", "done")
        told = cli("events", "deliveries", "--filter", "state:done", "--fields", "id", "-o", "jsonl")
        again = cli(
            "events", "redeliver", "-", stdin=told.out + json.dumps({"id": letter["id"]}), SHOPCTL_SMTP=server.url
        )
        assert [json.loads(line)["ok"] for line in again.out.splitlines()] == [True] * 3
        assert (len(receiver.posts), len(server.inbox.letters)) == (4, 2)
        assert {post.headers["Shopctl-Id"] for post in receiver.posts[:2]} == {
            post.headers["Shopctl-Id"] for post in receiver.posts[2:]
        }
        assert cli("events", "webhooks", "test", hook["id"], "-o", "json").json["status_code"] == 200
        receiver.answer = lambda _: 404
        refused = cli("events", "webhooks", "test", hook["id"], "-o", "json")
        assert (refused.status, refused.error["code"]) == (6, "webhook_refused")
    refused = cli("events", "webhooks", "test", hook["id"], "-o", "json")
    assert (refused.status, refused.error["code"]) == (3, "webhook_no_answer")


def test_the_secret_is_in_no_list_and_no_password_anywhere(cli: Cli) -> None:
    secret = cli("events", "webhooks", "add", "http://127.0.0.1:9/", "-o", "json").json["secret"]
    for words in (("list",), ("show", "http://127.0.0.1:9/"), ("edit", "http://127.0.0.1:9/", "--topic", "order.*")):
        shown = cli("events", "webhooks", *words, "-o", "json")
        assert shown.status == 0
        assert secret not in shown.out + shown.err
    info = cli("store", "info", "-o", "json", SHOPCTL_SMTP="smtps://ana:s3cret@127.0.0.1:9")
    assert "s3cret" not in info.out
    assert "smtps://ana:***@127.0.0.1:9" in info.out
    doctor = cli("doctor", "--workers", 0, SHOPCTL_SMTP="smtps://ana:s3cret@127.0.0.1:9", SHOPCTL_SMTP_PASSWORD="x")
    assert doctor.status == 6
    assert "cannot be reached" in doctor.out
    assert "s3cret" not in doctor.out + doctor.err


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("webhooks", "add", "ftp://x"), 2, "bad_url"),
        (("webhooks", "add", "http://x", "--topic", "Order"), 2, "bad_topic"),
        (("webhooks", "show", "nope"), 5, "unknown_webhook"),
        (("webhooks", "remove", "nope", "--yes"), 5, "unknown_webhook"),
        (("webhooks", "remove", "nope"), 2, "confirmation_needed"),
        (("redeliver", "nope"), 5, "unknown_delivery"),
        (("deliveries", "--filter", "state:lost"), 2, "bad_filter"),
    ],
)
def test_what_goes_wrong_says_so(cli: Cli, words: tuple[str, ...], status: int, code: str) -> None:
    said = cli("events", *words, "-o", "json")
    assert (said.status, said.error["code"]) == (status, code)


def test_a_mail_server_that_is_none_is_said_in_one_sentence(cli: Cli) -> None:
    said = cli("stock", "list", "-o", "json", SHOPCTL_SMTP="mail.example")
    assert (said.status, said.error["code"]) == (2, "bad_smtp_url")
