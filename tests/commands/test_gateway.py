"""`shopctl gateway`: keys, and what is said where it cannot be served."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import shops
from tests.cli import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    shops.make(tmp_path)
    return Cli(tmp_path)


def test_a_key_from_its_making_to_its_end(cli: Cli) -> None:
    made = cli("gateway", "keys", "create", "web", "--scope", "sell", "--scope", "read", "-o", "json").json
    assert made["scopes"] == ["read", "sell"]
    assert made["secret"].startswith("shopctl_")
    listed = cli("gateway", "keys", "list", "-o", "json")
    assert made["secret"] not in listed.out
    assert [(key["name"], key["revoked_at"]) for key in listed.json] == [("web", None)]
    twice = cli("gateway", "keys", "create", "web", "--scope", "read", "-o", "json")
    assert (twice.status, twice.error["code"]) == (6, "key_exists")
    asked = cli("gateway", "keys", "revoke", "web", "-o", "json")
    assert (asked.status, asked.error["code"]) == (2, "confirmation_needed")
    assert cli("gateway", "keys", "revoke", "web", "--yes", "-o", "json").json["revoked_at"]
    again = cli("gateway", "keys", "revoke", "web", "--yes", "-o", "json")
    assert (again.status, again.error["code"]) == (5, "unknown_key")
    assert cli("gateway", "keys", "create", "web", "--scope", "read").status == 0, "the name is free again"
    assert len(cli("gateway", "keys", "list", "--filter", "revoked:no", "-o", "json").json) == 1


def test_keys_from_rows_and_in_a_rehearsal(cli: Cli) -> None:
    rows = '{"name": "a", "scopes": ["read"]}\n{"name": "b", "scopes": ["nothing"]}\n{"name": "c"}\n'
    said = cli("gateway", "keys", "create", "-", "--scope", "operate", stdin=rows)
    assert said.status == 9
    assert [key["name"] for key in cli("gateway", "keys", "list", "-o", "json").json] == ["c", "a"]
    assert cli("gateway", "keys", "create", "d", "--scope", "read", "--dry-run").status == 0
    assert len(cli("gateway", "keys", "list", "-o", "json").json) == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["keys", "create", "web"], "scope_missing"),
        (["keys", "create", "web", "--scope", "reed"], "unknown_scope"),
        (["keys", "create", "", "--scope", "read"], "bad_name"),
        (["serve", "--workers", "0"], "bad_number"),
        (["serve", "--threads", "1000"], "bad_number"),
        (["serve", "--rate", "-1"], "bad_number"),
    ],
)
def test_what_cannot_be(cli: Cli, words: list[str], code: str) -> None:
    said = cli("gateway", *words, "-o", "json")
    assert (said.status, said.error["code"]) == (2, code)


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "argon2"])
def test_without_its_packages(cli: Cli, package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv = ['shopctl', 'gateway', 'serve', '-o', 'json']\n"
        "from shopctl.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cli.directory,
        env=cli.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "shopctl[gateway]" in done.stderr
    assert "gateway_missing" in done.stderr
