"""Letters: every kind, in text and HTML, through a real mail server; what is refused, away, slow or killed in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl import bootstrap, config
from shopctl.core import checkout, doctor, housekeeping, letters, orders, settings, settlement
from shopctl.core.adapters import notify_smtp
from shopctl.core.adapters.notify_mime import mail_of
from shopctl.core.adapters.notify_smtp import SmtpNotifier
from shopctl.core.db.tables import outbox, payments
from shopctl.core.errors import BadInput, NotFound, Refused, Unavailable
from shopctl.core.outbox import add
from shopctl.core.ports import Message, Undeliverable
from shopctl.core.queries.letters import LIST, Sent
from shopctl.core.queries.orders import Order
from shopctl.core.shop import Shop
from tests import mail, shops

EVIL = "<script>alert('x')</script> $number & \x1b[2J"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = shops.make(tmp_path, test_store=False, name="Tea & Co")
    shops.product(shop, "TEE", units=20)
    return shop


def through(shop: Shop, server: mail.Server, **more: str) -> Shop:
    return shop.but(notifier=SmtpNotifier("127.0.0.1", server.port, "none", **more))


def sent(shop: Shop) -> dict[str, Sent]:
    """The latest letter of each topic."""
    with shop.read() as tx:
        return {found.topic: found for found in reversed(LIST.rows(tx))}


def part(letter: EmailMessage, kind: str) -> str:
    found = letter.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def make_due(shop: Shop) -> None:
    with shop.work("test") as tx:
        tx.execute(sa.update(outbox).where(outbox.c.state != "done").values(due_at=tx.now))
        tx.commit()


def test_a_customer_is_told_of_everything_in_text_and_html(shop: Shop) -> None:
    for handle in ("c1", "c2"):
        shops.buy(shop, handle, "TEE", 2)
    orders.ship(shop, number="1001", tracking="1Z<9>")
    settlement.cancel(shop, number="1002")
    with mail.serving() as server:
        assert letters.send(through(shop, server), 100) == 5
        assert letters.send(through(shop, server), 100) == 0
    found = {str(letter["Subject"]): letter for letter in server.inbox.letters}
    assert sorted(found) == [
        "Tea & Co: 39.98 USD of order 1002 is refunded",
        "Tea & Co: order 1001 is confirmed",
        "Tea & Co: order 1001 is on its way",
        "Tea & Co: order 1002 is cancelled",
        "Tea & Co: order 1002 is confirmed",
    ]
    way = found["Tea & Co: order 1001 is on its way"]
    assert (way["To"], way["From"], way["Auto-Submitted"]) == (
        "c1@example.com",
        "Tea & Co <shop@localhost>",
        "auto-generated",
    )
    assert "Tracking number: 1Z<9>" in part(way, "plain")
    assert "2 ×  Thing TEE (TEE)" in part(way, "plain")
    assert "Tracking number: 1Z&lt;9&gt;" in part(way, "html")
    assert "<footer>Tea &amp; Co</footer>" in part(way, "html")
    assert all("39.98" in part(found["Tea & Co: order 1001 is confirmed"], kind) for kind in ("plain", "html"))
    ids = [str(letter["Message-ID"]) for letter in server.inbox.letters]
    assert len({*ids}) == 5
    assert all(id_.startswith("<order-100") and "=?" not in id_ for id_ in ids)
    assert {found.state for found in sent(shop).values()} == {"done"}


def test_who_pays_by_hand_is_told_how_once_and_only_while_the_order_waits(shop: Shop, tmp_path: Path) -> None:
    def told(shop: Shop) -> list[EmailMessage]:
        with mail.serving() as server:
            letters.send(through(shop, server), 100)
        return [one for one in server.inbox.letters if "how to pay" in str(one["Subject"])]

    shops.buy(shop, "c1", "TEE", token="manual")
    assert told(shop) == []  # the shop does not say how
    shop = shops.rule(shop, tmp_path, payment_instructions="Tea & Co <Bank>\nDE89 3704 0044 0532 0130 00 \x1b[2J")
    order = shops.buy(shop, "c2", "TEE", 2, token="manual", key="k2")
    (letter,) = told(shop)
    assert (letter["To"], letter["Subject"]) == ("c2@example.com", "Tea & Co: how to pay for order 1002")
    plain, html = part(letter, "plain").replace("\r\n", "\n"), part(letter, "html")
    assert "payment of 39.98 USD:\n\nTea & Co <Bank>\nDE89 3704 0044 0532 0130 00 " in plain
    assert "Tea &amp; Co &lt;Bank&gt;<br>DE89" in html
    assert "\x1b" not in plain + html
    assert "number, 1002, as the reference" in plain
    again = checkout.place(shop, shops.placement("c2", "k2", token="manual"))
    assert isinstance(again, Order)
    assert again.number == order.number
    settlement.pay(shop, number="1002")
    shops.buy(shop, "c3", "TEE", token="manual")
    settlement.cancel(shop, number="1003")
    assert told(shop) == []
    assert settings.set_value(shop, key="payment_instructions", value=" ") == {
        "key": "payment_instructions",
        "value": None,
    }
    for wrong in ("x" * 2001, "\0"):
        with pytest.raises(BadInput):
            settings.set_value(shop, key="payment_instructions", value=wrong)


def test_a_parcel_is_told_of_once_also_when_the_rest_of_its_order_is_cancelled(shop: Shop) -> None:
    shops.buy(shop, "c1", "TEE", 3)
    orders.ship(shop, number="1001", lines={"TEE": 1})
    settlement.cancel(shop, number="1001")
    with mail.serving() as server:
        letters.send(through(shop, server), 100)
    assert sorted(str(letter["Subject"]) for letter in server.inbox.letters) == [
        "Tea & Co: 39.98 USD of order 1001 is refunded",
        "Tea & Co: order 1001 is confirmed",
        "Tea & Co: order 1001 is on its way",
    ]


def test_a_payment_that_needs_its_shopper_says_where(shop: Shop) -> None:
    order = shops.buy(shop, "c1", "TEE")
    with shop.work("test") as tx:
        (payment,) = tx.rows(sa.select(payments))
        tx.execute(sa.update(payments).values(action_url="https://bank.example/?a=1&b=<2>"))
        tx.execute(sa.text("UPDATE orders SET status = 'pending'"))
        add(tx, "payment.action_required", payment.id, number=order.number, amount="19.99", currency="USD")
        tx.commit()
    with mail.serving() as server:
        letters.send(through(shop, server), 100)
    letter = next(one for one in server.inbox.letters if "confirm the payment" in str(one["Subject"]))
    assert "https://bank.example/?a=1&b=<2>" in part(letter, "plain")
    assert 'href="https://bank.example/?a=1&amp;b=&lt;2&gt;"' in part(letter, "html")


def test_nobody_is_told_what_they_saw_at_the_checkout_or_did_not_want_to_know(shop: Shop, tmp_path: Path) -> None:
    shops.buy(shop, "c1", "TEE")
    with pytest.raises(Refused):
        shops.buy(shop, "c2", "TEE", token="pm_card_chargeDeclined")
    shop = shops.rule(shop, tmp_path, letters="shipped,confirmed")
    assert shop.facts.letters == "confirmed,shipped"
    settlement.cancel(shop, number="1001")
    with mail.serving() as server:
        assert letters.send(through(shop, server), 100) == 1
        assert sent(shop)["order.cancelled"].state == "done"
    assert [str(one["Subject"]) for one in server.inbox.letters] == ["Tea & Co: order 1001 is confirmed"]
    for wrong in ("shiped", "all,shipped", ""):
        with pytest.raises(BadInput):
            settings.set_value(shop, key="letters", value=wrong)


def test_who_was_to_pay_by_hand_is_told_that_the_order_is_cancelled(shop: Shop) -> None:
    assert shops.buy(shop, "c1", "TEE", token="manual").status == "pending"
    settlement.cancel(shop, number="1001")
    with mail.serving() as server:
        assert letters.send(through(shop, server), 100) == 1
    assert [str(one["Subject"]) for one in server.inbox.letters] == ["Tea & Co: order 1001 is cancelled"]


def test_one_refused_recipient_is_put_aside_and_another_put_off(shop: Shop) -> None:
    for handle in ("gone", "busy", "fine"):
        shops.buy(shop, handle, "TEE")
    said = {"gone@example.com": "550 No such user", "busy@example.com": "451 Come back later"}
    problems: list[str] = []
    with mail.serving(mail.Inbox(answer=said.get)) as server:
        assert letters.send(through(shop, server), 100, problems) == 1
        assert server.inbox.recipients == ["fine@example.com"]
        assert len(server.inbox.peers) == 1, "one connection for all of them"
    with shop.read() as tx:
        found = {one.order: one for one in LIST.rows(tx)}
    assert (found["1001"].state, found["1001"].problem) == ("dead", "550 No such user")
    assert (found["1002"].state, found["1002"].problem) == ("pending", "451 Come back later")
    assert "example.com" not in "".join(problems)
    assert len(problems) == 2
    assert housekeeping.revive(shop) == 1
    make_due(shop)
    with mail.serving() as server:
        assert letters.send(through(shop, server), 100) == 2
        assert server.inbox.recipients == ["gone@example.com", "busy@example.com"]


def test_while_the_server_is_away_all_waits_and_it_is_asked_once(shop: Shop) -> None:
    for handle in ("c1", "c2", "c3"):
        shops.buy(shop, handle, "TEE")
    problems: list[str] = []
    with mail.serving() as server:
        away = through(shop, server)
    assert letters.send(away, 100, problems) == 0
    assert {*problems} == {f"The mail server 127.0.0.1:{server.port} cannot be reached: Connection refused"}
    assert {one.state for one in sent(shop).values()} == {"pending"}
    check = {one.check: one for one in doctor.examine(away, doctor.Limits())}["mail"]
    assert (check.status, "cannot be reached" in check.detail) == ("fail", True)
    make_due(shop)
    with mail.serving() as server:
        back = through(shop, server)
        assert {one.check: one for one in doctor.examine(back, doctor.Limits())}["mail"].status == "ok"
        assert letters.send(back, 100) == 3


def test_a_server_that_closes_between_two_letters_is_called_again(shop: Shop) -> None:
    for handle in ("c1", "c2", "c3"):
        shops.buy(shop, handle, "TEE")
    said = iter([None, "421 Enough for one connection", None, None])
    with mail.serving(mail.Inbox(answer=lambda to: None if to == "DATA" else next(said))) as server:
        assert letters.send(through(shop, server), 100) == 3
        assert len(server.inbox.peers) == 2


def test_a_server_that_never_says_so_is_given_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify_smtp, "REPLY_SECONDS", 0.3)
    shops.buy(shop, "c1", "TEE")
    problems: list[str] = []
    with mail.serving(mail.Inbox(before_reply=lambda: time.sleep(1))) as server:
        assert letters.send(through(shop, server), 100, problems) == 0
    assert problems == [f"The mail server 127.0.0.1:{server.port} does not answer"]


def test_what_there_was_no_time_for_is_given_back_and_no_try_is_counted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops.buy(shop, "c1", "TEE")
    monkeypatch.setattr(letters.post, "SECONDS", -1)
    assert letters.send(shop, 100) == 0
    assert (sent(shop)["order.confirmed"].state, sent(shop)["order.confirmed"].attempts) == ("pending", 0)
    monkeypatch.undo()
    assert letters.send(shop, 100) == 1


def test_killed_before_it_was_recorded_it_goes_out_again_under_the_same_id(shop: Shop, tmp_path: Path) -> None:
    shops.buy(shop, "c1", "TEE")
    killed: list[int] = []

    def kill() -> None:
        if not killed:
            killed.append(sender.pid)
            os.kill(sender.pid, signal.SIGKILL)

    with mail.serving(mail.Inbox(before_reply=kill)) as server:
        code = (
            "from pathlib import Path\nfrom shopctl.core import letters\nfrom tests import shops\n"
            f"letters.send(shops.reopen(Path({str(tmp_path)!r})), 10)"
        )
        sender = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "SHOPCTL_TEST_SMTP": server.url})
        assert sender.wait() == -signal.SIGKILL
        assert letters.send(through(shop, server), 10) == 0, "it is leased still"
        make_due(shop)
        assert letters.send(through(shop, server), 10) == 1
    first, second = server.inbox.letters
    assert (first["Message-ID"], first["Date"]) == (second["Message-ID"], second["Date"])


def test_a_letter_may_be_sent_once_more(shop: Shop) -> None:
    shops.buy(shop, "c1", "TEE")
    letters.send(shop, 10)
    letters.again(shop, fact_id=sent(shop)["order.confirmed"].id)
    with mail.serving() as server:
        assert letters.send(through(shop, server), 10) == 1
    with pytest.raises(NotFound):
        letters.again(shop, fact_id="01a20801-71f6-7573-92cd-75cdcd0356ff")


# --- TLS and login -------------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # what the server does not know of
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_over_tls_to_a_server_that_is_trusted(
    security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {security: True}
    with mail.serving(login=("ana", "s3cret"), **how) as server:  # type: ignore[arg-type]
        known = SmtpNotifier("localhost", server.port, security, "ana", "s3cret")  # type: ignore[arg-type]
        with pytest.raises(Unavailable, match="cannot be trusted"):
            known.check()
        monkeypatch.setenv("SSL_CERT_FILE", str(mail.trust(tmp_path)))
        assert known.check() == f"localhost:{server.port} answers, logged in as ana; TLS"
        with known.session() as hand_over:
            hand_over(LETTER)
        assert server.inbox.was_tls == [True]
        with pytest.raises(Unavailable) as refused:
            replace(known, password="wr0ng").check()
    assert refused.value.code == "smtp_login"
    assert "wr0ng" not in refused.value.message + repr(known)
    assert "s3cret" not in repr(known)


def test_without_tls_no_letter_goes_where_it_was_asked_for() -> None:
    with mail.serving() as server, pytest.raises(Unavailable, match="cannot do it"):
        SmtpNotifier("localhost", server.port, "starttls").check()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("smtp://ana@mail.example", ("mail.example", 587, "starttls", "ana", "env")),
        ("smtps://ana:p%40ss@mail.example", ("mail.example", 465, "tls", "ana", "p@ss")),
        ("smtp://localhost", ("localhost", 25, "none", "", "")),
        ("smtp://ana@localhost:2525?tls=starttls", ("localhost", 2525, "starttls", "ana", "env")),
        ("smtp://relay.internal?tls=none", ("relay.internal", 25, "none", "", "")),
    ],
)
def test_a_mail_server_is_a_url(
    url: str, found: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPCTL_SMTP_PASSWORD", "env")
    server = replace(shops.settings_for(tmp_path), smtp=config.Value(url, "test")).mail_server
    assert server is not None
    assert (server.host, server.port, server.security, server.user, server.password) == found
    assert found[4] == "" or str(found[4]) not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://h:x",
        "smtp://h/box",
        "smtp://ana@h?tls=none",
        "smtp://h?x=1",
    ],
)
def test_what_is_no_mail_server(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        _ = replace(shops.settings_for(tmp_path), smtp=config.Value(url, "test")).mail_server
    assert refused.value.code == "bad_smtp_url"


def test_a_password_may_lie_in_a_file_of_ones_own(tmp_path: Path) -> None:
    place = tmp_path / "password"
    place.write_text("s3cret\n")
    smtp, file = config.Value("smtps://ana@mail.example", "test"), config.Value(str(place), "test")
    found = replace(shops.settings_for(tmp_path), smtp=smtp, smtp_password_file=file)
    with pytest.raises(BadInput) as refused:
        _ = found.mail_server
    assert (refused.value.code, refused.value.hint) == ("open_secret", f"chmod 600 {place}")
    place.chmod(0o600)
    assert found.mail_server is not None
    assert found.mail_server.password == "s3cret"


def test_a_test_store_writes_to_nobody(tmp_path: Path) -> None:
    found = replace(shops.settings_for(tmp_path), smtp=config.Value("smtp://mail.example", "test"))
    shop = shops.make(tmp_path)
    assert "Maildir" in bootstrap.notifier(found, shop.facts, shop.home).check()
    assert isinstance(bootstrap.notifier(found, replace(shop.facts, test_store=False), shop.home), SmtpNotifier)


# --- what a letter is made of --------------------------------------------------------------------------------------
LETTER = Message(
    id="order-1001-x@shopctl",
    at=datetime(2026, 11, 22, tzinfo=UTC),
    sender_name="Tea",
    sender="shop@example.com",
    recipient="ana@example.com",
    subject="Hello",
    text="Hi\n",
    html="<p>Hi</p>",
)


@pytest.mark.parametrize("field", ["subject", "sender_name"])
def test_no_header_can_be_smuggled_in(field: str) -> None:
    made = mail_of(replace(LETTER, **{field: "Hi\r\nBcc: eve@example.com\r\n\r\nbody\u2028x"}))  # type: ignore[arg-type]
    assert made["Bcc"] is None
    assert b"\nBcc:" not in made.as_bytes()


@pytest.mark.parametrize("address", ["ana@example.com\r\nBcc: eve@example.com", "ana", "a b@example.com", ""])
def test_what_is_no_address_is_refused_for_good(address: str) -> None:
    with pytest.raises(Undeliverable) as refused:
        mail_of(replace(LETTER, recipient=address))
    assert refused.value.for_good


def test_a_domain_in_letters_of_its_own_is_written_as_every_server_takes_it() -> None:
    with mail.serving(utf8=False) as server, SmtpNotifier("127.0.0.1", server.port, "none").session() as hand_over:
        hand_over(replace(LETTER, recipient="ana@bücher.example"))
        with pytest.raises(Undeliverable, match="SMTPUTF8"):
            hand_over(replace(LETTER, recipient="åna@example.com"))
    assert server.inbox.recipients == ["ana@xn--bcher-kva.example"]


def test_hostile_words_stay_words(shop: Shop) -> None:
    with shop.work("test") as tx:
        tx.execute(sa.text("UPDATE products SET title = :evil").bindparams(evil=EVIL))
        tx.commit()
    shops.buy(shop, "c1", "TEE")
    with mail.serving() as server:
        letters.send(through(shop, server), 10)
    (letter,) = server.inbox.letters
    assert "<script>" not in part(letter, "html")
    assert "&lt;script&gt;" in part(letter, "html")
    assert "$number" in part(letter, "plain")
    assert "\x1b" not in part(letter, "plain") + part(letter, "html")


def write(shop: Shop, **files: str) -> None:
    place = shop.home / "templates"
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / name.replace("_", ".")).write_text(text)


def test_a_shop_may_have_words_of_its_own(shop: Shop) -> None:
    write(shop, confirmed_txt="Subject: Yours, $number\n\nThat is $total.\n", page_html="<i>$title</i>$body$$")
    shops.buy(shop, "c1", "TEE")
    with mail.serving() as server:
        letters.send(through(shop, server), 10)
    (letter,) = server.inbox.letters
    assert (letter["Subject"], part(letter, "plain").strip()) == ("Yours, 1001", "That is 19.99 USD.")
    assert part(letter, "html").startswith("<i>Yours, 1001</i><h1>Thank you")
    assert part(letter, "html").strip().endswith("$")


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("confirmed_txt", "Subject: x\n\n$nmber", "names $nmber, which is no field"),
        ("confirmed_txt", "Hello\n", "must be the subject"),
        ("confirmed_html", "costs $ 5", "a $ stands alone"),
        ("confirm_txt", "Subject: x", "is of no letter. Did you mean 'confirmed.txt'?"),
    ],
)
def test_a_template_that_cannot_be_used_is_told_and_keeps_back_only_its_letters(
    shop: Shop, file: str, text: str, problem: str
) -> None:
    write(shop, **{file: text})
    (found,) = [one for one in doctor.examine(shop, doctor.Limits()) if one.check == "templates"]
    assert found.status == "fail"
    assert problem in found.detail
    shops.buy(shop, "c1", "TEE")
    orders.ship(shop, number="1001")
    assert letters.send(shop, 10) == (2 if "no letter" in problem else 1)


def test_a_worker_that_is_told_to_end_has_recorded_what_it_sent(shop: Shop) -> None:
    for handle in ("c1", "c2"):
        shops.buy(shop, handle, "TEE")
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 2:
            raise KeyboardInterrupt

    with mail.serving() as server:
        with pytest.raises(KeyboardInterrupt):
            letters.send(through(shop, server), 10, tick=tick)
        assert letters.send(through(shop, server), 10) == 1
    assert server.inbox.recipients == ["c1@example.com", "c2@example.com"]
