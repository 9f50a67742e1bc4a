"""Small versions of `python -m tests.chaos redis` and `gateway`; that of `postgres` is in db/test_server_stops.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def chaos(*words: str) -> dict[str, Any]:
    """Its result, from a process whose server nobody else uses."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("SHOPCTL_")}
    mine |= {name: os.environ[name] for name in ("SHOPCTL_TEST_POSTGRES",) if name in os.environ}
    command = [sys.executable, "-m", "tests.chaos", *words]
    done = subprocess.run(command, cwd=ROOT, env=mine, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_checkouts_are_right_while_redis_is_killed_emptied_and_full(store: str) -> None:
    found = chaos("redis", "--store", store, "--orders", "24", "--buyers", "2", "--period", "0.15", "--seed", "3")
    assert found["right"]
    assert found["counted"]["met_it"], "Redis failed where nobody noticed: nothing is shown"


def test_checkouts_are_exact_while_the_gateway_drops_fails_and_repeats(store: str) -> None:
    found = chaos("gateway", "--store", store, "--orders", "60", "--buyers", "2", "--seed", "5")
    assert found["right"]
    assert found["counted"]["asked_again"] > 3, "the gateway failed where nobody noticed: nothing is shown"
    assert found["counted"]["declined"]
    assert found["counted"]["confirmed_by_shoppers"]
