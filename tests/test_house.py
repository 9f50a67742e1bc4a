"""The house in order: format, lint, types, import contracts, start-up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shopctl.core.shop import Shop
from tests import guards, shops

ROOT = Path(__file__).parents[1]
HEAVY = ("sqlalchemy", "textual", "pydantic", "redis", "whoosh", "alembic", "psycopg", "rich", "stripe")


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports", "--no-logo"],
    ],
    ids=lambda command: command[0],
)
def test_checked(command: list[str]) -> None:
    tool = Path(sys.executable).with_name(command[0])
    done = subprocess.run([str(tool), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", guards.GUARDS)
def test_a_guard_is_where_it_is_switched_off(name: str) -> None:
    """`python -m tests.guards` runs the rest."""
    guard = guards.GUARDS[name]
    for file, text, _ in (*guard.off, *guard.down):
        assert (ROOT / file).read_text().count(text) == 1, f"{file}: {text}"


@pytest.mark.parametrize(
    "words", [["--help"], ["version"], ["orders", "--help"], ["catalog", "import", "-h"], ["store", "tax", "add", "-h"]]
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['shopctl', *{words!r}]\n"
        "from shopctl.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as left:\n    assert not left.code, left.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("[]"), done.stderr


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("shopctl or", "orders"),
        ("shopctl stock show TEE", "TEE-RED"),
        ("shopctl orders list --sort sta", "status"),
        ("shopctl orders list --filter status:conf", "confirmed"),
        ("shopctl store set hold_a", "hold_at"),
        ("shopctl --store postgresql+psycopg://u@127.0.0.1:1/x stock show TEE", ""),
    ],
)
def test_completion_loads_nothing_heavy(shop: Shop, tmp_path: Path, line: str, answer: str) -> None:
    shops.product(shop, "TEE-RED")
    settings = {"_SHOPCTL_COMPLETE": "complete_bash", "COMP_LINE": line, "SHOPCTL_COMPLETION_SECONDS": "60"}
    code = (
        "import os, sys\n"
        f"os.environ.update({settings!r}, SHOPCTL_STORE='sqlite:///{tmp_path}/shop.db')\n"
        "sys.argv = ['shopctl']\n"
        "from shopctl.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == answer
    assert done.stderr.strip().endswith("[]"), done.stderr
