"""`store copy`, `backup`, `restore` and `migrate` as a user has them."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import shops
from tests.cli import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    shop = shops.make(tmp_path)
    shops.product(shop, "TEE", units=5)
    shops.buy(shop, "c1", "TEE")
    shop.engine.dispose()
    return Cli(tmp_path)


def test_copy_says_what_went_over_and_a_dry_run_what_would(cli: Cli, tmp_path: Path) -> None:
    here, there = f"sqlite:///{tmp_path}/shop.db", f"sqlite:///{tmp_path}/there.db"
    plan = cli("store", "copy", here, there, "--dry-run", "-o", "json")
    assert (plan.status, plan.err) == (0, "Dry run: nothing was made.\n")
    assert not (tmp_path / "there.db").exists()
    done = cli("store", "copy", here, there, "-o", "json")
    assert (done.status, done.err) == (0, "")
    assert done.json == {**plan.json, "checks": done.json["checks"]}
    assert (done.json["store"], done.json["tables"]["orders"]) == (there, 1)
    assert stat.S_IMODE((tmp_path / "there.db").stat().st_mode) == 0o600
    assert cli("orders", "list", "--store", there).out == cli("orders", "list").out
    again = cli("store", "copy", here, there, "-o", "json")
    assert (again.status, again.error["code"]) == (2, "store_exists")
    assert cli("store", "copy", here, f"{there}2", "--read-only").status == 7


def test_a_backup_goes_through_a_pipe_and_comes_back(cli: Cli, tmp_path: Path) -> None:
    kept = cli("store", "backup", "-")
    there = f"sqlite:///{tmp_path}/there.db"
    rehearsed = cli("store", "restore", "-", "--store", there, "--dry-run", stdin=kept.out)
    assert (rehearsed.status, rehearsed.err) == (0, "Dry run: nothing was made.\n")
    assert not (tmp_path / "there.db").exists()
    assert cli("store", "restore", "-", "--store", there, stdin=kept.out).status == 0
    assert cli("store", "backup", "-", "--store", there).out.splitlines()[1:-1] == kept.out.splitlines()[1:-1]
    cut = cli("store", "restore", "-", "--store", f"{there}2", "-o", "json", stdin=kept.out[:-9])
    assert (cut.status, cut.error["code"]) == (2, "backup_damaged")


def test_backup_files_are_named_for_what_they_are(cli: Cli, tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.jsonl.gz", "a.db"):
        said = cli("store", "backup", name, "-o", "json")
        assert said.json["format"] == name.removeprefix("a.")
        assert cli("store", "backup", name).status == 2
        assert cli("store", "backup", name, "--force").status == 0
        assert cli("store", "restore", name, "--store", f"sqlite:///{tmp_path}/from-{name}.db").status == 0
    assert cli("store", "backup", "a.sql", "-o", "json").error["code"] == "unknown_ending"
    assert cli("store", "restore", "no.jsonl", "--store", f"sqlite:///{tmp_path}/x.db").status == 2


def test_a_terminated_copy_leaves_nothing(cli: Cli, tmp_path: Path) -> None:
    """Stopped while its draft is being written: not even that is left."""
    place = tmp_path / "there"
    place.mkdir()
    slow = (  # a copy that goes on forever
        "import time\n"
        "from shopctl.core.moving import rows\n"
        "rows.write = lambda *_: time.sleep(60)\n"
        "from shopctl.cli import main\n"
        "main()\n"
    )
    words = ["store", "copy", f"sqlite:///{tmp_path}/shop.db", f"sqlite:///{place}/shop.db", "--unverified"]
    for signalled, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        running = subprocess.Popen([sys.executable, "-c", slow, *words], env=cli.environment(), cwd=Path.cwd())
        deadline = time.monotonic() + 30
        while not list(place.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert list(place.iterdir())
        running.send_signal(signalled)
        assert running.wait(30) == status
        assert list(place.iterdir()) == []
