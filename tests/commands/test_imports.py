"""`catalog import` as a user has it: the difference, rows to mend, a cut, the bar, the index afterwards."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shopctl.core.db.tables import import_runs
from tests import shops
from tests.cli import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    shops.make(tmp_path).engine.dispose()
    return Cli(tmp_path)


def write(cli: Cli, count: int, name: str = "shirts.jsonl", **said: Any) -> str:
    rows = [{"title": f"Shirt {n}", "variants": [{"sku": f"S-{n}", "price": "5"}], **said} for n in range(count)]
    (cli.directory / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def test_a_rehearsal_shows_the_difference(cli: Cli) -> None:
    cli("catalog", "import", write(cli, 2))
    changed = write(cli, 30, brand="Acme")
    table = cli("catalog", "import", changed, "--dry-run", "--limit", "3")
    assert [line.split() for line in table.out.splitlines()[:4]] == [
        ["HANDLE", "SKU", "FIELD", "FROM", "TO"],
        ["shirt-0", "brand", "Acme"],
        ["shirt-1", "brand", "Acme"],
        ["shirt-2", "title", "Shirt", "2"],
    ]
    assert "… and 83 more; --limit -1 shows all." in table.err
    assert "products updated    2\n" in table.out
    assert cli("catalog", "import", changed, "--dry-run", "--limit", "-1").out.count("\nshirt-") == 86
    rows = [json.loads(line) for line in cli("catalog", "import", changed, "--dry-run", "-o", "jsonl").out.splitlines()]
    assert rows[0] == {"handle": "shirt-0", "sku": None, "field": "brand", "from": None, "to": "Acme"}
    assert len(rows) == 86
    whole = cli("catalog", "import", changed, "--dry-run", "-o", "json").json
    assert (whole["products_created"], whole["products_updated"], whole["changes"]) == (28, 2, rows)
    cells = list(csv.reader(io.StringIO(cli("catalog", "import", changed, "--dry-run", "-o", "csv").out)))
    assert (cells[0], len(cells)) == (["handle", "sku", "field", "from", "to"], 87)
    picked = cli("catalog", "import", changed, "--dry-run", "--fields", "field,to", "--limit", "1")
    assert [line.split() for line in picked.out.splitlines()[:2]] == [["FIELD", "TO"], ["brand", "Acme"]]
    assert cli("catalog", "import", changed, "--dry-run", "--fields", "to", "-o", "json").json["changes"][0] == {
        "to": "Acme"
    }
    assert len(cli("catalog", "list", "-o", "jsonl").out.splitlines()) == 2


def test_one_row_is_not_rows(cli: Cli) -> None:
    (cli.directory / "a.csv").write_text("title,sku,price\nA,A,x\nB,B,1\n")
    assert "1 row was refused; the others went in" in cli("catalog", "import", "a.csv").err
    (cli.directory / "t.csv").write_text("name,percent\nA,x\nB,1\n")
    assert "1 rate was refused" in cli("store", "tax", "import", "t.csv").err


def test_a_rehearsal_without_a_difference(cli: Cli) -> None:
    file = write(cli, 2)
    cli("catalog", "import", file)
    said = cli("catalog", "import", file, "--dry-run")
    assert (said.status, said.out.splitlines()[0].split()) == (0, ["format", "jsonl"])
    assert cli("catalog", "import", file, "--dry-run", "-o", "json").json["changes"] == []
    assert cli("catalog", "import", file, "--dry-run", "-o", "jsonl").out == ""


def test_rows_to_mend(cli: Cli) -> None:
    content = "title,price\nA,1\nB,free\n"
    (cli.directory / "a.csv").write_text(content)
    words = ("catalog", "import", "a.csv", "--refused", "bad.csv")
    rehearsed = cli(*words, "--dry-run")
    assert (rehearsed.status, "would go to bad.csv" in rehearsed.err) == (9, True)
    said = cli(*words)
    assert (said.status, said.out.count("free"), said.err.count("Line 3, price: ")) == (9, 0, 1)
    assert "They are in bad.csv: mend it and import it." in said.err
    assert (cli.directory / "bad.csv").read_text() == "title,price\nB,free\n"
    again = cli(*words, "-o", "json")
    assert (again.status, again.error["code"]) == (2, "file_exists")
    machine = cli("catalog", "import", "a.csv", "-o", "json")
    assert [row["line"] for row in machine.json["refusals"]] == [3]
    assert "Line 3" not in machine.err
    wrong = cli(*words, "--on-error", "stop", "-o", "json")
    assert (wrong.status, wrong.error["code"]) == (2, "usage")


@pytest.mark.parametrize("piped", [False, True])
def test_killed_and_done_again(cli: Cli, piped: bool) -> None:
    file = write(cli, 1200)
    content = (cli.directory / file).read_text()
    words, stdin = ("catalog", "import", "-" if piped else file), content if piped else ""
    assert cli(*words, stdin=stdin, SHOPCTL_FAILPOINT="catalog.import.after_commit").status == -signal.SIGKILL
    said = cli(*words, "-o", "json", stdin=stdin)
    assert "Goes on behind line 500" in said.err
    assert (said.status, said.json["rows"], said.json["products_created"]) == (0, 1200, 1200)
    assert cli(*words, "-o", "json", stdin=stdin).json["products_unchanged"] == 1200


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_by_a_signal(cli: Cli, number: int, status: int) -> None:
    """The second half never comes, so it is certain that the signal finds the import at work."""
    content = (cli.directory / write(cli, 1200, description="Soft. " * 30)).read_bytes()
    half = content[: content.index(b"Shirt 700")]
    started = subprocess.Popen(
        [sys.executable, "-m", "shopctl", "catalog", "import", "-"],
        cwd=cli.directory,
        env=cli.environment(),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert started.stdin
    assert started.stderr
    shop = shops.reopen(cli.directory)
    started.stdin.write(half)
    started.stdin.flush()
    while True:
        assert started.poll() is None
        with shop.read() as tx:
            if tx.row(import_runs.select()):
                break
    shop.engine.dispose()
    started.send_signal(number)
    err = started.stderr.read()
    started.stdin.close()
    started.stderr.close()
    assert started.wait(30) == status
    assert err.decode() == "Stopped. What went in stays; the same command completes it.\n"
    said = cli("catalog", "import", "-", "-o", "json", stdin=content.decode())
    assert (said.json["rows"], said.json["products_created"]) == (1200, 1200)
    assert "Goes on behind line 500" in said.err


@pytest.mark.parametrize(("words", "shown"), [((), True), (("-q",), False)])
def test_the_bar_is_for_a_terminal(cli: Cli, words: tuple[str, ...], shown: bool) -> None:
    file = write(cli, 20)
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "shopctl", "catalog", "import", file, "-o", "json", *words],
        cwd=cli.directory,
        env=cli.environment(TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=slave,
        check=True,
    )
    os.close(slave)
    told = _all_of(master)
    assert json.loads(done.stdout)["products_created"] == 20
    assert (b"Importing" in told and b"rows" in told) is shown
    assert b"Importing" not in cli("catalog", "import", file).err.encode()


def _all_of(descriptor: int) -> bytes:
    found = b""
    try:
        while piece := os.read(descriptor, 65536):
            found += piece
    except OSError:  # nobody holds the other end any more
        pass
    os.close(descriptor)
    return found


def test_all_that_was_imported_can_be_found(cli: Cli) -> None:
    """More than a search would index by the way, into a shop without an index; then more of it."""
    assert cli("catalog", "import", write(cli, 5200)).err.startswith("Indexing 5200 products")
    found = cli("search", "5199", "-o", "json")
    assert (found.json["total"], found.err) == (1, "")
    assert cli("catalog", "import", write(cli, 5200, brand="Acme")).status == 0
    found = cli("search", "acme", "--limit", "1", "-o", "json")
    assert (found.json["total"], found.err) == (5000, "")
