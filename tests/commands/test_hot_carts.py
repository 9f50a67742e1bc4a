"""Commands on carts say the same, to the byte, with Redis and without it; only one that has to do without says so."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

from shopctl import cli
from shopctl.commands.face import Face
from shopctl.commands.output import Output
from shopctl.core import catalog, housekeeping
from tests import servers, shops
from tests.cli import Cli

Answer = tuple[str, int, str, str]
Given = list[dict[str, object]]
ANA, BEN = "ana@example.com", "ben@example.com"
SECRET = "s3cret"  # as a password of Redis
PLACE = "--ship-to home.json --payment pm_card_visa"
SCRIPT = f"""
cart show nobody
cart add phone TEE 2 -o json
cart add phone TEE -o json
cart add phone CAP 3
cart add phone TEE 0
cart add phone NONE 1 -o json
cart add phone TEE 1000000000000 -o json
cart add phone CAP 99 -o json
cart add phone OLD 1 -o json
cart set phone TEE 5 -o json
cart set phone CAP 0 -o json
cart remove phone CAP --yes -o json
cart remove phone TEE --yes -o json
cart show phone -o json
cart add PHONE TEE 4 -o tsv
cart add phone HELD 2 -o json
cart add phone TEE 1 -o json
cart set phone HELD 0
cart add phone CAP 1 --dry-run -o json
cart add phone CAP 1 --read-only -o json
cart show phone --read-only -o json
cart list -o json
cart login phone --email {ANA} -o json
cart add {ANA} CAP 2 -o json
cart add laptop CAP 4 -o json
cart add laptop CAP 4 -o json
cart login laptop --email {ANA} -o json
cart show laptop -o csv
cart show --customer {ANA} -o json
stock source {ANA} -o json
checkout quote {ANA} -o json
catalog edit TEE --price 25.00
cart show phone -o json
checkout place phone --key k-1 {PLACE} --dry-run -o json
cart logout laptop -o json
cart show laptop
cart add other CAP 1
cart add other TEE 2
cart merge other {ANA} -o json
cart merge other other
cart add phone TEE 1
customers export {ANA}
checkout place {ANA} --key k-1 {PLACE} -o json
cart show {ANA} -o json
cart add phone TEE 1 -o json
cart add phone CAP 1 -o json
checkout place phone --key k-1 {PLACE} -o json
checkout place phone --key k-2 --ship-to home.json --payment pm_card_chargeDeclined -o json
cart add phone CAP 1 -o json
cart clear phone --yes -o json
cart list --sort cart -o csv
cart list --filter units:>0 -o json
cart list --customer {BEN}
reservations list -o json
reservations sweep -o json
events tail --limit -1 -o jsonl
customers erase {ANA} --yes -o json
cart show {ANA}
cart list -o json
verify -o json
"""
ROWS: list[tuple[str, Given]] = [
    (
        "cart add -",
        [{"cart": f"p{n % 3}", "sku": ("TEE", "CAP", "NONE", "HELD")[n % 4], "quantity": n} for n in range(9)],
    ),
    ("cart set - -o json", [{"cart": "p0", "sku": "TEE", "quantity": 7}, {"cart": "p9", "sku": "TEE", "quantity": 0}]),
    ("cart remove - --yes", [{"cart": "p0", "sku": "TEE"}, {"cart": "p0", "sku": "TEE"}, {"cart": "p1"}]),
    ("cart login -", [{"cart": "p0", "email": BEN}, {"cart": "p1", "email": BEN}, {"cart": "p1", "email": "no"}]),
    ("cart logout -", [{"cart": "p1"}, {"cart": "p1"}]),
    ("cart merge -", [{"from": "p2", "into": "p0"}]),
    ("cart clear - --yes", [{"cart": "p0"}, {"cart": "p2"}]),
    ("cart list -o json", []),
]


def build(directory: Path) -> None:
    shop = shops.make(directory)
    for sku in ("TEE", "CAP", "OLD"):
        shops.product(shop, sku, units=20)
    shops.product(shop, "HELD", units=20, hold_at="cart")
    catalog.archive(shop, handle="old")
    shop.engine.dispose()


def say(line: str, given: Given, directory: Path, redis: str) -> Answer:
    """Run one command line in this process: it, its status, its stdout and stderr, without what differs by chance."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    environment = Cli(directory).environment(SHOPCTL_REDIS=redis)
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", ["shopctl", *line.split()]),
        stdin(given),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = cli._run(Face(cli._open_shop, Output()))
        out.flush()
        err.flush()
    out_said, err_said = (alike(stream.buffer.getvalue().decode()) for stream in (out, err))
    return line, status, out_said, err_said


@contextmanager
def stdin(rows: Given) -> Iterator[None]:
    reading, writing = os.pipe()
    os.write(writing, "".join(json.dumps(row) + "\n" for row in rows).encode())
    os.close(writing)
    with os.fdopen(reading) as pipe, mock.patch.object(sys, "stdin", pipe):
        yield


def alike(text: str) -> str:
    """The text without ids, and times."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00:00)?", "TIME", text)
    return re.sub(r"cart-[0-9a-f]{12}|\b(ch|re)_\w+|\d+(\.\d+)? s\b", "CHANCE", text)


@pytest.mark.parametrize("persisted", [True, False], ids=["persisted after each command", "kept hot"])
def test_the_same_with_redis_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, persisted: bool) -> None:
    if not persisted:
        monkeypatch.setattr(housekeeping, "BATCH", 0)
    answers: list[list[Answer]] = []
    for redis in ("", servers.redis()):
        directory = tmp_path / ("redis" if redis else "database")
        directory.mkdir()
        shops.copy_of(build, directory).engine.dispose()
        monkeypatch.chdir(directory)
        (directory / "home.json").write_text(json.dumps(shops.HOME))
        script = [(line, Given()) for line in SCRIPT.strip().splitlines()]
        answers.append([say(line, given, directory, redis) for line, given in [*script, *ROWS]])
    for without, with_ in zip(*answers, strict=True):
        assert with_ == without
    assert {status for _, status, *_ in answers[0]} >= {0, 2, 5, 6, 7, 9}
    assert answers[0][-1][2].count('"cart"') >= 3


def test_a_copy_and_a_backup_have_what_is_hot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 0)
    redis = servers.redis()
    shops.copy_of(build, tmp_path).engine.dispose()
    monkeypatch.chdir(tmp_path)
    store = Cli(tmp_path).environment()["SHOPCTL_STORE"]

    def of(url: str) -> int:
        there = say(f"cart show phone -o json --store {url}", [], tmp_path, "")
        return int(json.loads(there[2])["lines"][0]["quantity"])

    say("cart add phone TEE 1", [], tmp_path, redis)
    for units, file, keep, bring in (
        (2, "copy.db", f"store copy {store} sqlite:///copy.db", ""),
        (3, "again.db", "store backup shop.jsonl", "store restore shop.jsonl --store sqlite:///again.db"),
    ):
        say("cart add phone TEE 1", [], tmp_path, redis)
        assert of(store) == units - 1
        for line in filter(None, (keep, bring)):
            assert say(line, [], tmp_path, redis)[1] == 0
        assert of(f"sqlite:///{file}") == units


@pytest.fixture
def cli_(tmp_path: Path) -> Cli:
    shops.copy_of(build, tmp_path).engine.dispose()
    return Cli(tmp_path)


def test_without_redis_where_there_should_be_one_it_is_said_once(cli_: Cli) -> None:
    nowhere = {"SHOPCTL_REDIS": f"redis://:{SECRET}@127.0.0.1:1/0"}
    rows = "".join(json.dumps({"cart": f"c{n % 2}", "sku": "TEE", "quantity": 1}) + "\n" for n in range(5))
    said = cli_("cart", "add", "-", stdin=rows, **nowhere)
    assert (said.status, said.out.count('"ok": true') + said.out.count('"ok":true')) == (0, 5)
    assert said.err.count("Redis cannot be used (") == 1
    for words in (("cart", "show", "c1"), ("cart", "list"), ("cart", "add", "c1", "CAP"), ("checkout", "quote", "c1")):
        said = cli_(*words, **nowhere)
        assert (said.status, said.err.count("Redis cannot be used")) == (0, 1)
        assert SECRET not in said.out + said.err
    said = cli_("cart", "show", "c1", "-q", **nowhere)
    assert (said.status, said.err) == (0, "")


def test_the_setting(cli_: Cli) -> None:
    options = [
        f"redis://:{SECRET}@h/0?{wrong}" for wrong in ("colour=red", "db=x", "socket_timeout=x", "ssl_keyfile=a")
    ]
    for wrong in (
        "localhost",
        f"http://:{SECRET}@host",
        "redis://",
        f"redis://:{SECRET}@host:port/0",
        "redis://h/x",
        *options,
    ):
        said = cli_("cart", "list", "-o", "json", SHOPCTL_REDIS=wrong)
        assert (said.status, said.error["code"]) == (2, "bad_redis_url")
        assert SECRET not in said.out + said.err
    for url in (f"redis://:{SECRET}@127.0.0.1:1/0", f"unix:///tmp/none?password={SECRET}&db=1"):
        said = cli_("store", "info", "-o", "json", SHOPCTL_REDIS=url)
        shown = next(row for row in said.json["settings"] if row["setting"] == "redis")
        assert (shown["value"], shown["origin"]) == (url.replace(SECRET, "***"), "environment")
        assert SECRET not in said.out + said.err
    (cli_.directory / "shopctl.toml").write_text(
        'redis = "redis://file:1"\n[profiles.shop]\nredis = "redis://profile:1"\n'
    )
    for words, value in (((), "redis://file:1"), (("--profile", "shop"), "redis://profile:1")):
        said = cli_("store", "info", "-o", "json", *words)
        assert value in [row["value"] for row in said.json["settings"]]
    assert cli_("store", "set", "cart_persist_seconds", "5").status == 0
    assert cli_("store", "set", "cart_persist_seconds", "0").status == 2


@pytest.mark.parametrize("line", ["cart -h", "version", "stock receive TEE 1", "catalog list"])
def test_redis_is_not_loaded_for_what_has_no_carts(cli_: Cli, line: str) -> None:
    program = (
        "import sys; from shopctl.cli import main\ntry: main()\nfinally: print('redis' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *line.split()],
        capture_output=True,
        text=True,
        env=cli_.environment(SHOPCTL_REDIS="redis://127.0.0.1:1/0"),
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "False")
