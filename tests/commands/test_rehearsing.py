"""`sales rehearse` as a user has it: the report alone on stdout, the same bytes for the same seed, the rest on stderr."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli import Cli

FIRST = (
    *("shoppers", "stock", "seed", "sold", "oversold", "left", "answered", "first_come_first_served", "last_unit_s"),
    *("last_answer_s", "wait_p50_s", "wait_p95_s", "wait_p99_s"),
)
SMALL = ("sales", "rehearse", "--shoppers", 60, "--stock", 4)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    run = Cli(tmp_path)
    assert run("init", "--name", "Shop").status == 0
    assert run("catalog", "add", "Tee", "--sku", "TEE", "--price", "9", "-q").status == 0
    assert run("stock", "receive", "TEE", 2, "-q").status == 0
    return run


def test_the_report_is_the_same_in_every_process(cli: Cli, tmp_path: Path) -> None:
    said = [cli(*SMALL, "-q", "-o", "json", "--svg", tmp_path / f"{n}.svg", PYTHONHASHSEED=str(n)) for n in range(1, 3)]
    assert said[0].out == said[1].out
    assert [one.err for one in said] == ["", ""]
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()
    assert tuple(said[0].json)[: len(FIRST)] == FIRST
    assert said[0].json["sold"] == 4
    assert len(ElementTree.parse(tmp_path / "1.svg").findall(".//{*}polyline")) == 4
    assert cli("stock", "show", "TEE", "-o", "json").json[0]["quantity"] == 2


def test_a_plot_and_advice_are_told_and_the_store_is_kept(cli: Cli) -> None:
    said = cli(*SMALL, "--keep", "--hold", "60s")
    assert "queue │" in said.err
    assert all(len(line) <= 80 for line in said.err.splitlines() if "│" in line)
    assert re.search(r"sales edit NAME --rate \d+ --batch \d+ --hold \d+s --limit 1", said.err)
    found = re.search(r"SHOPCTL_DATA_DIR=(\S+) shopctl --store (sqlite:\S+)", said.err)
    assert found
    place, store = found.groups()
    assert cli("verify", "--store", store, SHOPCTL_DATA_DIR=place).status == 0
    assert cli("sales", "show", "rehearsal", "--store", store, "-o", "json").json["sold"] == 4
    shutil.rmtree(place)


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("--sku", "NONE"), 5, "unknown_sku"),
        (("--svg", "/nowhere/at.svg"), 2, "svg_unwritable"),
        (("--hold", "soon"), 2, "bad_time"),
        (("--rate", "-1"), 2, "bad_sale"),
        (("--shoppers", "0"), 2, "usage"),
    ],
)
def test_what_it_cannot_do_it_says(cli: Cli, words: tuple[str, ...], status: int, code: str) -> None:
    said = cli(*SMALL, *words, "-o", "json")
    assert (said.status, said.out, said.error["code"]) == (status, "", code)


def test_a_shop_without_anything_to_sell(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    cli("init")
    said = cli(*SMALL)
    assert said.status == 6
    assert "no active product whose stock is tracked" in said.err
