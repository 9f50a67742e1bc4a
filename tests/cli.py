"""The command line as a user has it: a process of its own, its streams, its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import shops


@dataclass(frozen=True)
class Said:
    """What a command said and how it left."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error of a machine format: the last line of stderr."""
        found: dict[str, Any] = json.loads(self.err.strip().splitlines()[-1])["error"]
        return found


@dataclass(frozen=True)
class Cli:
    """Runs shopctl on the store of a directory."""

    directory: Path

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOPCTL_")}
        mine = {
            "SHOPCTL_STORE": shops.store_url(self.directory),
            "SHOPCTL_DATA_DIR": str(self.directory / "data"),
        }
        if redis := os.environ.get("SHOPCTL_TEST_CARTS"):
            mine["SHOPCTL_REDIS"] = redis
        return {**kept, "HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory / "config"), **mine, **extra}

    def __call__(self, *words: object, stdin: str = "", **extra: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "shopctl", *(str(word) for word in words)],
            input=stdin.encode(),
            capture_output=True,
            cwd=self.directory,
            env=self.environment(**extra),
            timeout=120,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())
